"""A failure of either side of a run, whatever fails, is in all that the run says of itself, and names whose fault it was.

In virtual time every fault by itself; over real sockets all of a kind in one run, a stream for each.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import pytest
from attrs import frozen

from tests.cli.running_cts import (
    CLIENT,
    FREE_PORT,
    QUIET,
    SERVER,
    SHORT,
    STREAM,
    Finished,
    Running,
    free_port,
    run_here,
)
from tests.plugin.plugins_at_fault import FACTORY_FAULTS, SENDER_FAULTS, install_plugins_at_fault

WAYS = [("pull", "client"), ("pull", "server"), ("push", "client"), ("push", "server")]
"""Direction, and the side that goes wrong."""
CLOSING = "connected-socket factory 'faulty' of cts-faulty 1.0 raised OSError: [Errno 28] No space left on device"


@pytest.fixture(scope="module", autouse=True)
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("plugins")
    install_plugins_at_fault(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.setenv("PYTHONPATH", str(folder))
        yield
    sys.modules.pop("at_fault", None)


@frozen
class Told:
    """All that a run said: as JSON, as text for people, and in its logs."""

    json: Finished
    text: Finished
    errors: Sequence[str]
    events: Sequence[dict[str, object]]

    @property
    def ends(self) -> list[dict[str, object]]:
        """The ends of streams in the JSON."""
        streams = cast("list[dict[str, object]]", json.loads(self.json.stdout)["streams"])
        return [end for each in streams for end in (each, *cast("list[dict[str, object]]", each["other_ends"]))]

    def of_stream(self, text: str, role: str | None = None) -> None:
        """Assert that all five say that a stream failed, by the end that plays a role."""
        assert (self.json.status, self.text.status) == (1, 1), self
        assert text in self.text.stdout.partition("failed streams:")[2]
        assert any(line.partition("] ")[2].startswith(role or "") and text in line for line in self.errors), self.errors
        ended = [each for each in self.events if each["event"] == "stream_ended"]
        for ends in (self.ends, ended):
            assert any(text in cast("str", each["result"]) and role in (None, each["role"]) for each in ends), (
                text,
                ends,
            )
        assert self.json.report["connections"]["successful"] == 0

    def of_run(self, text: str, *, but: str = "") -> None:
        """Assert that all five say that the run failed; ``but`` is the log that cannot."""
        assert (self.json.status, self.text.status) == (1, 1), self
        assert any(text in each for each in self.json.report["failures"])
        assert any(line.startswith("failed: ") and text in line for line in self.text.stdout.splitlines())
        assert but == "error_file" or any("] run: " in line and text in line for line in self.errors), self.errors
        failed = [cast("str", each["failure"]) for each in self.events if each["event"] == "run_failed"]
        assert but == "events_file" or any(text in each for each in failed), self.events
        assert but == "events_file" or self.events[-1]["event"] == "run_ended"


def told(folder: Path, *command: str | Path, sets: Sequence[str], logs: dict[str, str] | None = None) -> Told:
    """Run a command twice, for its JSON and for its text; ``logs`` takes the place of the usual ones."""
    paths = {"error_file": f"{folder}/errors.txt", "events_file": f"{folder}/events.jsonl", **(logs or {})}
    files = [f"output.{key}={path}" for key, path in paths.items()]
    for path in paths.values():
        Path(path).parent.mkdir(exist_ok=True)
    as_text = run_here(*command, sets=(*QUIET, "output.status_update=100ms", *sets, *files))
    for path in paths.values():
        Path(path).parent.mkdir(exist_ok=True)
    as_json = run_here(*command, "--json", sets=(*QUIET, "output.status_update=100ms", *sets, *files))
    errors, events = (
        Path(paths[key]).read_text("utf-8").splitlines() if Path(paths[key]).is_file() else []
        for key in ("error_file", "events_file")
    )
    return Told(as_json, as_text, errors, [json.loads(each) for each in events])


def sender(*faults: str) -> list[str]:
    return ["sender.strategy=faulty", f"sender.options.faults={json.dumps(faults)}"]


def factory(side: str, *faults: str) -> list[str]:
    options = {"faults": json.dumps(faults), "side": side}
    return ["connected_socket.factory=faulty", *(f"connected_socket.options.{key}={it}" for key, it in options.items())]


def role_of(direction: str, side: str) -> str:
    return "sender" if (direction, side) in (("pull", "server"), ("push", "client")) else "receiver"


@pytest.mark.parametrize("direction", ["pull", "push"])
@pytest.mark.parametrize(("fault", "text"), SENDER_FAULTS.items())
def test_a_simulated_sender_s_fault_is_told(tmp_path: Path, direction: str, fault: str, text: str) -> None:
    run = told(tmp_path, "sim", STREAM, sets=(*SHORT, *sender(fault), f"stream.direction={direction}"))
    run.of_stream(text, "sender")
    assert run.json.report["connections"]["protocol_errors"] == 1


@pytest.mark.parametrize(("direction", "side"), WAYS)
@pytest.mark.parametrize(("fault", "text"), FACTORY_FAULTS.items())
def test_a_simulated_factory_s_fault_is_told(tmp_path: Path, direction: str, side: str, fault: str, text: str) -> None:
    run = told(tmp_path, "sim", STREAM, sets=(*SHORT, *factory(side, fault), f"stream.direction={direction}"))
    run.of_stream(text, role_of(direction, side))
    network = fault in ("bad_descriptor", "not_a_socket") and run.json.report["connections"]["network_errors"]
    assert network or run.json.report["connections"]["protocol_errors"]


LOGS = ("status_file", "jitter_file", "connection_file", "error_file", "events_file")
SERVERS_LOGS = ("status_file", "connection_file", "events_file")
"""Those that have lines of a server to which nobody comes."""


@pytest.mark.parametrize(
    ("way", "key"),
    [
        *((way, key) for way in ("sim", "loopback", "client") for key in LOGS),
        *(("server", key) for key in SERVERS_LOGS),
        # The parent writes them all; one is told at the end alone.
        *(("two processes", key) for key in ("connection_file", "error_file")),
    ],
)
def test_a_log_that_cannot_be_written_is_told(tmp_path: Path, way: str, key: str) -> None:
    # An error log that nothing is to be written to lacks nothing.
    failing = sender("raises") if key == "error_file" else []
    sets = [*SHORT, *FREE_PORT, *failing]
    command: tuple[str | Path, ...] = ("run", STREAM)
    if way == "sim":
        command, sets = ("sim", STREAM), [*SHORT, *failing]
    elif way == "two processes":
        sets += ["run.processes=2"]
    elif way == "server":
        command, sets = ("run", SERVER), ["server.listen=127.0.0.1:0", "run.time_limit=100ms"]
    elif way == "client":
        command, sets = ("run", CLIENT), [*SHORT, f"client.target=127.0.0.1:{free_port()}"]
    run = told(tmp_path, *command, sets=sets, logs={key: "/dev/full"})
    run.of_run(f"output.{key}: cannot write '/dev/full': No space left on device", but=key)


@pytest.mark.parametrize("way", ["sim", "run"])
def test_a_log_whose_folder_vanishes_is_told(tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "logs" / "jitter.csv"
    monkeypatch.setenv("VANISHING", str(path.parent))
    sets = [*SHORT, *(() if way == "sim" else FREE_PORT), *sender("vanishes"), "client.connections=2"]
    run = told(tmp_path, way, STREAM, sets=sets, logs={"jitter_file": str(path)})
    run.of_run(f"output.jitter_file: cannot write '{path.parent}/jitter-")


@pytest.mark.parametrize("way", ["sim", "run"])
def test_a_factory_that_cannot_be_closed_is_told(tmp_path: Path, way: str) -> None:
    run = told(tmp_path, way, STREAM, sets=(*SHORT, *(() if way == "sim" else FREE_PORT), *factory("", "close_raises")))
    run.of_run(CLOSING)
    assert run.json.report["connections"]["successful"] == 1


@pytest.mark.parametrize(("direction", "processes"), [("pull", 1), ("push", 1), ("push", 2)])
def test_each_fault_of_a_sender_over_loopback_is_told(tmp_path: Path, direction: str, processes: int) -> None:
    faults = list(SENDER_FAULTS) * processes
    sets = [
        *SHORT,
        *FREE_PORT,
        *sender(*SENDER_FAULTS),
        f"client.connections={len(faults)}",
        f"run.processes={processes}",
    ]
    run = told(tmp_path, "run", STREAM, sets=(*sets, f"stream.direction={direction}"))
    for text in SENDER_FAULTS.values() if processes == 1 else ["of cts-faulty 1.0 raised"]:
        run.of_stream(text, "sender")
    assert run.json.report["connections"]["protocol_errors"] == len(faults)


@pytest.mark.parametrize(("direction", "side"), WAYS)
def test_each_fault_of_a_factory_over_loopback_is_told(tmp_path: Path, direction: str, side: str) -> None:
    sets = [*SHORT, *FREE_PORT, *factory(side, *FACTORY_FAULTS), f"client.connections={len(FACTORY_FAULTS)}"]
    run = told(tmp_path, "run", STREAM, sets=(*sets, f"stream.direction={direction}"))
    for text in FACTORY_FAULTS.values():
        run.of_stream(text, role_of(direction, side))
    streams = len(run.json.report["streams"])
    assert streams == sum(cast("dict[str, int]", run.json.report["connections"]).values())
    # A server that cannot begin a push tries again with each START; all else happens to a stream once.
    assert streams == len(FACTORY_FAULTS) or (direction, side) == ("push", "server")


@pytest.mark.parametrize(("direction", "side"), WAYS)
def test_each_fault_of_one_side_alone_is_told_there(tmp_path: Path, direction: str, side: str) -> None:
    address, role = f"127.0.0.1:{free_port()}", role_of(direction, side)
    common = (*SHORT, *QUIET, f"stream.direction={direction}")
    here = [*common, f"server.listen={address}", "run.time_limit=1500ms"]
    there = [*common, f"client.target={address}", "client.iterations=0", f"client.connections={len(FACTORY_FAULTS)}"]
    mine, other = (SERVER, CLIENT) if side == "server" else (CLIENT, SERVER)
    if side == "client":
        here, there = [*common, f"client.target={address}", f"client.connections={len(FACTORY_FAULTS)}"], here[:-1]
    ready = ("output.console=lines", "output.status_update=50ms")
    with Running("run", other, sets=(*there, *ready)) as peer:
        peer.wait_for_row()
        for at_fault, texts in (
            (factory(side, *FACTORY_FAULTS), FACTORY_FAULTS),
            (sender(*SENDER_FAULTS), SENDER_FAULTS),
        ):
            if texts is FACTORY_FAULTS or role == "sender":
                run = told(tmp_path, "run", mine, sets=[*here, *at_fault])
                for text in texts.values():
                    run.of_stream(text, role)
