"""What a viewer saw, by hand, as webrtc-stats defines it."""

from __future__ import annotations

import pytest

from cts.metrics.viewing import Longest, Viewing, ViewingTotals

MS = 1_000_000
S = 1000 * MS
INTERVAL = 20 * MS


def viewing_of(rendered: list[int], frames: int = 0, last_ns: int | None = None, portions: int = 7) -> ViewingTotals:
    """Return what was seen of frames from 0 on, looked at in portions."""
    viewing = Viewing(INTERVAL)
    for number, at_ns in enumerate(rendered, 1):
        viewing.rendered.append(at_ns)
        if number % portions == 0:
            viewing.look()
    viewing.look()
    return viewing.totals(frames, 0, rendered[-1] if last_ns is None else last_ns)


def steady(frames: int, start_ns: int = 0, interval_ns: int = INTERVAL) -> list[int]:
    return [start_ns + frame * interval_ns for frame in range(frames)]


@pytest.mark.parametrize("portions", [1, 7, 1000])
@pytest.mark.parametrize(("stop_ms", "freezes"), [(149, 0), (169, 0), (170, 1), (400, 1)])
def test_a_freeze_is_150_ms_longer_than_the_mean_of_30(stop_ms: int, freezes: int, portions: int) -> None:
    before = steady(100)
    totals = viewing_of(before + steady(10, before[-1] + stop_ms * MS), portions=portions)
    assert (totals.freezes, totals.freeze_ns) == (freezes, freezes * stop_ms * MS)
    assert totals.longest_stall == stop_ms * MS


@pytest.mark.parametrize(("stop_ms", "freezes"), [(299, 0), (300, 1)])
def test_at_10_frames_per_second_it_is_three_times_the_mean(stop_ms: int, freezes: int) -> None:
    before = steady(40, interval_ns=100 * MS)
    assert viewing_of(before + steady(2, before[-1] + stop_ms * MS)).freezes == freezes


def test_intervals_before_the_last_30_do_not_count() -> None:
    slow = steady(40, interval_ns=100 * MS)
    fast = steady(31, slow[-1] + INTERVAL)
    # The mean over all would be 65 ms.
    assert viewing_of([*slow, *fast, fast[-1] + 170 * MS]).freezes == 1


def test_in_the_beginning_the_mean_is_of_those_there_are() -> None:
    assert viewing_of([0, 169 * MS]).freezes == 0
    assert viewing_of([0, 170 * MS]).freezes == 1
    # With a mean of 170 ms the next one would take 510.
    assert viewing_of([0, 170 * MS, 340 * MS]).freezes == 1


@pytest.mark.parametrize(("stop_ns", "pauses"), [(5 * S, 0), (5 * S + 1, 1)])
def test_a_pause_is_longer_than_5_seconds_and_a_freeze_as_well(stop_ns: int, pauses: int) -> None:
    totals = viewing_of([0, INTERVAL, INTERVAL + stop_ns])
    assert (totals.freezes, totals.pauses, totals.pause_ns) == (1, pauses, pauses * stop_ns)


def test_the_time_from_frame_to_frame_and_its_variance_by_hand() -> None:
    totals = viewing_of([0, 10, 40, 60])
    assert totals.mean_delay_ns == 20
    # 10, 30 and 20 stray by 10, 10 and 0.
    assert totals.delay_variance == pytest.approx(200 / 3)


def test_even_intervals_do_not_vary() -> None:
    assert viewing_of(steady(1000)).delay_variance == 0


def test_the_picture_stands_still_before_the_first_frame_and_after_the_last() -> None:
    totals = viewing_of([400 * MS, 420 * MS], last_ns=1420 * MS)
    assert (totals.freezes, totals.longest_stall, totals.freeze_ns) == (2, S, 1400 * MS)
    assert totals.frozen_share == pytest.approx(1400 / 1420)


def test_who_saw_no_frame_at_all_saw_a_picture_that_stood_still() -> None:
    totals = viewing_of([], frames=50, last_ns=980 * MS)
    assert (totals.rendered, totals.longest_stall, totals.frozen_share) == (0, 980 * MS, 1.0)
    assert (totals.freezes, totals.freeze_ns) == (1, 980 * MS)
    assert totals.mean_delay_ns is None
    assert totals.delay_variance is None


def test_short_stops_at_either_end_are_none() -> None:
    totals = viewing_of([100 * MS, 120 * MS], last_ns=200 * MS)
    assert (totals.freezes, totals.freeze_ns) == (0, 0)


@pytest.mark.parametrize(("stop_ns", "pauses"), [(5 * S, 0), (5 * S + 1, 1)])
def test_a_picture_that_never_moves_again_has_paused(stop_ns: int, pauses: int) -> None:
    totals = viewing_of([0, INTERVAL], last_ns=INTERVAL + stop_ns)
    assert (totals.freezes, totals.pauses, totals.pause_ns) == (1, pauses, pauses * stop_ns)


def test_a_freeze_that_lasts_still_is_the_same_one_when_it_ends() -> None:
    before = steady(100)
    lasting = viewing_of(before, last_ns=before[-1] + 300 * MS)
    ended = viewing_of([*before, before[-1] + 400 * MS])
    assert (lasting.freezes, ended.freezes) == (1, 1)


def test_of_many_viewers_the_longest_stall_is_left_and_the_rest_adds_up() -> None:
    both = viewing_of([0, 300 * MS]) + viewing_of([0, 400 * MS])
    assert (both.freezes, both.freeze_ns, both.longest_stall) == (2, 700 * MS, Longest(400 * MS))


def test_no_more_render_times_are_kept_than_the_mean_needs() -> None:
    viewing = Viewing(INTERVAL)
    for at_ns in steady(1000):
        viewing.rendered.append(at_ns)
        viewing.look()
    assert len(viewing.rendered) == 31
