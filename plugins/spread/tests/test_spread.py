from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pytest
from cts_spread import SpreadOptions, SpreadSender
from hypothesis import given, settings
from hypothesis import strategies as st

from cts.api import ISender
from cts.testing import SenderContract, plan_of, record_frames

MS = 1_000_000


class TestSpreadSender(SenderContract):
    sender_class: ClassVar[type[ISender]] = SpreadSender


class TestSpreadSenderOverATenth(SenderContract):
    sender_class: ClassVar[type[ISender]] = SpreadSender
    options: ClassVar[Mapping[str, object]] = {"fraction": 0.1}


def test_datagrams_leave_evenly_over_the_interval() -> None:
    run = record_frames(SpreadSender, plan_of(5 * 1400, frame_rate=100), SpreadOptions())
    assert run.offsets_ns(3) == [0, 2 * MS, 4 * MS, 6 * MS, 8 * MS]


def test_a_fraction_leaves_the_rest_of_the_interval_silent() -> None:
    run = record_frames(SpreadSender, plan_of(5 * 1400, frame_rate=100), SpreadOptions(fraction=0.5))
    assert run.offsets_ns(3) == [0, 1 * MS, 2 * MS, 3 * MS, 4 * MS]


def test_a_frame_of_one_datagram_leaves_when_it_is_due() -> None:
    run = record_frames(SpreadSender, plan_of(100), SpreadOptions())
    assert run.offsets_ns(1) == [0]


def test_what_is_late_leaves_at_once_and_the_rest_in_time() -> None:
    run = record_frames(SpreadSender, plan_of(5 * 1400, frame_rate=100), SpreadOptions(), late_ns=5 * MS)
    assert run.offsets_ns(1) == [5 * MS, 5 * MS, 5 * MS, 6 * MS, 8 * MS]


def test_it_sends_one_datagram_a_call_also_where_more_would_go() -> None:
    run = record_frames(SpreadSender, plan_of(5 * 1400), SpreadOptions(), segment_limit=46)
    assert set(run.calls) == {1}


@given(size=st.integers(40, 60_000), frame_rate=st.integers(1, 240), fraction=st.floats(0.001, 1))
@settings(deadline=None, max_examples=40)
def test_every_datagram_leaves_within_its_share_of_the_interval(size: int, frame_rate: int, fraction: float) -> None:
    plan = plan_of(size, frames=2, frame_rate=frame_rate, buffer_depth_s=1)
    offsets_ns = record_frames(SpreadSender, plan, SpreadOptions(fraction=fraction)).offsets_ns(1)
    assert offsets_ns == sorted(offsets_ns)
    assert offsets_ns[-1] <= plan.interval_ns * fraction


@pytest.mark.parametrize("fraction", [0.0, -0.5, 1.01, float("nan"), float("inf")])
def test_a_fraction_outside_0_to_1_is_refused(fraction: float) -> None:
    with pytest.raises(ValueError, match="fraction must be above 0 and at most 1"):
        SpreadOptions(fraction=fraction)
