"""The impairment model, datagram by datagram: what is exact is checked exactly."""

from __future__ import annotations

import attrs
import pytest

from cts.impairment.delay import Constant, Normal, Pareto, Trace, Uniform, jittered
from cts.impairment.link import IPV6_UDP_OVERHEAD, Arrival, Fate, FateKind, Impairment, Link, link_rng
from cts.impairment.loss import Bernoulli, EveryNth, GilbertElliott, Ranges

MS = 1_000_000
SECOND = 1000 * MS
DELIVERED, LOST, QUEUE, MTU, OUTAGE = FateKind


def link(impairment: Impairment, seed: int = 1, *, start_ns: int = 0) -> Link:
    return Link(impairment, link_rng(seed, "flow", "to_client"), start_ns=start_ns)


def kinds(fates: list[Fate]) -> list[FateKind]:
    return [fate.kind for fate in fates]


def arrivals_ns(fates: list[Fate]) -> list[int]:
    return [fate.arrivals[0].arrival_ns for fate in fates if fate.arrivals]


def sent_evenly(path: Link, count: int, gap_ns: int = MS, size: int = 1000) -> list[Fate]:
    return [path.transmit_many(index * gap_ns, [size])[0] for index in range(count)]


# -- delay -------------------------------------------------------------------------------------------------------------


def test_the_default_delivers_every_datagram_at_the_instant_it_is_sent() -> None:
    assert link(Impairment()).transmit_many(7, [100])[0] == Fate(DELIVERED, (Arrival(7, None, False),))


def test_constant_latency_is_added_to_the_instant_of_sending() -> None:
    path = link(Impairment(delay=Constant(20 * MS)))
    assert arrivals_ns(path.transmit_many(5, [1, 2, 3])) == [20 * MS + 5] * 3
    assert arrivals_ns([path.transmit_many(5, [1])[0], path.transmit_many(6, [1])[0]]) == [20 * MS + 5, 20 * MS + 6]


def test_latency_alone_never_reorders_unless_order_is_given_up() -> None:
    wild = Impairment(delay=Uniform(0, 50 * MS), delay_hold_ns=0)
    kept = arrivals_ns(sent_evenly(link(wild), 200))
    free = arrivals_ns(sent_evenly(link(attrs.evolve(wild, keep_order=False)), 200))
    assert kept == sorted(kept)
    assert free != sorted(free)


def test_a_burst_shares_one_draw_of_the_latency_and_the_next_one_draws_again() -> None:
    path = link(Impairment(delay=Uniform(0, 20 * MS), delay_hold_ns=30 * MS))
    drawn = arrivals_ns([path.transmit_many(0, [9])[0]])[0]
    assert path.transmit_many(MS, []) == []
    assert arrivals_ns(path.transmit_many(30 * MS - 1, [9, 9])) == [drawn + 30 * MS - 1] * 2
    assert arrivals_ns([path.transmit_many(30 * MS, [9])[0]]) != [drawn + 30 * MS]


def test_handing_over_no_datagram_draws_no_latency() -> None:
    impairment = Impairment(delay=Uniform(0, 20 * MS), delay_hold_ns=2)
    idle = link(impairment)
    idle.transmit_many(0, [])
    assert idle.transmit_many(2, [9])[0] == link(impairment).transmit_many(2, [9])[0]


def test_a_uniform_delay_takes_both_ends_of_its_range() -> None:
    path = link(Impairment(delay=Uniform(3, 5), keep_order=False))
    assert set(arrivals_ns(path.transmit_many(0, [9] * 200))) == {3, 4, 5}


def test_where_order_is_not_kept_each_datagram_of_a_burst_draws_its_own_latency() -> None:
    path = link(Impairment(delay=Normal(20 * MS, 2 * MS), keep_order=False))
    assert len(set(arrivals_ns(path.transmit_many(0, [1000] * 20)))) == 20


def test_a_trace_is_replayed_per_datagram_and_begins_again() -> None:
    path = link(Impairment(delay=Trace((1, 5, 9))))
    assert arrivals_ns(path.transmit_many(0, [8] * 2)) == [1, 5]
    assert [
        fate.arrivals[0].arrival_ns - at
        for at, fate in ((10, path.transmit_many(10, [8])[0]), (30, path.transmit_many(30, [8])[0]))
    ] == [9, 1]


def test_a_normal_delay_below_zero_is_zero() -> None:
    path = link(Impairment(delay=Normal(0, MS), keep_order=False))
    assert min(arrivals_ns(path.transmit_many(0, [9] * 500))) == 0


def test_a_pareto_delay_stays_between_its_minimum_and_its_cap() -> None:
    path = link(Impairment(delay=Pareto(10 * MS, 0.1, scale_ns=MS, cap_ns=40 * MS), keep_order=False))
    found = arrivals_ns(path.transmit_many(0, [9] * 500))
    assert 10 * MS <= min(found) < 11 * MS
    assert max(found) == 40 * MS


def test_the_short_form_is_normal_with_the_jitter_as_standard_deviation() -> None:
    assert jittered(20 * MS, 2 * MS) == Normal(20 * MS, 2 * MS)
    assert jittered(20 * MS) == Constant(20 * MS)


# -- loss --------------------------------------------------------------------------------------------------------------


def lost_numbers(impairment: Impairment, count: int = 40) -> list[int]:
    fates = sent_evenly(link(impairment), count)
    return [number for number, fate in enumerate(fates, 1) if fate.kind is LOST]


def test_every_nth_datagram_is_lost_counted_from_one() -> None:
    assert lost_numbers(Impairment(loss=EveryNth(15))) == [15, 30]


def test_ranges_lose_their_ends_too_and_may_overlap_in_any_order() -> None:
    assert lost_numbers(Impairment(loss=Ranges([(7, 9), (2, 3), (8, 11), (40, 99)]))) == [2, 3, 7, 8, 9, 10, 11, 40]


def test_gilbert_elliott_judges_in_the_state_it_is_in_and_then_moves() -> None:
    assert lost_numbers(Impairment(loss=GilbertElliott(p=1.0, r=1.0)), 6) == [2, 4, 6]
    assert lost_numbers(Impairment(loss=GilbertElliott(p=1.0, r=1.0, loss_bad=0.0, loss_good=1.0)), 6) == [1, 3, 5]


# -- MTU, outage, bandwidth and queue -----------------------------------------------------------------------------------


def test_the_mtu_counts_the_ip_datagram() -> None:
    v4, v6 = Impairment(mtu_bytes=1500), Impairment(mtu_bytes=1500, overhead_bytes=IPV6_UDP_OVERHEAD)
    assert kinds(link(v4).transmit_many(0, [1472, 1473])) == [DELIVERED, MTU]
    assert kinds(link(v6).transmit_many(0, [1452, 1453])) == [DELIVERED, MTU]


def test_an_outage_drops_what_is_sent_in_it_and_lets_through_what_is_under_way() -> None:
    path = link(Impairment(delay=Constant(500), outages=[(100, 200)]), start_ns=1000)
    sent = {at: path.transmit_many(at, [10])[0] for at in (150, 1099, 1100, 1199, 1200)}
    assert [at for at, fate in sent.items() if fate.kind is OUTAGE] == [1100, 1199]
    assert sent[1099].arrivals[0].arrival_ns == 1599


def test_outages_may_overlap_and_touch_in_any_order() -> None:
    path = link(Impairment(outages=[(50, 60), (10, 40), (20, 30), (40, 45)]))
    down = [at for at in range(70) if path.transmit_many(at, [10])[0].kind is OUTAGE]
    assert down == [*range(10, 45), *range(50, 60)]


def test_bandwidth_spaces_a_burst_by_the_time_each_ip_datagram_takes() -> None:
    path = link(Impairment(bandwidth_bits_per_second=10_000_000))
    assert arrivals_ns(path.transmit_many(0, [1222] * 4)) == [MS, 2 * MS, 3 * MS, 4 * MS]


def test_bandwidth_adds_up_no_rounding_over_many_datagrams() -> None:
    path = link(Impairment(bandwidth_bits_per_second=7_000_000, queue_bytes=10**9))
    found = arrivals_ns(path.transmit_many(0, [1000] * 20_000))
    assert found == [-(-number * 1028 * 8 * SECOND // 7_000_000) for number in range(1, 20_001)]


def test_a_full_queue_drops_at_the_tail_and_has_room_again_as_it_drains() -> None:
    path = link(Impairment(bandwidth_bits_per_second=10_000_000, queue_bytes=12_500))
    burst = kinds(path.transmit_many(0, [1222] * 15))
    assert burst == [DELIVERED] * 10 + [QUEUE] * 5
    assert path.transmit_many(MS - 1, [1222])[0].kind is QUEUE
    assert path.transmit_many(MS, [1222])[0].kind is DELIVERED
    assert kinds(path.transmit_many(11 * MS, [1222] * 11)) == [DELIVERED] * 10 + [QUEUE]


def test_without_a_queue_only_an_idle_link_takes_a_datagram() -> None:
    path = link(Impairment(bandwidth_bits_per_second=10_000_000, queue_bytes=0))
    assert kinds(path.transmit_many(0, [1222] * 3)) == [DELIVERED, QUEUE, QUEUE]
    assert path.transmit_many(MS, [1222])[0].kind is DELIVERED


def test_a_datagram_lost_behind_the_queue_has_used_its_bandwidth() -> None:
    path = link(Impairment(bandwidth_bits_per_second=10_000_000, loss=Ranges([(1, 3)])))
    assert arrivals_ns(path.transmit_many(0, [1222] * 4)) == [4 * MS]


def test_the_default_queue_holds_200_ms_of_the_bandwidth() -> None:
    assert Impairment(bandwidth_bits_per_second=10_000_000).queue_limit_bytes == 250_000
    assert Impairment(bandwidth_bits_per_second=8000).queue_limit_bytes == 3000
    assert Impairment().queue_limit_bytes is None


def test_the_first_stage_that_drops_a_datagram_names_its_fate() -> None:
    every = Impairment(
        mtu_bytes=1000, outages=[(0, 10)], bandwidth_bits_per_second=8000, queue_bytes=0, loss=EveryNth(1)
    )
    path = link(every)
    assert kinds(path.transmit_many(5, [1400, 500])) == [MTU, OUTAGE]
    assert kinds(path.transmit_many(10, [500, 500])) == [LOST, QUEUE]


# -- reorder, duplicate, corrupt ----------------------------------------------------------------------------------------


def test_a_reordered_datagram_takes_longer_and_holds_up_nothing() -> None:
    impairment = Impairment(delay=Constant(MS), reorder=0.5, reorder_delay_ns=10 * MS)
    found = arrivals_ns(link(impairment).transmit_many(0, [100] * 50))
    assert set(found) == {MS, 11 * MS}


def test_a_copy_has_a_latency_of_its_own_and_never_arrives_before_its_original() -> None:
    path = link(Impairment(delay=Uniform(0, 10 * MS), duplicate=1.0))
    fates = sent_evenly(path, 200, gap_ns=20 * MS)
    pairs = [fate.arrivals for fate in fates]
    assert all((first.is_copy, copy.is_copy) == (False, True) for first, copy in pairs)
    assert all(copy.arrival_ns >= first.arrival_ns for first, copy in pairs)
    assert any(copy.arrival_ns > first.arrival_ns for first, copy in pairs)


def test_corruption_names_one_bit_of_the_payload_and_spares_an_empty_one() -> None:
    path = link(Impairment(corrupt=1.0, duplicate=1.0))
    bits = [arrival.corrupt_bit for fate in path.transmit_many(0, [2] * 300) for arrival in fate.arrivals]
    assert set(bits) == set(range(16))
    assert path.transmit_many(0, [0])[0].arrivals[0].corrupt_bit is None


def test_duplication_does_not_change_which_originals_are_corrupted() -> None:
    plain, doubled = (link(Impairment(corrupt=0.2, duplicate=share)) for share in (0.0, 0.5))
    for single, pair in zip(plain.transmit_many(0, [99] * 200), doubled.transmit_many(0, [99] * 200), strict=True):
        assert single.arrivals[0] == pair.arrivals[0]


# -- refusals ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Constant(-1), "delay: -1 is out of range; allowed: at least 0"),
        (lambda: Uniform(5, 4), "high: 4 ns, and low is 5 ns; allowed: low or more"),
        (lambda: Normal(1, -1), "sigma: -1 is out of range"),
        (lambda: Pareto(1, 0.01), "shape: 0.01 is out of range; allowed: at least 0.1"),
        (lambda: Pareto(0, 2.0), "minimum: 0 s, and scale, which is the minimum unless given, would be 0"),
        (lambda: Pareto(5, 2.0, cap_ns=4), "cap: 4 ns, and minimum is 5 ns; allowed: minimum or more"),
        (lambda: Pareto(5, 2.0, scale_ns=0), "scale: 0 is out of range; allowed: at least 1"),
        (lambda: Trace(()), "delays: no delay, or one below 0"),
        (lambda: Trace((1, -2)), "delays: no delay, or one below 0"),
        (lambda: Bernoulli(1.01), "p: 1.01 is out of range; allowed: 0 to 1"),
        (lambda: Bernoulli(float("nan")), "p: nan is out of range"),
        (lambda: GilbertElliott(0.1, 0.0), "r: 0: a bad state that never ends; allowed: more than 0"),
        (lambda: EveryNth(0), "n: 0 is out of range"),
        (lambda: Ranges([(0, 4)]), "ranges: 0 is out of range; allowed: at least 1"),
        (lambda: Ranges([(5, 4)]), "ranges: from 5 to 4, which is backwards"),
        (lambda: Ranges([(1, 2, 3)]), "item 0 is"),
        (lambda: Impairment(duplicate=2), "duplicate: 2 is out of range"),
        (lambda: Impairment(mtu_bytes=67), "mtu_bytes: 67 is out of range; allowed: at least 68"),
        (lambda: Impairment(bandwidth_bits_per_second=0), "bandwidth_bits_per_second: 0 is out of range"),
        (lambda: Impairment(reorder_delay_ns=0), "reorder_delay: 0 is out of range"),
        (lambda: Impairment(queue_bytes=1000), "queue: needs a bandwidth: without one, nothing ever waits"),
        (lambda: Impairment(outages=[(5, 5)]), "outages: from 5 to 5"),
    ],
)
def test_a_value_out_of_range_is_named_with_what_is_allowed(make: object, text: str) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match=text):
        make()
