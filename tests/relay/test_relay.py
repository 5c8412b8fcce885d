"""The relay in virtual time: who gets what, when, and what is known of it afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from cts.api import Address
from cts.impairment.delay import Constant, Trace, Uniform
from cts.impairment.link import FateKind, Impairment, Link, link_rng
from cts.impairment.loss import Bernoulli
from cts.records.truth_writer import RelayTruthLog
from tests.engine.virtual_world import World, in_world
from tests.examples import WHOLE_RUNS
from tests.net.fake_sockets import UNREACHABLE, FakeNetwork
from tests.relay.relays import (
    ALICE,
    AROUND,
    BOB,
    CLEAR,
    HOP,
    LATE,
    LATENCY,
    MS,
    RELAY,
    SECOND,
    SERVER,
    Scene,
    Workbench,
    before_a_server,
    on_a_workbench,
    relay_of,
)

ROUGH = Impairment(
    delay=Uniform(5 * MS, 60 * MS), keep_order=False, loss=Bernoulli(0.2), duplicate=0.2, corrupt=0.2, reorder=0.1
)


def numbered(count: int, size: int = 100) -> list[bytes]:
    return [index.to_bytes(size, "big") for index in range(count)]


# -- who gets what -----------------------------------------------------------------------------------------------------


def test_the_server_sees_each_client_at_an_address_of_its_own_and_its_answers_find_back() -> None:
    async def main(scene: Scene) -> None:
        clients = [await scene.client() for _ in range(3)]
        for number, client in enumerate(clients):
            await client.send(RELAY, b"asked by %d" % number)
        await scene.until(100 * MS)
        assert len({each.remote for each in scene.server.received}) == 3
        for each in scene.server.received:
            await scene.server.send(each.remote, each.data.replace(b"asked by", b"answer to"))
        await scene.until(200 * MS)
        for number, client in enumerate(clients):
            assert [each.data for each in client.received] == [b"answer to %d" % number]
            assert client.received[0].remote == RELAY

    before_a_server(main)


def test_an_answer_comes_from_the_address_that_the_client_sent_to() -> None:
    other = Address("2001:db8::9", 4445)

    async def main(bench: Workbench) -> None:
        for listener in bench.network.listeners:
            listener.feed(ALICE, b"question")
        await bench.settle()
        for upstream in bench.network.upstreams:
            upstream.feed(SERVER, b"answer")
        await bench.until(bench.now_ns + LATENCY)
        assert [listener.local for listener in bench.network.listeners] == [RELAY, other]
        assert [[each.remote for each in listener.sent] for listener in bench.network.listeners] == [[ALICE], [ALICE]]

    on_a_workbench(main, listen=(RELAY, other))


def test_every_datagram_of_a_batch_is_one_and_outlives_the_memory_it_was_read_into() -> None:
    async def main(bench: Workbench) -> None:
        bench.listener.feed(ALICE, b"onetwothree", segment_size=3)
        await bench.settle()
        bench.network.upstreams[0].feed(SERVER, b"fourfive", segment_size=4)
        await bench.until(bench.now_ns + LATENCY)
        assert bench.network.upstreams[0].data == [b"one", b"two", b"thr", b"ee"]
        assert bench.listener.data == [b"four", b"five"]

    on_a_workbench(main)


def test_an_empty_datagram_is_a_datagram() -> None:
    async def main(bench: Workbench) -> None:
        bench.listener.feed(ALICE, b"")
        await bench.until(LATENCY)
        assert bench.network.upstreams[0].data == [b""]

    on_a_workbench(main)


def test_what_comes_while_the_socket_towards_the_server_is_opened_is_kept_in_order() -> None:
    async def main(bench: Workbench) -> None:
        bench.network.connect_takes_ns = 5 * MS
        for datagram in (b"1", b"2", b"3"):
            bench.listener.feed(ALICE, datagram)
        bench.listener.feed(BOB, b"4")
        assert bench.relay.statistics().to_server.held == 4
        await bench.until(LATENCY)
        assert [each.data for each in bench.network.upstreams] == [[b"1", b"2", b"3"], [b"4"]]
        assert {each.at_ns for each in bench.network.upstreams[0].sent} == {LATENCY}
        assert [client[1:3] for client in bench.notes.clients] == [(1, ALICE), (2, BOB)]
        assert bench.relay.statistics().to_server.held == 0

    on_a_workbench(main)


# -- when --------------------------------------------------------------------------------------------------------------


def test_a_datagram_leaves_at_the_instant_that_the_link_says() -> None:
    async def main(scene: Scene) -> None:
        client = await scene.client()
        await client.send(RELAY, b"there", at_ns=3 * MS + 7)
        await scene.until(50 * MS)
        [there] = scene.server.received
        await scene.server.send(there.remote, b"back", at_ns=60 * MS + 1)
        await scene.until(200 * MS)
        assert there.at_ns == 13 * MS + 7 + 2 * HOP
        assert [each.at_ns for each in client.received] == [90 * MS + 1 + 2 * HOP]
        assert scene.relay.statistics().to_client.greatest_lateness_ns == 0

    before_a_server(main, to_server=Impairment(delay=Constant(10 * MS)), to_client=Impairment(delay=Constant(30 * MS)))


def test_the_latency_counts_from_the_kernels_receive_time() -> None:
    async def main(bench: Workbench) -> None:
        await bench.until(SECOND)
        bench.listener.feed(ALICE, b"read late", received_ns=SECOND - 5 * MS)
        await bench.until(2 * SECOND)
        assert [each.at_ns for each in bench.network.upstreams[0].sent] == [SECOND + 15 * MS]

    on_a_workbench(main)


def test_a_receive_time_that_goes_back_does_not_take_the_link_with_it() -> None:
    async def main(bench: Workbench) -> None:
        await bench.until(SECOND)
        bench.listener.feed(ALICE, b"1", received_ns=SECOND)
        bench.listener.feed(ALICE, b"2", received_ns=SECOND - 900 * MS)
        await bench.settle()
        bench.listener.feed(ALICE, b"3", received_ns=0)
        await bench.until(2 * SECOND)
        assert [each.at_ns for each in bench.notes.transmissions] == [SECOND] * 3
        assert bench.network.upstreams[0].data == [b"1", b"2", b"3"]

    on_a_workbench(main)


def test_nothing_is_offered_before_the_relay_began() -> None:
    async def main(bench: Workbench) -> None:
        assert bench.notes.began_ns is not None
        bench.listener.feed(ALICE, b"in the socket already", received_ns=bench.notes.began_ns - 5)
        await bench.until(LATENCY)
        assert [each.at_ns for each in bench.notes.transmissions] == [bench.notes.began_ns]
        assert bench.notes.clients[0][0] == bench.notes.began_ns

    on_a_workbench(main)


def test_an_earlier_datagram_overtakes_one_that_is_waited_for() -> None:
    path = Impairment(delay=Trace((50 * MS, 10 * MS)), keep_order=False)

    async def main(scene: Scene) -> None:
        client = await scene.client()
        await client.send(RELAY, b"slow", at_ns=0)
        await client.send(RELAY, b"fast", at_ns=1 * MS)
        await scene.until(100 * MS)
        arrived = [(each.at_ns - 2 * HOP, each.data) for each in scene.server.received]
        assert arrived == [(11 * MS, b"fast"), (50 * MS, b"slow")]

    before_a_server(main, to_server=path)


def test_what_is_due_at_one_instant_leaves_in_the_order_in_which_it_was_sent() -> None:
    path = Impairment(delay=Trace((30 * MS, 20 * MS, 10 * MS)), keep_order=False)

    async def main(bench: Workbench) -> None:
        for index, datagram in enumerate((b"1", b"2", b"3")):
            bench.listener.feed(ALICE, datagram)
            await bench.world.until((index + 1) * 10 * MS)
        await bench.until(SECOND)
        assert [(each.at_ns, each.data) for each in bench.network.upstreams[0].sent] == [
            (30 * MS, b"1"),
            (30 * MS, b"2"),
            (30 * MS, b"3"),
        ]

    on_a_workbench(main, to_server=path)


def test_a_link_without_latency_relays_at_once() -> None:
    async def main(scene: Scene) -> None:
        client = await scene.client()
        await client.send(RELAY, b"now", at_ns=5 * MS)
        await scene.until(6 * MS)
        assert [each.at_ns for each in scene.server.received] == [5 * MS + 2 * HOP]

    before_a_server(main, to_server=CLEAR)


def test_an_outage_counts_from_when_the_relay_began() -> None:
    path = Impairment(outages=((SECOND, 2 * SECOND),))

    async def main(world: World) -> None:
        await world.until(5 * SECOND)
        relay = relay_of(world.network, world.pacer, to_server=path)
        server = await world.listen(SERVER)
        await world.nursery.start(relay.run)
        client = await world.connect(RELAY)
        for tenths in (59, 60, 69, 70):
            await client.send(RELAY, b"%d" % tenths, at_ns=tenths * 100 * MS)
        await world.until(10 * SECOND)
        assert [each.data for each in server.received] == [b"59", b"70"]

    in_world(main, to_client=AROUND, to_server=AROUND)


# -- what the model does -----------------------------------------------------------------------------------------------


def test_one_bit_of_a_corrupted_datagram_is_another() -> None:
    async def main(scene: Scene) -> None:
        client = await scene.client()
        await client.send(RELAY, bytes(50), bytes(50))
        await scene.until(SECOND)
        ones = [sum(byte.bit_count() for byte in each.data) for each in scene.server.received]
        assert ones == [1, 1]
        bits = [fate.arrivals[0].corrupt_bit for each in scene.notes.transmissions for fate in each.fates]
        assert [int.from_bytes(each.data, "little").bit_length() - 1 for each in scene.server.received] == bits

    before_a_server(main, to_server=Impairment(corrupt=1.0))


def test_a_duplicated_datagram_arrives_twice_and_counts_once() -> None:
    async def main(scene: Scene) -> None:
        client = await scene.client()
        await client.send(RELAY, b"twice")
        await scene.until(SECOND)
        assert [each.data for each in scene.server.received] == [b"twice"] * 2
        way = scene.relay.statistics().to_server
        assert (way.offered, way.delivered, way.duplicated, way.forwarded) == (1, 1, 1, 2)

    before_a_server(main, to_server=Impairment(duplicate=1.0))


def test_fates_are_those_of_a_link_of_that_seed_and_client_number() -> None:
    sizes = [len(each) for each in numbered(100)]

    async def main(scene: Scene) -> None:
        for number in (1, 2):
            client = await scene.client()
            await client.send(RELAY, *numbered(100), at_ns=number * SECOND)
            link = Link(ROUGH, link_rng(7, str(number), "to_server"))
            expected = link.transmit_many(number * SECOND + HOP, sizes)
            await scene.until(number * SECOND + 500 * MS)
            seen = [fate for each in scene.notes.transmissions if each.client == number for fate in each.fates]
            assert seen == expected

    before_a_server(main, to_server=ROUGH, seed=7)


def test_another_client_changes_nothing_of_what_a_client_meets() -> None:
    def received_by_first(others: int) -> list[tuple[int, bytes]]:
        async def main(scene: Scene) -> list[tuple[int, bytes]]:
            clients = [await scene.client() for _ in range(1 + others)]
            for client in clients:
                await client.send(RELAY, b"hello")
            await scene.until(SECOND)
            everyone = {each.remote for each in scene.server.received}
            for datagram in numbered(50):
                for remote in sorted(everyone):
                    await scene.server.send(remote, datagram)
            await scene.until(2 * SECOND)
            return [(each.at_ns, each.data) for each in clients[0].received]

        return before_a_server(main, to_server=LATE, to_client=ROUGH)

    alone = received_by_first(0)
    assert len(alone) > 10
    assert received_by_first(3) == alone


# -- what is known afterwards ------------------------------------------------------------------------------------------


def test_a_client_is_told_of_before_its_first_datagram_with_the_address_that_the_server_sees() -> None:
    async def main(scene: Scene) -> None:
        client = await scene.client()
        await client.send(RELAY, b"first", at_ns=4 * MS)
        await scene.until(SECOND)
        seen, first = scene.notes.told
        assert seen == (4 * MS + HOP, 1, client.address, scene.server.received[0].remote)
        assert first == scene.notes.transmissions[0]
        assert (first.client, first.address, first.way, first.first) == (1, client.address, "to_server", 1)

    before_a_server(main)


def test_datagrams_are_numbered_on_each_way_of_each_client() -> None:
    async def main(bench: Workbench) -> None:
        for remote in (ALICE, BOB):
            bench.listener.feed(remote, b"abc", segment_size=1)
            await bench.settle()
            bench.listener.feed(remote, b"d")
        bench.network.upstreams[0].feed(SERVER, b"e")
        await bench.settle()
        told = [(each.client, each.way, each.first, len(each.fates)) for each in bench.notes.transmissions]
        by_link: dict[tuple[int, str], list[int]] = {}
        for client, way, first, count in told:
            by_link.setdefault((client, way), []).extend(range(first, first + count))
        assert by_link == {(1, "to_server"): [1, 2, 3, 4], (2, "to_server"): [1, 2, 3, 4], (1, "to_client"): [1]}

    on_a_workbench(main)


class Truth:
    """Opens a relay's ground-truth log when it begins."""

    log: RelayTruthLog

    def __init__(self, path: Path, unix_ns: Callable[[int], int]) -> None:
        self._path = path
        self._unix_ns = unix_ns

    def begin(self, began_ns: int) -> RelayTruthLog:
        unix_ns = self._unix_ns(began_ns)
        self.log = RelayTruthLog(self._path, "output.truth_file", seed=3, began_ns=began_ns, began_unix_ns=unix_ns)
        return self.log


def test_the_ground_truth_is_the_documented_log(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"

    async def main(world: World) -> None:
        await world.until(SECOND)
        truth = Truth(path, lambda at_ns: 1_700_000_000_000_000_000)
        impairment = Impairment(duplicate=1.0)
        relay = relay_of(world.network, world.pacer, to_server=impairment, seed=3, call_witness=truth.begin)
        server = await world.listen(SERVER)
        await world.nursery.start(relay.run)
        client = await world.connect(RELAY)
        await client.send(RELAY, bytes(range(60)), at_ns=SECOND + 5)
        await world.until(2 * SECOND)
        await server.send(server.received[0].remote, b"answer")
        await world.until(3 * SECOND)
        truth.log.close(world.pacer.now_ns())
        assert truth.log.failure is None
        upstream = str(server.received[0].remote)
        address = str(client.address)
        assert [json.loads(line) for line in path.read_text().splitlines()] == [
            {"kind": "began", "schema": 1, "seed": 3, "began_unix_ns": 1_700_000_000_000_000_000},
            {"kind": "client", "client": 1, "t": 5 + HOP, "address": address, "upstream": upstream},
            {
                "kind": "datagram",
                "t": 5 + HOP,
                "client": 1,
                "dir": "to_server",
                "n": 1,
                "size": 60,
                "head": bytes(range(39)).hex(),
                "fate": "delivered",
                "at": [5 + HOP, 5 + HOP],
                "bits": [None, None],
            },
            {
                "kind": "datagram",
                "t": SECOND + HOP,
                "client": 1,
                "dir": "to_client",
                "n": 1,
                "size": 6,
                "head": b"answer".hex(),
                "fate": "delivered",
                "at": [SECOND + HOP + LATENCY],
                "bits": [None],
            },
            {"kind": "ended", "t": 2 * SECOND, "datagrams": 2, "interrupted": False},
        ]

    in_world(main, to_client=AROUND, to_server=AROUND)


def test_each_arrival_is_told_of_with_the_time_when_it_was_sent_not_when_it_was_due() -> None:
    async def main(bench: Workbench) -> None:
        bench.listener.feed(ALICE, b"on time")
        await bench.until(LATENCY)
        upstream = bench.network.upstreams[0]
        upstream.waits_ns = 3 * MS
        bench.listener.feed(ALICE, b"held up")
        await bench.until(SECOND)
        sent = [each.at_ns for each in upstream.sent]
        assert sent == [LATENCY, LATENCY, 2 * LATENCY + 3 * MS + 1, 2 * LATENCY + 6 * MS + 1]
        numbers = [(1, 0), (1, 1), (2, 0), (2, 1)]
        assert bench.notes.departures == [
            (1, "to_server", number, arrival, at_ns) for (number, arrival), at_ns in zip(numbers, sent, strict=True)
        ]

    on_a_workbench(main, to_server=Impairment(delay=Constant(LATENCY), duplicate=1.0))


def test_what_could_not_be_sent_is_told_of_too() -> None:
    async def main(bench: Workbench) -> None:
        bench.listener.feed(ALICE, b"x")
        await bench.settle()
        bench.network.upstreams[0].refuses = UNREACHABLE
        await bench.until(SECOND)
        assert bench.notes.departures == [(1, "to_server", 1, 0, None)]
        bench.network.upstreams[0].refuses = None
        bench.network.upstreams[0].waits_ns = SECOND
        bench.listener.feed(ALICE, b"y")
        await bench.until(3 * SECOND)
        assert bench.notes.departures[1:] == [(1, "to_server", 2, 0, None)]

    on_a_workbench(main)


def test_the_ground_truth_holds_when_datagrams_were_sent(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"

    async def main(world: World) -> None:
        network = FakeNetwork(world.pacer)
        truth = Truth(path, lambda at_ns: at_ns + 7)
        relay = relay_of(network, world.pacer, call_witness=truth.begin)
        await world.nursery.start(relay.run)
        listener = network.listeners[0]
        listener.feed(ALICE, b"1")
        await world.until(MS)
        network.upstreams[0].waits_ns = 4 * MS
        listener.feed(ALICE, b"2")
        await world.until(LATENCY + 9 * MS)
        network.upstreams[0].refuses = UNREACHABLE
        listener.feed(ALICE, b"3")
        await world.until(SECOND)
        listener.feed(ALICE, b"4")
        await world.until(SECOND + MS)
        truth.log.close(world.pacer.now_ns())
        told = [json.loads(line) for line in path.read_text().splitlines()[2:-1]]
        assert [(each["n"], each["fate"], each["at"], each["bits"]) for each in told] == [
            (1, "delivered", [LATENCY + 4 * MS], [None]),
            (2, "delivered", [LATENCY + 8 * MS], [None]),
            (3, "unsent", [], []),
            (4, "unsent", [], []),
        ]

    in_world(main)


def test_lateness_is_the_time_from_when_a_datagram_was_due_to_when_it_was_sent() -> None:
    async def main(bench: Workbench) -> None:
        bench.listener.feed(ALICE, b"on time")
        await bench.until(LATENCY)
        bench.network.upstreams[0].waits_ns = 3 * MS
        bench.listener.feed(ALICE, b"held up")
        await bench.until(SECOND)
        assert bench.relay.statistics().to_server.greatest_lateness_ns == 3 * MS

    on_a_workbench(main)


@WHOLE_RUNS
@given(
    loss=st.sampled_from((0.0, 0.3, 1.0)),
    duplicate=st.sampled_from((0.0, 0.5)),
    bandwidth=st.sampled_from((None, 200_000)),
    mtu=st.sampled_from((None, 150)),
    seed=st.integers(0, 1000),
    sizes=st.lists(st.integers(0, 300), max_size=30),
    stop_ms=st.integers(0, 60),
)
def test_whenever_one_looks_every_datagram_is_somewhere(
    loss: float,
    duplicate: float,
    bandwidth: int | None,
    mtu: int | None,
    seed: int,
    sizes: list[int],
    stop_ms: int,
) -> None:
    path = Impairment(
        delay=Uniform(0, 30 * MS),
        loss=Bernoulli(loss),
        duplicate=duplicate,
        bandwidth_bits_per_second=bandwidth,
        mtu_bytes=mtu,
    )

    async def main(bench: Workbench) -> None:
        for size in sizes:
            bench.listener.feed(ALICE, bytes(size))
            await bench.until(bench.now_ns + MS)
        await bench.until(bench.now_ns + stop_ms * MS)
        way = bench.relay.statistics().to_server
        assert way.offered == len(sizes)
        assert sum(way.fates.values()) == way.offered
        assert way.lost == sum(count for kind, count in way.fates.items() if kind is not FateKind.DELIVERED)
        assert not way.dropped
        assert way.delivered + way.duplicated == way.forwarded + way.held
        assert way.forwarded == sum(len(each.sent) for each in bench.network.upstreams)

    on_a_workbench(main, to_server=path, seed=seed)
