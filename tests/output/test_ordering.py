from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cts.metrics.counters import FrameTotals
from cts.metrics.frame_record import MissedRecord
from cts.output.ordering import OrderedObserver, PromptObserver
from cts.protocol.frames import RenderedFrame, Verdict
from cts.protocol.roles import Direction, Role
from cts.records.observer import Observer
from cts.records.results import RunReport
from cts.records.snapshots import Address, Outcome, RunSnapshot, StreamInfo, StreamSnapshot
from cts.records.stream_results import StreamResult

ADDRESS = Address("127.0.0.1", 1)
RESULT = StreamResult("id", ADDRESS, ADDRESS, Role.RECEIVER, Outcome.SUCCESSFUL, "Succeeded", 0, 0, 0, StreamSnapshot())


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.ns = 0

    def now_ns(self) -> int:
        return self.ns


class Record(Observer):
    """Remembers what it was told, in order."""

    wants_frames = True

    def __init__(self) -> None:
        self.told: list[str] = []

    def run_began(self, began_ns: int) -> None:
        self.told.append("began")

    def stream_opened(self, stream: StreamInfo) -> None:
        self.told.append(f"opened {stream.number}")

    def frame_rendered(self, stream: StreamInfo, frame: RenderedFrame) -> None:
        self.told.append(f"frame {stream.number}.{frame.sequence}")

    def data_missed(self, stream: StreamInfo, record: MissedRecord) -> None:
        self.told.append(f"missed {stream.number}.{record.sequence}")

    def stream_ended(self, stream: StreamInfo, result: StreamResult) -> None:
        self.told.append(f"ended {stream.number}")

    def lone_end(self, result: StreamResult) -> None:
        self.told.append("lone end")

    def status(self, snapshot: RunSnapshot) -> None:
        self.told.append(f"status {snapshot.elapsed_ns}/{snapshot.counts.frames.completed}")

    def closing(self) -> None:
        self.told.append("closing")

    def notes(self) -> tuple[str, ...]:
        return ("a note",)


class PromptRecord(PromptObserver):
    """Remembers the statuses it was told."""

    def __init__(self) -> None:
        self.told: list[int] = []

    def status(self, snapshot: RunSnapshot) -> None:
        self.told.append(snapshot.elapsed_ns)


def stream(number: int) -> StreamInfo:
    return StreamInfo(number, ADDRESS, ADDRESS, Role.RECEIVER, 0)


def frame(sequence: int) -> RenderedFrame:
    return RenderedFrame(sequence, Verdict.DROPPED, 0, 0, 0, 0, 0)


def snapshot(elapsed_ns: int, completed: int = 0) -> RunSnapshot:
    return RunSnapshot(elapsed_ns, 0, StreamSnapshot(FrameTotals(completed)))


Event = Callable[[Observer], None]


def opened(number: int) -> Event:
    return lambda observer: observer.stream_opened(stream(number))


def rendered(number: int, sequence: int) -> Event:
    return lambda observer: observer.frame_rendered(stream(number), frame(sequence))


def ended(number: int) -> Event:
    return lambda observer: observer.stream_ended(stream(number), RESULT)


def status(elapsed_ns: int) -> Event:
    return lambda observer: observer.status(snapshot(elapsed_ns))


def instant_of(number: int) -> list[Event]:
    return [opened(number), rendered(number, 1), rendered(number, 2), ended(number)]


FIRST_INSTANT = [*instant_of(1), *instant_of(2), rendered(10, 5), status(7)]
SECOND_INSTANT = [rendered(10, 6), opened(3), status(8)]
TOLD = [
    "began",
    *["opened 1", "frame 1.1", "frame 1.2", "ended 1"],
    *["opened 2", "frame 2.1", "frame 2.2", "ended 2"],
    *["frame 10.5", "status 7/0"],
    *["opened 3", "frame 10.6", "status 8/0"],
    "closing",
]


@settings(deadline=None)
@given(st.permutations(FIRST_INSTANT), st.permutations(SECOND_INSTANT))
def test_any_order_within_an_instant_gives_the_same_output(first: list[Event], second: list[Event]) -> None:
    clock, record = Clock(), Record()
    ordered = OrderedObserver([record], clock.now_ns)
    ordered.run_began(0)
    for instant in (first, second):
        clock.ns += 1
        for tell in instant:
            tell(ordered)
    ordered.closing()
    assert record.told == TOLD


def test_what_earlier_instants_brought_is_told_a_piece_in_each_step_by_who_catches_up() -> None:
    clock, record = Clock(), Record()
    ordered = OrderedObserver([record], clock.now_ns)
    ordered.stream_opened(stream(2))
    ordered.stream_opened(stream(1))
    assert list(ordered.catch_up()) == []
    clock.ns = 1
    steps = ordered.catch_up()
    next(steps)
    assert record.told == ["opened 1"]
    ordered.stream_opened(stream(3))
    assert len(list(steps)) == 1
    assert record.told == ["opened 1", "opened 2"]


def test_while_somebody_catches_up_much_may_come() -> None:
    clock, record = Clock(), Record()
    ordered = OrderedObserver([record], clock.now_ns)
    ordered.stream_opened(stream(1))
    ordered.stream_opened(stream(2))
    clock.ns = 1
    steps = ordered.catch_up()
    next(steps)
    for sequence in range(1, 100):
        clock.ns += 1
        ordered.frame_rendered(stream(1), frame(sequence))
    list(steps)
    ordered.closing()
    assert record.told == ["opened 1", "opened 2", *(f"frame 1.{sequence}" for sequence in range(1, 100)), "closing"]


def test_without_anybody_who_catches_up_no_more_than_some_hundred_events_wait() -> None:
    clock, record = Clock(), Record()
    ordered = OrderedObserver([record], clock.now_ns)
    for number in range(1, 1000):
        clock.ns += 1
        ordered.stream_opened(stream(number))
    assert record.told == [f"opened {number}" for number in range(1, 1 + len(record.told))]
    assert len(record.told) > 500


def test_a_status_comes_behind_what_came_before_it_and_before_what_comes_later() -> None:
    clock, record = Clock(), Record()
    ordered = OrderedObserver([record], clock.now_ns)
    ordered.stream_opened(stream(1))
    clock.ns = 1
    ordered.status(snapshot(7))
    assert record.told == ["opened 1"]
    clock.ns = 2
    ordered.stream_opened(stream(2))
    assert record.told == ["opened 1", "status 7/0"]


def test_a_status_is_handed_on_by_who_catches_up_later() -> None:
    clock, record = Clock(), Record()
    ordered = OrderedObserver([record], clock.now_ns)
    ordered.status(snapshot(7))
    clock.ns = 1
    list(ordered.catch_up())
    assert record.told == ["status 7/0"]


def test_an_earlier_instant_is_told_first_whatever_its_streams_numbers() -> None:
    clock, record = Clock(), Record()
    ordered = OrderedObserver([record], clock.now_ns)
    ordered.stream_opened(stream(9))
    clock.ns = 1
    ordered.stream_opened(stream(1))
    ordered.closing()
    assert record.told == ["opened 9", "opened 1", "closing"]


def test_a_few_frames_of_several_instants_are_told_together_in_the_order_of_these() -> None:
    clock, record = Clock(), Record()
    ordered = OrderedObserver([record], clock.now_ns)
    for number in range(32, 0, -1):
        clock.ns += 1
        ordered.frame_rendered(stream(number), frame(1))
    assert record.told == []
    clock.ns += 1
    ordered.frame_rendered(stream(1), frame(2))
    assert record.told == [f"frame {number}.1" for number in range(32, 0, -1)]


def test_a_status_told_twice_in_an_instant_is_told_once_with_the_later_counts() -> None:
    clock, record = Clock(), Record()
    ordered = OrderedObserver([record], clock.now_ns)
    ordered.status(snapshot(5, completed=1))
    ordered.stream_ended(stream(1), RESULT)
    ordered.status(snapshot(5, completed=2))
    ordered.closing()
    assert record.told == ["ended 1", "status 5/2", "closing"]


def test_the_only_end_of_a_stream_comes_before_the_one_status_of_its_instant() -> None:
    clock, record = Clock(), Record()
    observer = OrderedObserver([record], clock.now_ns)
    observer.stream_opened(stream(1))
    observer.status(snapshot(0))
    observer.lone_end(RESULT)
    observer.status(snapshot(0, 7))
    observer.closing()
    assert record.told == ["opened 1", "lone end", "status 0/7", "closing"]


def test_flush_hands_on_without_a_later_instant() -> None:
    record = Record()
    ordered = OrderedObserver([record], Clock().now_ns)
    ordered.stream_opened(stream(1))
    ordered.flush()
    ordered.flush()
    assert record.told == ["opened 1"]


def test_frames_are_told_only_to_those_who_want_them() -> None:
    class Without(Record):
        wants_frames = False

    wanting, without = Record(), Without()
    ordered = OrderedObserver([without, wanting], Clock().now_ns)
    assert ordered.wants_frames
    ordered.frame_rendered(stream(1), frame(1))
    ordered.flush()
    assert wanting.told == ["frame 1.1"]
    assert without.told == []


def test_nobody_wants_frames_if_no_observer_does() -> None:
    assert not OrderedObserver([Observer()], Clock().now_ns).wants_frames


@pytest.mark.parametrize("wants", [False, True])
def test_delays_are_counted_only_if_an_observer_wants_them(wants: bool) -> None:
    observer = Observer()
    observer.wants_delays = wants
    assert OrderedObserver([Observer(), observer], Clock().now_ns).wants_delays is wants


def test_who_shows_the_present_is_told_its_status_at_once() -> None:
    prompt, record = PromptRecord(), Record()
    ordered = OrderedObserver([prompt, record], Clock().now_ns)
    ordered.status(snapshot(5))
    assert prompt.told == [5]
    assert record.told == []
    ordered.closing()
    assert prompt.told == [5]


def test_every_observer_is_closed_even_if_another_one_fails() -> None:
    class Broken(Observer):
        def closing(self) -> None:
            raise RuntimeError("a bug")

    record = Record()
    ordered = OrderedObserver([Broken(), record], Clock().now_ns)
    ordered.stream_opened(stream(1))
    with pytest.raises(RuntimeError, match="a bug"):
        ordered.closing()
    assert record.told == ["opened 1", "closing"]


def test_notes_are_those_of_all() -> None:
    assert OrderedObserver([Record(), Observer(), Record()], Clock().now_ns).notes() == ("a note", "a note")


def test_data_that_missed_its_frame_comes_behind_the_frames_of_its_instant_and_before_the_end() -> None:
    ordered = OrderedObserver([seen := Record()], Clock().now_ns)
    ordered.data_missed(stream(1), MissedRecord(2, 5, 1, 1, 400, 1, None, False, False, 7))
    ordered.frame_rendered(stream(1), frame(3))
    ordered.closing()
    assert seen.told[:2] == ["frame 1.3", "missed 1.2"]


def test_what_is_known_of_a_run_is_told_before_its_failures_to_those_who_hear_them() -> None:
    told: list[object] = []

    class Hears(Observer):
        hears_failures = True

        def reported(self, report: RunReport) -> None:
            told.append(report)

        def run_failed(self, failure: str) -> None:
            told.append(failure)

    class Deaf(Hears):
        hears_failures = False

    report = RunReport(
        role="client", direction=Direction.PULL, began_ns=0, elapsed_ns=0, snapshot=snapshot(0), streams=()
    )
    ordered = OrderedObserver([Deaf(), Hears()], Clock().now_ns)
    ordered.conclude(report, ["a failure"])
    ordered.conclude(None, ["of a run that came to nothing"])
    assert told == [report, "a failure", "of a run that came to nothing"]
