from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from cts.metrics.peer_clock import ClockSample
from cts.protocol.control.messages import Ping, Pong
from cts.protocol.control.pinging import PING_INTERVAL_NS, Allowance, Pinger
from cts.units import SECOND


def pinger_of(jitter: float = 0.0) -> Pinger:
    return Pinger(0, jitter=lambda: jitter)


def test_a_pong_is_taken_once_and_only_for_a_ping_that_was_sent() -> None:
    pinger = pinger_of()
    assert pinger.ping(100) == Ping(100)
    assert pinger.heard(Pong(99, 5, 6), 200) is None
    assert pinger.heard(Pong(100, 5, 6), 200) == ClockSample(100, 5, 6, 200)
    assert pinger.heard(Pong(100, 5, 6), 200) is None
    assert pinger.implausible == 2


def test_stamps_that_cannot_be_are_not_taken() -> None:
    pinger = pinger_of()
    pinger.ping(100)
    assert pinger.heard(Pong(100, 6, 5), 200) is None
    assert pinger.heard(Pong(100, 0, 101), 200) is None
    assert pinger.heard(Pong(100, 0, 100), 200) is not None
    assert pinger.implausible == 2


def test_of_pings_that_nothing_answers_a_few_are_kept() -> None:
    pinger = pinger_of()
    for number in range(100):
        pinger.ping(number)
    assert pinger.heard(Pong(83, 0, 0), 200) is None
    assert pinger.heard(Pong(84, 0, 0), 200) is not None
    assert len(pinger._outstanding) == 15


@settings(deadline=None)
@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=50, max_size=50))
def test_there_are_five_pings_a_second_at_most(draws: list[float]) -> None:
    draw = iter(draws)
    pinger = Pinger(0, jitter=lambda: next(draw))
    sent = []
    for _ in draws:
        sent.append(pinger.due_ns)
        pinger.ping(pinger.due_ns)
    gaps = [later - earlier for earlier, later in pairwise(sent)]
    assert all(PING_INTERVAL_NS <= gap < PING_INTERVAL_NS * 3 // 2 for gap in gaps)


@settings(deadline=None)
@given(st.lists(st.integers(0, SECOND), max_size=200), st.integers(1, 10))
def test_an_allowance_gives_a_burst_and_then_one_after_each_interval(waits: list[int], burst: int) -> None:
    allowance, interval_ns = Allowance(burst, SECOND // 10), SECOND // 10
    now_ns, taken = 0, list[int]()
    for wait in waits:
        now_ns += wait
        if allowance.take(now_ns):
            taken.append(now_ns)
    for at, first_ns in enumerate(taken):
        for count, last_ns in enumerate(taken[at:], 1):
            assert count <= burst + (last_ns - first_ns) // interval_ns
    assert len(taken) >= min(len(waits), burst)
