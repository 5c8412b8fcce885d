from __future__ import annotations

from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from cts.metrics.counters import FrameTotals
from cts.protocol.frames import RenderedFrame, Verdict
from cts.protocol.plan import StreamPlan
from cts.protocol.roles import Direction, Role
from cts.protocol.task import Verify
from cts.records.events_reader import read_events
from cts.records.events_writer import EventsLog
from cts.records.reported_run import RunEvents
from cts.records.snapshots import Address, Outcome, RunSnapshot, StreamInfo, StreamSnapshot
from cts.records.stream_results import result_of
from tests.records.damaged_lines import damage, refusal_of

BEGAN_NS = 1_000
BEGAN_UNIX_NS = 10**18
SETTINGS = {
    "role": "client",
    "direction": "pull",
    "verify": "count",
    "bits_per_second": 8_000_000,
    "frame_rate": 30,
    "stream_length_ns": 5_000_000_000,
    "buffer_depth_ns": 1_000_000_000,
    "datagram_max_size": 1400,
}
LOCAL, REMOTE = Address("127.0.0.1", 5), Address("::1", 6)

_TIMES = st.integers(0, 10**12)
_COUNTS = st.integers(0, 10**9)
_FRAMES = st.lists(st.tuples(st.sampled_from(Verdict), _COUNTS, _TIMES, _TIMES), max_size=5)


@attrs.frozen
class Told:
    """A stream as a run would tell of it."""

    info: StreamInfo
    frames: list[RenderedFrame]
    counts: StreamSnapshot


@st.composite
def streams(draw: st.DrawFn) -> list[Told]:
    told = []
    for number, frames in enumerate(draw(st.lists(_FRAMES, max_size=3)), 1):
        rendered = [
            RenderedFrame(sequence, verdict, size, 3, 10**7, BEGAN_NS + received_ns, BEGAN_NS + due_ns)
            for sequence, (verdict, size, received_ns, due_ns) in enumerate(frames, 1)
        ]
        totals = FrameTotals(*draw(st.tuples(_COUNTS, _COUNTS, _COUNTS, _COUNTS)))
        info = StreamInfo(number, LOCAL, REMOTE, Role.RECEIVER, draw(_TIMES))
        told.append(Told(info, rendered, StreamSnapshot(totals, draw(_COUNTS))))
    return told


def written(folder: str, told: list[Told]) -> Path:
    path = Path(folder) / "events.jsonl"
    log = EventsLog(path, SETTINGS, lambda: BEGAN_UNIX_NS)
    log.run_began(BEGAN_NS)
    for stream in told:
        log.stream_opened(stream.info)
    for frames in zip_longest(*(stream.frames for stream in told)):
        for stream, frame in zip(told, frames, strict=True):
            if frame is not None:
                log.frame_rendered(stream.info, frame)
    for stream in told:
        life_ns = BEGAN_NS + stream.info.opened_ns, BEGAN_NS + 10**13
        ended = Outcome.SUCCESSFUL, "Succeeded"
        log.stream_ended(
            stream.info,
            result_of(
                LOCAL, REMOTE, Role.RECEIVER, connection_id="name", outcome=ended, life_ns=life_ns, counts=stream.counts
            ),
        )
    log.status(RunSnapshot(10**13, 0, StreamSnapshot()))
    log.closing()
    return path


def read(path: Path, began_earlier_ns: int = 0) -> RunEvents:
    return read_events(path, BEGAN_UNIX_NS - began_earlier_ns)


@settings(deadline=None)
@given(streams(), st.integers(0, 10**12))
def test_what_was_written_reads_back_in_the_time_of_the_truth(told: list[Told], shift_ns: int) -> None:
    with TemporaryDirectory() as folder:
        run = read(written(folder, told), shift_ns)
    assert (run.direction, run.verify, run.complete) == (Direction.PULL, Verify.COUNT, True)
    assert run.plan == StreamPlan(8_000_000, 30, 5_000_000_000, 1_000_000_000, 1400)
    assert [(each.number, each.local, each.remote, each.opened_ns) for each in run.streams] == [
        (each.info.number, str(LOCAL), str(REMOTE), each.info.opened_ns + shift_ns) for each in told
    ]
    moved_ns = shift_ns - BEGAN_NS
    for stream, expected in zip(run.streams, told, strict=True):
        frames = [stream.frames[index] for index in range(len(stream.frames))]
        assert [(frame.due_ns, frame.verdict, frame.size, frame.received_ns) for frame in frames] == [
            (
                frame.due_ns + moved_ns,
                frame.verdict.value,
                frame.size,
                frame.received_ns + moved_ns if frame.size else None,
            )
            for frame in expected.frames
        ]
        end, counts = stream.end, expected.counts
        assert end is not None
        assert (end.started_ns, end.ended_ns) == (stream.opened_ns, 10**13 + shift_ns)
        assert (end.connection_id, end.outcome, end.result) == ("name", "successful", "Succeeded")
        assert FrameTotals(end.completed, end.dropped, end.repeated, end.error) == counts.frames
        assert end.bytes_received == counts.bytes_received


@settings(deadline=None)
@given(streams(), st.data())
def test_a_damaged_line_is_refused_by_its_number(told: list[Told], data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        path = written(folder, told)
        number = damage(data, path)
        assert refusal_of(lambda: read(path)).startswith(f"{path}: line {number} ")
