"""The simulated network: addresses, who gets what and when, and in which batches."""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cts.api import Address, DatagramBatch
from cts.impairment.delay import Trace, Uniform
from cts.impairment.link import Impairment
from cts.impairment.loss import Bernoulli
from cts.records.truth_writer import Transmission
from tests.engine.simulated_runs import simulated
from tests.engine.small_stream import CLIENT, LATENCY, MS, PATH, SECOND, SERVER, config_of
from tests.engine.virtual_world import Peer, Recorder, World, in_world
from tests.examples import WHOLE_RUNS

FIRST_PORT = 49_152
LARGE = bytes(range(200))
MODERATION = MS


class Handed:
    """Keeps every batch that an endpoint hands over, with the time at which it did."""

    def __init__(self, world: World, peer: Peer) -> None:
        self._world = world
        self.batches: list[tuple[int, DatagramBatch]] = []
        peer.endpoint.receive_into(self._take)

    @property
    def contents(self) -> list[bytes]:
        return [bytes(batch.data) for _, batch in self.batches]

    def _take(self, local: Address, remote: Address, batch: DatagramBatch) -> None:
        copy = DatagramBatch(bytes(batch.data), batch.segment_size, batch.received_ns)
        self.batches.append((self._world.pacer.now_ns(), copy))


def between(
    main: Callable[[World, Peer, Handed], Awaitable[None]], *, to_server: Impairment = PATH, seed: int = 1
) -> tuple[Handed, list[Transmission]]:
    """Run something between a client and a server endpoint; return what the server was handed, and the transmissions."""

    async def everything(world: World) -> tuple[Handed, list[Transmission]]:
        handed = Handed(world, await world.listen())
        await main(world, await world.connect(), handed)
        await world.until(world.pacer.now_ns() + SECOND)
        return handed, world.transmissions

    return in_world(everything, to_server=to_server, seed=seed)


# Addresses


def test_port_0_takes_the_first_free_port_of_that_address() -> None:
    async def main(world: World) -> list[Address]:
        peers = [await world.listen(Address(host, 0)) for host in ("192.0.2.1", "192.0.2.1", "192.0.2.2")]
        return [peer.address for peer in peers]

    ports = [Address("192.0.2.1", FIRST_PORT), Address("192.0.2.1", FIRST_PORT + 1), Address("192.0.2.2", FIRST_PORT)]
    assert in_world(main) == ports


def test_an_address_can_be_had_once_and_again_after_it_was_closed() -> None:
    async def main(world: World) -> None:
        first = await world.listen()
        with pytest.raises(OSError, match="in use") as refused:
            await world.listen()
        assert refused.value.errno == errno.EADDRINUSE
        first.endpoint.close()
        first.endpoint.close()
        await world.listen()

    in_world(main)


def test_every_client_is_a_host_of_its_own_of_its_server_s_family() -> None:
    async def main(world: World) -> list[Address]:
        return [
            (await world.connect(Address(host, 4444))).address for host in ("192.0.2.1", "2001:db8::1", "192.0.2.9")
        ]

    first, second, third = in_world(main)
    assert (first, third) == (CLIENT, Address("10.0.0.3", FIRST_PORT))
    assert ":" in second.host
    assert second.port == FIRST_PORT


@pytest.mark.parametrize(
    ("listen", "expected"),
    [
        ("*:4444", {"192.0.2.1", "2001:db8::1"}),
        ("localhost:4444", {"192.0.2.1"}),
        ("203.0.113.7:4444", {"203.0.113.7"}),
        ("[2001:db8::7]:4444", {"2001:db8::7"}),
    ],
)
def test_a_simulation_listens_on_documentation_addresses_for_a_wildcard_or_a_name(
    listen: str, expected: set[str]
) -> None:
    recorder = Recorder()
    config = config_of(server={"listen": [listen]}, client={"connections": 2, "target": []})
    simulated(config, observers=[recorder])
    assert {info.remote.host for info in recorder.opened} == expected


# Who gets what


async def _send_to(world: World, remote: Address) -> tuple[int, Peer]:
    server = await world.listen()
    client = await world.connect(remote)
    sent = await client.endpoint.send(remote, b"a word", b" to you")
    await world.until(SECOND)
    return sent, server


@pytest.mark.parametrize("remote", [Address("192.0.2.1", 4445), Address("192.0.2.2", 4444), Address("0.0.0.0", 4444)])
def test_a_datagram_for_nobody_is_taken_like_any_other_and_arrives_nowhere(remote: Address) -> None:
    sent, server = in_world(lambda world: _send_to(world, remote))
    assert sent == len(b"a word to you")
    assert server.received == []


def test_a_datagram_that_is_to_go_at_once_meets_the_link_as_any_does() -> None:
    async def main(world: World, client: Peer, handed: Handed) -> None:
        assert client.endpoint.try_send(SERVER, b"at once")
        assert client.endpoint.try_send(Address("192.0.2.200", 9), b"to nobody")

    handed, transmissions = between(main)
    assert handed.contents == [b"at once"]
    assert [each.first for each in transmissions] == [1, 2]
    assert handed.batches[0][1].received_ns == LATENCY


def test_a_server_may_send_to_a_host_that_never_was_or_is_gone() -> None:
    async def main(world: World) -> list[int]:
        server = await world.listen()
        gone = await world.connect()
        gone.endpoint.close()
        return [await server.endpoint.send(remote, b"12", b"345") for remote in (gone.address, Address("10.9.9.9", 9))]

    assert in_world(main) == [5, 5]


def test_a_client_takes_datagrams_from_its_server_only() -> None:
    async def main(world: World) -> list[Address]:
        server, other = await world.listen(), await world.listen(Address("192.0.2.2", 4444))
        client = await world.connect()
        for peer in (other, server, other):
            await peer.send(client.address, b"hello")
        await world.until(SECOND)
        return [received.remote for received in client.received]

    assert in_world(main) == [SERVER]


def test_what_is_under_way_to_an_endpoint_that_closes_is_forgotten() -> None:
    async def main(world: World) -> tuple[list[object], list[object]]:
        server, client = await world.listen(), await world.connect()
        await client.send(SERVER, b"hello")
        server.endpoint.close()
        again = await world.listen()
        await world.until(SECOND)
        return list(server.received), list(again.received)

    assert in_world(main) == ([], [])


# When


def test_a_small_datagram_is_handed_over_at_its_arrival_and_a_large_one_a_little_later() -> None:
    async def main(world: World, client: Peer, handed: Handed) -> None:
        await client.send(SERVER, b"START")
        await client.send(SERVER, LARGE, at_ns=5 * MS)

    handed, _ = between(main)
    times = [(handed_ns, batch.received_ns) for handed_ns, batch in handed.batches]
    assert times == [(LATENCY, LATENCY), (LATENCY + 5 * MS + MODERATION, LATENCY + 5 * MS)]


def test_large_datagrams_within_the_moderation_are_handed_over_together_each_with_its_arrival_time() -> None:
    async def main(world: World, client: Peer, handed: Handed) -> None:
        for number in range(4):
            await client.send(SERVER, LARGE, at_ns=number * MODERATION // 2)

    handed, _ = between(main)
    half = MODERATION // 2
    arrivals = [LATENCY + number * half for number in range(4)]
    assert [batch.received_ns for _, batch in handed.batches] == arrivals
    assert [at_ns for at_ns, _ in handed.batches] == [LATENCY + MODERATION] * 3 + [arrivals[3] + MODERATION]


def test_draining_hands_over_what_arrived_before_now_and_nothing_else() -> None:
    async def main(world: World, client: Peer, handed: Handed) -> None:
        for number in range(3):
            await client.send(SERVER, LARGE + bytes([number]), at_ns=number)
        server = world.network._endpoints[SERVER]
        drained = []
        for at_ns in (LATENCY - 1, LATENCY, LATENCY + 1):
            await world.until(at_ns)
            server.drain()
            drained.append(len(handed.batches))
        assert drained == [0, 0, 1]

    handed, _ = between(main)
    assert handed.contents == [LARGE + bytes([number]) for number in range(3)]


def test_what_overtakes_is_handed_over_first() -> None:
    late_then_soon = Impairment(delay=Trace((50 * MS, 10 * MS)), keep_order=False)

    async def main(world: World, client: Peer, handed: Handed) -> None:
        await client.send(SERVER, b"first", b"second")

    handed, _ = between(main, to_server=late_then_soon)
    assert [(at_ns, bytes(batch.data)) for at_ns, batch in handed.batches] == [
        (10 * MS, b"second"),
        (50 * MS, b"first"),
    ]


def test_a_large_datagram_that_comes_late_does_not_have_those_that_overtake_it_wait_for_it() -> None:
    late_then_soon = Impairment(delay=Trace((200 * MS, 10 * MS, 10 * MS, 10 * MS)), keep_order=False)

    async def main(world: World, client: Peer, handed: Handed) -> None:
        for number in range(4):
            await client.send(SERVER, LARGE, at_ns=number * 5 * MS)

    handed, _ = between(main, to_server=late_then_soon)
    assert [(at_ns, batch.received_ns) for at_ns, batch in handed.batches] == [
        (arrival_ns + MODERATION, arrival_ns) for arrival_ns in (15 * MS, 20 * MS, 25 * MS, 200 * MS)
    ]


@WHOLE_RUNS
@given(
    sent=st.lists(st.tuples(st.integers(0, 3 * MS), st.integers(0, 20 * MS), st.booleans()), min_size=1, max_size=40)
)
def test_whatever_overtakes_what_each_is_handed_over_within_the_moderation_and_nothing_is_left_to_wake_for(
    sent: list[tuple[int, int, bool]],
) -> None:
    path = Impairment(delay=Trace(tuple(delay_ns for _, delay_ns, _ in sent)), keep_order=False)
    left: list[int] = []

    async def main(world: World, client: Peer, handed: Handed) -> None:
        at_ns, arrivals = 0, list[int]()
        for gap_ns, delay_ns, large in sent:
            at_ns += gap_ns
            await client.send(SERVER, LARGE if large else b"small", at_ns=at_ns)
            arrivals.append(at_ns + delay_ns)
            assert len(world.network._wakes) <= sum(arrival_ns + MODERATION >= at_ns for arrival_ns in arrivals)
        await world.until(at_ns + SECOND)
        left.append(len(world.network._wakes))

    handed, _ = between(main, to_server=path)
    assert len(handed.batches) == len(sent)
    assert all(0 <= at_ns - batch.received_ns <= MODERATION for at_ns, batch in handed.batches)
    assert left == [0]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_what_arrives_in_the_same_instant_comes_in_the_order_of_clients_whoever_sent_first(
    order: tuple[int, ...],
) -> None:
    async def main(world: World) -> list[Address]:
        server = await world.listen()
        clients = [await world.connect() for _ in range(3)]
        for number in order:
            await clients[number].send(SERVER, b"hello")
        await world.until(SECOND)
        return [received.remote for received in server.received]

    assert in_world(main) == [Address(f"10.0.0.{number}", FIRST_PORT) for number in (1, 2, 3)]


# Batches


def test_datagrams_that_arrive_together_come_as_one_batch_and_only_the_last_may_be_shorter() -> None:
    async def main(world: World, client: Peer, handed: Handed) -> None:
        sizes = (100, 100, 40, 100)
        await client.endpoint.send_train(SERVER, b"head", [memoryview(LARGE)[:size] for size in sizes])

    handed, _ = between(main)
    batches = [batch.datagrams() for _, batch in handed.batches]
    assert [[len(datagram) for datagram in batch] for batch in batches] == [[104, 104, 44], [104]]


@WHOLE_RUNS
@given(
    runs=st.lists(st.tuples(st.integers(0, 40), st.integers(1, 30), st.integers(0, 30)), min_size=1, max_size=6),
    seed=st.integers(0, 1000),
    keep_order=st.booleans(),
)
def test_what_arrives_is_what_the_link_says_to_the_bit_and_to_the_nanosecond(
    runs: list[tuple[int, int, int]], seed: int, keep_order: bool
) -> None:
    """Each run is a segmented send: so many datagrams of one length, and a last one that is no longer."""
    link = Impairment(
        delay=Uniform(0, 5 * MS),
        keep_order=keep_order,
        loss=Bernoulli(0.2),
        reorder=0.05,
        duplicate=0.05,
        corrupt=0.2,
    )

    async def main(world: World, client: Peer, handed: Handed) -> None:
        for number, (count, length, last) in enumerate(runs):
            payloads = [memoryview(LARGE)[:length]] * count + [memoryview(LARGE)[: min(last, length)]]
            await world.until(number * MS)
            await client.endpoint.send_train(SERVER, b"run %d " % number, payloads)

    handed, transmissions = between(main, to_server=link, seed=seed)
    expected = []
    for transmission in transmissions:
        for payload, fate in zip(transmission.payloads, transmission.fates, strict=True):
            for arrival in fate.arrivals:
                datagram = bytearray(transmission.header + bytes(payload))
                if arrival.corrupt_bit is not None:
                    datagram[arrival.corrupt_bit // 8] ^= 1 << arrival.corrupt_bit % 8
                expected.append((arrival.arrival_ns, bytes(datagram)))
    received = [(batch.received_ns, bytes(each)) for _, batch in handed.batches for each in batch.datagrams()]
    assert sorted(received) == sorted(expected)
    assert [at_ns for at_ns, _ in received] == sorted(at_ns for at_ns, _ in received)
