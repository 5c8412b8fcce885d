"""What the tests of verification read: simulated runs that write both logs, and ways to tamper with them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from attrs import frozen

from cts.api import ISender, StreamPlan
from cts.config import Config, structure_config
from cts.engine.connected_socket import DefaultConnectedSocketFactory
from cts.engine.senders import AutoSender
from cts.impairment.delay import Constant
from cts.impairment.link import Impairment
from cts.records.events_writer import EventsLog
from cts.records.results import RunReport
from cts.records.truth_writer import SimulationTruthLog
from cts.runs.simulated_run import simulate

MS = 1_000_000
PATH = Impairment(delay=Constant(20 * MS))

Line = dict[str, object]


def config_of(direction: str = "pull", **tables: Mapping[str, object]) -> Config:
    """Return a small stream (20 frames of 400 + 400 + 200 bytes, 10 a second, 1 s of buffer) with tables laid over it."""
    raw: dict[str, dict[str, object]] = {
        "stream": {
            "direction": direction,
            "bits_per_second": 80_000,
            "frame_rate": 10,
            "stream_length": "2s",
            "buffer_depth": "1s",
            "datagram_max_size": 400,
        },
        "server": {"listen": ["192.0.2.1:4444"]},
        "client": {"target": ["192.0.2.1:4444"], "start_spread": "0s"},
        "output": {"console": "quiet"},
    }
    for table, keys in tables.items():
        raw.setdefault(table, {}).update(keys)
    return structure_config(raw)


@frozen
class Logs:
    """Both logs of one run."""

    events: Path
    truth: Path
    report: RunReport

    def change_events(self, change: Callable[[Line], None], **where: object) -> None:
        """Change the first line whose keys have these values."""
        _change(self.events, change, where)

    def change_truth(self, change: Callable[[Line], None], **where: object) -> None:
        """Change the first line whose keys have these values."""
        _change(self.truth, change, where)


def _change(path: Path, change: Callable[[Line], None], where: Mapping[str, object]) -> None:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    change(next(line for line in lines if all(line.get(key) == value for key, value in where.items())))
    write_lines(path, lines)


def write_lines(path: Path, lines: Sequence[Mapping[str, object]]) -> None:
    """Write a log."""
    path.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))


def simulated_logs(
    folder: Path,
    config: Config,
    *,
    to_client: Impairment = PATH,
    to_server: Impairment = PATH,
    seed: int = 1,
    make_sender: Callable[[StreamPlan], ISender] = lambda plan: AutoSender(None, plan),
) -> Logs:
    """Run a simulation that writes both logs into ``folder``."""
    events, truth = folder / "events.jsonl", folder / "truth.jsonl"
    log = SimulationTruthLog(truth, "truth", seed=seed)
    stream = config.stream
    settings: dict[str, object] = {
        "role": config.run.role,
        "direction": stream.direction.value,
        "verify": stream.verify.value,
        "verdict": stream.verdict.value,
        "bits_per_second": stream.bits_per_second,
        "frame_rate": stream.frame_rate.plain,
        "stream_length_ns": stream.stream_length,
        "buffer_depth_ns": stream.buffer_depth,
        "datagram_max_size": stream.datagram_max_size,
        "status_interval_ns": config.output.status_update,
        "seed": seed,
    }
    report = simulate(
        config,
        seed=seed,
        to_client=to_client,
        to_server=to_server,
        make_sender=make_sender,
        factory=DefaultConnectedSocketFactory(None),
        observers=[EventsLog(events, settings, lambda: 0)],
        on_transmission=log.transmitted,
    )
    log.end(interrupted=False)
    return Logs(events, truth, report)


RECORD = (
    *("due", "distinct", "distinct_size", "duplicate", "missing", "first_ns", "last_ns", "whole_ns", "again_ns"),
    *("transit_ns", "least_transit_ns", "greatest_transit_ns", "extents"),
)
"""What a frame's event says of its datagrams."""


def without_records(logs: Logs) -> None:
    """Take out of the events what they say of datagrams, as who knows nothing of them tells it."""
    lines = [json.loads(line) for line in logs.events.read_text().splitlines()]
    told = [line for line in lines if line["event"] not in ("missed", "extents")]
    for line in told:
        if line["event"] == "frame":
            for key in RECORD:
                line.pop(key, None)
    write_lines(logs.events, told)


def as_relayed(logs: Logs, *, early_ns: int, late_ns: int) -> None:
    """Rewrite the logs as those of a real run with a relay between the peers.

    Both have their own time 0. The relay sees START ``late_ns`` after its client took the time of it, and takes the time of
    what it delivers ``early_ns`` before the receiver does.
    """
    began_unix_ns, before_ns = 1_800_000_000_000_000_000, 5_000 * MS
    events = [json.loads(line) for line in logs.events.read_text().splitlines()]
    events[0]["began_unix_ns"] = began_unix_ns
    write_lines(logs.events, events)
    data_way = "to_client" if events[0]["direction"] == "pull" and events[0]["role"] != "server" else "to_server"
    truth = [json.loads(line) for line in logs.truth.read_text().splitlines()]
    truth[0]["began_unix_ns"] = began_unix_ns - before_ns
    for line in truth[1:]:
        shift_ns = before_ns + (-early_ns if line.get("dir", data_way) == data_way else late_ns)
        line["t"] += shift_ns
        if "at" in line:
            # A client gets after the relay has let it go, whatever its server's clock says: CHALLENGE before it answers.
            at_shift_ns = before_ns - early_ns if events[0]["role"] == "server" else shift_ns
            line["at"] = [at + at_shift_ns for at in line["at"]]
    truth[-1]["t"] = max(line["t"] for line in truth[1:])
    write_lines(logs.truth, truth)
