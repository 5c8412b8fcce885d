"""Connected-socket factories that are wrong on purpose, each in one way, and what the contract says of them."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from cts.api import (
    Address,
    DatagramBatch,
    DatagramHandler,
    IConnectedSocket,
    IConnectedSocketFactory,
    Role,
    StreamRequest,
    headers_of,
)
from cts.testing import PEER, ConnectedSocketFactoryContract, RecordingSocket, complaints
from tests.testing.through_endpoint import ThroughEndpoint
from tests.testing.through_socket import Default, ThroughFactory, ThroughSocket, with_endpoint, with_socket


def said_of(factory_class: type) -> dict[str, str]:
    return complaints(ConnectedSocketFactoryContract, factory_class=factory_class)


def test_a_factory_that_hands_everything_on_gives_no_cause_for_complaint() -> None:
    assert said_of(ThroughFactory) == {}


def test_a_factory_that_makes_everything_itself_is_judged_by_what_it_makes_only() -> None:
    class Elsewhere(ThroughSocket):
        def on_data_received(self, batch: DatagramBatch) -> None: ...

    class Own(ThroughFactory):
        def make(self, request: StreamRequest, default: Default) -> IConnectedSocket:
            return Elsewhere(RecordingSocket(request))

    assert said_of(Own) == {}


def test_a_factory_that_makes_no_connected_socket() -> None:
    def make(self: IConnectedSocketFactory, request: StreamRequest, default: Default) -> None:
        default(request)

    said = said_of(type("Empty", (ThroughFactory,), {"make": make}))
    assert said["test_it_makes_a_connected_socket_of_the_peer_and_the_role"] == (
        "Empty, an active sender: make returned None, not an IConnectedSocket"
    )


def test_a_factory_of_another_api_version() -> None:
    class Old(ThroughFactory):
        api = 0

    assert said_of(Old) == {"test_it_is_a_factory_of_this_api": "Old was written for api 0, and this cts has api 1"}


def test_a_factory_that_forgets_the_peer() -> None:
    class Forgets(ThroughFactory):
        def make(self, request: StreamRequest, default: Default) -> IConnectedSocket:
            return default(attrs.evolve(request, peer=PEER))

    assert said_of(Forgets) == {
        "test_two_streams_are_kept_apart": "Forgets: the second stream's remote is 192.0.2.77:50000, not [2001:db8::77]:50001"
    }


def test_a_factory_that_always_makes_receivers() -> None:
    class OneSided(ThroughFactory):
        def make(self, request: StreamRequest, default: Default) -> IConnectedSocket:
            request.role = Role.RECEIVER
            return default(request)

    assert said_of(OneSided)["test_it_makes_a_connected_socket_of_the_peer_and_the_role"] == (
        "OneSided, an active sender: role is Role.RECEIVER, the request's is Role.SENDER"
    )


def test_a_factory_that_mixes_streams_up() -> None:
    class Mixes(ThroughFactory):
        made: list[IConnectedSocket]

        def __init__(self, options: object) -> None:
            self.made = []

        def make(self, request: StreamRequest, default: Default) -> IConnectedSocket:
            self.made.append(default(request))
            first = self.made[0]

            class ToTheFirst(ThroughSocket):
                def on_data_received(self, batch: DatagramBatch) -> None:
                    first.on_data_received(batch)

            return ToTheFirst(self.made[-1])

    assert said_of(Mixes) == {
        "test_two_streams_are_kept_apart": "Mixes: the first stream was handed what came for the second"
    }


def test_a_passive_socket_that_loses_a_batch() -> None:
    class Loses(ThroughSocket):
        def on_data_received(self, batch: DatagramBatch) -> None:
            if len(batch) == 1:
                super().on_data_received(batch)

    assert said_of(with_socket(Loses)) == {
        "test_what_a_passive_socket_is_handed_reaches_the_default_socket": "Wrong, a passive sender: 4 batches came, the"
        " default socket was handed 3: hand on each one, at once"
    }


def test_a_passive_socket_that_tells_its_own_time() -> None:
    class Late(ThroughSocket):
        def on_data_received(self, batch: DatagramBatch) -> None:
            super().on_data_received(DatagramBatch(batch.data, batch.segment_size, batch.received_ns + 1))

    said = said_of(with_socket(Late))
    assert said.keys() == {"test_what_a_passive_socket_is_handed_reaches_the_default_socket"}
    assert "the default socket was told another receive time" in said.popitem()[1]


def test_a_passive_socket_that_keeps_the_batch_instead_of_a_copy() -> None:
    class Hoards(ThroughSocket):
        def __init__(self, socket: IConnectedSocket) -> None:
            super().__init__(socket)
            self.kept: list[object] = []

        def on_data_received(self, batch: DatagramBatch) -> None:
            self.kept += batch.datagrams()
            self.kept.append(memoryview(batch.data))
            super().on_data_received(batch)

    said = said_of(with_socket(Hoards))["test_what_a_passive_socket_is_handed_reaches_the_default_socket"]
    assert said == "a view of a batch's data was kept after the call that handed it over: keep a copy"


def test_an_active_socket_whose_datagrams_are_changed() -> None:
    class Changes(ThroughEndpoint):
        def receive_into(self, handler: DatagramHandler) -> None:
            def upper(local: Address, remote: Address, batch: DatagramBatch) -> None:
                data = bytes(batch.data).lower()
                handler(local, remote, DatagramBatch(data, batch.segment_size, batch.received_ns))

            super().receive_into(upper)

    assert said_of(with_endpoint(Changes)) == {
        "test_what_an_active_socket_reads_reaches_the_default_socket": "Wrong, an active sender: the default socket was handed"
        " other bytes than came: hand the batch on as it is"
    }


def test_an_endpoint_that_sends_everything_twice() -> None:
    class Twice(ThroughEndpoint):
        async def send(self, remote: Address, header: bytes | bytearray, payload: bytes | memoryview = b"") -> int:
            await super().send(remote, header, payload)
            return await super().send(remote, header, payload)

    said = said_of(with_endpoint(Twice))["test_what_the_default_socket_sends_reaches_the_endpoint"]
    assert "did not reach the endpoint unchanged: 9 datagrams for ['192.0.2.77:50000'] instead of 6" in said


def test_an_endpoint_that_miscounts() -> None:
    class Miscounts(ThroughEndpoint):
        async def send(self, remote: Address, header: bytes | bytearray, payload: bytes | memoryview = b"") -> int:
            return await super().send(remote, header, payload) - len(header)

    assert said_of(with_endpoint(Miscounts)) == {
        "test_what_the_default_socket_sends_reaches_the_endpoint": "Wrong, an active sender: 6000 bytes were sent, but the"
        " default socket was told 5922: return what the real endpoint's sends return"
    }


def test_an_endpoint_that_takes_segmented_sends_apart() -> None:
    class Apart(ThroughEndpoint):
        async def send_train(self, remote: Address, header: bytes | bytearray, payloads: Sequence[memoryview]) -> int:
            pairs = zip(headers_of(header, payloads), payloads, strict=True)
            return sum([await self.send(remote, own, payload) for own, payload in pairs])

    said = said_of(with_endpoint(Apart))
    assert said.keys() == {"test_what_the_default_socket_sends_reaches_the_endpoint"}
    assert "datagrams a call were [1, 1, 1, 1, 1, 1], not [1, 1, 1, 2, 1]" in said.popitem()[1]


def test_a_factory_that_cannot_be_closed_twice() -> None:
    class Once(ThroughFactory):
        closed = False

        def close(self) -> None:
            if self.closed:
                raise ValueError("I/O operation on closed file")
            self.closed = True

    said = said_of(Once)
    assert (
        said["test_it_may_be_closed_twice"]
        == "Once: close() a second time raised ValueError: I/O operation on closed file"
    )
