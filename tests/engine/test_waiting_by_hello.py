"""Who waits for its turn at a server by HELLO or by START, and then asks for what it may not have."""

from __future__ import annotations

import pytest

from cts.api import StreamPlan
from cts.protocol.control.client import ClientHandshake
from cts.protocol.control.datagrams import decode_control_untrusted
from cts.protocol.control.messages import Challenge, Refused
from cts.protocol.roles import Direction
from cts.protocol.wire import ConnectionId, decode_untrusted
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


async def keeps_asking(world: World, peer: Peer, client: ClientHandshake, until_ns: int) -> list[tuple[int, object]]:
    """Have a peer send HELLO as often as a client does; return when what came of it."""
    heard: list[tuple[int, object]] = []
    while client.pending and world.pacer.now_ns() < until_ns:
        if (hello := client.poll(world.pacer.now_ns())) is not None:
            await peer.send(SERVER, hello)
        before = len(peer.received)
        await world.until(min(client.due_ns, world.pacer.now_ns() + LATENCY, until_ns))
        peer.endpoint.drain()
        for each in peer.received[before:]:
            control = decode_control_untrusted(each.data)
            heard.append((each.at_ns, control.message))
            client.hear(control, each.at_ns)
    return heard


def test_who_waits_three_seconds_for_another_stream_to_end_is_told_that_the_server_is_full() -> None:
    async def main(world: World) -> None:
        long = {"stream_length": "60s"}
        config = config_of("pull", run={"role": "server", "grace": "1s"}, server={"connection_limit": 1}, stream=long)
        running = await world.serve(world.session(config))
        served, waiting = await world.connect(), await world.connect()
        await served.start()
        await world.until(100 * MS)
        client = hello_of(nonce=b"1" * 16)
        heard = await keeps_asking(world, waiting, client, 10 * SECOND)
        (challenged_ns, challenge), (refused_ns, refusal) = heard
        assert isinstance(challenge, Challenge)
        assert isinstance(refusal, Refused)
        assert 3 * SECOND <= refused_ns - challenged_ns < 4 * SECOND
        assert refusal.refusal.cap == "connection_limit"
        assert client.explanation == (
            "the server refuses: its server.connection_limit is 1: ask again when others have ended, or raise it"
        )
        report = await running.stop()
        assert len(report.results) == 1
        assert report.snapshot.refused["beyond server.connection_limit"] == 1

    in_world(main)


def test_so_is_who_waits_at_a_server_that_has_begun_all_that_it_is_to_serve() -> None:
    async def main(world: World) -> None:
        server, long = {"connection_limit": 5, "server_exit_limit": 1}, {"stream_length": "60s"}
        running = await world.serve(
            world.session(config_of("pull", run={"role": "server", "grace": "1s"}, server=server, stream=long))
        )
        served, waiting = await world.connect(), await world.connect()
        await served.start()
        await world.until(100 * MS)
        client = hello_of(nonce=b"1" * 16)
        await keeps_asking(world, waiting, client, 10 * SECOND)
        assert client.explanation == (
            "the server refuses: its server.server_exit_limit is 1, and so many have begun: raise it"
        )
        assert (await running.stop()).snapshot.refused["beyond server.server_exit_limit"] == 1

    in_world(main)


def test_who_waits_and_gets_a_place_before_that_is_served() -> None:
    async def main(world: World) -> None:
        server = {"connection_limit": 1}
        running = await world.serve(
            world.session(config_of("pull", run={"role": "server", "grace": "1h"}, server=server))
        )
        served, waiting = await world.connect(), await world.connect()
        await served.start()
        await world.until(100 * MS)
        client = hello_of(nonce=b"1" * 16)
        await keeps_asking(world, waiting, client, 10 * SECOND)
        assert client.welcome is not None
        await running.stop()

    in_world(main)


@pytest.mark.parametrize("says", ["stops accepting", "has served as many as it is to"])
def test_who_waits_is_told_when_a_server_takes_no_more_streams(says: str) -> None:
    limits = {"connection_limit": 1, "server_exit_limit": 0 if says == "stops accepting" else 1}

    async def main(world: World) -> None:
        config = config_of("pull", run={"role": "server", "grace": "1h"}, server=limits)
        session = world.session(config)
        running = await world.serve(session)
        served, waiting = await world.connect(), await world.connect()
        await served.start()
        await world.until(100 * MS)
        client = hello_of(nonce=b"1" * 16)
        await keeps_asking(world, waiting, client, 500 * MS)
        assert client.pending
        if says == "stops accepting":
            session.stop_accepting()
        await keeps_asking(world, waiting, client, 10 * SECOND)
        assert client.explanation == (
            "the server refuses: it is about to end and takes no more streams: ask again when it is back"
        )
        report = await running.stop()
        assert report.snapshot.refused["HELLO while not accepting"] >= 1
        assert "START that waited in vain" not in report.snapshot.refused

    in_world(main)


def test_start_in_the_name_of_who_waits_by_hello_does_nothing_and_is_served_when_nobody_waits_so_any_more() -> None:
    async def main(world: World) -> None:
        server, long = {"connection_limit": 1, "original_clients": "all"}, {"stream_length": "4s"}
        running = await world.serve(
            world.session(config_of("pull", run={"role": "server", "grace": "1h"}, server=server, stream=long))
        )
        served, port = await world.connect(), await world.connect()
        await served.start()
        await world.until(100 * MS)
        await asks(world, port, hello_of(nonce=b"1" * 16))
        # The client is gone; another one has its port, and asks as the original does.
        await world.until(3500 * MS)
        await port.start()
        await world.until(4100 * MS)
        assert len(port.received) == 1
        await port.start()
        await world.until(4100 * MS + 3 * LATENCY)
        port.endpoint.drain()
        assert isinstance(decode_untrusted(port.received[1].data), ConnectionId)
        await running.stop()

    in_world(main)


def test_so_is_who_asks_a_server_that_ends_already() -> None:
    async def main(world: World) -> None:
        session = world.session(config_of("pull", run={"role": "server", "grace": "1h"}))
        running = await world.serve(session)
        served, late = await world.connect(), await world.connect()
        await served.start()
        await world.until(100 * MS)
        session.stop_accepting()
        client = hello_of(nonce=b"1" * 16)
        heard = await keeps_asking(world, late, client, 10 * SECOND)
        assert [type(each) for _, each in heard] == [Challenge, Refused]
        report = await running.stop()
        assert report.snapshot.refused["HELLO while not accepting"] == 1

    in_world(main)


def test_who_has_left_while_the_server_was_full_holds_no_place_that_others_may_have() -> None:
    async def main(world: World) -> None:
        server = {"connection_limit": 1, "limits": {"streams_per_network": 3}}
        config = config_of(
            "pull", run={"role": "server", "grace": "1s"}, server=server, stream={"stream_length": "60s"}
        )
        running = await world.serve(world.session(config))
        served, *left, late = [await world.connect() for _ in range(4)]
        await served.start()
        await world.until(100 * MS)
        for number, peer in enumerate(left):
            await asks(world, peer, hello_of(nonce=bytes([number]) * 16))
        await world.until(20 * SECOND)
        client = ClientHandshake(PLAN, Direction.PULL, nonce=b"9" * 16, now_ns=world.pacer.now_ns())
        await keeps_asking(world, late, client, 30 * SECOND)
        assert client.refusal is not None
        # Not beyond a limit of its network: it has waited for a place, which nobody else did.
        assert client.refusal.cap == "connection_limit"
        report = await running.stop()
        assert report.snapshot.refused["START that waited in vain"] == 2

    in_world(main)
