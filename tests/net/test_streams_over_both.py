"""Whole sessions over the real loopback, datagram by datagram and with the kernel's offloads: both must tell the same."""

from __future__ import annotations

import csv
import io
import sys
from itertools import product
from pathlib import Path

import pytest
import trio
from attrs import frozen

from cts.api import Address, Outcome
from cts.clock.system_pacer import SystemPacer, open_pacer
from cts.clock.timerfd_pacer import TimerPacer
from cts.engine.connected_socket import DefaultConnectedSocketFactory
from cts.engine.senders import AutoSender, PlainSender
from cts.engine.session import Session
from cts.net.offload import Offload, detect_offload
from cts.net.udp_network import UdpNetwork
from cts.output.ordering import OrderedObserver
from cts.records.results import RunReport
from cts.runs.session_settings import plan_of, session_settings
from cts.runs.simulated_session import simulated_connection_id
from cts.runs.watchers import open_observers
from tests.engine.small_stream import config_of

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the offloads are Linux's"),
    pytest.mark.skipif(detect_offload() != Offload(True, True), reason="this kernel has no offloads"),
]

PATIENCE_S = 30
FRAMES = 9
"""In a second: a stream is over after that and as much of buffering, and a host may stand still for that long."""
CONNECTIONS = 1
AT_ONCE = 10
"""Sessions at once: they last as long however many there are, but more than a few would be late on a busy machine."""

NETWORKS = {"plain": Offload(), "offloaded": Offload(True, True)}
DIRECTIONS = ["pull", "push"]
VERIFY = ["data", "count", "connection"]
PLANS = {
    "one datagram a frame": (1000, 1400),
    "a datagram that gave up bytes": (2 * 1400 + 10, 1400),
    "a short last one": (46 * 1400 + 300, 1400),
    "two calls a frame": (50 * 1400, 1400),
    "datagrams of 65500 bytes": (2 * 65_500 + 999, 65_500),
}
"""Bytes of a frame and of a datagram at most."""


@frozen
class Case:
    direction: str
    verify: str
    plan: str
    address: str = "127.0.0.1"
    sender: type[PlainSender] = AutoSender


CASES = [
    *(Case(*each) for each in product(DIRECTIONS, VERIFY, PLANS)),
    *(Case(direction, "data", "two calls a frame", "[::1]") for direction in DIRECTIONS),
    *(Case(direction, "data", "two calls a frame", sender=PlainSender) for direction in DIRECTIONS),
]


@frozen
class Ran:
    report: RunReport
    connections: list[dict[str, str]]
    frames: list[list[dict[str, str]]]
    datagrams: int
    notes: tuple[str, ...]


async def run_case(case: Case, network_name: str, pacer: SystemPacer | TimerPacer, folder: Path) -> Ran:
    frame_size, datagram_max_size = PLANS[case.plan]
    config = config_of(
        case.direction,
        stream={
            "bits_per_second": frame_size * 8 * FRAMES,
            "frame_rate": FRAMES,
            "stream_length": "1s",
            "buffer_depth": "1s",  # as much as the stream is long: to be late, a datagram must be late by that
            "datagram_max_size": datagram_max_size,
            "verify": case.verify,
        },
        run={"role": "loopback"},
        client={"connections": CONNECTIONS, "target": [f"{case.address}:9"]},
        server={"listen": [f"{case.address}:0"]},
        output={
            "console": "quiet",
            "connection_file": str(folder / "connections.csv"),
            "jitter_file": str(folder / "jitter.csv"),
        },
    )
    plan = plan_of(config)
    assert (plan.final_frame, plan.frame_size) == (FRAMES, frame_size)
    network = UdpNetwork(pacer, NETWORKS[network_name])
    said: list[str] = []
    network.say = said.append
    session = Session(
        session_settings(config),
        network=network,
        pacer=pacer,
        listen=[Address(case.address.strip("[]"), 0)],
        targets=[],
        make_sender=lambda plan: case.sender(None, plan),
        factory=DefaultConnectedSocketFactory(None),
        new_connection_id=lambda remote: simulated_connection_id(1, remote),
        observer=OrderedObserver(open_observers(config, plan, io.StringIO()), pacer.now_ns),
    )
    async with trio.open_nursery() as services:
        await services.start(network.run)
        report = await session.run()
        services.cancel_scope.cancel()
    return Ran(
        report,
        rows(folder / "connections.csv"),
        rows_of_streams(folder),
        network.statistics().datagrams,
        tuple(said),
    )


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def rows_of_streams(folder: Path) -> list[list[dict[str, str]]]:
    return [rows(path) for path in sorted(folder.glob("jitter*.csv"))]


Runs = dict[tuple[Case, str], Ran]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    ran: Runs = {}

    async def keep(case: Case, network: str, pacer: SystemPacer | TimerPacer) -> None:
        ran[case, network] = await run_case(case, network, pacer, tmp_path_factory.mktemp("run"))

    async def main() -> None:
        pacer = open_pacer()
        waiting = list(product(CASES, NETWORKS))
        async with trio.open_nursery() as services:
            await services.start(pacer.run)
            for at in range(0, len(waiting), AT_ONCE):
                with trio.fail_after(PATIENCE_S):
                    async with trio.open_nursery() as together:
                        for case, network in waiting[at : at + AT_ONCE]:
                            together.start_soon(keep, case, network, pacer)
            services.cancel_scope.cancel()

    trio.run(main)
    return ran


def name_of(case: Case) -> str:
    return f"{case.direction}-{case.verify}-{case.plan}-{case.address}-{case.sender.__name__}"


every_case = pytest.mark.parametrize("case", CASES, ids=name_of)
over_both = pytest.mark.parametrize("network", NETWORKS)


@every_case
@over_both
def test_every_stream_succeeds_and_every_frame_is_completed(runs: Runs, case: Case, network: str) -> None:
    results = runs[case, network].report.results
    assert [(result.outcome, result.result) for result in results] == [(Outcome.SUCCESSFUL, "Succeeded")] * CONNECTIONS
    for result in results:
        frames = result.counts.frames
        assert (frames.completed, frames.dropped, frames.repeated, frames.error) == (FRAMES, 0, 0, 0)
        assert result.counts.bytes_received == FRAMES * PLANS[case.plan][0]


@every_case
@over_both
def test_the_network_counts_every_datagram_once_and_has_nothing_to_note(runs: Runs, case: Case, network: str) -> None:
    ran = runs[case, network]
    size, limit = PLANS[case.plan]
    datagrams = CONNECTIONS * (FRAMES * -(-size // limit) + 2)  # with START and connection id, which may be repeated
    assert datagrams <= ran.datagrams <= datagrams + 20
    assert ran.report.snapshot.overflowed == 0
    assert ran.notes == ()


@every_case
def test_both_networks_give_the_same_verdicts(runs: Runs, case: Case) -> None:
    plain, offloaded = (runs[case, network].report for network in NETWORKS)
    assert [result.counts for result in plain.results] == [result.counts for result in offloaded.results]
    assert plain.snapshot.counts == offloaded.snapshot.counts
    assert plain.snapshot.outcomes == offloaded.snapshot.outcomes


def timeless(rows: list[dict[str, str]], *varying: str) -> list[dict[str, str]]:
    return [{column: value for column, value in row.items() if column not in varying} for row in rows]


@every_case
def test_both_networks_log_the_same_but_for_times_and_names(runs: Runs, case: Case) -> None:
    plain, offloaded = (runs[case, network] for network in NETWORKS)
    varying = "TimeSlice", "LocalAddress", "RemoteAddress", "Bits/Sec", "ConnectionId"
    assert len(plain.connections) == CONNECTIONS
    assert timeless(plain.connections, *varying) == timeless(offloaded.connections, *varying)
    times = "SenderQpc", "ReceiverQpc", "RelativeInFlightTimeMs", "PrevToCurrentInFlightTimeJitter"
    assert [len(rows) for rows in plain.frames] == [FRAMES] * CONNECTIONS
    assert [timeless(rows, *times) for rows in plain.frames] == [timeless(rows, *times) for rows in offloaded.frames]


@every_case
@over_both
def test_no_frame_is_received_before_it_was_sent(runs: Runs, case: Case, network: str) -> None:
    # Both ends read one clock. A receive time is worked out from two, and is off by any interruption between their reads.
    for stream in runs[case, network].frames:
        for row in stream:
            assert int(row["ReceiverQpc"]) + 2_500_000 > int(row["SenderQpc"]) > 0
