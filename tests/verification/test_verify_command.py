"""``cts verify-run``: what it prints and how it leaves."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest
from click.testing import CliRunner, Result

from cts.cli.verify_run_command import verify_run
from cts.errors import UserError
from cts.impairment.loss import EveryNth
from tests.schemas.validating import read_output
from tests.verification.simulated_logs import PATH, Logs, as_relayed, config_of, simulated_logs


@pytest.fixture
def logs(tmp_path: Path) -> Logs:
    return simulated_logs(tmp_path, config_of(), to_client=attrs.evolve(PATH, loss=EveryNth(7)))


def call(logs: Logs, *options: str) -> Result:
    return CliRunner().invoke(verify_run, [str(logs.events), str(logs.truth), *options])


def test_agreement_is_one_line_and_status_0(logs: Logs) -> None:
    result = call(logs)
    assert (result.stdout, result.exit_code) == (
        "agrees: 1 stream, 20 frames (20 datagram by datagram), 62 datagrams\n",
        0,
    )


def test_a_difference_is_a_line_of_its_own_and_status_1(logs: Logs) -> None:
    logs.change_events(lambda line: line.update(verdict="repeated"), event="frame", sequence=1)
    result = call(logs)
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "differs: 1 difference in 1 stream, 20 frames (20 datagram by datagram), 62 datagrams",
        "stream 1, client 1, frame 1: verdict is 'repeated' in the events, 'completed' by the truth",
    ]


def test_json_is_one_object_with_the_same(logs: Logs) -> None:
    logs.change_events(lambda line: line.update(size=4), event="frame", sequence=1)
    result = call(logs, "--json")
    assert result.exit_code == 1
    assert read_output("verify-run", result.stdout) == {
        "schema": 1,
        "agrees": False,
        "tolerance_ns": 0,
        "times_apart_ns": 0,
        "datagrams": 62,
        "frames": {"compared": 20, "by_datagram": 20, "order_open": 0, "late_datagrams": 0, "undecidable": 0},
        "streams": {
            "compared": 1,
            "undecidable": 0,
            "cut_short": 0,
            "unanswered": 0,
            "rows": [
                {
                    "stream": 1,
                    "client": 1,
                    "direction": "pull",
                    "address": "10.0.0.1:49152",
                    "opened_ns": 0,
                    "ended_ns": 2_900_000_000,
                    "known_after_ns": 0,
                    "result": "Succeeded",
                    "frames": 20,
                    "frames_by_datagram": 20,
                    "order_open_frames": 0,
                    "late_datagrams": 0,
                    "undecidable_frames": 0,
                    "undecidable": None,
                    "differences": 1,
                    "times_apart_ns": 0,
                }
            ],
        },
        "differences": {
            "total": 1,
            "listed": [{"what": "size", "stream": 1, "client": 1, "sequence": 1, "truth": 1000, "events": 4}],
        },
    }


def test_many_differences_end_with_how_many_more_there_are(tmp_path: Path) -> None:
    logs = simulated_logs(tmp_path, config_of(client={"connections": 10}))
    logs.events.write_text(logs.events.read_text().replace('"size":1000', '"size":1'))
    assert call(logs).stdout.splitlines()[-1] == "and 100 more"


def test_the_tolerance_is_a_duration(logs: Logs) -> None:
    as_relayed(logs, early_ns=12_200_000, late_ns=0)
    assert call(logs).exit_code == 1
    assert call(logs, "--tolerance", "12500us").exit_code == 0
    assert call(logs, "--tolerance", "12.1ms").exit_code == 1


@pytest.mark.parametrize("text", ["soon", "2 m", "1 ms less"])
def test_a_tolerance_that_is_no_duration_is_refused(logs: Logs, text: str) -> None:
    mistake = call(logs, "--tolerance", text).exception
    assert isinstance(mistake, UserError)
    assert str(mistake).startswith(f"--tolerance: '{text}' is not a duration; allowed: ")


def test_how_far_times_lie_apart_is_said(logs: Logs) -> None:
    as_relayed(logs, early_ns=1_200_000, late_ns=300_000)
    assert call(logs).stdout.splitlines()[1:] == [
        "times apart: 1.2 ms at most",
        "begun before the datagram that tells of it: 300 us at most",
    ]


def test_that_the_order_of_arrivals_was_open_is_said(logs: Logs) -> None:
    as_relayed(logs, early_ns=1_200_000, late_ns=300_000)
    logs.change_events(lambda line: line.update(extents=[1]), event="frame", sequence=7)
    assert (
        "transit or extents not judged, arrivals within 4 ms of each other: 1 frame" in call(logs).stdout.splitlines()
    )


def test_what_could_not_be_decided_is_said(logs: Logs) -> None:
    result = call(logs, "--tolerance", "1s")
    assert "undecidable, within 1 s of an edge" in result.stdout


def test_streams_cut_short_and_starts_without_answer_are_said(tmp_path: Path) -> None:
    config = config_of("push", server={"connection_limit": 1}, client={"iterations": 2}, run={"time_limit": "2500ms"})
    assert call(simulated_logs(tmp_path, config)).stdout.splitlines() == [
        "agrees: 1 stream, 15 frames (15 datagram by datagram), 63 datagrams",
        "compared up to where it was cut short: 1 stream",
        "reached the server and began nothing: 1 START",
    ]


def test_a_file_that_is_not_to_be_used_is_the_users_mistake(logs: Logs) -> None:
    logs.truth.unlink()
    assert isinstance(call(logs).exception, UserError)


def test_logs_of_two_seeds_are_told_to_be_of_two_runs_and_no_difference_is_listed(logs: Logs) -> None:
    logs.change_truth(lambda line: line.update(seed=77), kind="began")
    logs.change_events(lambda line: line.update(verdict="repeated"), event="frame", sequence=1)
    (line,) = call(logs).stdout.splitlines()
    assert line.startswith("differs: the two logs are not of one run: the seed is ")
    assert line.endswith(" 77 by the truth; 2 differences, of which --json lists some")


def test_logs_whose_streams_have_other_ids_and_more_that_differs_are_told_to_be_of_two_runs(logs: Logs) -> None:
    other = "00000000-0000-4000-8000-000000000000"
    logs.change_events(lambda line: line.update(id=other), event="stream_ended", role="receiver")
    assert call(logs).stdout.count("\n") == 2
    logs.change_events(lambda line: line.update(verdict="repeated"), event="frame", sequence=1)
    (line,) = call(logs).stdout.splitlines()
    assert "not of one run: no stream has the connection id in the events that it has in the truth; " in line


def test_logs_of_two_runs_are_told_to_be_no_pair(tmp_path: Path) -> None:
    logs = simulated_logs(tmp_path, config_of())
    for event in ("stream_opened", "stream_ended"):
        logs.change_events(lambda line: line.update(local="10.9.9.9:1"), event=event)
    (line,) = call(logs).stdout.splitlines()
    assert line.startswith("differs: the two logs are not of one run: ")
