"""What an events log was told is what its replay tells."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from contextlib import suppress
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from cts.errors import UserError
from cts.metrics.counters import ArrivalTotals, FrameTotals
from cts.metrics.frame_record import FrameRecord, MissedRecord
from cts.metrics.histogram import Histogram, Percentiles
from cts.metrics.host import HostFigures
from cts.metrics.loss import DueBytes
from cts.metrics.unsent import Unsent, UnsentFrames
from cts.protocol.frames import RenderedFrame, Verdict
from cts.protocol.plan import StreamPlan
from cts.protocol.roles import Direction, Role
from cts.records.buffers import BufferRoom, SocketBuffers
from cts.records.events_replay import EventsReplay
from cts.records.events_writer import EventsLog
from cts.records.late import LateArrivals
from cts.records.observer import Observer
from cts.records.reported_end import ReportedEnd
from cts.records.results import RunReport
from cts.records.snapshots import Address, Outcome, RunSnapshot, StreamInfo, StreamSnapshot
from cts.records.stream_results import StreamResult
from tests.records.damaged_lines import damage, refusal_of
from tests.records.test_frame_events import DUE, MISSED, RECORDS

BEGAN_NS = 5_000_000_123
SETTINGS: dict[str, object] = {
    "role": "loopback",
    "direction": "pull",
    "verify": "data",
    "bits_per_second": 8_000_000,
    "frame_rate": "30000/1001",
    "stream_length_ns": 5_000_000_000,
    "buffer_depth_ns": 1_000_000_000,
    "datagram_max_size": 1400,
    "status_interval_ns": 10**9,
    "seed": 7,
    "expected_streams": 3,
    "encoding": "utf-16",
}

_COUNTS = st.integers(0, 2**60)  # of which three add up to less than 64 bits
_TIMES = st.integers(0, 2**60)
_TEXTS = st.text(max_size=20)
_ADDRESSES = st.builds(
    Address,
    st.one_of(st.ip_addresses(v=4).map(str), st.ip_addresses(v=6).map(str), st.just("fe80::1%eth0")),
    st.integers(0, 65_535),
)


def _totals(kind: type) -> st.SearchStrategy[Any]:
    return st.builds(kind, **{field.name: _COUNTS for field in kind.__attrs_attrs__})  # type: ignore[attr-defined]


_UNSENT = st.dictionaries(_TEXTS, st.builds(Unsent, _COUNTS, _COUNTS), max_size=3).map(UnsentFrames)
_SNAPSHOTS = st.builds(
    StreamSnapshot,
    frames=_totals(FrameTotals),
    bytes_received=_COUNTS,
    bytes_sent=_COUNTS,
    arrivals=_totals(ArrivalTotals),
    unsent=_UNSENT,
    bytes_on_time=_COUNTS,
    unreachable=_COUNTS,
    bytes_of_no_frame=_COUNTS,
    due=_totals(DueBytes),
)
_RESULTS = st.builds(
    StreamResult,
    connection_id=_TEXTS,
    local=_ADDRESSES,
    remote=_ADDRESSES,
    role=st.sampled_from(Role),
    outcome=st.sampled_from(Outcome),
    result=_TEXTS,
    started_ns=_TIMES,
    ended_ns=_TIMES,
    bits_per_second=_COUNTS,
    counts=_SNAPSHOTS,
    send_lateness=st.none() | _totals(Percentiles),
    remark=st.none() | _TEXTS,
    counted=st.booleans(),
    measured=st.booleans(),
)
_SHARES = st.none() | st.floats(0, 4)
_BUCKETS = st.dictionaries(st.integers(0, 8191), st.integers(1, 10**9), max_size=9)


@st.composite
def histograms(draw: st.DrawFn) -> Histogram:
    buckets = draw(_BUCKETS)
    return Histogram.of_buckets(buckets, draw(_COUNTS) if buckets else 0)


_HOSTS = st.builds(
    HostFigures,
    name=_TEXTS,
    told=st.booleans(),
    loop_lag=histograms(),
    read_delay_ns=_COUNTS,
    overflowed=_COUNTS,
    send_lateness=histograms(),
    process_share=_SHARES,
    host_share=_SHARES,
    stolen_share=_SHARES,
    preempted=st.none() | _COUNTS,
)
_ROOMS = st.builds(BufferRoom, _COUNTS, _COUNTS, st.booleans(), st.none() | _COUNTS)
_LATE = st.builds(LateArrivals, _COUNTS, st.integers(1, 10**9), _COUNTS, _COUNTS, _COUNTS)


def _with_record(frame: RenderedFrame, record: FrameRecord | None) -> RenderedFrame:
    if record is None:
        return frame
    own = record._replace(sequence=frame.sequence, due_ns=frame.due_ns)
    return frame._replace(record=own._replace(distinct_size=min(record.distinct_size, frame.size)))


_PLAIN_FRAMES = st.builds(
    RenderedFrame,
    sequence=_COUNTS,
    verdict=st.sampled_from(Verdict),
    size=st.integers(1, 2**40),
    sender_qpc=st.integers(-(2**63), 2**63 - 1),
    sender_qpf=st.integers(-(2**63), 2**63 - 1),
    received_ns=_TIMES,
    due_ns=_TIMES,
    record=st.none(),
) | st.builds(RenderedFrame, _COUNTS, st.just(Verdict.DROPPED), *[st.just(0)] * 4, _TIMES, st.none())
_FRAMES = st.builds(_with_record, _PLAIN_FRAMES, st.none() | RECORDS) | MISSED
"""What is told of a stream's data; the plan of the settings makes frames of as many datagrams as these have."""


def _in_order(data: list[RenderedFrame | MissedRecord]) -> list[RenderedFrame | MissedRecord]:
    """Return it with frames one behind the other, as they are rendered."""
    dues_ns = accumulate(
        (each.due_ns - BEGAN_NS + 2**61 if isinstance(each, RenderedFrame) else 0) // 4 + 1 for each in data
    )
    return [
        _with_record(each._replace(sequence=sequence, due_ns=due_ns), each.record)
        if isinstance(each, RenderedFrame)
        else each
        for sequence, (each, due_ns) in enumerate(zip(data, dues_ns, strict=True), 1)
    ]


class Heard(Observer):
    """Takes down what it is told."""

    wants_frames = True

    def __init__(self) -> None:
        self.all: list[tuple[str, object]] = []

    def run_began(self, began_ns: int) -> None:
        self.all.append(("began", began_ns))

    def stream_opened(self, stream: StreamInfo) -> None:
        self.all.append(("opened", stream))

    def frame_rendered(self, stream: StreamInfo, frame: RenderedFrame) -> None:
        self.all.append(("frame", (stream, frame)))

    def data_missed(self, stream: StreamInfo, record: MissedRecord) -> None:
        self.all.append(("missed", (stream, record)))

    def stream_ended(self, stream: StreamInfo, result: StreamResult) -> None:
        self.all.append(("ended", (stream.number, result)))

    def other_end_opened(self, stream: StreamInfo) -> None:
        self.all.append(("other opened", stream))

    def other_end_ended(self, stream: StreamInfo, result: StreamResult) -> None:
        self.all.append(("other ended", (stream.number, result)))

    def status(self, snapshot: RunSnapshot) -> None:
        self.all.append(("status", snapshot))


def tell(path: Path, told: Callable[[Observer, EventsLog], object]) -> list[tuple[str, object]]:
    """Write a log of what both an observer and it are told; return what the observer took down."""
    log, heard = EventsLog(path, SETTINGS, lambda: 0), Heard()
    for observer in (heard, log):
        observer.run_began(BEGAN_NS)
    told(heard, log)
    return heard.all


def replayed(path: Path) -> tuple[list[tuple[str, object]], ReportedEnd]:
    heard = Heard()
    end = EventsReplay(path).tell(heard)
    return heard.all, end


@settings(deadline=None)
@given(st.lists(st.tuples(_RESULTS, st.lists(_FRAMES, max_size=3).map(_in_order)), max_size=4))
def test_streams_and_frames_come_back_as_they_were_told(
    streams: list[tuple[StreamResult, list[object]]],
) -> None:
    def told(heard: Observer, log: EventsLog) -> None:
        for observer in (heard, log):
            for number, (result, data) in enumerate(streams, 1):
                info = StreamInfo(number, result.local, result.remote, result.role, result.started_ns)
                measured = result.role is Role.RECEIVER
                (observer.stream_opened if measured else observer.other_end_opened)(info)
                for each in data if measured else ():
                    if isinstance(each, MissedRecord):
                        observer.data_missed(info, each)
                    if isinstance(each, RenderedFrame):
                        observer.frame_rendered(info, each)
                (observer.stream_ended if measured else observer.other_end_ended)(info, result)
        log.closing()

    with TemporaryDirectory() as folder:
        path = Path(folder) / "events.jsonl"
        assert tell(path, told) == replayed(path)[0]


@settings(deadline=None)
@given(
    _SNAPSHOTS,
    st.dictionaries(_TEXTS, _COUNTS, max_size=3),
    _UNSENT,
    st.integers(0, 9),
    st.none() | _COUNTS,
    st.booleans(),
)
def test_a_status_comes_back_with_all_that_is_the_runs(
    counts: StreamSnapshot,
    refused: dict[str, int],
    unsent: UnsentFrames,
    number: int,
    cut_off: int | None,
    interrupted: bool,
) -> None:
    outcomes = dict.fromkeys(Outcome, number)
    snapshot = RunSnapshot(3, 2, counts, outcomes, refused, 4, counts.unreachable, unsent, cut_off, interrupted)

    def told(heard: Observer, log: EventsLog) -> None:
        log.status(snapshot)
        log.closing()

    with TemporaryDirectory() as folder:
        path = Path(folder) / "events.jsonl"
        tell(path, told)
        _, end = replayed(path)
    assert end.snapshot == evolve(snapshot, counts=evolve(counts, unsent=unsent))
    assert end.is_whole


@settings(deadline=None)
@given(
    st.lists(_HOSTS, max_size=3),
    histograms(),
    st.none() | st.builds(SocketBuffers, _ROOMS, _ROOMS),
    _LATE | st.just(LateArrivals()),
    st.lists(_TEXTS, max_size=3),
    st.lists(_ADDRESSES, max_size=2),
)
def test_what_the_end_of_a_run_tells_comes_back(
    hosts: list[HostFigures],
    lateness: Histogram,
    buffers: SocketBuffers | None,
    late: LateArrivals,
    texts: list[str],
    answered: list[Address],
) -> None:
    report = RunReport(
        role="loopback",
        direction=Direction.PULL,
        began_ns=BEGAN_NS,
        elapsed_ns=0,
        snapshot=RunSnapshot(0, 0, StreamSnapshot()),
        streams=(),
        send_lateness=lateness,
        hosts=tuple(hosts),
        buffers=buffers,
        late=late,
        notes=tuple(texts),
        answered=tuple(answered),
    )

    def told(heard: Observer, log: EventsLog) -> None:
        log.reported(report)
        for text in texts:
            log.run_failed(text)
        log.closing()

    with TemporaryDirectory() as folder:
        path = Path(folder) / "events.jsonl"
        tell(path, told)
        _, end = replayed(path)
    assert (end.hosts, end.send_lateness, end.buffers, end.late) == (hosts, lateness, buffers, late)
    assert (end.notes, end.failures, end.answered) == (texts, texts, answered)
    assert end.has_report
    assert not end.missing


def test_a_histogram_of_every_value_there_is_comes_back_in_short_lines(tmp_path: Path) -> None:
    lateness = Histogram.of_buckets(dict.fromkeys(range(64 << 7), 2**62), 2**63 - 1)
    report = RunReport(
        role="loopback",
        direction=Direction.PULL,
        began_ns=0,
        elapsed_ns=0,
        snapshot=RunSnapshot(0, 0, StreamSnapshot()),
        streams=(),
        send_lateness=lateness,
    )

    def told(_: Observer, log: EventsLog) -> None:
        log.reported(report)
        log.closing()

    tell(path := tmp_path / "events.jsonl", told)
    assert replayed(path)[1].send_lateness == lateness


def test_a_frame_with_very_many_datagrams_behind_comes_back_from_short_lines(tmp_path: Path) -> None:
    extents = tuple(range(10**9, 10**9 + 20_000))
    record = FrameRecord(1, BEGAN_NS, DUE, 0, 0, 0, None, *(None,) * 7, extents)
    late = MissedRecord(1, BEGAN_NS, 5, 20_000, 20_000, None, None, False, False, 7, extents[:9000])

    def told(heard: Observer, log: EventsLog) -> None:
        for observer in (heard, log):
            observer.stream_opened(INFO)
            observer.frame_rendered(INFO, RenderedFrame(1, Verdict.DROPPED, 0, 0, 0, 0, BEGAN_NS, record))
            observer.data_missed(INFO, late)
        log.closing()

    path = tmp_path / "events.jsonl"
    assert tell(path, told) == replayed(path)[0]


def test_the_header_comes_back(tmp_path: Path) -> None:
    tell(path := tmp_path / "events.jsonl", lambda _, log: log.closing())
    header = EventsReplay(path).header
    assert header.began_ns == BEGAN_NS
    assert (header.seed, header.expected_streams, header.encoding, header.status_interval_ns) == (7, 3, "utf-16", 10**9)
    assert header.plan == StreamPlan(8_000_000, header.plan.frame_rate, 5_000_000_000)
    assert header.measured is Role.RECEIVER


INFO = StreamInfo(1, Address("::1", 5), Address("127.0.0.1", 6), Role.RECEIVER, 10)


def _frame(number: int) -> RenderedFrame:
    at_ns = BEGAN_NS + number
    times = BEGAN_NS, BEGAN_NS + 2, None, BEGAN_NS
    record = FrameRecord(number, at_ns, DUE, 3, 90, 1, ((4, 9),), *times, 1, 3, 2, (4, 5))
    return RenderedFrame(number, Verdict.COMPLETED, 100, 5, 7, at_ns, at_ns, record)


FRAMES = [_frame(1), _frame(2)]
LATE = MissedRecord(1, BEGAN_NS + 50, 5, 2, 200, 1, ((3, 4),), False, True, 7, (8,))
RESULT = StreamResult(
    "some-id",
    INFO.local,
    INFO.remote,
    Role.RECEIVER,
    Outcome.SUCCESSFUL,
    "Succeeded",
    BEGAN_NS + 10,
    BEGAN_NS + 99,
    5,
    StreamSnapshot(FrameTotals(2, 3, 0, 9), 300, bytes_on_time=250),
)
LATENESS = Histogram.of_buckets({3: 4, 900: 1}, 10**6)
REPORT = RunReport(
    role="loopback",
    direction=Direction.PULL,
    began_ns=BEGAN_NS,
    elapsed_ns=0,
    snapshot=RunSnapshot(99, 0, StreamSnapshot()),
    streams=(),
    send_lateness=LATENESS,
    hosts=(HostFigures(name="a", loop_lag=LATENESS), HostFigures(name="b")),
    answered=(Address("::1", 7),),
    notes=("a note",),
)


def whole_log(path: Path) -> Path:
    def told(_: Observer, log: EventsLog) -> None:
        log.stream_opened(INFO)
        log.other_end_opened(evolve(INFO, role=Role.SENDER))
        log.status(RunSnapshot(20, 1, StreamSnapshot()))
        for frame in FRAMES:
            log.frame_rendered(INFO, frame)
        log.data_missed(INFO, LATE)
        log.stream_ended(INFO, RESULT)
        log.other_end_ended(evolve(INFO, role=Role.SENDER), evolve(RESULT, role=Role.SENDER))
        log.status(RunSnapshot(99, 0, StreamSnapshot()))
        log.reported(REPORT)
        log.run_failed("a worker died")
        log.closing()

    tell(path, told)
    return path


@settings(deadline=None)
@given(st.data(), st.booleans())
def test_a_log_that_is_cut_anywhere_is_replayed_up_to_there_or_refused_in_one_line(
    data: st.DataObject, packed: bool
) -> None:
    with TemporaryDirectory() as folder:
        path = whole_log(Path(folder) / ("e.jsonl.gz" if packed else "e.jsonl"))
        all_told, refusal = replayed(path)[0], ""
        whole = path.read_bytes()
        path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
        try:
            told, end = replayed(path)
        except UserError as error:
            told, end, refusal = [], ReportedEnd(), str(error)
    assert all_told[: len(told)] == told
    assert re.search("first line|is empty", refusal) or not refusal
    # Where the last line is there, nothing but its end or the checksum is missing.
    assert len(told) == len(all_told) or not end.is_whole


@settings(deadline=None)
@given(st.data())
def test_a_log_with_a_damaged_line_is_refused_in_its_name(data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        path = whole_log(Path(folder) / "e.jsonl")
        number = damage(data, path)
        assert f"line {number} " in refusal_of(lambda: replayed(path)) or number == 1


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None)
@given(st.data(), _VALUES)
def test_a_log_with_any_value_altered_is_replayed_or_refused(data: st.DataObject, value: object) -> None:
    with TemporaryDirectory() as folder:
        path = whole_log(Path(folder) / "e.jsonl")
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        line = data.draw(st.sampled_from(lines))
        key = data.draw(st.sampled_from(sorted(line)))
        if isinstance(line[key], dict) and line[key] and data.draw(st.booleans()):
            line[key][data.draw(st.sampled_from(sorted(line[key])))] = value
        else:
            line[key] = value
        path.write_text("".join(json.dumps(each) + "\n" for each in lines))
        with suppress(UserError):
            replayed(path)


def altered(path: Path, change: Callable[[list[dict[str, Any]]], object]) -> Path:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    change(lines)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_a_frame_whose_line_is_missing_is_missed(tmp_path: Path) -> None:
    path = altered(
        whole_log(tmp_path / "e.jsonl"),
        lambda lines: lines.remove(next(each for each in lines if each["event"] == "frame")),
    )
    assert replayed(path)[1].missing == {"streams whose frames are not all there": 1, "missing lines": 1}


def test_a_stream_whose_beginning_is_missing_is_told_by_its_end(tmp_path: Path) -> None:
    path = altered(whole_log(tmp_path / "e.jsonl"), lambda lines: lines.pop(1))
    told, end = replayed(path)
    assert ("ended", (1, RESULT)) in told
    assert end.missing["events of streams that never began"] == 4


def test_a_host_whose_figures_are_missing_is_missed(tmp_path: Path) -> None:
    path = altered(whole_log(tmp_path / "e.jsonl"), lambda lines: lines.remove(lines[-3]))
    assert replayed(path)[1].missing == {"processes whose figures are not there": 1, "missing lines": 1}


def test_ends_that_never_ended_are_told_with_the_frames_they_had(tmp_path: Path) -> None:
    path = altered(whole_log(tmp_path / "e.jsonl"), lambda lines: lines.__delitem__(slice(6, None)))
    _, end = replayed(path)
    assert (end.has_report, end.is_whole) == (False, False)
    assert [(each.info.role, each.frames.completed, each.bytes_on_time) for each in end.open] == [
        (Role.RECEIVER, 2, 200),
        (Role.SENDER, 0, 0),
    ]
    assert end.latest_ns == 20


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda lines: lines[0].update(schema=1), "is of schema 1, which lacks what was due"),
        (lambda lines: lines[0].update(schema=3), "line 1 says schema 3"),
        (lambda lines: lines[0].update(event="began"), "line 1 has a 'event'"),
        (lambda lines: lines.insert(2, lines[0]), "line 3 begins a run again"),
        (lambda lines: lines.insert(2, lines[1]), "line 3 opens stream 1 again"),
        (lambda lines: lines.append({"event": "x"}), "comes after run_ended"),
        (lambda lines: lines[1].update(local="here"), "line 2 has a 'local' that is no address"),
        (lambda lines: lines[1].update(local="here:\u0663"), "line 2 has a 'local' that is no address"),
        (lambda lines: lines.insert(-1, {"event": "run_report", "hosts": None}), "reports the run again"),
        (lambda lines: lines.insert(-1, {"event": "host"}), "tells of a host that was not announced"),
        (
            lambda lines: lines.insert(
                -1, {"event": "histogram", "of": "loop_lag", "host": 2, "greatest": 1, "buckets": []}
            ),
            "tells of a host that was not told of",
        ),
        *(
            (
                lambda lines, buckets=buckets: next(each for each in lines if "buckets" in each).update(
                    buckets=buckets
                ),
                "has 'buckets' that are none",
            )
            for buckets in ([], [1], [1, 1, 2], [-1, 1], [9000, 1], [1, 0], [2**62, 1])
        ),
    ],
)
def test_what_is_no_log_to_replay_is_refused(
    tmp_path: Path, change: Callable[[list[dict[str, Any]]], object], text: str
) -> None:
    path = altered(whole_log(tmp_path / "e.jsonl"), change)
    assert text in refusal_of(lambda: replayed(path))


def test_lines_that_are_long_are_kept_up_to_a_limit_in_all(tmp_path: Path) -> None:
    lines = whole_log(tmp_path / "e.jsonl").read_text().splitlines(keepends=True)
    note = json.dumps({"event": "noted", "note": "x" * 60_000}) + "\n"
    path = tmp_path / "long.jsonl.gz"
    path.write_bytes(gzip.compress("".join([lines[0], *[note] * 1500]).encode(), 1))
    assert "is one of too many that are long" in refusal_of(lambda: replayed(path))


@pytest.mark.parametrize("again", [_frame(1), _frame(3)._replace(due_ns=BEGAN_NS)])
def test_a_frame_that_is_not_behind_the_one_before_it_is_refused(tmp_path: Path, again: RenderedFrame) -> None:
    def told(heard: Observer, log: EventsLog) -> None:
        for observer in (heard, log):
            observer.stream_opened(INFO)
            for frame in (*FRAMES, _with_record(again, again.record)):
                observer.frame_rendered(INFO, frame)
        log.closing()

    tell(tmp_path / "e.jsonl", told)
    assert "tells of a frame that is not behind the one before it" in refusal_of(lambda: replayed(tmp_path / "e.jsonl"))


def test_what_is_kept_to_the_end_is_bounded_in_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cts.records.events_replay._LENGTH_BEYOND", 256 * 10)

    def told(heard: Observer, log: EventsLog) -> None:
        for number in range(20):
            log.run_failed(str(number))
        log.closing()

    tell(tmp_path / "e.jsonl", told)
    assert "is one of too many" in refusal_of(lambda: replayed(tmp_path / "e.jsonl"))
