from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pytest
from cts_burst import BurstOptions, BurstSender

from cts.api import ISender, StreamPlan
from cts.testing import SenderContract, plan_of, record_frames

MS = 1_000_000


class TestBurstSender(SenderContract):
    sender_class: ClassVar[type[ISender]] = BurstSender


class TestBurstSenderThatHoldsEverything(SenderContract):
    sender_class: ClassVar[type[ISender]] = BurstSender
    options: ClassVar[Mapping[str, object]] = {"frames": 1000}


def departures_ms(plan: StreamPlan, frames: int, late_ns: int = 0) -> list[list[float]]:
    """When each frame's datagrams left, in milliseconds from the stream's base."""
    run = record_frames(BurstSender, plan, BurstOptions(frames=frames), late_ns=late_ns)
    return [[(sent.time_ns - run.base_ns) / MS for sent in frame.datagrams] for frame in run.frames]


def test_a_group_leaves_when_its_last_frame_is_due() -> None:
    assert departures_ms(plan_of(100, frames=6, frame_rate=100), 3) == [[30], [30], [30], [60], [60], [60]]


def test_the_last_group_ends_with_the_final_frame() -> None:
    assert departures_ms(plan_of(100, frames=5, frame_rate=100), 3) == [[30], [30], [30], [50], [50]]


def test_a_group_of_one_holds_nothing_back() -> None:
    assert departures_ms(plan_of(100, frames=3, frame_rate=100), 1) == [[10], [20], [30]]


def test_a_group_longer_than_the_stream_is_the_stream() -> None:
    assert departures_ms(plan_of(100, frames=3, frame_rate=100), 50) == [[30], [30], [30]]


def test_the_datagrams_of_a_frame_leave_together() -> None:
    assert departures_ms(plan_of(2900, frames=2, frame_rate=100), 2) == [[20, 20, 20], [20, 20, 20]]


def test_a_group_that_was_handed_over_late_leaves_at_once() -> None:
    assert departures_ms(plan_of(100, frames=2, frame_rate=100), 2, late_ns=15 * MS) == [[25], [35]]


def test_it_sends_in_as_few_calls_as_the_endpoint_can() -> None:
    run = record_frames(BurstSender, plan_of(10 * 1400, frames=2), BurstOptions(), segment_limit=4)
    assert run.calls == (4, 4, 2, 4, 4, 2)


@pytest.mark.parametrize("frames", [0, -1])
def test_a_group_of_no_frames_is_refused(frames: int) -> None:
    with pytest.raises(ValueError, match="frames must be at least 1"):
        BurstOptions(frames=frames)
