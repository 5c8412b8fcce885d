"""Runs whose streams begin by HELLO: what they report is recomputed from the truth, whatever the network did."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve

from cts.impairment.link import Impairment
from cts.impairment.loss import Bernoulli
from cts.output.summary_json import summary_json
from cts.records.results import RunReport
from cts.runs.replay import replay
from cts.verification.verify import verify_run
from tests.engine.virtual_world import World, in_world
from tests.verification.served_logs import recorded
from tests.verification.simulated_logs import MS, PATH, Logs, as_relayed, config_of, simulated_logs
from tests.verification.test_simulated_runs import IMPAIRED

BOTH = pytest.mark.parametrize("direction", ["pull", "push"])


CASES = [(network, "cts") for network in IMPAIRED if network not in ("nothing", "loss", "every third", "duplicates")]
CASES += [("bursts", "auto"), ("too late", "auto")]


@BOTH
@pytest.mark.parametrize(("network", "handshake"), CASES)
def test_it_agrees(tmp_path: Path, network: str, handshake: str, direction: str) -> None:
    config = config_of(direction, client={"handshake": handshake, "connections": 2, "iterations": 2})
    impaired = IMPAIRED[network]
    logs = simulated_logs(tmp_path, config, to_client=impaired, to_server=impaired)
    found = verify_run(logs.events, logs.truth)
    assert [str(each) for each in found.differences] == []
    if not impaired.corrupt:
        assert found.undecidable_streams == 0


@BOTH
def test_a_relayed_run_agrees_within_the_tolerance(tmp_path: Path, direction: str) -> None:
    bad = evolve(PATH, loss=Bernoulli(0.2))
    logs = simulated_logs(
        tmp_path, config_of(direction, client={"handshake": "cts"}), to_client=bad, to_server=bad, seed=3
    )
    as_relayed(logs, early_ns=MS // 2, late_ns=MS // 2)
    found = verify_run(logs.events, logs.truth)
    assert [str(each) for each in found.differences] == []


def test_a_refused_stream_is_known(tmp_path: Path) -> None:
    config = config_of(client={"handshake": "cts"}, server={"limits": {"stream_length": "1s"}})
    logs = simulated_logs(tmp_path, config, to_client=Impairment(), to_server=PATH)
    found = verify_run(logs.events, logs.truth)
    assert [str(each) for each in found.differences] == []
    assert [row.result for row in found.streams] == ["ErrorRefused"]


def test_streams_of_another_plan_than_the_servers_are_recomputed_by_their_own_and_replayed_to_the_byte(
    tmp_path: Path,
) -> None:
    events, truth = tmp_path / "events.jsonl", tmp_path / "truth.jsonl"
    server = config_of("push", run={"role": "server", "grace": "1h"})
    plans = [
        {"bits_per_second": 160_000, "frame_rate": 20, "stream_length": "1s"},
        {"datagram_max_size": 150, "buffer_depth": "300ms"},
        {},
    ]
    by_hello = {"handshake": "cts"}
    clients = [config_of("push", run={"role": "client"}, client=by_hello, stream=plan) for plan in plans]
    bad = evolve(PATH, loss=Bernoulli(0.1), duplicate=0.05)

    async def main(world: World) -> RunReport:
        return await recorded(world, server, clients, events, truth)

    report = in_world(main, to_client=bad, to_server=bad)
    assert [stream.end.plan is None for stream in report.streams] == [False, False, True]
    # What ran it is told where a run is put together, which a session is not.
    again = evolve(replay(events, {}).report, provenance=None)
    assert summary_json(again) == summary_json(report)
    # Of a simulation both sides would be in the events.
    as_relayed(Logs(events, truth, report), early_ns=0, late_ns=0)
    found = verify_run(events, truth)
    assert [str(each) for each in found.differences] == []
    assert found.frames == found.frames_by_datagram == 60
