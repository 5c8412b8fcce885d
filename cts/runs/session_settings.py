"""From a configuration to what a session runs, and over how many processes."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence

from attrs import evolve, field, frozen

from cts.api import Address, StreamPlan
from cts.chance import fresh_seed
from cts.config import Config
from cts.config.client_bind import ClientBind, parse_bind
from cts.config.dscp import parse_dscp
from cts.engine.settings import ClientSettings, ServerSettings, SessionSettings
from cts.metrics.quality_of_outcome import Profile
from cts.net.socket_options import NOTHING_SET, SocketOptions
from cts.protocol.absence import PEER_GONE_AFTER_NS
from cts.records.outcome_profiles import chosen_profile
from cts.runs.admission_settings import admission_settings
from cts.runs.key_files import KeySources

__all__ = [
    "WorkerSetup",
    "plan_of",
    "profile_of",
    "random_connection_id",
    "session_settings",
    "simulated_seed",
    "socket_options",
    "with_seed",
]


@frozen(kw_only=True)
class WorkerSetup:
    """How a run is spread over processes.

    Attributes:
        processes: workers a side.
        cpu_affinity: processors that they are bound to, in turn; empty for any.
        offload: whether to use what the kernel can do for whole batches.
        sockets: what each socket is set to.
        sender: the configuration's ``[sender]``: strategy and options.
        source: where the configuration came from, for messages.
        keys: where the keys of its sides are.
    """

    processes: int
    cpu_affinity: Sequence[int] = ()
    offload: bool = True
    sockets: SocketOptions = NOTHING_SET
    sender: Mapping[str, object] = field(factory=dict)
    source: str = "configuration"
    keys: KeySources = field(factory=KeySources)

    @classmethod
    def of(cls, config: Config, source: str) -> WorkerSetup:
        """Return how a configuration, that came from ``source``, is spread."""
        run = config.run
        return cls(
            processes=run.processes,
            cpu_affinity=run.cpu_affinity,
            offload=run.offload == "auto",
            sockets=socket_options(config),
            sender={"strategy": config.sender.strategy, "options": config.sender.options},
            source=source,
            keys=KeySources.of(config),
        )


def plan_of(config: Config) -> StreamPlan:
    """Return the stream arithmetic of a configuration, which has been checked to make a stream."""
    stream = config.stream
    rates = stream.bits_per_second, stream.frame_rate
    return StreamPlan(*rates, stream.stream_length, stream.buffer_depth, stream.datagram_max_size)


def profile_of(config: Config) -> Profile:
    """Return what the streams of a configuration are scored by."""
    return chosen_profile(config.run.outcome_profiles, config.run.outcome_profile)


def with_seed(config: Config, seed: int | None = None) -> Config:
    """Return a configuration that has a seed: the given one, else its own, else a fresh one."""
    own = fresh_seed() if config.run.seed is None else config.run.seed
    return evolve(config, run=evolve(config.run, seed=own if seed is None else seed))


def simulated_seed(config: Config, given: int | None) -> int:
    """Return the seed of a simulated network: the given one, else the configuration's, else always the same one."""
    own = 1 if config.run.seed is None else config.run.seed
    return own if given is None else given


def session_settings(
    config: Config, *, own_hosts: Iterable[str] = (), known: Mapping[str, Sequence[str]] | None = None
) -> SessionSettings:
    """Return what a configuration has a session run; further arguments as in :func:`admission_settings`."""
    run, client = config.run, config.client
    server_settings = ServerSettings(
        accept_limit=config.server.accept_limit,
        connection_limit=config.server.connection_limit,
        exit_limit=config.server.server_exit_limit,
        peer_gone_after_ns=PEER_GONE_AFTER_NS if config.server.peer_gone == "end" else None,
        admission=admission_settings(config, own_hosts=own_hosts, known=known),
    )
    client_settings = ClientSettings(
        connections=client.connections,
        iterations=client.iterations,
        start_spread_ns=client.start_spread,
        handshake=client.handshake,
    )
    return SessionSettings(
        direction=config.stream.direction,
        plan=plan_of(config),
        verify=config.stream.verify,
        verdict=config.stream.verdict,
        measured_at_once=run.measured_streams,
        profile=profile_of(config),
        server=None if run.role == "client" else server_settings,
        client=None if run.role == "server" else client_settings,
        status_interval_ns=config.output.status_update,
        grace_ns=run.grace,
        time_limit_ns=run.time_limit,
        is_closed=run.role == "loopback",
        seed=run.seed or 0,
    )


def socket_options(config: Config) -> SocketOptions:
    """Return what a configuration says of sockets."""
    run, bind = config.run, config.client.bind
    client = ClientBind(None, None) if bind is None else parse_bind(bind)
    return SocketOptions(
        dscp=None if config.stream.dscp is None else parse_dscp(config.stream.dscp),
        ttl=run.ttl,
        interface=run.interface,
        receive_buffer=None if run.receive_buffer is None else int(run.receive_buffer),
        send_buffer=None if run.send_buffer is None else int(run.send_buffer),
        client_host=client.host,
        client_ports=client.ports,
    )


def random_connection_id(remote: Address) -> str:
    """Return the UUID that a real server gives a peer's stream."""
    return str(uuid.uuid4())
