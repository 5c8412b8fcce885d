"""What a link does on average, with fixed seeds: within 4 standard errors of what was configured."""

from __future__ import annotations

from itertools import groupby, pairwise
from math import sqrt
from statistics import fmean, median, pstdev

import attrs
import pytest

from cts.impairment.delay import Normal, Pareto, Uniform, jittered
from cts.impairment.link import Arrival, Fate, FateKind, Impairment, Link, link_rng
from cts.impairment.loss import Bernoulli, EveryNth, GilbertElliott
from cts.impairment.profiles import profile

MS = 1_000_000
N = 50_000
SIZE = 1000


def link(impairment: Impairment, seed: int = 2026) -> Link:
    return Link(impairment, link_rng(seed, "flow", "to_client"))


def at_once(impairment: Impairment) -> list[Fate]:
    return link(impairment).transmit_many(0, [SIZE] * N)


def evenly(impairment: Impairment, count: int) -> list[Fate]:
    path = link(impairment)
    return [path.transmit_many(index * MS, [SIZE])[0] for index in range(count)]


def as_frames(impairment: Impairment, frames: int, per_frame: int, size: int = SIZE) -> list[list[Fate]]:
    path = link(impairment)
    return [path.transmit_many(frame * 33 * MS, [size] * per_frame) for frame in range(frames)]


def within(hits: int, trials: int, p: float, *, inflation: float = 1.0) -> bool:
    """Say whether a count is within 4 standard errors; ``inflation`` is the variance over that of a binomial."""
    return abs(hits - trials * p) <= 4 * sqrt(trials * p * (1 - p) * inflation)


def reordered_share(fates: list[Fate]) -> float:
    """Share of reordered datagrams as in RFC 4737, section 3: on arrival, one sent later had already come."""
    order = sorted((fate.arrivals[0].arrival_ns, number) for number, fate in enumerate(fates) if fate.arrivals)
    furthest = reordered = 0
    for _, number in order:
        reordered += number < furthest
        furthest = max(furthest, number)
    return reordered / len(order)


@pytest.mark.parametrize("p", [0.0, 0.0005, 0.01, 0.3, 1.0])
def test_the_loss_rate_is_the_configured_one(p: float) -> None:
    loss = Bernoulli(p)
    lost = sum(fate.kind is FateKind.LOST for fate in at_once(Impairment(loss=loss)))
    assert within(lost, N, p)


def test_losses_of_the_simple_model_are_independent() -> None:
    flags = [fate.kind is FateKind.LOST for fate in at_once(Impairment(loss=Bernoulli(0.1)))]
    after_a_loss = [flag for before, flag in pairwise(flags) if before]
    assert within(sum(after_a_loss), len(after_a_loss), 0.1)


@pytest.mark.parametrize(
    "loss",
    [GilbertElliott(0.01, 0.25), GilbertElliott(0.004, 0.3), GilbertElliott(0.02, 0.1, 0.7, 0.005)],
    ids=["bursts of 4", "bursts of 3.3", "four parameters"],
)
def test_gilbert_elliott_loses_the_share_that_its_parameters_say(loss: GilbertElliott) -> None:
    lost = sum(fate.kind is FateKind.LOST for fate in at_once(Impairment(loss=loss)))
    memory = 1 - loss.p - loss.r  # each state's correlation with the next
    rate = (loss.p * loss.loss_bad + loss.r * loss.loss_good) / (loss.p + loss.r)
    assert within(lost, N, rate, inflation=(1 + memory) / (1 - memory))


@pytest.mark.parametrize("r", [0.2, 0.5])
def test_bursts_of_the_simple_gilbert_model_have_the_mean_length_one_over_r(r: float) -> None:
    flags = [fate.kind is FateKind.LOST for fate in at_once(Impairment(loss=GilbertElliott(0.02, r)))]
    bursts = [sum(1 for _ in run) for lost, run in groupby(flags) if lost]
    assert abs(fmean(bursts) - 1 / r) <= 4 * sqrt((1 - r) / r**2 / len(bursts))


def test_every_nth_has_the_rate_one_over_n() -> None:
    loss = EveryNth(50)
    assert sum(fate.kind is FateKind.LOST for fate in at_once(Impairment(loss=loss))) == N / 50


@pytest.mark.parametrize("p", [0.001, 0.05])
def test_the_share_of_duplicates_is_the_configured_one(p: float) -> None:
    copies = sum(len(fate.arrivals) - 1 for fate in at_once(Impairment(duplicate=p)))
    assert within(copies, N, p)


@pytest.mark.parametrize("p", [0.001, 0.02])
def test_the_share_reordered_is_the_configured_one_for_evenly_sent_datagrams(p: float) -> None:
    fates = evenly(Impairment(delay=jittered(20 * MS, 2 * MS), reorder=p), 20_000)
    assert within(round(reordered_share(fates) * 20_000), 20_000, p)


def test_the_share_reordered_is_the_configured_one_for_frames_sent_in_a_burst() -> None:
    frames = as_frames(Impairment(delay=jittered(20 * MS, 2 * MS), reorder=0.01), frames=1500, per_frame=24)
    fates = [fate for frame in frames for fate in frame]
    assert within(round(reordered_share(fates) * len(fates)), len(fates), 0.01)


def test_jitter_without_reordering_reorders_nothing() -> None:
    assert reordered_share(evenly(Impairment(delay=jittered(20 * MS, 5 * MS)), 20_000)) == 0


def test_the_share_of_corrupted_arrivals_is_the_configured_one_copies_included() -> None:
    fates = at_once(Impairment(corrupt=0.02, duplicate=0.5))
    for copy in (False, True):
        seen = [arrival for fate in fates for arrival in fate.arrivals if arrival.is_copy is copy]
        assert within(sum(arrival.corrupt_bit is not None for arrival in seen), len(seen), 0.02)


def test_each_bit_is_as_likely_to_be_corrupted_as_any_other() -> None:
    bits = [arrival.corrupt_bit for fate in at_once(Impairment(corrupt=0.3)) for arrival in fate.arrivals]
    hit = [bit for bit in bits if bit is not None]
    for eighth in range(8):
        assert within(sum(bit * 8 // (SIZE * 8) == eighth for bit in hit), len(hit), 1 / 8)
        assert within(sum(bit % 8 == eighth for bit in hit), len(hit), 1 / 8)


def first_delays(impairment: Impairment) -> list[int]:
    return [fate.arrivals[0].arrival_ns for fate in at_once(attrs.evolve(impairment, keep_order=False))]


def test_a_normal_delay_has_its_mean_and_standard_deviation() -> None:
    found = first_delays(Impairment(delay=Normal(50 * MS, 3 * MS)))
    assert abs(fmean(found) - 50 * MS) <= 4 * 3 * MS / sqrt(N)
    assert abs(pstdev(found) - 3 * MS) <= 4 * 3 * MS / sqrt(2 * N)
    assert within(sum(delay > 53 * MS for delay in found), N, 0.158655)


def test_a_uniform_delay_fills_its_range_evenly() -> None:
    found = first_delays(Impairment(delay=Uniform(10 * MS, 20 * MS)))
    for tenth in range(10):
        assert within(sum((delay - 10 * MS) // MS == tenth for delay in found), N, 0.1)


@pytest.mark.parametrize(("minimum", "shape", "scale"), [(5 * MS, 1.3, None), (20 * MS, 3.0, 2 * MS)])
def test_a_pareto_delay_has_the_tail_of_its_definition(minimum: int, shape: float, scale: int | None) -> None:
    found = first_delays(Impairment(delay=Pareto(minimum, shape, scale)))
    for factor in (1.1, 2.0, 5.0, 20.0):
        beyond = minimum + (scale or minimum) * (factor - 1)
        assert within(sum(delay > beyond for delay in found), N, factor**-shape)


def test_jitter_of_a_burst_is_that_of_its_frames_and_not_that_of_the_slowest_datagram() -> None:
    frames = as_frames(Impairment(delay=jittered(20 * MS, 2 * MS)), frames=3000, per_frame=38)
    took = [frame[-1].arrivals[0].arrival_ns - index * 33 * MS for index, frame in enumerate(frames)]
    assert abs(fmean(took) - 20 * MS) <= 4 * 2 * MS / sqrt(3000)
    assert abs(pstdev(took) - 2 * MS) <= 4 * 2 * MS / sqrt(6000)


def test_an_overloaded_link_delivers_its_bandwidth_to_the_bit() -> None:
    rate, seconds = 8_000_000, 10
    path = link(Impairment(bandwidth_bits_per_second=rate, queue_bytes=64_000, overhead_bytes=0))
    fates = [fate for tick in range(seconds * 1000) for fate in path.transmit_many(tick * MS, [SIZE] * 3)]
    arrived = [fate.arrivals[0] for fate in fates if fate.arrivals]
    assert arrived == [Arrival(number * MS, None, False) for number in range(1, len(arrived) + 1)]
    assert sum(SIZE * 8 for arrival in arrived if arrival.arrival_ns <= seconds * 1000 * MS) == rate * seconds


# -- profiles ------------------------------------------------------------------------------------------------------------


def median_ms(impairment: Impairment) -> float:
    frames = as_frames(impairment, frames=2000, per_frame=1, size=72)
    took = [fate.arrivals[0].arrival_ns - at * 33 * MS for at, (fate,) in enumerate(frames) if fate.arrivals]
    return median(took) / MS


@pytest.mark.parametrize(
    ("name", "low_ms", "high_ms"),
    [
        ("good-wifi", 2, 4),
        ("congested-wifi", 18, 24),
        ("lte", 44, 66),
        ("5g", 14, 36),
        ("3g", 150, 158),
        ("satellite-geo", 630, 724),
        ("satellite-leo", 40, 60),
        ("adsl", 37, 41),
        ("ftth", 11, 12.5),
        ("transatlantic", 85, 91),
        ("intercontinental", 155, 161),
    ],
)
def test_a_profile_has_the_round_trip_its_source_measured(name: str, low_ms: float, high_ms: float) -> None:
    entry = profile(name)
    assert low_ms <= median_ms(entry.to_client) + median_ms(entry.to_server) <= high_ms


def test_a_profile_can_be_overridden_key_by_key() -> None:
    slower = attrs.evolve(profile("lte").to_client, bandwidth_bits_per_second=5_000_000)
    assert slower.loss == profile("lte").to_client.loss


@pytest.mark.parametrize(
    ("name", "meant"), [("LTE", "lte"), ("satelite_leo", "satellite-leo"), ("good wifi", "good-wifi")]
)
def test_an_unknown_profile_is_refused_with_the_one_that_was_meant(name: str, meant: str) -> None:
    with pytest.raises(ValueError, match=f"did you mean '{meant}'.*allowed: good-wifi, "):
        profile(name)
