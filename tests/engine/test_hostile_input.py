"""Hostile input is the normal case: a server counts it, answers nobody who did not ask, stays bounded and goes on serving."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from cts.api import Address, DatagramBatch, FrameTotals, IDatagramEndpoint, Outcome
from cts.engine.admission import Admission
from cts.engine.contracts import IAdmission
from cts.net.simulated import SimulatedEndpoint
from cts.protocol.control.limits import Caps
from cts.protocol.wire import CONNECTION_ID_LENGTH, START, ConnectionId
from cts.records.results import RunReport
from cts.testing import PEER
from tests.engine.bare_server import BareServer, stranger
from tests.engine.small_stream import (
    CLIENT,
    END,
    LAST_SEND,
    LATENCY,
    MS,
    NAME,
    PLAN,
    SECOND,
    SERVER,
    config_of,
    datagrams_of,
)
from tests.engine.virtual_world import World, in_world

BOTH = pytest.mark.parametrize("direction", ["pull", "push"])
STRANGERS = "not START from a stranger"
REPEATED = "repeated START"
NO_ROOM = "START beyond the limit of awaiting endpoints"
IN_VAIN = "START that waited in vain"
FRAMES = PLAN.final_frame
STREAM_DATAGRAMS = 1 + FRAMES * len(PLAN.datagram_sizes)

# Whatever is not START; START's own five bytes are drawn often, cut, extended and in the wrong case.
not_start = (st.binary(max_size=80) | st.sampled_from([b"", b"START\0", b"STAR", b"start", b" START"])).filter(
    lambda data: data != START
)


def real_stream(flood: Callable[[BareServer], Awaitable[None]], direction: str = "pull") -> BareServer:
    """Serve a peer from 0 on and let a flood come in the middle of its stream."""

    async def main(world: World) -> BareServer:
        bare = BareServer(world, direction)
        await bare.begin()
        bare.start(PEER)
        for sequence in range(1, FRAMES + 1):
            await world.until(PLAN.send_offset_ns(sequence))
            if direction == "push":
                for datagram in datagrams_of(sequence):
                    bare.endpoint.deliver(datagram, PEER)
            if sequence == 5:
                await flood(bare)
        await world.until(END + 1)
        await bare.end()
        return bare

    return in_world(main)


def assert_served_whole(bare: BareServer, direction: str) -> None:
    (result,) = (result for result in bare.world.recorder.ended if result.remote == PEER)
    assert result.outcome is Outcome.SUCCESSFUL
    if direction == "push":
        assert result.counts.frames.completed == FRAMES
    else:
        times = Counter(sent.time_ns for sent in bare.endpoint.sent if sent.remote == PEER)
        datagrams = len(PLAN.datagram_sizes)
        frames = {PLAN.send_offset_ns(sequence): datagrams for sequence in range(1, FRAMES + 1)}
        assert times == {0: 1, **frames}


# Strangers


@settings(deadline=None, max_examples=50)
@given(st.lists(not_start, max_size=8))
def test_whatever_a_stranger_sends_short_of_start_is_counted_and_answered_with_nothing(datagrams: list[bytes]) -> None:
    async def main(world: World) -> BareServer:
        bare = BareServer(world)
        await bare.begin()
        for number, datagram in enumerate(datagrams):
            bare.endpoint.deliver(datagram, stranger(number), segment_size=max(1, len(datagram)))
        await world.until(SECOND)
        assert bare.manager.awaiting == 0
        await bare.end()
        return bare

    bare = in_world(main)
    assert bare.refused == ({STRANGERS: len(datagrams)} if datagrams else {})
    assert bare.endpoint.sent == []
    assert bare.world.recorder.opened == []


@settings(deadline=None, max_examples=50)
@given(data=st.binary(max_size=200), segment_size=st.integers(1, 100))
def test_every_datagram_of_a_coalesced_batch_is_counted(data: bytes, segment_size: int) -> None:
    async def main(world: World) -> BareServer:
        bare = BareServer(world)
        await bare.begin()
        bare.endpoint.deliver(b"X" + data, PEER, segment_size=segment_size)
        await bare.end()
        return bare

    assert in_world(main).refused == {STRANGERS: -(-(1 + len(data)) // segment_size)}


def test_starts_that_came_in_one_batch_are_each_counted() -> None:
    async def main(world: World) -> BareServer:
        bare = BareServer(world)
        await bare.begin()
        bare.endpoint.deliver(START * 7, PEER, segment_size=len(START))
        await world.until(SECOND)
        bare.endpoint.deliver(START * 3, PEER, segment_size=len(START))
        await bare.end()
        return bare

    bare = in_world(main)
    assert bare.refused == {REPEATED: 9}
    assert bare.broker.ended == 1


def test_a_batch_that_only_begins_with_start_is_no_start() -> None:
    async def main(world: World) -> BareServer:
        bare = BareServer(world)
        await bare.begin()
        bare.endpoint.deliver(START + bytes(1395), PEER)
        await bare.end()
        return bare

    bare = in_world(main)
    assert (bare.refused, bare.endpoint.sent) == ({STRANGERS: 1}, [])


@BOTH
def test_strangers_get_nothing_over_the_network_while_a_client_is_served(direction: str) -> None:
    chance = random.Random(f"strangers {direction}")

    async def main(world: World) -> tuple[World, RunReport, RunReport, int]:
        server = await world.serve(world.session(config_of(direction, run={"role": "server", "grace": "1h"})))
        client = await world.serve(world.session(config_of(direction, run={"role": "client"})))
        await world.until(MS)  # so that the client is the network's first
        peers = [await world.connect() for _ in range(20)]
        sent = 0
        for step in range(40):
            for peer in peers:
                garbage = chance.randbytes(chance.choice([0, 1, 5, 26, 27, 39, 400, 1400]))
                names = [garbage, *datagrams_of(1 + step % FRAMES), ConnectionId(NAME).encode()]
                await peer.send(SERVER, *names, at_ns=step * 50 * MS + MS)
                sent += len(names)
        reports = await client.report(), await server.stop()
        return world, *reports, sent

    world, client, server, sent = in_world(main)
    assert {each.client for each in world.transmissions if each.way == "to_client"} == {1}
    assert len(world.recorder.opened) == 2
    measured = client if direction == "pull" else server
    assert measured.snapshot.counts.frames == FrameTotals(completed=FRAMES)
    assert server.snapshot.refused == {STRANGERS: sent}


# A peer with a stream


@BOTH
@settings(deadline=None, max_examples=25)
@given(datagrams=st.lists(not_start, max_size=8))
def test_a_connected_peer_s_garbage_is_counted_by_its_stream_which_goes_on(
    direction: str, datagrams: list[bytes]
) -> None:
    # Data of a wrong pattern would fail a receiver, as it should: that is not garbage.
    datagrams = [datagram for datagram in datagrams if len(datagram) <= 26 or datagram[:2] != b"\0\0"]

    async def flood(bare: BareServer) -> None:
        for datagram in datagrams:
            bare.endpoint.deliver(datagram, PEER, segment_size=max(1, len(datagram)))

    bare = real_stream(flood, direction)
    assert_served_whole(bare, direction)
    assert bare.world.recorder.ended[0].counts.frames.error == len(datagrams)
    assert bare.refused == {}


# Floods


@BOTH
def test_100_000_starts_from_one_address_are_one_stream_and_counted(direction: str) -> None:
    async def flood(bare: BareServer) -> None:
        now_ns = bare.world.pacer.now_ns()
        handler = bare.endpoint.handler
        assert handler is not None
        for _ in range(100_000):
            handler(SERVER, stranger(1), DatagramBatch(START, len(START), now_ns))

    bare = real_stream(flood, direction)
    assert_served_whole(bare, direction)
    assert bare.refused == {REPEATED: 99_999}
    assert bare.ledger.outcomes.total() == 2
    assert bare.sent_to() == {PEER, stranger(1)}
    sent = [sent for sent in bare.endpoint.sent if sent.remote == stranger(1)]
    assert len(sent) == (STREAM_DATAGRAMS if direction == "pull" else 1)


@BOTH
def test_100_000_starts_over_the_network_leave_a_client_s_stream_as_it_was(direction: str) -> None:
    async def main(world: World) -> tuple[RunReport, RunReport]:
        server = await world.serve(world.session(config_of(direction, run={"role": "server", "grace": "1h"})))
        client = await world.serve(world.session(config_of(direction, run={"role": "client"})))
        await world.until(MS)
        flooder = await world.connect()
        for burst in range(100):
            await world.until(500 * MS + burst * MS)
            await flooder.endpoint.send_train(SERVER, START, [memoryview(b"")] * 1000)
        return await client.report(), await server.stop()

    client, server = in_world(main)
    measured = client if direction == "pull" else server
    frames = [result.counts.frames for result in measured.results if CLIENT in (result.local, result.remote)]
    assert frames == [FrameTotals(completed=FRAMES)]
    assert server.snapshot.refused == {REPEATED: 99_999}


def test_20_000_addresses_that_ask_are_served_kept_waiting_or_refused_and_every_one_is_counted() -> None:
    tables: list[tuple[int, int, int]] = []

    async def flood(bare: BareServer) -> None:
        for number in range(20_000):
            bare.start(stranger(number))
        await bare.world.until(bare.world.pacer.now_ns() + MS)
        tables.append((bare.manager.awaiting, bare.manager.slots, bare.broker.running))

    bare = real_stream(flood)
    assert_served_whole(bare, "pull")
    assert tables == [(4096 - 7, 0, 8)]
    assert bare.refused == {NO_ROOM: 20_000 - 4096, IN_VAIN: 4096 - 7}
    # The oldest were served, one for each slot that was free, and the rest got nothing.
    assert bare.sent_to() == {PEER, *map(stranger, range(7))}


def test_a_session_keeps_4096_peers_waiting_at_most() -> None:
    async def main(world: World) -> tuple[dict[str, int], int]:
        config = config_of(run={"role": "server", "grace": "0s"}, server={"connection_limit": 1})
        server = await world.serve(world.session(config))
        served = await world.connect()
        await served.start()
        await world.until(LATENCY + MS)
        for _ in range(4096 + 3):
            await (await world.connect()).start()
        await world.until(2 * LATENCY + 2 * MS)
        report = await server.stop()
        return dict(report.snapshot.refused), len(report.results)

    assert in_world(main) == ({NO_ROOM: 3, IN_VAIN: 4096}, 1)


def test_peers_that_never_waited_do_not_keep_a_client_from_being_served_later() -> None:
    async def main(world: World) -> BareServer:
        bare = BareServer(world)
        await bare.begin()
        for number in range(20_000):
            bare.start(stranger(number))
        await world.until(LAST_SEND + MS)
        assert (bare.manager.awaiting, bare.manager.slots) == (0, 8)
        bare.start(PEER)
        await bare.world.until(LAST_SEND + 2 * MS)
        await bare.end()
        return bare

    bare = in_world(main)
    names = [sent for sent in bare.endpoint.sent if len(sent.datagram) == CONNECTION_ID_LENGTH]
    assert {sent.remote for sent in names[:-1]} == set(map(stranger, range(8)))
    assert (names[-1].remote, names[-1].time_ns) == (PEER, LAST_SEND + MS)


def test_all_who_ask_in_one_moment_are_served_and_nobody_is_called_refused() -> None:
    async def main(world: World) -> BareServer:
        bare = BareServer(world)
        await bare.begin()
        for number in range(6):
            bare.start(stranger(number))
        await world.until(LATENCY)
        await bare.end()
        return bare

    bare = in_world(main)
    assert bare.sent_to() == set(map(stranger, range(6)))
    assert bare.broker.ended == 6
    assert bare.refused == {}


def test_the_tables_hold_one_entry_for_an_address_however_often_it_asks_while_it_waits() -> None:
    async def main(world: World) -> tuple[BareServer, int]:
        bare = BareServer(world, connection_limit=1)
        await bare.begin()
        bare.start(PEER)
        await world.until(MS)
        for _ in range(1000):
            bare.start(stranger(1))
            bare.start(Address(stranger(1).host, 50_001))
        awaiting = bare.manager.awaiting
        await bare.end()
        return bare, awaiting

    bare, awaiting = in_world(main)
    assert awaiting == 2
    assert bare.refused == {REPEATED: 1998, IN_VAIN: 2}


# ------------------------------------------------------------------------------------------------ who is let in


class Nobody(IAdmission):
    """Lets nobody in, and remembers who asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Address, int]] = []

    def refusal(self, remote: Address, received_ns: int, *, proven: bool = False) -> str | None:
        self.asked.append((remote, received_ns))
        return "START of somebody who is not let in"

    def take(self, remote: Address, bits_per_second: int, *, instead: bool = False) -> str | None:
        raise AssertionError("nobody was let in")

    def give_back(self, remote: Address, bits_per_second: int) -> None:
        raise AssertionError("nobody was let in")

    def toward(self, remote: Address, endpoint: IDatagramEndpoint) -> IDatagramEndpoint:
        raise AssertionError("nobody was let in")

    def came(self, remote: Address, size: int, datagrams: int) -> None:
        raise AssertionError("nobody was let in")

    def may_answer(self, remote: Address, size: int) -> bool:
        raise AssertionError("nobody was let in")

    def caps_of(self, remote: Address) -> Caps:
        raise AssertionError("nobody was let in")

    def limit(self, name: str) -> str:
        raise AssertionError("nobody was let in")

    @property
    def held_back(self) -> int:
        return 0


def test_who_is_not_let_in_gets_nothing_and_leaves_nothing_but_a_count() -> None:
    admission = Nobody()

    async def main(world: World) -> BareServer:
        bare = BareServer(world, admission=admission)
        await bare.begin()
        for number in range(100):
            bare.start(stranger(number))
        await world.until(LATENCY)
        await bare.end()
        return bare

    bare = in_world(main)
    assert bare.sent_to() == set()
    assert bare.manager.awaiting == 0
    assert bare.refused == {"START of somebody who is not let in": 100}
    assert admission.asked == [(stranger(number), 0) for number in range(100)]


@pytest.mark.parametrize(("data", "junk"), [(b"XXXXXSTART", 1), (b"STARTXXXXX", 1), (b"STARTXX", 1)])
def test_a_start_is_served_wherever_it_stands_in_a_batch_and_the_junk_beside_it_is_counted_as_junk(
    data: bytes, junk: int
) -> None:
    async def main(world: World) -> BareServer:
        bare = BareServer(world)
        await bare.begin()
        bare.endpoint.deliver(data, PEER, segment_size=5)
        await world.until(LATENCY)
        await bare.end()
        return bare

    bare = in_world(main)
    assert bare.sent_to() == {PEER}
    assert bare.refused == {STRANGERS: junk}


@pytest.mark.parametrize("trusted", [False, True])
def test_200_000_starts_a_second_from_65_000_addresses_leave_streams_whole_and_tables_bounded(trusted: bool) -> None:
    network = "10.128" if trusted else "198.51"
    sources = [Address(f"{network}.{number >> 8}.{number & 255}", 50_000) for number in range(65_000)]

    async def main(world: World) -> tuple[RunReport, RunReport, tuple[int, ...]]:
        config = config_of(run={"role": "server", "grace": "0s"}, server={"connection_limit": 16})
        session = world.session(config)
        server = await world.serve(session)
        client = await world.serve(world.session(config_of(run={"role": "client"})))
        await world.until(SECOND)
        assert session._sides.server is not None
        (endpoint,) = session._endpoints
        assert isinstance(endpoint, SimulatedEndpoint)
        for turn in range(200):
            await world.until(SECOND + turn * MS)
            for number in range(200):
                source = sources[(turn * 200 + number) * 17 % len(sources)]
                endpoint.arrive(SECOND + turn * MS, 0, number, source, START, len(START))
            endpoint.deliver(SECOND + turn * MS)
        admission = session._sides.server._admission
        assert isinstance(admission, Admission)
        tables = (len(admission._rates), len(admission._population), session._sides.server._manager.awaiting)
        return await client.report(), await server.stop(), tables

    client, server, (rates, population, awaiting) = in_world(main)
    assert client.snapshot.counts.frames == FrameTotals(completed=FRAMES)
    assert (rates <= 16_384, population <= 16 + 4096, awaiting <= 4096) == (True, True, True)
    if not trusted:
        assert server.snapshot.refused == {"START outside server.original_clients": 40_000}
        assert (rates, population) == (1, 1)


def test_an_address_that_still_waits_when_the_server_stops_has_waited_in_vain() -> None:
    async def main(world: World) -> BareServer:
        bare = BareServer(world, connection_limit=1)
        await bare.begin()
        for number in range(3):
            bare.start(stranger(number))
        await world.until(MS)
        await bare.end()
        return bare

    assert in_world(main).refused == {IN_VAIN: 2}


# The books


def test_a_stream_runs_from_the_moment_that_it_is_told_of() -> None:
    async def main(world: World) -> tuple[int, int]:
        bare = BareServer(world)
        stream = bare.streams.open(bare.endpoint, PEER, active=False, connection_id=NAME)
        counts = len(world.recorder.opened), bare.streams.open_now
        assert stream is not None
        with trio.CancelScope() as scope:
            scope.cancel()
            await bare.streams.run(stream)
        assert bare.streams.open_now == 0
        return counts

    assert in_world(main) == (1, 1)
