"""What two ends find out of each other's clock, on hosts whose clocks differ and drift, over ways that are not alike."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cts.impairment.delay import Constant
from cts.impairment.link import Impairment
from cts.impairment.loss import Bernoulli
from cts.metrics.clock_figures import ClockFigures, DelayFigures
from cts.metrics.peer_clock import ClockEstimate
from cts.records.stream_results import StreamResult
from tests.engine.drifting_clocks import with_clock
from tests.engine.simulated_runs import both_sides
from tests.engine.small_stream import MS, SECOND, config_of
from tests.engine.virtual_world import World, in_world
from tests.examples import WHOLE_RUNS

PPM = Fraction(1, 1_000_000)
WAY = st.integers(0, 300 * MS)
BY_HELLO = {"handshake": "cts"}


def ends(
    direction: str, there_ns: int, back_ns: int, offset_ns: int, ppm: int, seed: int, length: str = "2s"
) -> tuple[StreamResult, StreamResult]:
    """Return what became of the client's and the server's end; the server's clock is another one than the world's."""
    stream = {"stream_length": length}

    async def main(world: World) -> tuple[StreamResult, StreamResult]:
        host = with_clock(world, offset_ns, ppm * PPM)
        server = await host.serve(
            host.session(config_of(direction, run={"role": "server", "grace": "1h"}, stream=stream))
        )
        client = await world.session(config_of(direction, run={"role": "client"}, client=BY_HELLO, stream=stream)).run()
        (at_client,), (at_server,) = client.results, (await server.stop()).results
        return at_client, at_server

    lossy = Bernoulli(0.1)
    return in_world(
        main,
        to_server=Impairment(delay=Constant(there_ns), loss=lossy),
        to_client=Impairment(delay=Constant(back_ns), loss=lossy),
        seed=seed,
    )


def clock_of(result: StreamResult) -> ClockFigures | None:
    return None if result.peer is None else result.peer.clock


def holds(estimate: ClockEstimate, truth: Fraction) -> bool:
    # What a clock shows is whole nanoseconds.
    return bool(abs(estimate.value - truth) <= estimate.error + 3)


def all_hold(figures: DelayFigures, truth: Fraction) -> bool:
    return all(holds(each, truth) for each in (figures.least, figures.p50, figures.p99))


@WHOLE_RUNS
@given(
    st.sampled_from(["pull", "push"]),
    WAY,
    WAY,
    st.integers(0, 2**60),
    st.integers(-50, 50),
    st.integers(0, 10_000),
)
def test_with_unequal_ways_and_drift_the_truth_lies_within_the_stated_bound_at_both_ends(
    direction: str, there_ns: int, back_ns: int, offset_ns: int, ppm: int, seed: int
) -> None:
    at_client, at_server = ends(direction, there_ns, back_ns, offset_ns, ppm, seed)
    rate = 1 + ppm * PPM
    for result, to_peer_ns, from_peer_ns, of_host in (
        (at_client, there_ns, back_ns, Fraction(1)),
        (at_server, back_ns, there_ns, rate),
    ):
        clock = clock_of(result)
        if clock is None:
            continue
        # By each end's own clock.
        assert all_hold(clock.to_peer, to_peer_ns * of_host)
        assert all_hold(clock.from_peer, from_peer_ns * of_host)
        assert clock.media is None or all_hold(clock.media, from_peer_ns * of_host)
        gained = rate - 1 if of_host == 1 else 1 / rate - 1
        assert clock.drift is None or holds(clock.drift, gained * SECOND)
        assert clock.round_trip_least_ns >= (there_ns + back_ns) * of_host - 3
        assert clock.steps == 0


@pytest.mark.parametrize("direction", ["pull", "push"])
def test_every_figure_is_there_after_half_a_minute(direction: str) -> None:
    results = ends(direction, 30 * MS, 10 * MS, 5 * SECOND, 50, 1, length="30s")
    for result, ppm in zip(results, (50_000, -50_000), strict=True):
        clock = clock_of(result)
        assert clock is not None
        assert clock.exchanges > 80
        assert clock.drift is not None
        assert abs(clock.drift.value - ppm) < clock.drift.error < 2_000_000
        for way in (clock.to_peer.p50, clock.from_peer.p50):
            assert 20 * MS <= way.error < 21 * MS
        receives = result.role.value == "receiver"
        assert (clock.media is not None) is receives


def test_an_end_asks_five_times_a_second_at_most() -> None:
    sides = both_sides("pull", client=BY_HELLO)
    pings = [
        each.at_ns for each in sides.transmissions if each.way == "to_server" and each.header[:4] == b"\x00\x20\x01\x10"
    ]
    assert len(pings) > 5
    gaps = [later - sooner for sooner, later in pairwise(pings)]
    assert min(gaps) >= 200 * MS
    assert len(set(gaps)) == len(gaps)
