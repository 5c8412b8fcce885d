"""Objects that ``--json`` prints, of every kind that costs no time: simulated runs, and values made by hand."""

from __future__ import annotations

import errno
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attrs import evolve

from cts.api import Address, Frame, IDatagramEndpoint, IPacer
from cts.bench.findings import findings_json
from cts.cli.relay_text import relay_json
from cts.comparison.compare import compare
from cts.comparison.comparison_text import comparison_json
from cts.expectations.expectation import parse_expectation
from cts.impairment.delay import Constant
from cts.impairment.link import Impairment
from cts.metrics.host import HostFigures, trust_in
from cts.output.feed import Feed, IntervalFeed
from cts.output.summary_json import summary_json
from cts.protocol.control.messages import Counts
from cts.protocol.roles import Role
from cts.records.buffers import BufferRoom, SocketBuffers
from cts.records.outcome_profiles import default_profile
from cts.records.peer_end import PeerEnd
from cts.records.provenance import Provenance
from cts.records.results import RunReport
from cts.records.snapshots import RunSnapshot, StreamSnapshot
from cts.records.stream_results import StreamEnds
from cts.relay.relay import RelayLimits
from cts.relay.run import RelayResult
from cts.testing import OneByOneSender, simulate
from cts.verification.report import verification_json
from cts.verification.verify import verify_run
from tests.bench.test_findings import BESIDE, FINDINGS
from tests.comparison.synthetic import NETWORKS, Network, header_of, synthetic_run
from tests.engine.simulated_runs import both_sides
from tests.engine.small_stream import MS, SECOND, config_of
from tests.engine.virtual_world import World, in_world
from tests.output.test_intervals import FIRST, SECOND_ONE
from tests.output.test_media_text import WHOLE
from tests.output.test_peer_text import CLOCK, LATE, RECEIVER, SENDER, report_of
from tests.output.test_summary import REPORT, RESULT
from tests.output.test_trust_text import PLAN, late
from tests.relay.relays import CLEAR, RELAY, SERVER, Scene, before_a_server
from tests.verification.simulated_logs import Logs, simulated_logs

Sample = Callable[[], Mapping[str, object]]

STREAM = {"bits_per_second": 80_000, "frame_rate": 10, "stream_length": "2s", "datagram_max_size": 400}
ROUGH = {"latency": "20ms", "jitter": "300ms", "loss": 0.1, "duplicate": 0.1, "corrupt": 0.05}
SLOW = Impairment(delay=Constant(600 * MS))
BUFFERS = SocketBuffers(BufferRoom(4096, 2048), BufferRoom(4096, 4096))

LABELLED = Provenance(title="the attic", tags=("wlan",), cts="1", python="CPython 3.13.1", kernel="Linux 6.1", cpus=2)
BARE = evolve(LABELLED, title=None, kernel=None, cpus=None, configuration={"stream": {"frame_rate": 60}})


class Refused(OneByOneSender):
    """Finds the network down now and then."""

    async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
        if frame.sequence % 4 == 0:
            raise OSError(errno.ENETDOWN, os.strerror(errno.ENETDOWN))
        return await super().send_frame(frame, endpoint, peer, pacer)


class Fails(OneByOneSender):
    """Raises in its third frame."""

    async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
        if frame.sequence == 3:
            raise LookupError("there is no third frame")
        return await super().send_frame(frame, endpoint, peer, pacer)


# -- cts run, cts sim --------------------------------------------------------------------------------------------------

LOOPBACK: dict[str, dict[str, Mapping[str, object]]] = {
    "clean": {},
    "lossy": {"network": ROUGH, "client": {"connections": 2}},
    "of many streams": {"client": {"connections": 20, "iterations": 2}, "network": {"loss": 0.02}},
    "that HELLO began": {"client": {"handshake": "cts"}},
    "with no network": {"network": {"loss": 1.0}},
    "cut off": {"run": {"time_limit": "1500ms"}, "client": {"iterations": 0}},
    "over before it began": {"run": {"time_limit": "1ns"}},
    "that makes a client wait": {"server": {"connection_limit": 1}, "client": {"iterations": 2}},
}
SENDERS = {"refused by its host": Refused, "whose sender fails": Fails}
ALONE: dict[str, dict[str, object]] = {"stopped": {}, "at its time limit": {"time_limit": "1min"}}


def _simulated(direction: str, tables: Mapping[str, Mapping[str, object]], sender: type | None = None) -> Any:
    return simulate({"stream": {**STREAM, "direction": direction}, **tables}, sender=sender, seed=3).json


def _side(direction: str, role: str, network: Impairment) -> Any:
    return summary_json(getattr(both_sides(direction, to_client=network, to_server=network), role))


def _interrupted(direction: str) -> Any:
    async def main(world: World) -> RunReport:
        running = await world.serve(world.session(config_of(direction, run={"grace": "250ms"})))
        await world.until(1375 * MS)
        return await running.stop()

    return summary_json(in_world(main))


def _server(direction: str, run: Mapping[str, object], *, asked: bool) -> Any:
    async def main(world: World) -> RunReport:
        server = await world.serve(world.session(config_of(direction, run={"role": "server", **run})))
        if asked:
            peer = await world.connect()
            for _ in range(2):
                await peer.start()
                await peer.send(SERVER, b"nothing that anybody knows")
            await (await world.connect()).send(SERVER, b"from a stranger")
        await world.until(SECOND)
        if not run:
            server.session.stop()
            await (await world.connect()).start()
        return await server.report()

    return summary_json(in_world(main))


def _runs() -> Iterator[tuple[str, Sample]]:
    for way in ("pull", "push"):
        for kind, tables in LOOPBACK.items():
            yield f"{way} {kind}", partial(_simulated, way, tables)
        for kind, sender in SENDERS.items():
            yield f"{way} {kind}", partial(_simulated, way, {}, sender)
        for role in ("server", "client"):
            yield f"{way} of a {role}", partial(_side, way, role, CLEAR)
            yield f"{way} of a {role} behind a slow network", partial(_side, way, role, SLOW)
        for kind, run in ALONE.items():
            yield f"{way} of a server {kind}", partial(_server, way, run, asked=False)
            yield f"{way} of a server that strangers ask, {kind}", partial(_server, way, run, asked=True)
        yield f"{way} interrupted", partial(_interrupted, way)
    # What no simulation has: sockets, and a host.
    for name, host in (("that was measured", MEASURED), ("of which little is known", HostFigures())):
        snapshot = evolve(REPORT.snapshot, overflowed=3, unreachable=2)
        real = evolve(REPORT, plan=PLAN, hosts=(host,), buffers=BUFFERS, seed=7, snapshot=snapshot, provenance=LABELLED)
        yield f"on a host {name}", partial(summary_json, real)
    everything = evolve(REPORT, plan=PLAN, metrics=WHOLE, provenance=BARE)
    yield "of which everything is measured", partial(summary_json, everything)
    expected = tuple(map(parse_expectation, ("played >= 99.9 %", "played >= 50 %", "trusted", "pdv_p99 <= 1 s")))
    yield "of which something was expected", partial(summary_json, evolve(everything, expectations=expected))
    any_rate = evolve(REPORT, plan=PLAN, metrics=WHOLE, profile=evolve(default_profile(), rate=None))
    yield "scored by a profile that takes any rate", partial(summary_json, any_rate)
    ends = tuple(StreamEnds(evolve(RESULT, plan=plan)) for plan in (None, evolve(PLAN, buffer_depth_ns=2 * SECOND)))
    silent = PeerEnd(counts=Counts(sent=evolve(LATE, lateness_count=0)), clock=evolve(CLOCK, drift=None))
    for number, peer in enumerate((RECEIVER, SENDER, PeerEnd(), silent, evolve(RECEIVER, outcome=None))):
        for sends in (True, False):
            yield f"whose peer tells {number}, {sends}", partial(summary_json, report_of(peer, sends=sends))
    yield "of two plans", partial(summary_json, evolve(REPORT, plan=PLAN, metrics=WHOLE, streams=ends))
    no_socket = evolve(RESULT, local=Address("0.0.0.0", 0), result="24: Too many open files", counts=StreamSnapshot())
    failed = evolve(
        REPORT, streams=(StreamEnds(no_socket),), answered=(SERVER,), failures=("a worker died",), notes=("!",)
    )
    yield "of which nobody knows the host", partial(summary_json, failed)


# -- cts run --jsonl, cts sim --jsonl ------------------------------------------------------------------------------------


def _interval(*snapshots: RunSnapshot) -> Any:
    """Return the last of the intervals that end with these."""
    text = io.StringIO()
    feed = IntervalFeed(Feed(text, "jsonl"), Role.RECEIVER)
    for snapshot in snapshots:
        feed.status(snapshot)
    return json.loads(text.getvalue().splitlines()[-1])


# -- the other commands ------------------------------------------------------------------------------------------------


MEASURED = HostFigures(
    loop_lag=late(1), send_lateness=late(2), process_share=0.2, host_share=0.4, stolen_share=0.0, preempted=3
)


def _relayed(limits: RelayLimits, *hosts: HostFigures, failure: str | None = None) -> Any:
    async def main(scene: Scene) -> RelayResult:
        for client in [await scene.client() for _ in range(3)]:
            await client.send(RELAY, *[bytes(100)] * 5)
        await scene.until(10 * MS)
        return RelayResult(
            listen=(RELAY,),
            upstream=SERVER,
            seed=1,
            statistics=scene.relay.statistics(),
            signal=2,
            failure=failure,
            buffers=BUFFERS,
            trust=trust_in(hosts, interval_ns=PLAN.interval_ns, buffer_ns=PLAN.buffer_depth_ns),
        )

    return relay_json(before_a_server(main, limits=limits))


def _verified(change: Callable[[Logs], object], tolerance_ns: int | None = None, **tables: Mapping[str, object]) -> Any:
    with TemporaryDirectory() as folder:
        logs = simulated_logs(Path(folder), config_of("pull", **tables))
        change(logs)
        return verification_json(verify_run(logs.events, logs.truth, tolerance_ns=tolerance_ns))


def _as_it_is(logs: Logs) -> None:
    """Change nothing."""


def _wrong(logs: Logs) -> None:
    logs.change_events(lambda line: line.update(size=4), event="frame", sequence=1)
    logs.change_events(lambda line: line.update(seed=5), event="run_began")
    logs.change_events(lambda line: line.update(interrupted=True), event="run_ended")


def _of_another_run(logs: Logs) -> None:
    for event in ("stream_opened", "stream_ended"):
        logs.change_events(lambda line: line.update(local="10.9.9.9:1"), event=event)


def _compared(seconds: int) -> Any:
    little = seconds < 30
    a = synthetic_run(NETWORKS["steady"], seconds=seconds, seed=1, header=header_of(seconds=seconds))
    other = header_of(seconds=seconds, bits_per_second=480_000 if little else 960_000)
    b = synthetic_run(Network(loss=0.2), seconds=seconds, seed=2, header=other)
    if little:
        untrusted = evolve(b.report, hosts=(evolve(MEASURED, overflowed=3),))
        b = evolve(b, report=untrusted, missing=("ends at 1 s",))
    return comparison_json(compare([a], [b], seed=1, resamples=100))


SAMPLES: dict[tuple[str, str], Sample] = {
    **{("run", name): sample for name, sample in _runs()},
    ("impair", "with room for all"): partial(_relayed, RelayLimits(), MEASURED),
    ("impair", "with room for one, and half a truth"): partial(
        _relayed, RelayLimits(clients=1), HostFigures(), failure="no space left"
    ),
    ("impair", "in virtual time"): partial(_relayed, RelayLimits()),
    ("interval", "in which much came"): partial(_interval, FIRST, SECOND_ONE),
    ("interval", "in which nothing came"): partial(_interval, RunSnapshot(SECOND, 0, StreamSnapshot())),
    ("verify-run", "agrees"): partial(_verified, _as_it_is),
    ("verify-run", "differs"): partial(_verified, _wrong),
    ("verify-run", "cannot decide"): partial(_verified, _as_it_is, SECOND),
    ("verify-run", "of a run cut short"): partial(_verified, _as_it_is, run={"time_limit": "1500ms"}),
    ("verify-run", "of two runs"): partial(_verified, _of_another_run),
    ("compare", "of two networks"): partial(_compared, seconds=40),
    ("compare", "of too little, and other settings"): partial(_compared, seconds=2),
    ("bench", "whole"): partial(findings_json, FINDINGS),
    ("bench", "beside iperf3"): partial(findings_json, BESIDE),
    ("bench", "stopped"): partial(
        findings_json, evolve(FINDINGS, goodput=None, lossless=None, streams=None, pacing=())
    ),
}
"""By command and kind."""


@cache
def sample(command: str, kind: str) -> Any:
    """Return one as whoever parses the output gets it."""
    return json.loads(json.dumps(SAMPLES[command, kind]()))
