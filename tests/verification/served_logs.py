"""Runs of a server that serves both directions, as real ones with a relay."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attrs import evolve

from cts.config import Config
from cts.impairment.loss import Bernoulli
from cts.records.events_writer import EventsLog
from cts.records.observer import Observer
from cts.records.results import RunReport
from cts.records.truth_writer import SimulationTruthLog
from cts.runs.session_settings import plan_of
from cts.runs.watchers import event_settings
from tests.engine.virtual_world import World, in_world
from tests.verification.simulated_logs import MS, PATH, Logs, as_relayed, config_of

BAD = evolve(PATH, loss=Bernoulli(0.1), duplicate=0.05)
OTHER_PLAN = {"bits_per_second": 160_000, "frame_rate": 20, "stream_length": "1s", "datagram_max_size": 300}
ASKS: tuple[tuple[str, str, dict[str, object]], ...] = (
    ("push", "cts", OTHER_PLAN),
    ("pull", "cts", {}),
    ("pull", "cts", OTHER_PLAN),
    ("push", "cts", {}),
)
"""Direction, handshake and plan of each client."""


async def recorded(world: World, server: Config, clients: Sequence[Config], events: Path, truth: Path) -> RunReport:
    """Have a server serve clients one after the other, and write its events and the truth of the network."""
    log = EventsLog(events, event_settings(server, plan_of(server), seed=0, expected=0), lambda: 0)
    running = await world.serve(world.session(server, observer=log))
    for client in clients:
        await world.session(client, observer=Observer()).run()
    report = await running.stop()
    log.reported(report)
    log.closing()
    log_of_truth = SimulationTruthLog(truth, "truth", seed=1)
    for transmission in world.transmissions:
        log_of_truth.transmitted(transmission)
    log_of_truth.end(interrupted=True)
    return report


def served(folder: Path, direction: str) -> Logs:
    """Have a server of that direction serve clients of both, one of them by START, and write both logs of it."""
    events, truth = folder / "events.jsonl", folder / "truth.jsonl"
    server = config_of(direction, run={"role": "server", "grace": "1h"}, server={"original_clients": "all"})

    clients = [
        config_of(way, run={"role": "client"}, client={"handshake": handshake}, stream=plan)
        for way, handshake, plan in (*ASKS, (direction, "original", {}))
    ]

    async def main(world: World) -> RunReport:
        return await recorded(world, server, clients, events, truth)

    report = in_world(main, to_client=BAD, to_server=BAD, seed=2)
    logs = Logs(events, truth, report)
    # Of a simulation both sides would be in the events.
    as_relayed(logs, early_ns=MS // 2, late_ns=MS // 2)
    return logs
