"""Plays an attack on a server and a client that stream to each other in virtual time, and holds what must be true afterwards.

Both are sessions as ``cts run`` makes them, on the simulated network. The attack's datagrams come in between the stream's own,
with the peer's address or a stranger's. Strangers receive what is sent to them: they know their cookies.
"""

from __future__ import annotations

from collections import Counter

import trio
from attrs import astuple, define, field, frozen

from cts.api import Address, IDatagramEndpoint, Role, StreamPlan
from cts.clock.virtual_time import VirtualTime
from cts.config import Config, structure_config
from cts.engine.connected_socket import DefaultConnectedSocketFactory
from cts.engine.contracts import INetwork
from cts.engine.senders import AutoSender
from cts.engine.session import Session
from cts.engine.shared_keys import NO_KEYS, SharedKeys
from cts.impairment.delay import Constant
from cts.impairment.link import Impairment
from cts.net.simulated import SimulatedEndpoint, SimulatedNetwork
from cts.output.ordering import OrderedObserver
from cts.output.summary import summary_text
from cts.output.summary_json import summary_json
from cts.protocol.control.keys import Key, KeyRing
from cts.protocol.frames import RenderedFrame
from cts.records.observer import Observer
from cts.records.results import RunReport
from cts.records.snapshots import EndpointStatistics, Outcome, RunSnapshot, StreamInfo
from cts.records.stream_results import StreamResult
from cts.runs.session_settings import plan_of, session_settings
from cts.runs.simulated_session import simulated_connection_id
from fuzz.controls import Controls, chance_of
from fuzz.script import Settings, Step, captured, settings_of, steps_of

__all__ = ["Played", "play"]

SERVER = Address("192.0.2.1", 4444)
LINK = Impairment(delay=Constant(20_000_000))
VECTORS = captured()
KEYS = SharedKeys(KeyRing([Key("alice", b"k" * 32)]), Key("alice", b"k" * 32))


@frozen
class Played:
    """What an attack came to.

    Attributes:
        datagrams: of the attack, that reached a receive path.
        server, client: the two reports.
    """

    datagrams: int
    server: RunReport
    client: RunReport


class Watching(Observer):
    """Is told of everything, as logs are, and keeps what has to add up."""

    wants_frames = True

    def __init__(self) -> None:
        self.opened: list[StreamInfo] = []
        self.ended: list[tuple[StreamInfo, StreamResult]] = []
        self.verdicts: Counter[int] = Counter()

    def stream_opened(self, stream: StreamInfo) -> None:
        self.opened.append(stream)

    def frame_rendered(self, stream: StreamInfo, frame: RenderedFrame) -> None:
        self.verdicts[stream.number] += 1

    def stream_ended(self, stream: StreamInfo, result: StreamResult) -> None:
        self.ended.append((stream, result))

    def status(self, snapshot: RunSnapshot) -> None:
        """At every moment: what began has ended or runs."""
        assert len(self.opened) == len(self.ended) + snapshot.open_streams
        assert sum(snapshot.outcomes.values()) >= len(self.ended)


@define(eq=False)
class _Tapped(INetwork):
    """A network that keeps the endpoints it opened."""

    _network: SimulatedNetwork
    opened: list[SimulatedEndpoint] = field(factory=list, init=False)

    async def listen(self, local: Address) -> IDatagramEndpoint:
        return self._keep(await self._network.listen(local))

    async def connect(self, remote: Address) -> IDatagramEndpoint:
        return self._keep(await self._network.connect(remote))

    def statistics(self) -> EndpointStatistics:
        return self._network.statistics()

    def _keep(self, endpoint: IDatagramEndpoint) -> IDatagramEndpoint:
        assert isinstance(endpoint, SimulatedEndpoint)
        self.opened.append(endpoint)
        return endpoint


@define(eq=False)
class _Attack:
    """Hands datagrams to endpoints as the network would."""

    pacer: VirtualTime
    server: _Tapped
    client: _Tapped
    controls: Controls
    datagrams: int = field(default=0, init=False)

    async def play(self, data: bytes) -> None:
        for step in steps_of(data, VECTORS, self._control):
            if step.gap_ns:
                await self.pacer.wait_until(self.pacer.now_ns() + step.gap_ns - 1)
            self._hand_over(step)

    def _control(self, kind: int, number: int, stranger: int, client: int) -> bytes:
        return self.controls.make(kind, number, self._source(stranger, client)) if self.client.opened else b""

    def _source(self, stranger: int, client: int) -> Address:
        peers = self.client.opened
        return Address(f"198.51.100.{stranger}", 50_000) if stranger else peers[client % len(peers)].local

    def _hand_over(self, step: Step) -> None:
        if not (self.server.opened and self.client.opened):
            return
        # A connected socket gets nothing from strangers: the kernel sees to that.
        peers = self.client.opened
        if step.to_client:
            endpoint, source = peers[step.client % len(peers)], SERVER
        else:
            endpoint, source = self.server.opened[0], self._source(step.stranger, step.client)
        now_ns = self.pacer.now_ns()
        # Path 0 is nobody's: clients are numbered from 1.
        if step.coalesced:
            size = len(step.datagrams[0])
            endpoint.arrive(now_ns, 0, self.datagrams, source, b"".join(step.datagrams), size)
        else:
            for number, datagram in enumerate(step.datagrams):
                endpoint.arrive(now_ns, 0, self.datagrams + number, source, datagram, max(1, len(datagram)))
        self.datagrams += len(step.datagrams)
        endpoint.deliver(now_ns)


def _config_of(settings: Settings, role: str) -> Config:
    stream: dict[str, object] = {
        "direction": "push" if settings.push else "pull",
        "bits_per_second": 1_000_000 if settings.original else 80_000,
        "frame_rate": 30 if settings.original else 10,
        "stream_length": "500ms" if settings.original else "1s",
        "buffer_depth": "300ms",
        "datagram_max_size": 64_000 if settings.original else 400,
        "verify": settings.verify,
        "verdict": settings.verdict,
    }
    return structure_config(
        {
            "run": {"role": role, "grace": "1h"},
            "stream": stream,
            "server": {
                "listen": [str(SERVER)],
                "connection_limit": 4,
                "accept_limit": 4,
                "limits": {"stream_length": "2s", "frame_rate": 60, "buffer_depth": "2s", "frame_size": "100k"},
            },
            "client": {
                "target": [str(SERVER)],
                "start_spread": "0s",
                "connections": 2,
                "handshake": settings.handshake,
            },
            "output": {"console": "quiet", "status_update": "100ms"},
        }
    )


_CONFIGS: dict[tuple[Settings, str], Config] = {}


def _config(settings: Settings, role: str) -> Config:
    if (settings, role) not in _CONFIGS:
        _CONFIGS[settings, role] = _config_of(settings, role)
    return _CONFIGS[settings, role]


def play(data: bytes) -> Played:
    """Play the attack that bytes are; an exception or a broken promise comes out of it as it is."""
    settings = settings_of(data)
    plan = plan_of(_config(settings, "server"))
    pacer = VirtualTime()

    async def main() -> Played:
        controls = Controls(pacer.now_ns)
        network = SimulatedNetwork(pacer, to_client=LINK, to_server=LINK, seed=1, on_transmission=controls.saw)
        taps = {role: _Tapped(network) for role in ("server", "client")}
        watching = {role: Watching() for role in taps}
        keys = KEYS if settings.keyed else NO_KEYS
        sessions = {role: _session(_config(settings, role), taps[role], pacer, watching[role], keys) for role in taps}
        reports: dict[str, RunReport] = {}

        async def run(role: str, task_status: trio.TaskStatus[object] = trio.TASK_STATUS_IGNORED) -> None:
            reports[role] = await sessions[role].run(task_status=task_status)

        async with trio.open_nursery() as services:
            await services.start(pacer.run)
            await services.start(network.run)
            attack = _Attack(pacer, taps["server"], taps["client"], controls)
            async with trio.open_nursery() as sides:
                await sides.start(run, "server")
                sides.start_soon(run, "client")
                await pacer.wait_until(pacer.now_ns() + 1)
                await attack.play(data)
                await pacer.wait_until(max(pacer.now_ns(), plan.end_offset_ns) + 1)
                sessions["server"].stop()
            services.cancel_scope.cancel()
        for role, report in reports.items():
            _hold(report, watching[role], plan)
        if settings.handshake == "original" and not controls.made:
            _hold_sums(reports["server"], watching["server"], taps["server"].opened[0])
        return Played(attack.datagrams, reports["server"], reports["client"])

    return trio.run(main, clock=pacer)


def _session(config: Config, network: INetwork, pacer: VirtualTime, observer: Observer, keys: SharedKeys) -> Session:
    def name_of(remote: Address) -> str:
        return simulated_connection_id(1, remote)

    return Session(
        session_settings(config),
        network=network,
        pacer=pacer,
        listen=[SERVER],
        targets=[(SERVER,)],
        make_sender=lambda plan: AutoSender(None, plan),
        factory=DefaultConnectedSocketFactory(None),
        new_connection_id=name_of,
        observer=OrderedObserver([observer], pacer.now_ns),
        chance=chance_of,
        keys=keys,
    )


def _hold(report: RunReport, watching: Watching, own_plan: StreamPlan) -> None:
    """Hold what is true of every run, whatever came: what began has ended, and each frame has one verdict."""
    assert report.failures == ()
    assert report.snapshot.open_streams == 0
    assert {each.number for each in watching.opened} == {each.number for each, _ in watching.ended}
    assert len(watching.opened) == len(watching.ended)
    for info, result in watching.ended:
        # No plugin of these runs fails, so this would be a failure of cts itself.
        assert "ErrorPlugin" not in result.result, result
        judged = result.counts.frames.rendered
        plan = result.plan or own_plan
        assert judged <= plan.final_frame, result
        if info.role is Role.RECEIVER:
            # Where nothing came at all its frames are counted together, and none is told of.
            assert watching.verdicts[info.number] in ((judged,) if result.counts.bytes_received else (judged, 0)), (
                result
            )
            assert result.counts.due.missing <= result.counts.due.due <= plan.transfer_size, result
        if info.role is Role.RECEIVER and result.outcome is Outcome.SUCCESSFUL:
            assert judged == plan.final_frame, result
    summary_text(report)
    summary_json(report)


def _arrived(result: StreamResult) -> int:
    """Return how many datagrams came for a stream; a duplicate is one of those on time."""
    arrivals: tuple[int, ...] = astuple(result.counts.arrivals)
    return sum(arrivals) - result.counts.arrivals.duplicate


def _hold_sums(report: RunReport, watching: Watching, endpoint: SimulatedEndpoint) -> None:
    """Hold that each datagram that a server read was counted once: refused, a stream's, or the START that began it.

    What comes for a receiver between its end and its task's next turn is counted by nobody.
    """
    refused = sum(report.snapshot.refused.values())
    of_streams = sum(1 + _arrived(result) for _, result in watching.ended)
    missing = endpoint.statistics().datagrams - refused - of_streams
    receives = any(info.role is Role.RECEIVER for info, _ in watching.ended)
    assert missing >= 0 if receives else missing == 0, (missing, report.snapshot)
