"""Streams that churn for as long as is asked for, among broken and hostile peers, in one process over loopback.

    python benchmarks/soak.py --streams 50 --minutes 10

Two servers (pull and push), at each a client that begins its streams by START and one that does so by HELLO, with a quarter of
the streams each, short streams that follow each other without end. Beside them peers that are broken or mean harm: garbage,
STARTs and HELLOs from ever new ports, cookies that are made up, control datagrams of no stream, clients that leave, also right
after they were welcomed, pushes of wrong content, of frames that do not exist, of parts of frames. Looked at each second:
memory, descriptors, threads, and tasks beside one for each stream; at each status of each session: what was started has ended
or runs. Each minute is printed as a line of JSON; the last one has the growth from the warm-up on. Leaves with 1 where
something does not add up or has grown.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import trio
from attrs import define, field
from hostile_peers import hostile

from cts.api import Address, Outcome, Role
from cts.config import Config, structure_config
from cts.engine import stream_ends
from cts.engine.connected_socket import DefaultConnectedSocketFactory
from cts.engine.senders import AutoSender
from cts.engine.session import Session
from cts.net import offload
from cts.net.surroundings import real_surroundings, running
from cts.output.ordering import OrderedObserver
from cts.records.observer import Observer
from cts.records.results import RunReport
from cts.records.snapshots import RunSnapshot, StreamInfo
from cts.records.stream_results import StreamResult
from cts.runs.session_settings import plan_of, random_connection_id, session_settings

ALLOWED_KIB = 4096
"""What resident memory may grow by from the warm-up on: an allocator's arena or two."""


def resident_kib() -> int:
    """Return what this process has in memory now."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def descriptors_open() -> int:
    """Return how many this process has."""
    return len(list(Path("/proc/self/fd").iterdir()))


@define(eq=False)
class Account(Observer):
    """Holds at every status of a session that what was started has ended or runs, and at each end that verdicts add up.

    Attributes:
        name: whose.
        frames: of a whole stream.
        wrong: what did not add up.
    """

    name: str
    frames: int
    running: set[int] = field(factory=set, init=False)
    started: int = field(default=0, init=False)
    ended: int = field(default=0, init=False)
    statuses: int = field(default=0, init=False)
    outcomes: Counter[str] = field(factory=Counter, init=False)
    verdicts: Counter[str] = field(factory=Counter, init=False)
    refused: int = field(default=0, init=False)
    wrong: list[str] = field(factory=list, init=False)

    def stream_opened(self, stream: StreamInfo) -> None:
        self.started += 1
        self.running.add(stream.number)

    def stream_ended(self, stream: StreamInfo, result: StreamResult) -> None:
        self.ended += 1
        self.running.remove(stream.number)
        self.outcomes[result.result] += 1
        frames = result.counts.frames
        self.verdicts.update(completed=frames.completed, dropped=frames.dropped, repeated=frames.repeated)
        whole = result.outcome is Outcome.SUCCESSFUL and stream.role is Role.RECEIVER
        if frames.rendered > self.frames or (whole and frames.rendered != self.frames):
            self.wrong.append(f"{self.name}: stream {stream.number} ended with {frames}")

    def status(self, snapshot: RunSnapshot) -> None:
        self.statuses += 1
        self.refused = sum(snapshot.refused.values())
        ended = sum(snapshot.outcomes.values())
        if not self.started == self.ended + len(self.running) == ended + snapshot.open_streams:
            told = f"{self.started} started, {self.ended} ended ({ended}), {snapshot.open_streams} run"
            self.wrong.append(f"{self.name}: at {snapshot.elapsed_ns / 1e9:.3f} s {told}")


def config_of(role: str, direction: str, address: str, options: argparse.Namespace, handshake: str) -> Config:
    """Return the configuration of one of the six sessions."""
    return structure_config(
        {
            "run": {"role": role, "grace": "0s"},
            "stream": {
                "direction": direction,
                "bits_per_second": options.bits,
                "frame_rate": 30,
                "stream_length": "2s",
                "buffer_depth": "500ms",
            },
            "server": {
                "listen": [address] if role == "server" else ["127.0.0.1:0"],
                "server_exit_limit": 0,
                "connection_limit": 4 * options.streams,
            },
            "client": {
                "target": [address] if role == "client" else ["127.0.0.1:9"],
                "connections": max(1, options.streams // 4),
                "handshake": handshake,
                "iterations": 0,
                "start_spread": "2s",
            },
            "output": {"console": "quiet", "status_update": "250ms"},
        }
    )


async def soak(options: argparse.Namespace) -> int:
    """Run it; return the exit status."""
    pacer, network = real_surroundings(offload=True)
    accounts: list[Account] = []
    reports: list[RunReport] = []
    growth: list[tuple[int, int, int, int]] = []
    stop, sent = threading.Event(), Counter[str]()

    def session(role: str, direction: str, address: str, handshake: str = "original") -> Session:
        config = config_of(role, direction, address, options, handshake)
        name = f"{direction} {role}" if role == "server" else f"{direction} {role}, {handshake}"
        accounts.append(Account(name, plan_of(config).final_frame))
        host, _, port = address.rpartition(":")
        return Session(
            session_settings(config),
            network=network,
            pacer=pacer,
            listen=[Address(host, int(port))],
            targets=[(Address(host, int(port)),)],
            make_sender=lambda plan: AutoSender(None, plan),
            factory=DefaultConnectedSocketFactory(None),
            new_connection_id=random_connection_id,
            observer=OrderedObserver([accounts[-1]], pacer.now_ns),
        )

    async def run(each: Session, *, task_status: trio.TaskStatus[object] = trio.TASK_STATUS_IGNORED) -> None:
        reports.append(await each.run(task_status=task_status))

    # What is bounded, and fills up for longer than the soak takes, would look like growth: results, peers' addresses.
    stream_ends.RESULTS_KEPT = 100
    setattr(offload, "_PEERS_KEPT", 100)  # noqa: B010
    began = time.monotonic()
    async with running(pacer, network), trio.open_nursery() as nursery:
        sessions: list[Session] = []
        bound: list[Address] = []
        for direction in ("pull", "push"):
            server = session("server", direction, "127.0.0.1:0")
            bound += await server.bind()
            await nursery.start(run, server)
            for handshake in ("original", "cts"):
                client = session("client", direction, str(bound[-1]), handshake)
                await nursery.start(run, client)
                sessions.append(client)
            sessions.append(server)
        attacker = threading.Thread(target=hostile, args=(bound, stop, sent, options.hostile), daemon=True)
        attacker.start()
        before = trio.lowlevel.current_statistics().tasks_living
        seconds = 0
        while time.monotonic() - began < options.minutes * 60:
            await trio.sleep(1)
            seconds += 1
            # How many streams hostile peers have just now is chance; what is beside a task for each must not grow.
            tasks = trio.lowlevel.current_statistics().tasks_living - sum(len(each.running) for each in accounts)
            growth.append((resident_kib(), descriptors_open(), tasks, threading.active_count()))
            if seconds % 60 == 0 or any(account.wrong for account in accounts):
                tell(growth, accounts, sent, time.monotonic() - began)
        stop.set()
        await trio.to_thread.run_sync(attacker.join)
        for each in sessions:
            each.stop()
    gc.collect()
    return judge(growth, accounts, sent, options, before)


def tell(
    growth: list[tuple[int, int, int, int]], accounts: list[Account], sent: Counter[str], seconds: float
) -> dict[str, object]:
    """Print how it stands."""
    resident, descriptors, tasks, threads = growth[-1]
    told: dict[str, object] = {
        "seconds": round(seconds),
        "rss_kib": resident,
        "descriptors": descriptors,
        "tasks": tasks,
        "threads": threads,
        "load": round(os.getloadavg()[0], 1),
        "hostile": sum(sent.values()),
        **{
            each.name: {
                "started": each.started,
                "ended": each.ended,
                "running": len(each.running),
                "refused": each.refused,
            }
            for each in accounts
        },
    }
    print(json.dumps(told), flush=True)
    return told


def judge(
    growth: list[tuple[int, int, int, int]],
    accounts: list[Account],
    sent: Counter[str],
    options: argparse.Namespace,
    before: int,
) -> int:
    """Print what it came to; return 0 if all added up and nothing has grown."""
    warm = min(len(growth) - 1, int(options.warm_up * 60))
    # Medians: how many streams run just then is chance.
    parts = [growth[warm : warm + 60], growth[-60:]]
    early, late = ([sorted(column)[len(column) // 2] for column in zip(*part, strict=True)] for part in parts)
    grown = dict(
        zip(
            ("rss_kib", "descriptors", "tasks", "threads"),
            (b - a for a, b in zip(early, late, strict=True)),
            strict=True,
        )
    )
    wrong = [text for account in accounts for text in account.wrong]
    wrong += [f"{each.name}: {len(each.running)} never ended" for each in accounts if each.running]
    wrong += [f"{each.name}: nothing was started" for each in accounts if not each.started]
    bounds = {"rss_kib": ALLOWED_KIB, "descriptors": options.streams // 4, "tasks": options.streams // 4, "threads": 1}
    wrong += [f"{name} grew by {by}" for name, by in grown.items() if by > bounds[name]]
    result = {
        "grown_after_warm_up": grown,
        "statuses_held": sum(each.statuses for each in accounts),
        "outcomes": {each.name: dict(each.outcomes) for each in accounts},
        "verdicts": {each.name: dict(each.verdicts) for each in accounts},
        "hostile": dict(sent),
        "tasks_at_first": before,
        "wrong": wrong[:20],
    }
    print(json.dumps(result), flush=True)
    return 1 if wrong else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=50, help="of clients, at once, in both directions together")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--warm-up", type=float, default=2.0, help="minutes after which nothing may grow")
    parser.add_argument("--bits", default="500k", help="bits per second of each stream")
    parser.add_argument("--hostile", type=float, default=400.0, help="datagrams a second of hostile peers")
    sys.exit(trio.run(soak, parser.parse_args()))


if __name__ == "__main__":
    main()
