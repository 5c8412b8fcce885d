"""Every hook of a plugin goes wrong in turn: the run ends, its logs are whole, and nothing stays open."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.cli.running_cts import FREE_PORT, QUIET, STREAM, VERY_SHORT, run_here
from tests.cli.what_is_left import nothing_is_left
from tests.plugin.plugins_at_fault import FACTORY_FAULTS, SENDER_FAULTS, install_plugins_at_fault


@pytest.fixture(scope="module", autouse=True)
def _plugins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("plugins")
    install_plugins_at_fault(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield
    sys.modules.pop("at_fault", None)


def sender(fault: str) -> Sequence[str]:
    return ("sender.strategy=faulty", f"sender.options.faults={json.dumps([fault])}")


def factory(side: str, fault: str) -> Sequence[str]:
    faults = f"connected_socket.options.faults={json.dumps([fault])}"
    return ("connected_socket.factory=faulty", faults, f"connected_socket.options.side={side}")


FAULTS = {
    **{f"sender {fault}": sender(fault) for fault in SENDER_FAULTS},
    **{f"{side} {fault}": factory(side, fault) for side in ("server", "client") for fault in FACTORY_FAULTS},
    "close_raises": factory("", "close_raises"),
}


@pytest.mark.parametrize("direction", ["pull", "push"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_hook_that_goes_wrong_leaves_results_and_nothing_else(fault: str, direction: str, tmp_path: Path) -> None:
    events = tmp_path / "events"
    sets = (*VERY_SHORT, *QUIET, *FAULTS[fault], f"stream.direction={direction}", f"output.events_file={events}")
    command = ("sim", STREAM, "--json")
    run_here(*command, sets=sets)
    with nothing_is_left():
        finished = run_here(*command, sets=sets)
    assert finished.status in (0, 1)
    told = [json.loads(line)["event"] for line in events.read_text().splitlines()]
    assert told[-1] == "run_ended"
    assert told.count("stream_opened") == told.count("stream_ended")


@pytest.mark.parametrize("fault", [f"sender {next(iter(SENDER_FAULTS))}", "server make_raises", "client make_raises"])
def test_over_real_sockets_it_leaves_nothing_either(fault: str) -> None:
    sets = (*FREE_PORT, *VERY_SHORT, *QUIET, *FAULTS[fault], "run.time_limit=1s")
    run_here("run", STREAM, "--json", sets=sets)
    with nothing_is_left():
        finished = run_here("run", STREAM, "--json", sets=sets)
    assert finished.status == 1
