"""Files that are missing, something else, damaged or cut short are refused, with the line and what is wrong with it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from cts.errors import UserError
from cts.records.events_writer import EVENTS_SCHEMA
from cts.records.truth_writer import TRUTH_SCHEMA
from cts.verification.verify import verify_run
from tests.verification.simulated_logs import MS, Logs, config_of, simulated_logs, write_lines


@pytest.fixture
def logs(tmp_path: Path) -> Logs:
    return simulated_logs(tmp_path, config_of(client={"connections": 2}))


def refusal(logs: Logs) -> str:
    with pytest.raises(UserError) as caught:
        verify_run(logs.events, logs.truth)
    return str(caught.value)


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines(keepends=True)


def keep(path: Path, count: int) -> None:
    path.write_text("".join(lines_of(path)[:count]))


def test_these_logs_are_of_the_schemas_that_are_read(logs: Logs) -> None:
    assert (EVENTS_SCHEMA, TRUTH_SCHEMA) == (2, 1)
    assert verify_run(logs.events, logs.truth).agrees


def test_events_of_schema_1_are_read(logs: Logs) -> None:
    lines = [json.loads(line) for line in lines_of(logs.events)]
    later = {"began_ns", "bytes_of_no_frame", "due", "send_lateness", "counted", "untold", "measured"}
    old = [
        {key: value for key, value in line.items() if key not in later} | ({"schema": 1} if "schema" in line else {})
        for line in lines
        if line["event"] not in ("run_report", "host", "histogram")
    ]
    assert len(old) < len(lines)
    write_lines(logs.events, old)
    assert verify_run(logs.events, logs.truth).agrees


@pytest.mark.parametrize("name", ["events", "truth"])
@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (Path.unlink, "cannot read it: No such file or directory"),
        (lambda path: path.write_text(""), "is empty"),
        (lambda path: path.write_text("TimeSlice,Bits/Sec\n"), "line 1 holds no JSON object"),
        (lambda path: path.write_text("[1]\n"), "line 1 holds no JSON object"),
        (lambda path: path.write_text("[" * 60_000 + "\n"), "line 1 holds no JSON object"),
        (lambda path: path.write_text("{}\n"), "line 1 has no"),
        (lambda path: path.write_text("9" * 70_000), "line 1 is longer than 65535 characters"),
        (lambda path: path.write_bytes(b"\xff\xfe{\0"), "line 1 is not UTF-8"),
        (lambda path: path.write_text(re.sub('"schema":[12]', '"schema":3', path.read_text())), "line 1 says schema 3"),
        (lambda path: path.write_text(path.read_text() + "{}\n"), "comes after"),
    ],
)
def test_what_is_no_such_log_is_refused(logs: Logs, name: str, spoil: Callable[[Path], object], text: str) -> None:
    path = {"events": logs.events, "truth": logs.truth}[name]
    spoil(path)
    message = refusal(logs)
    assert message.startswith(str(path))
    assert text in message


def test_a_log_in_the_place_of_the_other_is_refused(logs: Logs) -> None:
    with pytest.raises(UserError) as caught:
        verify_run(logs.truth, logs.events)
    assert str(caught.value) == (
        f"{logs.events}: is an events log, and TRUTH wants a ground-truth log; are the arguments swapped? "
        "allowed: cts verify-run EVENTS TRUTH"
    )


def test_a_log_that_is_given_twice_is_named_for_what_it_is(logs: Logs) -> None:
    with pytest.raises(UserError, match="is an events log, and TRUTH wants a ground-truth log"):
        verify_run(logs.events, logs.events)
    with pytest.raises(UserError, match="is a ground-truth log, and EVENTS wants an events log"):
        verify_run(logs.truth, logs.truth)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ('"n":1,', '"n":"1",', "'kind' that is not"),
        ('"client":1,"dir"', '"client":7,"dir"', "tells of client 7, which has no line before"),
        ('"head":"53', '"head":"', "has a 'head' that does not fit its 'size'"),
        ('"size":400', '"size":20', "has a 'head' that does not fit its 'size'"),
        ('"fate":"delivered"', '"fate":"lost"', "has a 'fate'"),
        ('"fate":"delivered"', '"fate":"eaten"', "has a 'fate'"),
        ('"at":[20000000]', '"at":[20000000,1]', "has 'bits' that do not fit"),
        ('"bits":[null]', '"bits":[40]', "has 'bits' that do not fit"),
        ('"bits":[null]', '"bits":[nil]', "no lists of integers"),
        ('"at":[20000000]', '"at":[1,,2]', "no lists of integers"),
        ('"kind":"datagram","t":20000000', '"kind":"datagram","t":50000000', "has it arrive before it was sent"),
        ('"kind":"client","client":1,"t":0', '"kind":"client","client":1,"t":1', "whose line says 1 ns"),
        ('"upstream":"10.0.0.1', '"upstream":"10.0.0.2', "has an 'upstream' that is not the 'address'"),
        (
            '"dir":"to_client","n":9',
            '"dir":"to_client","n":10',
            "has the number 10 of client 1 to_client, and 9 comes next",
        ),
        ('"fate":"delivered","at":[20000000],"bits":[null]', '"fate":"unsent","at":[],"bits":[]', "has a 'fate'"),
        ('"at":[20000000]', '"at":[]', "no lists of integers"),
        ('"seed":1', '"seed":"x"', "'seed' that is not a 64-bit integer"),
        ('"datagrams":', '"datagrams":1', "datagrams, and the log holds 124"),
        ('"began_unix_ns":0', '"began_unix_ns":-1', "'began_unix_ns' that is not a time in nanoseconds since 1970"),
        ('"kind":"client","client":2', '"kind":"client","client":1', "tells of client 1 again"),
    ],
)
def test_a_damaged_line_of_the_truth_is_refused(logs: Logs, old: str, new: str, text: str) -> None:
    content = logs.truth.read_text()
    assert old in content
    logs.truth.write_text(content.replace(old, new, 1))
    assert text in refusal(logs)


def test_a_truth_out_of_order_is_refused(logs: Logs) -> None:
    logs.change_truth(lambda line: line.update(t=130 * MS), dir="to_client", client=1, n=2)
    assert "line 9 is out of the order of its times" in refusal(logs)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ('"role":"loopback"', '"role":"server"', "opens stream 1 again"),
        ('"role":"loopback"', '"role":"observer"', "'role' that is not 'loopback' or 'server' or 'client'"),
        ('"direction":"pull",', "", "line 1 has no 'direction'"),
        ('"frame_rate":10', '"frame_rate":0', "'frame_rate' that is not a frame rate"),
        ('"frame_rate":10', '"frame_rate":1.5', "'frame_rate' that is not a frame rate"),
        ('"began_unix_ns":0', '"began_unix_ns":5', "on the real network, and the truth is of a simulated one"),
        ('"stream":2', '"stream":1', "opens stream 1 again"),
        (
            '"event":"frame","time_ns":1',
            '"event":"frame","time_ns":9223372036854775807',
            "'time_ns' that is not a time",
        ),
        ('"size":1000', '"size":true', "'size' that is not a 64-bit integer"),
        ('"verdict":"completed"', '"verdict":"shown"', "'verdict' that is not"),
    ],
)
def test_a_damaged_line_of_the_events_is_refused(logs: Logs, old: str, new: str, text: str) -> None:
    content = logs.events.read_text()
    assert old in content
    if new.endswith("807"):
        old, new = old + "000000000", new
    logs.events.write_text(content.replace(old, new, 1))
    assert text in refusal(logs)


def test_a_result_without_counts_is_refused(logs: Logs) -> None:
    logs.change_events(lambda line: line.update(frames=[]), event="stream_ended", role="receiver")
    assert "has a 'frames' that is not an object" in refusal(logs)


def test_frames_of_a_stream_that_is_not_open_are_refused(logs: Logs) -> None:
    lines = [json.loads(line) for line in lines_of(logs.events)]
    write_lines(logs.events, [line for line in lines if line["event"] != "stream_opened"])
    assert "tells of stream 1, which is not open" in refusal(logs)


def test_a_log_whose_senders_have_no_end_is_refused(logs: Logs) -> None:
    lines = [json.loads(line) for line in lines_of(logs.events)]
    ended = [line for line in lines if (line["event"], line.get("role")) == ("stream_ended", "sender")]
    write_lines(logs.events, [line for line in lines if line not in ended])
    assert "events.jsonl: was cut short while a stream ran" in refusal(logs)


def test_a_log_that_tells_of_receivers_only_is_compared_all_the_same(logs: Logs) -> None:
    lines = [json.loads(line) for line in lines_of(logs.events)]
    write_lines(logs.events, [line for line in lines if line.get("role") != "sender"])
    assert verify_run(logs.events, logs.truth).agrees


def test_a_truth_cut_short_while_a_stream_ran_is_refused(logs: Logs) -> None:
    keep(logs.truth, 60)
    assert "truth.jsonl: was cut short while a stream ran" in refusal(logs)
    with logs.truth.open("a") as file:
        file.write('{"kind":"datagram","t":1')
    assert "truth.jsonl: was cut short while a stream ran" in refusal(logs)


def test_a_truth_cut_short_after_all_streams_had_ended_is_compared_and_told(logs: Logs) -> None:
    *lines, last = lines_of(logs.truth)
    late = lines[-1].replace('"t":', '"t":9').replace('"at":[', '"at":[99')
    late = late.replace('"n":61', '"n":62')
    logs.truth.write_text("".join(lines) + late + last[:20])
    assert [each.what for each in verify_run(logs.events, logs.truth).differences] == ["ended"]


def test_events_cut_short_while_a_stream_ran_are_refused(logs: Logs) -> None:
    keep(logs.events, 30)
    assert "events.jsonl: was cut short while a stream ran" in refusal(logs)


def test_events_cut_short_before_a_stream_opened_are_refused(logs: Logs) -> None:
    lines = [json.loads(line) for line in lines_of(logs.events)]
    write_lines(logs.events, [line for line in lines if line.get("stream") != 2 and line["event"] != "run_ended"])
    assert "events.jsonl: was cut short before a stream of the truth" in refusal(logs)


def test_events_that_lack_only_their_end_are_compared_and_told(logs: Logs) -> None:
    content = logs.events.read_text()
    logs.events.write_text(content[: content.rindex('"run_ended"')])
    assert [each.what for each in verify_run(logs.events, logs.truth).differences] == ["run_ended"]


def test_a_relays_truth_may_be_a_second_out_of_order_and_no_more(logs: Logs) -> None:
    unix_ns = 1_800_000_000_000_000_000
    for path in (logs.events, logs.truth):
        path.write_text(path.read_text().replace('"began_unix_ns":0', f'"began_unix_ns":{unix_ns}'))
    began, *lines, ended = [json.loads(line) for line in lines_of(logs.truth)]
    for late_ns in (900 * MS, 1100 * MS):
        # What one client sends and gets is read that much later than the other's.
        late = sorted(lines, key=lambda line: (line["t"] + (line["client"] == 1) * late_ns, line["client"]))
        write_lines(logs.truth, [began, *late, ended])
        if late_ns < 1000 * MS:
            assert verify_run(logs.events, logs.truth).agrees
    assert "is out of the order of its times" in refusal(logs)
