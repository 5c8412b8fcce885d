"""Runs several simulations again and again, and prints a digest of every log of each: a program for ``test_determinism``.

``python -m tests.engine.repeated_runs 5``
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Mapping
from contextlib import chdir
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory

from attrs import frozen

from cts.config import Config
from cts.impairment.delay import Normal, Uniform
from cts.impairment.link import Impairment
from cts.impairment.loss import Bernoulli, GilbertElliott
from cts.output.summary_json import summary_json
from cts.runs.session_settings import plan_of
from cts.runs.watchers import open_observers
from tests.engine.simulated_runs import simulated
from tests.engine.small_stream import MS, PATH, config_of

__all__ = ["LOGS", "SCENARIOS", "SUMMARY", "contents_of", "digests"]

LOGS = {
    "status_file": "status.csv",
    "connection_file": "connection.csv",
    "jitter_file": "jitter.csv",
    "events_file": "events.jsonl",
    "error_file": "errors.txt",
}
SUMMARY = "summary"
"""The name under which the digest of the summary stands beside those of the logs."""

ROUGH = Impairment(
    delay=Normal(30 * MS, 15 * MS),
    keep_order=False,
    loss=GilbertElliott(0.05, 0.4),
    reorder=0.05,
    reorder_delay_ns=400 * MS,
    duplicate=0.05,
    corrupt=0.02,
)


@frozen
class Scenario:
    """What is simulated."""

    direction: str
    to_client: Impairment
    to_server: Impairment
    tables: Mapping[str, Mapping[str, object]]


def _several(*, iterations: int = 2, status_update: str = "70ms", **server: object) -> dict[str, Mapping[str, object]]:
    return {
        "client": {"connections": 3, "iterations": iterations, "target": []},
        "stream": {"verify": "count", "stream_length": "1s"},
        "server": {"listen": ["*:4444"], **server},
        "output": {"status_update": status_update},
    }


SCENARIOS = {
    "pull over a rough network": Scenario("pull", ROUGH, Impairment(delay=Uniform(0, 50 * MS)), _several()),
    "push over a rough network": Scenario("push", PATH, ROUGH, _several(accept_limit=1)),
    # Where nothing takes any time, everything happens in the same few instants.
    "push over no distance": Scenario("push", Impairment(), Impairment(loss=Bernoulli(0.1)), _several()),
    "pull cut short": Scenario("pull", Impairment(), Impairment(), {**_several(), "run": {"time_limit": "1400ms"}}),
    # A status is due in the very instant in which streams end and others take their place, again and again.
    "status when streams end": Scenario("pull", PATH, PATH, _several(iterations=4, status_update="100ms")),
}


def digests(scenario: Scenario) -> dict[str, str]:
    """Run a scenario and return the digest of each of its logs and of its summary."""
    with TemporaryDirectory() as logs, chdir(logs):
        contents = contents_of(scenario)
    return {name: f"{len(data)} {blake2b(data, digest_size=12).hexdigest()}" for name, data in contents.items()}


def contents_of(scenario: Scenario) -> dict[str, bytes]:
    """Run a scenario in an empty current directory and return what it wrote there, and its summary."""
    output = {**scenario.tables.get("output", {}), **LOGS}
    config: Config = config_of(scenario.direction, **{**scenario.tables, "output": output})
    report = simulated(
        config,
        to_client=scenario.to_client,
        to_server=scenario.to_server,
        seed=7,
        observers=open_observers(config, plan_of(config), io.StringIO(), unix_ns=lambda: 0),
    )
    contents = {log.name: log.read_bytes() for log in sorted(Path().iterdir())}
    contents[SUMMARY] = json.dumps(summary_json(report)).encode()
    return contents


def _main() -> None:
    times = int(sys.argv[1])
    json.dump({name: [digests(each) for _ in range(times)] for name, each in SCENARIOS.items()}, sys.stdout)


if __name__ == "__main__":
    _main()
