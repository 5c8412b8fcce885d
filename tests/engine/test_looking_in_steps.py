"""Streams are looked at a few at a time, with frames in between; what a status says is right whatever happens meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

import pytest
import trio

from cts.api import Address, Role
from cts.engine.open_streams import OpenStream
from cts.engine.stream_ends import StreamLedger
from cts.engine.streams import Streams
from cts.protocol.wire import ConnectionId
from cts.testing import RecordingEndpoint
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
