"""Streams are looked at a few at a time, with frames in between; what a status says is right whatever happens meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import cast

import pytest
import trio
from attrs import field, frozen

from cts.api import Address, IConnectedSocket, IPacer, Role, StreamSnapshot
from cts.engine.open_streams import OpenStream, OpenStreams
from cts.engine.stream_ends import StreamLedger
from cts.engine.streams import Streams
from cts.protocol.wire import ConnectionId
from cts.records.snapshots import StreamInfo
from cts.testing import RecordingEndpoint
from cts.units import MILLISECOND
from tests.engine.bare_server import parts_of
from tests.engine.small_stream import END, NAME, PLAN
from tests.engine.virtual_world import World, in_world

MANY = 40
ID_SIZE = len(ConnectionId(NAME).encode())


async def with_streams(world: World, after: int, meanwhile: Callable[[list[OpenStream]], object]) -> tuple[int, int]:
    """Run many senders, let something happen after some of a look's steps; return bytes by the status, and as sent."""
    ledger = StreamLedger(Role.SENDER, Role.RECEIVER, both=False)
    streams = Streams(parts_of(world), Role.SENDER, ledger, began_ns=0, observer=world.recorder)
    endpoint = RecordingEndpoint()

    def another(number: int) -> OpenStream:
        opened = streams.open(endpoint, Address("192.0.2.9", number), active=False, connection_id=NAME)
        assert opened is not None
        return opened

    async with trio.open_nursery() as nursery:
        opened = [another(1 + number) for number in range(MANY)]
        for stream in opened:
            nursery.start_soon(streams.run, stream)
        await world.until(END // 2)
        steps = streams.look()
        for _ in islice(steps, after):
            pass
        meanwhile(opened)
        await world.pacer.wait_past(world.pacer.now_ns())
        for _ in steps:
            pass
        counts = streams.counts(world.pacer.now_ns())
        nursery.cancel_scope.cancel()
    return counts.bytes_sent, sum(len(each.datagram) for each in endpoint.sent if len(each.datagram) > ID_SIZE)


@pytest.mark.parametrize(
    "meanwhile",
    [
        pytest.param(lambda opened: None, id="nothing"),
        pytest.param(lambda opened: opened[0].running.cancel(), id="one that was looked at ends"),
        pytest.param(lambda opened: opened[-1].running.cancel(), id="one that was not ends"),
        pytest.param(lambda opened: [each.running.cancel() for each in opened], id="all end"),
    ],
)
@pytest.mark.parametrize("after", [2, 11, 99])
def test_a_status_has_each_stream_once_whatever_ends_between_two_steps(
    after: int, meanwhile: Callable[[list[OpenStream]], object]
) -> None:
    told, sent = in_world(lambda world: with_streams(world, after, meanwhile))
    assert told == sent > MANY * PLAN.frame_size


class Clock:
    ns = 0

    def now_ns(self) -> int:
        return self.ns


@frozen
class Busy:
    """A socket to which more comes as often as it is looked at, which takes its time."""

    clock: Clock
    takes_ns: int = 0
    looks: list[int] = field(factory=list)

    def observe(self, now_ns: int) -> StreamSnapshot:
        self.looks.append(now_ns)
        self.clock.ns += self.takes_ns
        return self.counts(now_ns)

    def counts(self, now_ns: int) -> StreamSnapshot:
        return StreamSnapshot(bytes_received=len(self.looks))


def looked_at(busy: Busy, streams: int) -> tuple[OpenStreams, int]:
    """Look at so many streams of that socket; return them, and in how many steps that was."""
    opened = OpenStreams()
    for number in range(1, streams + 1):
        info = StreamInfo(number, Address("192.0.2.1", 1), Address("192.0.2.9", number), Role.RECEIVER, 0)
        opened.add(OpenStream(info, cast(IConnectedSocket, busy)))
    return opened, len(list(opened.look(Role.RECEIVER, cast(IPacer, busy.clock))))


def test_a_receiver_is_looked_at_once_a_status_however_much_has_come_since() -> None:
    busy = Busy(Clock())
    streams, _ = looked_at(busy, 1)
    assert streams.counts(0) == [StreamSnapshot(bytes_received=1)]
    assert len(busy.looks) == 1


@pytest.mark.parametrize(("takes_ns", "steps"), [(0, 3), (MILLISECOND, 40), (MILLISECOND // 3, 20)])
def test_as_many_streams_are_looked_at_in_a_step_as_take_no_long_time(takes_ns: int, steps: int) -> None:
    assert looked_at(Busy(Clock(), takes_ns), 40)[1] == steps
