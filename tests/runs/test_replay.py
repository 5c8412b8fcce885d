"""Events that somebody altered end in a report of some kind, or in one clear message; never in anything else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cts.engine.connected_socket import DefaultConnectedSocketFactory
from cts.engine.senders import AutoSender
from cts.errors import UserError
from cts.impairment.delay import Uniform
from cts.impairment.link import Impairment
from cts.impairment.loss import Bernoulli
from cts.metrics.frame_record import FrameRecord, MissedRecord
from cts.output.answer import answer_of
from cts.output.figures import seconds
from cts.output.summary import summary_rows, summary_text
from cts.output.summary_json import summary_json
from cts.protocol.frames import RenderedFrame
from cts.records.events_replay import EventsReplay
from cts.records.events_writer import EventsLog
from cts.records.observer import Observer
from cts.records.outcome_profiles import default_profile
from cts.records.snapshots import StreamInfo
from cts.runs.replay import LOG_OPTIONS, Replayed, replay
from cts.runs.session_settings import plan_of
from cts.runs.simulated_run import simulate
from cts.runs.watchers import event_settings
from tests.cli.running_cts import STREAM, run_here
from tests.verification.simulated_logs import MS, PATH, config_of

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
_NUMBERS = st.integers(-(2**63), 2**63 - 1)


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Return the events of a run of three streams of which the time limit cuts one off."""
    path = tmp_path_factory.mktemp("events") / "e.jsonl"
    sets = (
        *(
            "stream.stream_length=400ms",
            "stream.buffer_depth=200ms",
            "client.connections=3",
            "client.start_spread=400ms",
        ),
        *("network.loss=0.05", "run.time_limit=800ms", "output.console=quiet", "output.status_update=200ms"),
    )
    run_here("sim", STREAM, sets=(*sets, f"output.events_file={json.dumps(str(path))}"))
    return [json.loads(line) for line in path.read_text().splitlines()]


def replayed(folder: Path, lines: list[dict[str, Any]]) -> Replayed:
    path = folder / "e.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return replay(path, {name: folder / name for name in LOG_OPTIONS})


@given(data=st.data())
def test_whatever_is_altered_a_report_is_made_or_the_line_is_refused(
    events: list[dict[str, Any]], data: st.DataObject
) -> None:
    lines: list[dict[str, Any]] = json.loads(json.dumps(events))
    for _ in range(data.draw(st.integers(1, 3))):
        kinds = sorted({line["event"] for line in lines})
        kind = data.draw(st.sampled_from(kinds))
        line = data.draw(st.sampled_from([line for line in lines if line["event"] == kind]))
        key = data.draw(st.sampled_from(sorted(line)))
        inner = line[key]
        if isinstance(inner, dict) and inner:
            inner[data.draw(st.sampled_from(sorted(inner)))] = data.draw(_VALUES | _NUMBERS)
        else:
            line[key] = data.draw(_VALUES | _NUMBERS)
        if not isinstance(line.get("event"), str):
            break
    with TemporaryDirectory() as folder, suppress(UserError):
        report = replayed(Path(folder), lines).report
        assert summary_text(report)
        assert json.dumps(summary_json(report))


@settings(deadline=None)
@given(data=st.data())
def test_whichever_lines_are_missing_a_report_is_made_and_that_is_said(
    events: list[dict[str, Any]], data: st.DataObject
) -> None:
    gone = data.draw(st.sets(st.integers(1, len(events) - 1), min_size=1, max_size=20))
    with TemporaryDirectory() as folder:
        kept = [line for number, line in enumerate(events) if number not in gone]
        result = replayed(Path(folder), kept)
        assert summary_text(result.report)
        assert json.dumps(summary_json(result.report))
    assert result.missing


class Heard(Observer):
    """Takes down what it is told of data."""

    wants_frames = True

    def __init__(self) -> None:
        self.data: list[tuple[int, RenderedFrame | MissedRecord]] = []

    def frame_rendered(self, stream: StreamInfo, frame: RenderedFrame) -> None:
        self.data.append((stream.number, frame))

    def data_missed(self, stream: StreamInfo, record: MissedRecord) -> None:
        self.data.append((stream.number, record))


@pytest.mark.parametrize("direction", ["pull", "push"])
def test_all_that_a_run_knew_of_frames_and_late_data_comes_back(tmp_path: Path, direction: str) -> None:
    config = config_of(direction, client={"connections": 2})
    link = Impairment(
        delay=Uniform(0, 1400 * MS),
        keep_order=False,
        loss=Bernoulli(0.1),
        duplicate=0.3,
        reorder=0.2,
        reorder_delay_ns=90 * MS,
    )
    plan = plan_of(config)
    settings = event_settings(config, plan, seed=3, expected=2)
    heard, again = Heard(), Heard()
    simulate(
        config,
        seed=3,
        to_client=link if direction == "pull" else PATH,
        to_server=link if direction == "push" else PATH,
        make_sender=lambda plan: AutoSender(None, plan),
        factory=DefaultConnectedSocketFactory(None),
        observers=[heard, EventsLog(tmp_path / "e.jsonl", settings, lambda: 0)],
    )
    EventsReplay(tmp_path / "e.jsonl").tell(again)
    assert again.data == heard.data
    records = [each.record if isinstance(each, RenderedFrame) else each for _, each in heard.data]
    assert {type(record) for record in records} == {FrameRecord, MissedRecord}
    assert any(record is not None and record.extents for record in records)


def test_whole_events_lack_nothing(tmp_path: Path, events: list[dict[str, Any]]) -> None:
    result = replayed(tmp_path, events)
    assert (result.missing, result.notes, result.exit_status) == ((), (), 0)
    assert list(files_of(tmp_path)) == ["connection", "e.jsonl", "errors", "jitter-1", "jitter-2", "jitter-3", "status"]


def test_streams_that_the_end_of_events_cuts_off_are_in_the_logs(tmp_path: Path, events: list[dict[str, Any]]) -> None:
    ended = next(number for number, event in enumerate(events) if event["event"] == "stream_ended")
    replayed(tmp_path, events[:ended])
    connections = (tmp_path / "connection").read_text().splitlines()[1:]
    assert len(connections) == 3
    assert all("Cancelled: the events end before it does" in row for row in connections)
    assert (tmp_path / "errors").read_text().count("Cancelled: the events end before it does") >= 3


def test_streams_that_the_end_of_events_cuts_off_count_once_and_run_no_more(
    tmp_path: Path, events: list[dict[str, Any]]
) -> None:
    ended = next(number for number, event in enumerate(events) if event["event"] == "stream_ended")
    assert any(event.get("open_streams") for event in events[:ended])
    snapshot = replayed(tmp_path, events[:ended]).report.snapshot
    assert (snapshot.open_streams, sum(snapshot.outcomes.values())) == (0, 3)


def test_what_a_buffer_held_when_a_run_was_killed_had_come_in_time(
    tmp_path: Path, events: list[dict[str, Any]]
) -> None:
    buffered = next(number for number, event in enumerate(events) if event.get("bytes_on_time") and "frames" in event)
    status = events[buffered]
    counts = replayed(tmp_path, events[: buffered + 1]).report.snapshot.counts
    assert status["bytes_on_time"] > status["due"]["due"]
    assert (counts.bytes_received, counts.bytes_on_time) == (status["bytes_received"], status["bytes_on_time"])


def test_the_rate_of_a_stream_that_the_end_of_events_cuts_off_is_that_of_the_frames_told_of(
    tmp_path: Path, events: list[dict[str, Any]]
) -> None:
    at = next(number for number, event in enumerate(events) if event["event"] == "stream_ended")
    told = replayed(tmp_path, events[:at]).report.results
    for result in told:
        size, frames = result.counts.bytes_on_time, result.counts.frames.rendered
        expected = size * 8 * events[0]["frame_rate"] / frames if frames else 0
        assert result.bits_per_second == pytest.approx(expected, rel=1e-6, abs=1)
    assert any(result.bits_per_second for result in told)


def test_what_was_not_there_when_events_end_is_not_laid_to_a_sender_that_has_not_told_what_it_sent(
    tmp_path: Path, events: list[dict[str, Any]]
) -> None:
    at = next(number for number, event in enumerate(events) if event["event"] == "stream_ended")
    report = replayed(tmp_path, events[:at]).report
    assert report.loss.not_sent == report.loss.on_the_way == 0 < report.loss.not_sent_or_on_the_way
    assert "your own sender" not in summary_text(report)
    loss = summary_json(report)["loss"]
    assert isinstance(loss, dict)
    assert loss["not_sent"] is loss["on_the_way"] is None


def test_of_bytes_that_an_end_counted_after_it_told_last_it_is_said_that_they_were_at_least_so_many(
    tmp_path: Path, events: list[dict[str, Any]]
) -> None:
    at = next(number for number, event in enumerate(events) if event["event"] == "stream_ended")
    rows = dict(summary_rows(replayed(tmp_path, events[:at]).report))
    assert rows["sent"].endswith(" bytes at least")
    assert " bytes at least, " in rows["received"]
    rows = dict(summary_rows(replayed(tmp_path, events).report))
    assert "at least" not in rows["sent"] + rows["received"]


def test_what_came_too_late_has_come_in_a_run_that_was_cut_off_as_well(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    sets = ("stream.stream_length=1s", "stream.buffer_depth=100ms", "network.bandwidth=5Mbit/s", "network.queue=200KiB")
    run_here("sim", STREAM, sets=(*sets, "output.console=quiet", f"output.events_file={json.dumps(str(path))}"))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    at = next(number for number, event in enumerate(lines) if event["event"] == "stream_ended")
    late = sum(event["size"] for event in lines[:at] if event["event"] == "missed")
    (result,) = replayed(tmp_path, lines[:at]).report.results
    assert late > 0
    assert result.counts.bytes_received == result.counts.bytes_on_time + late
    assert result.counts.due.late == min(late, result.counts.due.missing)


def test_a_run_whose_events_tell_of_no_profile_is_scored_by_the_default(
    tmp_path: Path, events: list[dict[str, Any]]
) -> None:
    began = {key: value for key, value in events[0].items() if key != "outcome_profile"}
    assert replayed(tmp_path, [began, *events[1:]]).report.profile == default_profile()


@pytest.mark.parametrize(
    "altered",
    [
        {"latency": {}},
        {"latency": {"most": {"optimal": 1, "unacceptable": 2}}},
        {"latency": {"nan": {"optimal": 1, "unacceptable": 2}}},
        {"loss": {"optimal": 1, "unacceptable": 0}},
        {"rate": -1},
    ],
)
def test_a_profile_that_is_none_is_refused(
    tmp_path: Path, events: list[dict[str, Any]], altered: dict[str, object]
) -> None:
    began = {**events[0], "outcome_profile": {**events[0]["outcome_profile"], **altered}}
    with pytest.raises(UserError, match="line 1 has an 'outcome_profile' that is none"):
        replayed(tmp_path, [began, *events[1:]])


def test_frames_by_the_million_that_nobody_told_of_take_no_time_and_more_than_there_are_tell_nothing(
    tmp_path: Path, events: list[dict[str, Any]]
) -> None:
    end = next(event for event in events if event["event"] == "stream_ended" and event["role"] == "receiver")
    nothing = dict.fromkeys(end["frames"], 0)
    made_up = {**end, "frames": {**nothing, "dropped": 1 << 60}}
    report = replayed(tmp_path, [events[0], made_up]).report
    assert (report.playout, report.metrics) == (None, None)


def files_of(folder: Path) -> Iterator[str]:
    yield from sorted(path.name for path in folder.iterdir())


def test_of_events_that_end_before_their_run_it_is_said_that_they_do_and_nobody_is_said_to_have_stopped_it(
    events: list[dict[str, Any]], tmp_path: Path
) -> None:
    cut = [each for each in events if each["event"] not in ("run_report", "run_ended")]
    report = replayed(tmp_path, cut).report
    told = f"The run's events end after {seconds(report.run_ns)} s, before it did"
    assert told in answer_of(report)
    assert "stopped" not in answer_of(report)
    role = dict(summary_rows(report))["loopback"]
    assert role.endswith(f"; {seconds(report.run_ns)} s, where its events end")
    assert report.interrupted
