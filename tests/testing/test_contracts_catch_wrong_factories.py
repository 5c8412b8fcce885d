"""Connected-socket factories that are wrong on purpose, each in one way, and what the contract says of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

import attrs
import trio

from cts.api import (
    Address,
    DatagramBatch,
    DatagramHandler,
    Histogram,
    IConnectedSocket,
    IConnectedSocketFactory,
    Role,
    StreamRequest,
    StreamResult,
    StreamSnapshot,
)
from cts.testing import PEER, ConnectedSocketFactoryContract, RecordingSocket, complaints
from tests.testing.through_endpoint import ThroughEndpoint

Default = Callable[[StreamRequest], IConnectedSocket]


def said_of(factory_class: type) -> dict[str, str]:
    return complaints(ConnectedSocketFactoryContract, factory_class=factory_class)


class ThroughSocket(IConnectedSocket):
    """Hands everything on; a subclass goes wrong at one thing."""

    def __init__(self, socket: IConnectedSocket) -> None:
        self.socket = socket

    @property
    def remote(self) -> Address:
        return self.socket.remote

    @property
    def role(self) -> Role:
        return self.socket.role

    @property
    def connection_id(self) -> str | None:
        return self.socket.connection_id

    @property
    def send_lateness(self) -> Histogram | None:
        return self.socket.send_lateness

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> StreamResult:
        return await self.socket.run(task_status=task_status)

    def on_data_received(self, batch: DatagramBatch) -> None:
        self.socket.on_data_received(batch)

    def on_start_repeated(self, received_ns: int) -> None:
        self.socket.on_start_repeated(received_ns)

    def observe(self, now_ns: int) -> StreamSnapshot:
        return self.socket.observe(now_ns)


class ThroughFactory(IConnectedSocketFactory):
    """Puts an endpoint in front of the given one and a socket in front of the default one."""

    api = 1

    endpoint_class: type[ThroughEndpoint] = ThroughEndpoint
    socket_class: type[ThroughSocket] = ThroughSocket

    def __init__(self, options: object) -> None: ...

    def make(self, request: StreamRequest, default: Default) -> IConnectedSocket:
        request.endpoint = self.endpoint_class(request.endpoint)
        return self.socket_class(default(request))

    def close(self) -> None: ...


def with_endpoint(endpoint_class: type[ThroughEndpoint]) -> type[ThroughFactory]:
    return type("Wrong", (ThroughFactory,), {"endpoint_class": endpoint_class})


def with_socket(socket_class: type[ThroughSocket]) -> type[ThroughFactory]:
    return type("Wrong", (ThroughFactory,), {"socket_class": socket_class})


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
        " default socket was handed 3"
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
        " other bytes than came"
    }


def test_an_active_socket_that_never_receives() -> None:
    class Deaf(ThroughEndpoint):
        def receive_into(self, handler: DatagramHandler) -> None: ...

    assert said_of(with_endpoint(Deaf)) == {
        "test_what_an_active_socket_reads_reaches_the_default_socket": "Wrong, an active sender: the default socket's"
        " receive_into did not reach the endpoint"
    }


def test_an_endpoint_that_sends_everything_twice() -> None:
    class Twice(ThroughEndpoint):
        async def send(self, remote: Address, header: bytes | bytearray, payload: bytes | memoryview = b"") -> int:
            await super().send(remote, header, payload)
            return await super().send(remote, header, payload)

    said = said_of(with_endpoint(Twice))
    assert said.keys() == {"test_what_the_default_socket_sends_reaches_the_endpoint"}
    assert (
        "did not reach the endpoint unchanged: 9 datagrams for ['192.0.2.77:50000'] instead of 6" in said.popitem()[1]
    )


def test_an_endpoint_that_miscounts() -> None:
    class Miscounts(ThroughEndpoint):
        async def send(self, remote: Address, header: bytes | bytearray, payload: bytes | memoryview = b"") -> int:
            return await super().send(remote, header, payload) - len(header)

    assert said_of(with_endpoint(Miscounts)) == {
        "test_what_the_default_socket_sends_reaches_the_endpoint": "Wrong, an active sender: 6000 bytes were sent, but the"
        " default socket was told 5922"
    }


def test_an_endpoint_that_forgets_the_offload() -> None:
    class Plain(ThroughEndpoint):
        @property
        def segment_limit(self) -> int:
            return 1

    assert said_of(with_endpoint(Plain)) == {
        "test_what_the_default_socket_sends_reaches_the_endpoint": "Wrong, an active sender: the endpoint in front says"
        " 192.0.2.1:4444 and segment limit 1, the real one 192.0.2.1:4444 and 2"
    }


def test_an_endpoint_that_takes_segmented_sends_apart() -> None:
    class Apart(ThroughEndpoint):
        async def send_train(self, remote: Address, header: bytes | bytearray, payloads: Sequence[memoryview]) -> int:
            return sum([await self.send(remote, header, payload) for payload in payloads])

    said = said_of(with_endpoint(Apart))
    assert said.keys() == {"test_what_the_default_socket_sends_reaches_the_endpoint"}
    assert "datagrams a call were [1, 1, 1, 1, 1, 1], not [1, 1, 1, 2, 1]" in said.popitem()[1]


def test_an_endpoint_that_swallows_an_error_of_the_network() -> None:
    class Shrugs(ThroughEndpoint):
        async def send(self, remote: Address, header: bytes | bytearray, payload: bytes | memoryview = b"") -> int:
            with suppress(OSError):
                return await super().send(remote, header, payload)
            return 0

        async def send_train(self, remote: Address, header: bytes | bytearray, payloads: Sequence[memoryview]) -> int:
            with suppress(OSError):
                return await super().send_train(remote, header, payloads)
            return 0

    assert said_of(with_endpoint(Shrugs)) == {
        "test_an_error_of_the_network_reaches_the_default_socket": "Wrong, an active sender: the endpoint raised an OSError"
        " that did not come out of the default socket's send"
    }


def test_a_socket_that_ignores_repeated_starts() -> None:
    class Ignores(ThroughSocket):
        def on_start_repeated(self, received_ns: int) -> None: ...

    assert said_of(with_socket(Ignores)) == {
        "test_the_stream_s_life_is_the_default_socket_s": "Wrong, an active sender: on_start_repeated did not reach the default"
        " socket"
    }


def test_an_endpoint_that_says_it_sent_what_it_kept() -> None:
    class Keeps(ThroughEndpoint):
        def try_send(self, remote: Address, datagram: bytes) -> bool:
            return True

    assert said_of(with_endpoint(Keeps)) == {
        "test_an_error_of_the_network_reaches_the_default_socket": "Wrong, an active sender: try_send said that a datagram went"
        " which the real endpoint did not take",
        "test_what_the_default_socket_sends_reaches_the_endpoint": "Wrong, an active sender: try_send of the endpoint in front"
        " did not send through the real one's",
    }


def test_a_socket_that_does_not_say_how_late_frames_were() -> None:
    class Silent(ThroughSocket):
        send_lateness = None

    assert said_of(with_socket(Silent)) == {
        "test_the_stream_s_life_is_the_default_socket_s": "Wrong, an active sender: send_lateness is not the default socket's"
    }


def test_a_factory_that_starts_its_own_tasks_in_place_of_others() -> None:
    class Greedy(ThroughFactory):
        def make(self, request: StreamRequest, default: Default) -> IConnectedSocket:
            request.background = [trio.sleep_forever]
            return super().make(request, default)

    assert said_of(Greedy) == {
        "test_the_stream_s_life_is_the_default_socket_s": "Greedy, an active sender: a task that was in request.background is"
        " there no more: append to it"
    }


def test_a_socket_that_says_started_too_soon() -> None:
    class Hasty(ThroughSocket):
        async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> StreamResult:
            task_status.started()
            await trio.sleep(1)
            return await super().run()

    said = said_of(with_socket(Hasty))["test_the_stream_s_life_is_the_default_socket_s"]
    assert said == "Wrong, an active sender: run called started() before the default socket did"


def test_a_socket_that_does_not_end() -> None:
    class Endless(ThroughSocket):
        async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> StreamResult:
            await super().run(task_status=task_status)
            return await trio.sleep_forever()

    said = said_of(with_socket(Endless))["test_the_stream_s_life_is_the_default_socket_s"]
    assert said == "Wrong, an active sender: run did not end with the default socket's result"


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
