"""Events of a server that served both directions: each stream is compared by its own, and what is altered is found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from attrs import evolve

from cts.errors import UserError
from cts.output.summary_json import summary_json
from cts.runs.replay import replay
from cts.verification.report import verification_text
from cts.verification.verify import verify_run
from tests.verification.served_logs import ASKS, served
from tests.verification.simulated_logs import MS, write_lines
from tests.verification.test_alterations import Alteration, Lines, changed, doubled, more, removed

MUCH = 1_000 * MS
SENDER = {"event": "stream_ended", "role": "sender"}
SENDING = {"event": "stream_opened", "role": "sender"}


BOTH = pytest.mark.parametrize("direction", ["pull", "push"])


@BOTH
def test_each_stream_agrees_by_its_own_direction_and_plan(tmp_path: Path, direction: str) -> None:
    logs = served(tmp_path, direction)
    found = verify_run(logs.events, logs.truth)
    assert [str(each) for each in found.differences] == []
    assert [row.direction for row in found.streams] == [*(way for way, _, _ in ASKS), direction]
    ways = [way for way, _, _ in ASKS].count("pull") + (direction == "pull")
    assert f"sent by the server, of which its clients judge the frames: {ways} streams" in verification_text(found)
    assert found.frames == found.frames_by_datagram == (40 if direction == "pull" else 60)


@BOTH
def test_its_replay_says_what_the_run_said(tmp_path: Path, direction: str) -> None:
    logs = served(tmp_path, direction)
    # What ran it is told where a run is put together, which a session is not.
    assert summary_json(evolve(replay(logs.events, {}).report, provenance=None)) == summary_json(logs.report)


def alterations() -> Iterator[tuple[str, Alteration]]:
    key: str
    change: object
    for key, change in (
        ("event", "opened"),
        ("time_ns", lambda at_ns: at_ns + MUCH),
        ("time_ns", lambda at_ns: at_ns - MUCH),
        ("stream", 9),
        ("local", "10.0.0.9:49152"),
        ("remote", "10.0.0.9:49152"),
        ("role", "receiver"),
    ):
        yield changed(key, change, **SENDING)
    for key, change in (
        ("plan", None),
        ("plan.bits_per_second", 161_000),
        ("plan.frame_rate", 21),
        ("plan.stream_length_ns", 1_500 * MS),
        ("plan.stream_length_ns", 500 * MS),
        ("plan.datagram_max_size", 301),
    ):
        yield changed(key, change, **SENDING, stream=3)
    yield changed("id", "27a22e1f-549a-4e0c-a6f9-89c72ab6bc09", **SENDER, stream=5)
    for key, change in (
        ("event", "ended"),
        ("time_ns", lambda at_ns: at_ns + MUCH),
        ("time_ns", lambda at_ns: at_ns - MUCH),
        ("stream", 1),
        ("local", "10.0.0.9:49152"),
        ("remote", "10.0.0.9:49152"),
        ("role", "receiver"),
        ("outcome", "cancelled"),
        ("outcome", "protocol error"),
        ("started_ns", lambda at_ns: at_ns + MUCH),
        ("started_ns", lambda at_ns: at_ns - MUCH),
        ("bytes_sent", more),
        ("bits_per_second", lambda rate: rate + rate // 100),
        ("bytes_sent", lambda sent: sent - 1),
        ("unsent", {"Network is unreachable": {"frames": 1, "time_ns": 1}}),
        *((f"frames.{key}", more) for key in ("completed", "dropped", "repeated", "error")),
        ("bytes_received", more),
        ("bytes_on_time", more),
        *((f"arrivals.{key}", more) for key in ("on_time", "late", "ahead", "unexpected", "handshake", "undecodable")),
    ):
        yield changed(key, change, **SENDER)
    for line in (SENDER, SENDING):
        yield removed(**line)
        yield doubled(**line)
    last = {"event": "status", "open_streams": 0, "last": True}
    for key in ("open_streams", "bytes_sent", "outcomes.successful", "outcomes.cancelled", "arrivals.handshake"):
        yield changed(key, more, **last)
    yield changed("bytes_sent", 0, event="status", midst=True)
    yield changed("bytes_sent", lambda sent: sent + 10_000_000, event="status", midst=True)


def named() -> list[object]:
    return [pytest.param(alter, id=name) for name, alter in alterations()]


@pytest.fixture(scope="module")
def originals() -> tuple[Lines, Lines]:
    with TemporaryDirectory() as folder:
        logs = served(Path(folder), "pull")
        events, truth = (
            [json.loads(line) for line in path.read_text().splitlines()] for path in (logs.events, logs.truth)
        )
    statuses = [line for line in events if line["event"] == "status"]
    statuses[-1]["last"] = True
    before = next(line for line in statuses if line["bytes_sent"] >= 40_000)
    statuses[statuses.index(before) + 2]["midst"] = True
    return events, truth


def differences(folder: Path, events: Lines, truth: Lines) -> str:
    paths = folder / "events.jsonl", folder / "truth.jsonl"
    for path, lines in zip(paths, (events, truth), strict=True):
        write_lines(path, [{k: v for k, v in line.items() if k not in ("last", "midst")} for line in lines])
    try:
        return "\n".join(map(str, verify_run(*paths).differences))
    except UserError as error:
        return str(error)


@pytest.mark.parametrize("alter", named())
def test_an_alteration_of_what_it_sent_is_found(
    originals: tuple[Lines, Lines], tmp_path: Path, alter: Alteration
) -> None:
    events, truth = json.loads(json.dumps(originals))
    alter(events)
    assert differences(tmp_path, events, truth)


def test_a_stream_that_it_sent_and_does_not_tell_of_is_found(originals: tuple[Lines, Lines], tmp_path: Path) -> None:
    events, truth = json.loads(json.dumps(originals))
    told = [line for line in events if line.get("stream") != 3]
    assert "client 3: stream is absent in the events" in differences(tmp_path, told, truth)


def test_a_stream_that_it_tells_of_and_did_not_send_is_found(originals: tuple[Lines, Lines], tmp_path: Path) -> None:
    events, truth = json.loads(json.dumps(originals))
    for line in events:
        if line.get("stream") == 3:
            line["remote"] = "10.0.0.9:49152"
    assert "stream 3: stream is 'opened at" in differences(tmp_path, events, truth)


def test_a_stream_that_it_received_and_calls_sent_is_found(originals: tuple[Lines, Lines], tmp_path: Path) -> None:
    events, truth = json.loads(json.dumps(originals))
    told = [line for line in events if line.get("stream") != 4 or line["event"] not in ("frame", "missed")]
    for line in told:
        if line.get("stream") == 4:
            line["role"] = "sender"
    assert "arrivals.unexpected" in differences(tmp_path, told, truth)


def test_a_server_that_only_sent_is_refused(originals: tuple[Lines, Lines], tmp_path: Path) -> None:
    events, truth = json.loads(json.dumps(originals))
    sent = [line for line in events if line.get("stream") not in (1, 4)]
    assert "is that of a server that sends, which judges no frames" in differences(tmp_path, sent, truth)
