from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from cts.metrics.counters import FrameTotals
from cts.metrics.histogram import Histogram, Percentiles
from cts.metrics.host import HostFigures
from cts.metrics.loss import DueBytes
from cts.protocol.frames import RenderedFrame, Verdict
from cts.protocol.roles import Direction, Role
from cts.records.buffers import BufferRoom, SocketBuffers
from cts.records.events_writer import EventsLog
from cts.records.late import LateArrivals
from cts.records.results import RunReport
from cts.records.snapshots import Address, Outcome, RunSnapshot, StreamInfo, StreamSnapshot
from cts.records.stream_results import StreamResult

ARRIVALS = (
    '"arrivals":{"on_time":0,"late":0,"ahead":0,"no_such_frame":0,'
    '"undecodable":0,"wrong_payload":0,"unexpected":0,"handshake":0,"duplicate":0},"unsent":{},"bytes_on_time":400'
)
DUE = '"bytes_of_no_frame":70,"due":{"due":900,"missing":500,"late":50,"sent_late":40,"early":30}'
BEGAN_NS = 1_000
LOCAL = Address("127.0.0.1", 50000)
REMOTE = Address("::1", 4444)
STREAM = StreamInfo(7, LOCAL, REMOTE, Role.RECEIVER, 5)
COUNTS = StreamSnapshot(
    FrameTotals(1, 2, 3, 4),
    500,
    600,
    bytes_on_time=400,
    unreachable=8,
    bytes_of_no_frame=70,
    due=DueBytes(900, 500, 50, 40, 30),
)
RESULT = StreamResult(
    "some-id", LOCAL, REMOTE, Role.RECEIVER, Outcome.PROTOCOL_ERROR, "ErrorX", BEGAN_NS + 5, BEGAN_NS + 90, 8000, COUNTS
)


def begun(path: Path) -> EventsLog:
    log = EventsLog(path, {"role": "client"}, lambda: 7)
    log.run_began(BEGAN_NS)
    return log


def lines_after_the_first(path: Path, log: EventsLog) -> list[str]:
    log.closing()
    return path.read_text("ascii").splitlines()[1:]


def test_a_log_begins_with_its_schema_and_ends_with_run_ended(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    log = begun(path)
    log.status(RunSnapshot(77, 0, StreamSnapshot()))
    log.closing()
    log.closing()
    lines = path.read_text("ascii").splitlines()
    assert lines[0] == '{"event":"run_began","time_ns":0,"schema":2,"began_unix_ns":7,"began_ns":1000,"role":"client"}'
    assert lines[-1] == '{"event":"run_ended","time_ns":77,"cut_off_by_time_limit":null,"interrupted":false,"lines":2}'
    assert len(lines) == 3


def test_run_ended_says_how_many_streams_the_time_limit_cut_off(tmp_path: Path) -> None:
    log = begun(path := tmp_path / "e.jsonl")
    log.status(RunSnapshot(50, 0, COUNTS, cut_off_by_time_limit=2))
    assert json.loads(lines_after_the_first(path, log)[-1])["cut_off_by_time_limit"] == 2


def test_a_stream_that_opens_is_told_with_its_ends(tmp_path: Path) -> None:
    log = begun(path := tmp_path / "e.jsonl")
    log.stream_opened(STREAM)
    assert lines_after_the_first(path, log)[0] == (
        '{"event":"stream_opened","time_ns":5,"stream":7,'
        '"local":"127.0.0.1:50000","remote":"[::1]:4444","role":"receiver"}'
    )


def test_a_frame_is_told_in_times_of_the_run(tmp_path: Path) -> None:
    log = begun(path := tmp_path / "e.jsonl")
    log.frame_rendered(STREAM, RenderedFrame(3, Verdict.COMPLETED, 4166, 11, 12, BEGAN_NS + 20, BEGAN_NS + 30))
    assert lines_after_the_first(path, log)[0] == (
        '{"event":"frame","time_ns":30,"stream":7,"sequence":3,"verdict":"completed","size":4166,'
        '"received_ns":20,"sender_qpc":11,"sender_qpf":12}'
    )


def test_a_frame_of_which_nothing_came_has_no_stamps(tmp_path: Path) -> None:
    log = begun(path := tmp_path / "e.jsonl")
    log.frame_rendered(STREAM, RenderedFrame(3, Verdict.DROPPED, 0, 0, 0, 0, BEGAN_NS + 30))
    event = json.loads(lines_after_the_first(path, log)[0])
    assert (event["received_ns"], event["sender_qpc"], event["sender_qpf"]) == (None, None, None)


def test_a_stream_that_ends_is_told_with_its_counts(tmp_path: Path) -> None:
    log = begun(path := tmp_path / "e.jsonl")
    log.stream_ended(STREAM, RESULT)
    assert lines_after_the_first(path, log)[0] == (
        '{"event":"stream_ended","time_ns":90,"stream":7,"id":"some-id","local":"127.0.0.1:50000",'
        '"remote":"[::1]:4444","role":"receiver","outcome":"protocol error","result":"ErrorX","started_ns":5,'
        '"bits_per_second":8000,"frames":{"completed":1,"dropped":2,"repeated":3,"error":4,"hidden_losses":0},'
        '"bytes_received":500,"bytes_sent":600,'
        + ARRIVALS
        + ',"unreachable":8,"remark":null,'
        + DUE
        + ',"send_lateness":null,"counted":true,"untold":{"frames":6,"bytes_on_time":400},"measured":true}'
    )


def test_a_stream_that_ends_says_how_many_of_its_frames_no_event_tells_of(tmp_path: Path) -> None:
    log = begun(path := tmp_path / "e.jsonl")
    log.frame_rendered(STREAM, RenderedFrame(1, Verdict.COMPLETED, 300, 11, 12, BEGAN_NS + 20, BEGAN_NS + 30))
    log.stream_ended(STREAM, RESULT)
    assert json.loads(lines_after_the_first(path, log)[1])["untold"] == {"frames": 5, "bytes_on_time": 100}


@pytest.mark.parametrize("known", [{"counted": False}, {"counts": StreamSnapshot()}])
def test_nothing_is_said_of_untold_frames_where_less_is_known_than_was_told(
    tmp_path: Path, known: dict[str, Any]
) -> None:
    log = begun(path := tmp_path / "e.jsonl")
    log.frame_rendered(STREAM, RenderedFrame(1, Verdict.COMPLETED, 300, 11, 12, BEGAN_NS + 20, BEGAN_NS + 30))
    log.stream_ended(STREAM, evolve(RESULT, **known))
    assert json.loads(lines_after_the_first(path, log)[1])["untold"] is None


def test_a_sender_says_how_late_its_frames_left(tmp_path: Path) -> None:
    log = begun(path := tmp_path / "e.jsonl")
    log.other_end_ended(STREAM, evolve(RESULT, role=Role.SENDER, send_lateness=Percentiles(5, 1, 2, 3, 4)))
    event = json.loads(lines_after_the_first(path, log)[0])
    assert event["send_lateness"] == {"count": 5, "p50": 1, "p99": 2, "p999": 3, "greatest": 4}


def test_the_end_of_a_run_is_told_before_the_last_line(tmp_path: Path) -> None:
    log = begun(path := tmp_path / "e.jsonl")
    log.status(last := RunSnapshot(50, 0, COUNTS))
    lateness = Histogram()
    for value in (3, 3, 1000):
        lateness.record(value)
    log.reported(
        RunReport(
            role="client",
            direction=Direction.PULL,
            began_ns=BEGAN_NS,
            elapsed_ns=50,
            snapshot=last,
            streams=(),
            answered=(REMOTE,),
            send_lateness=lateness,
            buffers=SocketBuffers(BufferRoom(9, 8, limit=7), BufferRoom(6, 6)),
            late=LateArrivals(1, 2, 3, 4, 5),
            notes=("hear, hear",),
            hosts=(HostFigures(name="client 1", loop_lag=lateness, read_delay_ns=5, process_share=0.25, preempted=3),),
        )
    )
    log.run_failed("a worker died")
    assert lines_after_the_first(path, log)[1:] == [
        (
            '{"event":"run_report","time_ns":50,"buffers":{"receive":{"asked":9,"given":8,"by_name":false,"limit":7},'
            '"send":{"asked":6,"given":6,"by_name":false,"limit":null}},'
            '"after_giving_up":{"waited_ns":1,"streams":2,"datagrams":3,"soonest_ns":4,"latest_ns":5},"hosts":1}'
        ),
        '{"event":"answered","time_ns":50,"address":"[::1]:4444"}',
        '{"event":"noted","time_ns":50,"note":"hear, hear"}',
        '{"event":"histogram","time_ns":50,"of":"send_lateness","host":null,"greatest":1000,"buckets":[3,2,503,1]}',
        (
            '{"event":"host","time_ns":50,"host":0,"name":"client 1","told":true,"read_delay_ns":5,"overflowed":0,'
            '"process_share":0.25,"host_share":null,"stolen_share":null,"preempted":3}'
        ),
        '{"event":"histogram","time_ns":50,"of":"loop_lag","host":0,"greatest":1000,"buckets":[3,2,503,1]}',
        '{"event":"run_failed","time_ns":50,"failure":"a worker died"}',
        '{"event":"run_ended","time_ns":50,"cut_off_by_time_limit":null,"interrupted":false,"lines":9}',
    ]


def test_a_log_whose_name_ends_in_gz_is_gzip(tmp_path: Path) -> None:
    plain, packed = tmp_path / "e.jsonl", tmp_path / "e.jsonl.gz"
    for path in (plain, packed):
        log = begun(path)
        log.stream_opened(STREAM)
        log.closing()
    assert gzip.decompress(packed.read_bytes()) == plain.read_bytes()


def test_a_status_has_every_outcome_and_its_reasons_sorted(tmp_path: Path) -> None:
    log = begun(path := tmp_path / "e.jsonl")
    log.status(RunSnapshot(50, 2, COUNTS, {Outcome.SUCCESSFUL: 9}, {"b": 1, "a": 2}, 3, unreachable=4))
    assert lines_after_the_first(path, log)[0] == (
        '{"event":"status","time_ns":50,"open_streams":2,"frames":{"completed":1,"dropped":2,"repeated":3,"error":4,"hidden_losses":0},'
        '"bytes_received":500,"bytes_sent":600,' + ARRIVALS + ","
        '"outcomes":{"successful":9,"network error":0,"protocol error":0,"cancelled":0},'
        '"refused":{"a":2,"b":1},"overflowed":3,"unreachable":4,' + DUE + "}"
    )


def test_everything_up_to_a_status_is_on_disk_when_it_was_told(tmp_path: Path) -> None:
    log = begun(path := tmp_path / "e.jsonl")
    log.stream_opened(STREAM)
    assert path.read_text() == ""
    log.status(RunSnapshot(50, 2, COUNTS))
    assert path.read_text().count("\n") == 3
    log.closing()


def test_text_from_a_peer_cannot_break_a_line(tmp_path: Path) -> None:
    log = begun(path := tmp_path / "e.jsonl")
    log.stream_opened(StreamInfo(1, Address('x"\n\u2028', 1), REMOTE, Role.SENDER, 0))
    lines = lines_after_the_first(path, log)
    assert json.loads(lines[0])["local"] == 'x"\n\u2028:1'


def test_frames_are_asked_for() -> None:
    assert EventsLog.wants_frames
