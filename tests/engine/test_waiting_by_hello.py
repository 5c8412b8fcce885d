"""Who waits for its turn at a server by HELLO or by START, and then asks for what it may not have."""

from __future__ import annotations

import pytest

from cts.api import StreamPlan
from cts.protocol.control.client import ClientHandshake
from cts.protocol.control.datagrams import decode_control_untrusted
from cts.protocol.control.messages import Challenge, Refused
from cts.protocol.roles import Direction
from tests.engine.small_stream import LATENCY, MS, PLAN, SECOND, SERVER, config_of
from tests.engine.virtual_world import Peer, World, in_world


def hello_of(plan: StreamPlan = PLAN, *, nonce: bytes) -> ClientHandshake:
    return ClientHandshake(plan, Direction.PULL, nonce=nonce, now_ns=0)


async def asks(world: World, peer: Peer, client: ClientHandshake) -> list[object]:
    """Have a peer send HELLO without and with its cookie; return the answers."""
    before = len(peer.received)
    for _ in range(2):
        hello = client.poll(client.due_ns)
        assert hello is not None
        await peer.send(SERVER, hello)
        await world.until(world.pacer.now_ns() + 3 * LATENCY)
        peer.endpoint.drain()
        for each in peer.received[before:]:
            client.hear(decode_control_untrusted(each.data), each.at_ns)
    return [decode_control_untrusted(each.data).message for each in peer.received[before:]]


@pytest.mark.parametrize("waits_by", ["hello", "start"])
def test_who_waits_and_asks_for_another_stream_that_is_refused_waits_no_more(waits_by: str) -> None:
    server = {"connection_limit": 1, "limits": {"bits_per_second_per_address": PLAN.bits_per_second}}
    too_much = StreamPlan(2 * PLAN.bits_per_second, 10, 2 * SECOND, SECOND, 400)

    async def main(world: World) -> None:
        config = config_of("pull", run={"role": "server", "grace": "1h"}, server=server)
        running = await world.serve(world.session(config))
        served, waiting = await world.connect(), await world.connect()
        await served.start()
        await world.until(100 * MS)
        if waits_by == "hello":
            await asks(world, waiting, hello_of(nonce=b"1" * 16))
        else:
            await waiting.start()
        answers = await asks(world, waiting, hello_of(too_much, nonce=b"2" * 16))
        assert [type(each) for each in answers] == [Challenge, Refused]
        # Neither its turn nor its patience comes.
        await world.until(10 * SECOND)
        assert len((await running.stop()).results) == 1

    in_world(main)
