"""What is off from one status on is told where that begins."""

from __future__ import annotations

from pathlib import Path

from cts.verification.verify import verify_run
from tests.verification.simulated_logs import Line, Logs, config_of, simulated_logs


def status_differences(logs: Logs) -> list[str]:
    found = verify_run(logs.events, logs.truth).differences
    return [str(each) for each in found if "of status" in each.what]


def logs_of(folder: Path) -> Logs:
    return simulated_logs(folder, config_of(output={"status_update": "100ms"}))


def lose(line: Line) -> None:
    line.update(fate="lost", at=[], bits=[])


def test_one_altered_datagram_is_told_once_for_each_count(tmp_path: Path) -> None:
    logs = logs_of(tmp_path)
    logs.change_truth(lose, dir="to_client", n=7)
    told = status_differences(logs)
    assert told
    assert len({text.partition(" of status")[0] for text in told}) == len(told)


def test_what_is_off_by_more_later_is_told_again(tmp_path: Path) -> None:
    logs = logs_of(tmp_path)
    logs.change_truth(lose, dir="to_client", n=7)
    one = len(status_differences(logs))
    logs.change_truth(lose, dir="to_client", n=40)
    assert len(status_differences(logs)) > one
