"""The impairment model for any settings: grouping does not matter, features are independent, seeds decide all."""

from __future__ import annotations

from hashlib import sha256

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cts.impairment.delay import Constant, Normal, Pareto, Trace, Uniform
from cts.impairment.link import Fate, FateKind, Impairment, Link, link_rng
from cts.impairment.loss import Bernoulli, EveryNth, GilbertElliott, Ranges

MS = 1_000_000
SECOND = 1000 * MS
DELIVERED, LOST = FateKind.DELIVERED, FateKind.LOST


def link(impairment: Impairment, seed: int = 1) -> Link:
    return Link(impairment, link_rng(seed, "flow", "to_client"))


def sent_evenly(path: Link, count: int, gap_ns: int = MS, size: int = 1000) -> list[Fate]:
    return [path.transmit_many(index * gap_ns, [size])[0] for index in range(count)]


delays = st.one_of(
    st.builds(Constant, st.integers(0, 50 * MS)),
    st.builds(lambda low, span: Uniform(low, low + span), st.integers(0, 9 * MS), st.integers(0, 9 * MS)),
    st.builds(Normal, st.integers(0, 9 * MS), st.integers(0, 9 * MS)),
    st.builds(Pareto, st.integers(1, 9 * MS), st.floats(0.5, 9.0)),
    st.builds(Trace, st.lists(st.integers(0, 9 * MS), min_size=1, max_size=5)),
)
losses = st.one_of(
    st.none(),
    st.builds(Bernoulli, st.floats(0, 1)),
    st.builds(GilbertElliott, st.floats(0, 1), st.floats(0.01, 1), st.floats(0, 1), st.floats(0, 1)),
    st.builds(EveryNth, st.integers(1, 9)),
    st.builds(
        Ranges,
        st.lists(st.tuples(st.integers(1, 60), st.integers(0, 20)).map(lambda pair: (pair[0], sum(pair))), max_size=5),
    ),
)
outages = st.lists(
    st.tuples(st.integers(0, 60 * MS), st.integers(1, 9 * MS)).map(lambda pair: (pair[0], sum(pair))), max_size=3
)
chances = st.sampled_from([0.0, 0.3, 1.0])
impairments = st.builds(
    Impairment,
    delay=delays,
    keep_order=st.booleans(),
    delay_hold_ns=st.sampled_from([0, MS, 5 * MS]),
    loss=losses,
    reorder=chances,
    duplicate=chances,
    corrupt=chances,
    bandwidth_bits_per_second=st.none() | st.integers(100_000, 100_000_000),
    mtu_bytes=st.none() | st.just(1000),
    outages=outages,
)
bursts = st.lists(st.tuples(st.integers(0, 9 * MS), st.lists(st.integers(0, 1400), max_size=9)), max_size=9)


@settings(deadline=None)
@given(impairments, bursts, st.integers(0, 2**64))
def test_datagrams_handed_over_at_once_fare_as_one_at_a_time(
    impairment: Impairment, steps: list[tuple[int, list[int]]], seed: int
) -> None:
    at_once, singly = link(impairment, seed), link(impairment, seed)
    now_ns = 0
    for gap_ns, sizes in steps:
        now_ns += gap_ns
        assert at_once.transmit_many(now_ns, sizes) == [singly.transmit_many(now_ns, [size])[0] for size in sizes]
    assert at_once.offered == singly.offered == sum(len(sizes) for _, sizes in steps)


@settings(deadline=None)
@given(impairments, bursts)
def test_arrivals_are_never_early_and_copies_follow_their_originals(
    impairment: Impairment, steps: list[tuple[int, list[int]]]
) -> None:
    path = link(impairment)
    now_ns = last_ns = 0
    for gap_ns, sizes in steps:
        now_ns += gap_ns
        for fate, size in zip(path.transmit_many(now_ns, sizes), sizes, strict=True):
            assert (fate.kind is DELIVERED) == bool(fate.arrivals)
            assert [arrival.is_copy for arrival in fate.arrivals] in ([], [False], [False, True])
            times = [arrival.arrival_ns for arrival in fate.arrivals]
            assert times == sorted(times)
            for arrival in fate.arrivals:
                assert arrival.arrival_ns >= now_ns
                assert arrival.corrupt_bit is None or 0 <= arrival.corrupt_bit < size * 8
            if times and impairment.keep_order and not impairment.reorder:
                assert times[0] >= last_ns
                last_ns = times[0]


@settings(deadline=None)
@given(impairments, losses.filter(lambda loss: loss is not None))
def test_no_other_feature_changes_which_datagrams_the_loss_process_takes(
    impairment: Impairment, loss: Bernoulli
) -> None:
    alone = sent_evenly(link(Impairment(loss=loss)), 60)
    among = sent_evenly(link(attrs.evolve(impairment, loss=loss)), 60)
    for expected, found in zip(alone, among, strict=True):
        assert found.kind not in (DELIVERED, LOST) or found.kind == expected.kind


PLAIN = Impairment(delay=Normal(20 * MS, MS), keep_order=False, reorder_delay_ns=SECOND)


@pytest.mark.parametrize(
    "among",
    [
        attrs.evolve(PLAIN, corrupt=0.3),
        attrs.evolve(PLAIN, duplicate=0.3),
        attrs.evolve(PLAIN, reorder=0.3),
        attrs.evolve(PLAIN, loss=Bernoulli(0.3)),
        attrs.evolve(PLAIN, outages=[(5 * MS, 30 * MS)]),
    ],
    ids=["corrupt", "duplicate", "reorder", "loss", "outage"],
)
def test_turning_a_feature_on_leaves_the_latency_draws_alone(among: Impairment) -> None:
    for expected, found in zip(sent_evenly(link(PLAIN), 100), sent_evenly(link(among), 100), strict=True):
        at_ns = expected.arrivals[0].arrival_ns
        assert not found.arrivals or found.arrivals[0].arrival_ns in (at_ns, at_ns + SECOND)


def test_each_flow_and_way_has_a_stream_of_its_own() -> None:
    keys = [(seed, flow, way) for seed in (1, 2) for flow in ("a", "b", "a b") for way in ("to_client", "b to_client")]
    first = {link_rng(*key).getrandbits(64) for key in keys}
    assert len(first) == len(keys)


def test_the_random_streams_are_the_same_on_every_python() -> None:
    assert link_rng(1, "10.0.0.1:5000", "to_server").getrandbits(64) == 672556961623528373


def test_fates_are_the_same_on_every_python() -> None:
    everything = Impairment(
        delay=Normal(20 * MS, 2 * MS),
        loss=GilbertElliott(0.05, 0.3, 0.9, 0.01),
        reorder=0.02,
        duplicate=0.02,
        corrupt=0.02,
        bandwidth_bits_per_second=20_000_000,
        mtu_bytes=1400,
        outages=[(100 * MS, 150 * MS)],
    )
    tails = [attrs.evolve(everything, delay=delay) for delay in (Pareto(MS, 1.5), Uniform(0, MS), Trace((1, 2)))]
    digest = sha256()
    for impairment in (everything, *tails):
        path = link(impairment)
        for frame in range(60):
            digest.update(repr(path.transmit_many(frame * 33 * MS, [1372] * 20 + [1373])).encode())
    assert digest.hexdigest() == "1d6b4b3a043e25753e8955ebc4c9a4614a1f76f76aba8f5085760d352bf7ebcb"
