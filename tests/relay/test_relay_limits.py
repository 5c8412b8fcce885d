"""What a relay does when there is too much of something, when the network refuses, and when it ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cts.api import Address
from cts.errors import UserError
from cts.impairment.delay import Constant
from cts.impairment.link import Impairment
from cts.relay.relay import RelayLimits
from cts.relay.statistics import BUFFER_FULL, NO_ROOM, TOO_MUCH_HELD
from tests.engine.virtual_world import World, in_world
from tests.examples import WHOLE_RUNS
from tests.net.fake_sockets import ADDRESS_IN_USE, TOO_MANY_FILES, UNREACHABLE, FakeNetwork
from tests.relay.relays import (
    ALICE,
    BOB,
    CAROL,
    CLEAR,
    LATENCY,
    MS,
    RELAY,
    SECOND,
    SERVER,
    Notes,
    Workbench,
    on_a_workbench,
    relay_of,
)

MINUTE = 60 * SECOND
TWO = RelayLimits(clients=2, idle_ns=MINUTE)


def stranger(number: int) -> Address:
    return Address(f"203.0.113.{number % 250}", 2000 + number)


# -- clients -----------------------------------------------------------------------------------------------------------


def test_a_client_beyond_the_limit_gets_nothing_and_takes_nothing_from_the_others() -> None:
    async def main(bench: Workbench) -> None:
        for remote in (ALICE, BOB, CAROL, ALICE, CAROL):
            bench.listener.feed(remote, b"hello")
        await bench.until(LATENCY)
        assert [each.data for each in bench.network.upstreams] == [[b"hello"] * 2, [b"hello"]]
        statistics = bench.relay.statistics()
        assert (statistics.clients, statistics.clients_total) == (2, 2)
        assert statistics.to_server.dropped == {NO_ROOM: 2}
        assert (statistics.to_server.offered, statistics.dropped) == (3, 2)

    on_a_workbench(main, limits=TWO)


def test_a_client_of_whom_nothing_comes_is_forgotten_and_its_socket_closed() -> None:
    async def main(bench: Workbench) -> None:
        bench.listener.feed(ALICE, b"1")
        await bench.until(MINUTE - MS)
        assert bench.network.open_upstreams == bench.relay.statistics().clients == 1
        await bench.until(MINUTE + MINUTE // 16)
        assert bench.network.open_upstreams == bench.relay.statistics().clients == 0
        assert bench.relay.statistics().to_server.forwarded == 1

    on_a_workbench(main, limits=TWO)


def test_a_client_that_comes_back_after_it_was_forgotten_is_another() -> None:
    async def main(bench: Workbench) -> None:
        bench.listener.feed(ALICE, b"1")
        await bench.until(2 * MINUTE)
        bench.listener.feed(ALICE, b"2")
        await bench.until(3 * MINUTE)
        assert [each.data for each in bench.network.upstreams] == [[b"1"], [b"2"]]
        assert [client for _, client, _, _ in bench.notes.clients] == [1, 2]
        assert [each.first for each in bench.notes.transmissions] == [1, 1]
        assert bench.relay.statistics().clients_total == 2

    on_a_workbench(main, limits=TWO)


@pytest.mark.parametrize("who", ["client", "server"])
def test_a_client_is_kept_while_either_side_sends(who: str) -> None:
    async def main(bench: Workbench) -> None:
        bench.listener.feed(ALICE, b"hello")
        await bench.settle()
        for halves in range(1, 10):
            await bench.until(halves * MINUTE // 2)
            if who == "client":
                bench.listener.feed(ALICE, b"more")
            else:
                bench.network.upstreams[0].feed(SERVER, b"more")
        assert bench.network.open_upstreams == bench.relay.statistics().clients_total == 1

    on_a_workbench(main, limits=TWO)


def test_a_client_is_kept_while_something_is_held_for_it() -> None:
    async def main(bench: Workbench) -> None:
        bench.listener.feed(ALICE, b"slow")
        await bench.until(3 * MINUTE - MS)
        assert bench.network.open_upstreams == 1
        await bench.until(3 * MINUTE)
        assert bench.network.upstreams[0].data == [b"slow"]
        await bench.until(4 * MINUTE)
        assert bench.network.open_upstreams == 0

    on_a_workbench(main, to_server=Impairment(delay=Constant(3 * MINUTE)), limits=TWO)


def test_strangers_displace_each_other_and_nobody_whom_the_server_has_answered() -> None:
    async def main(bench: Workbench) -> None:
        for remote in (ALICE, BOB):
            bench.listener.feed(remote, b"hello")
        await bench.until(LATENCY)
        alice, bob = bench.network.upstreams
        alice.feed(SERVER, b"welcome")
        await bench.until(3 * LATENCY)
        for number in range(5):
            bench.listener.feed(stranger(number), b"x")
            await bench.until((number + 3) * 2 * LATENCY)
        bench.listener.feed(ALICE, b"more")
        bench.listener.feed(CAROL, b"at last")
        await bench.until(30 * LATENCY)
        assert alice.data == [b"hello", b"more"]
        assert bob.data == [b"hello"]
        assert bench.network.upstreams[-1].data == [b"at last"]
        statistics = bench.relay.statistics()
        assert (statistics.clients, statistics.displaced) == (2, 6)
        assert bench.network.open_upstreams == 2

    on_a_workbench(main, limits=TWO)


def test_spoofed_addresses_fill_the_table_for_an_idle_time_and_no_longer() -> None:
    limits = RelayLimits(clients=10, idle_ns=MINUTE)

    async def main(bench: Workbench) -> None:
        for number in range(500):
            bench.listener.feed(stranger(number), b"x")
        await bench.settle()
        assert bench.network.open_upstreams == 10
        await bench.until(MINUTE + MINUTE // 16)
        assert bench.network.open_upstreams == 0
        bench.listener.feed(ALICE, b"hello")
        await bench.until(2 * MINUTE)
        assert bench.network.upstreams[-1].data == [b"hello"]
        assert bench.relay.statistics().to_server.dropped == {NO_ROOM: 490}

    on_a_workbench(main, limits=limits)


# -- bytes -------------------------------------------------------------------------------------------------------------


def test_what_cannot_be_held_is_dropped_by_the_relay_and_never_was_on_the_link() -> None:
    limits = RelayLimits(held_bytes=3 * (1000 + 256))

    async def main(bench: Workbench) -> None:
        bench.listener.feed(ALICE, bytes(1000))
        await bench.settle()
        for _ in range(4):
            bench.listener.feed(ALICE, bytes(1000))
        way = bench.relay.statistics().to_server
        assert (way.offered, way.held, way.held_bytes) == (3, 3, 3000)
        assert way.dropped == {TOO_MUCH_HELD: 2}
        assert [each.first for each in bench.notes.transmissions] == [1, 2, 3]
        await bench.until(SECOND)
        bench.listener.feed(ALICE, bytes(1000))
        await bench.until(2 * SECOND)
        assert len(bench.network.upstreams[0].sent) == 4

    on_a_workbench(main, limits=limits)


def test_the_bound_holds_for_clients_that_have_no_socket_yet() -> None:
    async def main(bench: Workbench) -> None:
        bench.network.connect_takes_ns = SECOND
        for _ in range(100):
            bench.listener.feed(ALICE, bytes(1000))
        way = bench.relay.statistics().to_server
        assert (way.held, way.dropped) == (3, {TOO_MUCH_HELD: 97})

    on_a_workbench(main, limits=RelayLimits(held_bytes=3 * (1000 + 256)))


@WHOLE_RUNS
@given(
    limit=st.integers(0, 20_000),
    fed=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3000), st.integers(0, 5)), max_size=40),
)
def test_no_input_makes_what_is_held_grow_past_its_bound(limit: int, fed: list[tuple[int, int, int]]) -> None:
    async def main(bench: Workbench) -> None:
        for number, size, wait_ms in fed:
            bench.listener.feed(stranger(number), bytes(size))
            way = bench.relay.statistics().to_server
            assert way.held_bytes + way.held * 256 <= limit
            await bench.until(bench.now_ns + wait_ms * MS)
        await bench.until(bench.now_ns + SECOND)
        way = bench.relay.statistics().to_server
        assert (way.held, way.held_bytes) == (0, 0)
        assert way.forwarded + way.dropped.get(TOO_MUCH_HELD, 0) == len(fed)

    on_a_workbench(main, limits=RelayLimits(held_bytes=limit))


# -- a network that refuses --------------------------------------------------------------------------------------------


def test_what_the_network_refuses_is_counted_with_its_reason_and_the_next_one_goes() -> None:
    async def main(bench: Workbench) -> None:
        bench.listener.feed(ALICE, b"1")
        await bench.settle()
        bench.network.upstreams[0].refuses = UNREACHABLE
        await bench.until(LATENCY)
        bench.network.upstreams[0].refuses = None
        bench.listener.feed(ALICE, b"2")
        await bench.until(SECOND)
        assert bench.network.upstreams[0].data == [b"2"]
        way = bench.relay.statistics().to_server
        assert way.dropped == {"refused: Network is unreachable": 1}
        assert (way.delivered, way.forwarded, way.held) == (2, 1, 0)

    on_a_workbench(main)


def test_a_send_buffer_that_stays_full_costs_its_own_datagrams_and_holds_up_nobody_for_long() -> None:
    async def main(bench: Workbench) -> None:
        for remote in (ALICE, BOB):
            bench.listener.feed(remote, b"1")
        await bench.settle()
        bench.network.upstreams[0].waits_ns = 3600 * SECOND
        await bench.until(SECOND)
        assert [each.data for each in bench.network.upstreams] == [[], [b"1"]]
        assert bench.network.upstreams[1].sent[0].at_ns <= LATENCY + 25 * MS
        statistics = bench.relay.statistics()
        assert statistics.to_server.dropped == {BUFFER_FULL: 1}
        assert (statistics.to_server.held, statistics.dropped) == (0, 1)

    on_a_workbench(main)


def test_a_send_buffer_that_is_full_for_a_moment_costs_nothing() -> None:
    async def main(bench: Workbench) -> None:
        bench.listener.feed(ALICE, b"123", segment_size=1)
        await bench.settle()
        bench.network.upstreams[0].waits_ns = 5 * MS
        await bench.until(SECOND)
        assert bench.network.upstreams[0].data == [b"1", b"2", b"3"]

    on_a_workbench(main)


def test_a_client_for_whom_there_is_no_socket_is_tried_again_with_its_next_datagram() -> None:
    async def main(bench: Workbench) -> None:
        bench.network.refuses_connect = TOO_MANY_FILES
        bench.listener.feed(ALICE, b"12", segment_size=1)
        await bench.settle()
        statistics = bench.relay.statistics()
        assert (statistics.clients, statistics.clients_total, statistics.to_server.held) == (0, 0, 0)
        assert statistics.to_server.dropped == {"no socket towards the server: Too many open files": 2}
        bench.network.refuses_connect = None
        bench.listener.feed(ALICE, b"3")
        await bench.until(SECOND)
        assert bench.network.upstreams[0].data == [b"3"]
        assert [client for _, client, _, _ in bench.notes.clients] == [1]

    on_a_workbench(main)


def test_what_the_kernel_dropped_counts_as_dropped_by_the_relay() -> None:
    async def main(bench: Workbench) -> None:
        bench.network.overflowed = 5
        statistics = bench.relay.statistics()
        assert (statistics.overflowed, statistics.dropped) == (5, 5)

    on_a_workbench(main)


# -- begin and end -----------------------------------------------------------------------------------------------------


def test_an_address_that_is_not_to_be_had_is_named() -> None:
    async def main(world: World) -> None:
        network = FakeNetwork(world.pacer)
        network.refuses_listen = ADDRESS_IN_USE
        with pytest.raises(UserError, match=r"cannot listen on 192\.0\.2\.9:4445: Address already in use"):
            await relay_of(network, world.pacer).run()

    in_world(main)


def test_a_relay_that_cannot_begin_calls_no_witness() -> None:
    async def main(world: World) -> None:
        network, notes = FakeNetwork(world.pacer), Notes()
        network.refuses_listen = ADDRESS_IN_USE
        with pytest.raises(UserError):
            await relay_of(network, world.pacer, call_witness=notes.begin).run()
        assert notes.began_ns is None

    in_world(main)


def test_addresses_that_were_bound_are_given_back_when_another_is_not_to_be_had() -> None:
    async def main(world: World) -> None:
        with pytest.raises(UserError):
            await relay_of(world.network, world.pacer, listen=(RELAY, RELAY)).run()
        await world.network.listen(RELAY)

    in_world(main)


@pytest.mark.parametrize(
    ("listen", "upstream"),
    [
        (Address("192.0.2.9", 4445), Address("192.0.2.9", 4445)),
        (Address("0.0.0.0", 4445), Address("127.0.0.1", 4445)),
        (Address("::", 4445), Address("::1", 4445)),
    ],
)
def test_a_relay_that_would_send_to_itself_is_refused(listen: Address, upstream: Address) -> None:
    async def main(world: World) -> None:
        network = FakeNetwork(world.pacer)
        with pytest.raises(UserError, match="is the relay itself"):
            await relay_of(network, world.pacer, listen=(listen,), upstream=upstream).run()
        assert network.listeners[0].closed

    in_world(main)


def test_a_cancelled_relay_closes_every_socket_and_leaves_what_is_in_flight() -> None:
    async def main(bench: Workbench) -> None:
        bench.listener.feed(ALICE, b"1")
        await bench.until(LATENCY)
        bench.listener.feed(ALICE, b"2")
        bench.scope.cancel()
        await bench.settle()
        assert bench.listener.closed
        assert bench.network.open_upstreams == 0
        way = bench.relay.statistics().to_server
        assert (way.forwarded, way.held, way.dropped) == (1, 1, {})

    on_a_workbench(main)


def test_a_relay_that_ends_while_a_send_buffer_is_full_ends_at_once() -> None:
    async def main(bench: Workbench) -> None:
        bench.listener.feed(ALICE, b"1")
        await bench.settle()
        bench.network.upstreams[0].waits_ns = 3600 * SECOND
        await bench.until(LATENCY)
        bench.scope.cancel()
        await bench.settle()
        assert bench.now_ns < LATENCY + MS
        assert bench.listener.closed

    on_a_workbench(main, to_client=CLEAR)
