"""What the sender's own host does not let out is loss at home: counted by cause, and the stream goes on at its schedule."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from functools import partial

import pytest

from cts.api import (
    Address,
    DatagramHandler,
    EndpointStatistics,
    IDatagramEndpoint,
    ISender,
    Message,
    Outcome,
)
from cts.engine.contracts import INetwork
from cts.engine.senders import AutoSender, PlainSender
from cts.metrics.unsent import Unsent, heals
from cts.records.results import RunReport
from tests.engine.small_stream import MS, PLAN, SECOND, config_of
from tests.engine.virtual_world import World, in_world

DOWN = OSError(errno.ENETDOWN, "Network is down")
FRAMES = PLAN.final_frame


class Interface(IDatagramEndpoint):
    """An endpoint whose interface is down for some time."""

    def __init__(self, world: World, inner: IDatagramEndpoint, down: range) -> None:
        self._world = world
        self._inner = inner
        self._down = down

    @property
    def _is_down(self) -> bool:
        return self._world.pacer.now_ns() in self._down

    @property
    def local(self) -> Address:
        return self._inner.local

    @property
    def segment_limit(self) -> int:
        return self._inner.segment_limit

    async def send(self, remote: Address, header: bytes | bytearray, payload: bytes | memoryview = b"") -> int:
        if self._is_down:
            raise DOWN
        return await self._inner.send(remote, header, payload)

    async def send_train(self, remote: Address, header: bytes | bytearray, payloads: Sequence[memoryview]) -> int:
        if self._is_down:
            raise DOWN
        return await self._inner.send_train(remote, header, payloads)

    def send_now(self, messages: Sequence[Message]) -> int:
        return 0 if self._is_down else self._inner.send_now(messages)

    def try_send(self, remote: Address, datagram: bytes) -> bool:
        return not self._is_down and self._inner.try_send(remote, datagram)

    def receive_into(self, handler: DatagramHandler) -> None:
        self._inner.receive_into(handler)

    def drain(self) -> None:
        self._inner.drain()

    def statistics(self) -> EndpointStatistics:
        return self._inner.statistics()

    def close(self) -> None:
        self._inner.close()


class Host(INetwork):
    """A host whose interface is down for some time."""

    def __init__(self, world: World, down: range) -> None:
        self._world = world
        self._down = down

    async def listen(self, local: Address) -> IDatagramEndpoint:
        return Interface(self._world, await self._world.network.listen(local), self._down)

    async def connect(self, remote: Address) -> IDatagramEndpoint:
        return Interface(self._world, await self._world.network.connect(remote), self._down)

    def statistics(self) -> EndpointStatistics:
        return self._world.network.statistics()


def both_sides(direction: str, down: range, sender: type[ISender] = AutoSender) -> RunReport:
    """Run server and client on one host whose interface is down for some time."""

    async def main(world: World) -> RunReport:
        config = config_of(direction, run={"role": "loopback"})
        make = partial(sender, None)
        return await world.session(config, network=Host(world, down), make_sender=make).run()

    return in_world(main)


@pytest.mark.parametrize("direction", ["pull", "push"])
@pytest.mark.parametrize("sender", [AutoSender, PlainSender])
def test_frames_that_are_due_while_the_interface_is_down_are_unsent_and_all_others_arrive(
    direction: str, sender: type[ISender]
) -> None:
    report = both_sides(direction, range(SECOND, 2 * SECOND), sender)
    assert report.snapshot.outcomes == {Outcome.SUCCESSFUL: 1}
    assert report.snapshot.counts.frames.completed == FRAMES - 10
    assert report.snapshot.counts.frames.dropped == 10
    assert report.snapshot.unsent == {"Network is down": Unsent(10, SECOND)}


def test_the_sender_of_a_stream_knows_what_it_could_not_send() -> None:
    async def main(world: World) -> RunReport:
        server = await world.serve(world.session(config_of("push", run={"role": "server", "grace": "1h"})))
        session = world.session(
            config_of("push", run={"role": "client"}), network=Host(world, range(SECOND, 2 * SECOND))
        )
        report = await session.run()
        await server.stop()
        return report

    report = in_world(main)
    (result,) = report.results
    assert (result.result, result.counts.unsent) == ("Succeeded", {"Network is down": Unsent(10, SECOND)})
    assert result.counts.bytes_sent == (FRAMES - 10) * PLAN.frame_size


def test_a_start_that_the_host_did_not_let_out_is_repeated_and_the_stream_is_whole() -> None:
    report = both_sides("pull", range(500 * MS))
    assert report.snapshot.outcomes == {Outcome.SUCCESSFUL: 1}
    assert report.snapshot.unsent == {}


def test_a_client_whose_starts_never_left_says_why_in_place_of_blaming_the_server() -> None:
    report = both_sides("pull", range(10 * SECOND))
    (result,) = report.results
    assert (result.outcome, result.result) == (Outcome.NETWORK_ERROR, f"{errno.ENETDOWN}: Network is down")


@pytest.mark.parametrize(
    "name", ["EHOSTUNREACH", "EPERM", "EACCES", "EINVAL", "ENETDOWN", "ENETUNREACH", "ENOBUFS", "EADDRNOTAVAIL"]
)
def test_what_routes_interfaces_and_firewalls_say_may_heal(name: str) -> None:
    assert heals(OSError(getattr(errno, name), "text"))


@pytest.mark.parametrize(
    "error", [OSError(errno.EBADF, "closed"), OSError(errno.ENOENT, "a plugin's file"), OSError("text")]
)
def test_a_socket_that_is_gone_and_what_is_no_socket_s_error_do_not(error: OSError) -> None:
    assert not heals(error)
