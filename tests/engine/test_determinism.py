"""A simulated run is a function of its configuration and seed: the same bytes, whatever the hash seed and trio's task order."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cts.api import Address, FrameTotals
from cts.impairment.delay import Normal
from cts.impairment.link import Impairment
from cts.impairment.loss import Bernoulli
from cts.protocol.wire import START
from tests.engine.repeated_runs import SCENARIOS, SUMMARY
from tests.engine.simulated_runs import simulated
from tests.engine.small_stream import FIRST_RENDER, LATENCY, MS, SECOND, SERVER, config_of
from tests.engine.virtual_world import World, in_world

ROOT = Path(__file__).parents[2]
HASH_SEEDS = ("0", "1", "4711", "4294967295")
RUNS_EACH = 2

Digests = dict[str, list[dict[str, str]]]


@pytest.fixture(scope="module")
def runs() -> Digests:
    """Return the digests of eight runs of each scenario, two in each of four processes."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.engine.repeated_runs", str(RUNS_EACH)],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for hash_seed in HASH_SEEDS
    ]
    outputs = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(HASH_SEEDS)
    found: list[Digests] = [json.loads(output) for output in outputs]
    return {name: [digest for each in found for digest in each[name]] for name in SCENARIOS}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_same_seed_gives_the_same_bytes_in_every_log_eight_times_over(runs: Digests, scenario: str) -> None:
    digests = [{log: digest for log, digest in each.items() if log != SUMMARY} for each in runs[scenario]]
    assert len(digests) == len(HASH_SEEDS) * RUNS_EACH
    assert {"status.csv", "connection.csv", "events.jsonl"} <= digests[0].keys()
    assert any(log.startswith("jitter") for log in digests[0])
    for log, digest in digests[0].items():
        assert {each.get(log) for each in digests} == {digest}, log


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_same_seed_gives_the_same_summary_eight_times_over(runs: Digests, scenario: str) -> None:
    assert len({each[SUMMARY] for each in runs[scenario]}) == 1


def test_peers_that_ask_in_the_same_instant_get_their_streams_in_the_same_order_every_time() -> None:
    """Whoever reads first: at that instant a stream of the second address wakes too, and drains its endpoint."""
    v6 = Address("2001:db8::1", 4444)
    first_ends_ns = LATENCY + FIRST_RENDER + 1

    async def main(world: World) -> list[Address]:
        config = config_of("push", run={"role": "server", "grace": "0s"})
        server = await world.serve(world.session(config, listen=[SERVER, v6]))
        silent, asking, asking_v6 = [await world.connect(address) for address in (v6, SERVER, v6)]
        await silent.send(v6, START)
        await asking.send(SERVER, START, at_ns=first_ends_ns - LATENCY)
        await asking_v6.send(v6, START)
        await world.until(first_ends_ns + MS)
        await server.stop()
        return [info.remote for info in world.recorder.opened]

    orders = [in_world(main) for _ in range(20)]
    assert orders == [orders[0]] * 20


@pytest.mark.parametrize("direction", ["pull", "push"])
def test_another_seed_gives_another_run(direction: str) -> None:
    rough = Impairment(delay=Normal(30 * MS, 10 * MS), loss=Bernoulli(0.1))
    frames = [
        simulated(config_of(direction), to_client=rough, to_server=rough, seed=seed).snapshot.counts.bytes_received
        for seed in range(8)
    ]
    assert len(set(frames)) > 1


@pytest.mark.parametrize("direction", ["pull", "push"])
def test_a_stream_of_a_minute_runs_through_in_virtual_time(direction: str) -> None:
    stream = {"frame_rate": 30, "stream_length": "60s", "bits_per_second": "8 Mbit/s", "datagram_max_size": 1400}
    (result,) = simulated(config_of(direction, stream=stream)).results
    assert result.counts.frames == FrameTotals(completed=1800)
    assert result.ended_ns - result.started_ns == (29 + 1800) * SECOND // 30
