"""A run's configuration: the tables of a TOML file as attrs classes, read and checked before a socket is opened.

An attribute's name is its key, its type and bounds are what is allowed (see ``cts.config.strict_hooks``), its default is the
key's default. Everything that is wrong is told at once: unknown keys, wrong types, bad units, values out of bounds, and
combinations that cannot work. A new table is a class here and an attribute of :class:`Config`; a new rule across keys
is a function in :data:`RULES`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated, Literal

from attrs import Factory, evolve, field, frozen

from cts.config.client_bind import bind_problems, own_port_problems, parse_bind
from cts.config.endpoint_text import DEFAULT_PORT, EVERY_ADDRESS, parse_endpoint, parse_target
from cts.config.expect_table import Expectations
from cts.config.files_read import overwritten, same_file, with_files_beside
from cts.config.key_sources import KeyName, KeySource, psk_problems
from cts.config.labels import Tag, Title, label_problems
from cts.config.network import NetworkConfig, without_wrong_models
from cts.config.network_rules import network_problems
from cts.config.outcome_profiles import profile_problems, read_profiles
from cts.config.output_files import OutputConfig, file_problems
from cts.config.peer_networks import LimitsConfig, OriginalClients, PeerNetwork, original_clients_problems
from cts.config.problems import KeyPath, Problem, few, problem_at, shown, told, touch
from cts.config.socket_keys import BindAddress, BufferSize, Dscp, InterfaceName, Ttl, interface_problems
from cts.config.structuring import structure
from cts.config.table_keys import NO_KEY, Key, write_keys
from cts.config.toml_source import apply_overrides, as_json, origin_text, read_toml
from cts.errors import ConfigError
from cts.metrics.quality_of_outcome import Profile
from cts.protocol.control.client import HandshakeMode
from cts.protocol.frames import VerdictRule
from cts.protocol.plan import MIN_DATAGRAM_MAX_SIZE, plan_problems
from cts.protocol.roles import Direction
from cts.protocol.task import Verify
from cts.protocol.wire import MAX_DATAGRAM_SIZE
from cts.units import MILLISECOND, SECOND, Between, Duration, FrameRate, Rate, Size

__all__ = ["Config", "load_config", "structure_config"]

Count = Annotated[int, Between(0)]
AtLeastOne = Annotated[int, Between(1)]
Seed = Annotated[int, Between(-(1 << 63), (1 << 63) - 1)]  # what TOML promises to carry
SomeTime = Annotated[Duration, Between(1)]
ListenAddress = Annotated[str, parse_endpoint]
TargetAddress = Annotated[str, parse_target]


def _name(text: str) -> None:
    if not text.strip():
        raise ValueError("'' is not a name; allowed: a name that `cts plugins` lists")


EntryPointName = Annotated[str, _name]


@frozen
class RunConfig:
    """``[run]``: which part this process plays, and how long.

    ``grace`` is how long streams may go on after Ctrl-C. ``offload`` "off" sends and reads one datagram per call.
    ``processes`` is how many processes a side has, in turn bound to the processors of ``cpu_affinity``. ``ttl`` is the TTL or
    hop limit of what is sent, ``interface`` the only one to use; ``receive_buffer`` and ``send_buffer`` are what each socket
    asks the kernel for. From ``seed`` chance follows; ``measured_streams`` is how many at once have media metrics.
    They are scored by the ``outcome_profile`` of that name, one of those in the file ``outcome_profiles`` or a shipped one.
    ``title`` and ``tags`` are the user's words for the run.
    """

    role: Literal["loopback", "server", "client"] = "loopback"
    time_limit: SomeTime | None = None
    grace: Duration = field(default=Duration(2 * SECOND))
    offload: Literal["auto", "off"] = "auto"
    processes: Annotated[int, Between(1, 256)] = 1
    cpu_affinity: tuple[Count, ...] = ()
    interface: InterfaceName | None = None
    ttl: Ttl | None = None
    receive_buffer: BufferSize | None = None
    send_buffer: BufferSize | None = None
    seed: Seed | None = None
    measured_streams: Annotated[int, Between(0, 65_536)] = 256
    outcome_profile: str | None = None
    outcome_profiles: Mapping[str, Profile] | None = None
    title: Title | None = None
    tags: tuple[Tag, ...] = ()


write_keys(RunConfig, outcome_profiles=Key("outcome_profiles", Path, read_profiles))


@frozen
class StreamConfig:
    """``[stream]``: what both ends must agree on, but for ``dscp``, with which each marks what it sends itself."""

    direction: Direction = Direction.PULL
    bits_per_second: Annotated[Rate, Between(1)] = field(default=Rate(8_000_000))
    frame_rate: FrameRate = field(default=FrameRate(30))
    stream_length: SomeTime = field(default=Duration(5 * SECOND))
    buffer_depth: SomeTime = field(default=Duration(SECOND))
    datagram_max_size: Annotated[Size, Between(MIN_DATAGRAM_MAX_SIZE, MAX_DATAGRAM_SIZE)] = field(default=Size(1400))
    verify: Verify = Verify.DATA
    verdict: VerdictRule = VerdictRule.DISTINCT
    dscp: Dscp | None = None


@frozen
class ServerConfig:
    """``[server]``.

    ``server_exit_limit`` is how many streams to serve before leaving (a START that failed is none), 0 for no end;
    ``accept_limit`` how many accepting slots are open; ``connection_limit`` how many streams there may be at once, which
    bounds memory. ``peer_gone`` is what becomes of a stream whose receiver cannot be reached any more, as ICMP says: it goes
    on to its end, or ends after some seconds. The others: see ``cts.config.peer_networks``.
    """

    listen: tuple[ListenAddress, ...] = (f"127.0.0.1:{DEFAULT_PORT}",)
    server_exit_limit: Count = 0
    accept_limit: AtLeastOne = 100
    connection_limit: AtLeastOne = 4096
    peer_gone: Literal["go on", "end"] = "go on"
    allow: tuple[PeerNetwork, ...] = ()
    deny: tuple[PeerNetwork, ...] = ()
    original_clients: OriginalClients = "local"
    limits: LimitsConfig = Factory(LimitsConfig)
    psk_file: KeySource | None = None


@frozen
class ClientConfig:
    """``[client]``.

    Without a ``target``, a loopback run's client sends to where its server listens (an unspecified address on loopback).
    ``iterations`` of 0 is no end. ``bind`` is where its sockets are bound, ``handshake`` how its streams begin.
    ``start_spread`` is over how long the first connections begin, evenly, so that they do not send at the same instants.
    """

    target: tuple[TargetAddress, ...] = ()
    connections: AtLeastOne = 1
    iterations: Count = 1
    start_spread: Duration = field(default=Duration(10 * MILLISECOND))
    bind: BindAddress | None = None
    handshake: HandshakeMode = HandshakeMode.ORIGINAL
    psk_file: KeySource | None = None
    psk_name: KeyName | None = None


@frozen
class SenderConfig:
    """``[sender]``: an entry point of ``cts.senders``; ``options`` are the plugin's to structure."""

    strategy: EntryPointName = "auto"
    options: dict[str, object] = Factory(dict)


@frozen
class ConnectedSocketConfig:
    """``[connected_socket]``: an entry point of ``cts.connected_socket_factories``, with its options."""

    factory: EntryPointName = "default"
    options: dict[str, object] = Factory(dict)


@frozen
class Config:
    """All tables; ``written`` is what they were read from, as JSON holds it."""

    run: RunConfig = Factory(RunConfig)
    stream: StreamConfig = Factory(StreamConfig)
    server: ServerConfig = Factory(ServerConfig)
    client: ClientConfig = Factory(ClientConfig)
    sender: SenderConfig = Factory(SenderConfig)
    connected_socket: ConnectedSocketConfig = Factory(ConnectedSocketConfig)
    network: NetworkConfig = Factory(NetworkConfig)
    output: OutputConfig = Factory(OutputConfig)
    expect: Expectations = Factory(Expectations)
    written: Mapping[str, object] = field(factory=dict, eq=False, repr=False, metadata=NO_KEY)


def load_config(path: Path, overrides: Sequence[str] = ()) -> Config:
    """Read a file, lay ``--set KEY=VALUE`` texts over it, structure and check it.

    Raises ConfigError with everything that is wrong. Opens nothing but that file, and those that it names to be read,
    relative to the folder that it is in.
    """
    raw, origins, unusable = apply_overrides(read_toml(path), overrides)
    config, problems = _checked(with_files_beside(raw, path.parent))
    if config is not None:
        for key, file in config.output.files().items():
            if same_file(file) == same_file(path):
                problems.append(problem_at(f"output.{key}", f"{shown(str(file))} is the configuration itself"))
    if config is None or problems or unusable:
        raise ConfigError(str(path), unusable + [str(each) + origin_text(each.keys, origins) for each in problems])
    return evolve(config, written=as_json(raw))


def structure_config(raw: Mapping[str, object], source: str = "configuration") -> Config:
    """Structure and check what a TOML file would hold; files that it names are relative to the working directory.

    Raises ConfigError with everything that is wrong.
    """
    config, problems = _checked(raw)
    if config is None or problems:
        raise ConfigError(source, [str(each) for each in problems])
    return evolve(config, written=as_json(raw))


def _checked(raw: Mapping[str, object]) -> tuple[Config | None, list[Problem]]:
    """Structure, then run the rules on what is good; a rule that rests on a key that is wrong says nothing."""
    config, problems = structure(raw, Config)
    if config is None and all(each.path for each in problems):
        config, _ = structure(without_wrong_models(raw, problems), Config)
    if config is not None:
        wrong = [each.path for each in problems]
        found = chain(overwritten(raw, config.output.files()), *(rule(config) for rule in RULES))
        further = (each for each in found if not any(touch(key, bad) for key in each.keys for bad in wrong))
        problems = told(chain(problems, further))
    return config, problems


def _roles(config: Config) -> Iterable[Problem]:
    role = config.run.role
    if role == "client" and not config.client.target:
        allowed = f'at least one address, for example ["192.0.2.1:{DEFAULT_PORT}"]'
        yield problem_at("client.target", f"empty, and run.role is 'client'; allowed: {allowed}", "run.role")
    if role != "client" and not config.server.listen:
        allowed = f'at least one address, for example ["*:{DEFAULT_PORT}"]'
        yield problem_at("server.listen", f"empty, and run.role is {role!r}; allowed: {allowed}", "run.role")


def _loopback_counts(config: Config) -> Iterable[Problem]:
    if config.run.role != "loopback":
        return
    client, server = config.client, config.server
    if client.connections > server.connection_limit:
        text = f"{client.connections} streams at once, and server.connection_limit is {server.connection_limit}"
        yield problem_at("client.connections", text, "run.role", "server.connection_limit")
    streams = client.connections * client.iterations
    if server.server_exit_limit and (streams > server.server_exit_limit or not streams):
        wanted = f"{streams} streams" if streams else "streams without end"
        text = f"{server.server_exit_limit} streams and the server leaves, and the client wants {wanted}; 0 is no limit"
        yield problem_at("server.server_exit_limit", text, "run.role", "client.connections", "client.iterations")


def _factory_in_many_processes(config: Config) -> Iterable[Problem]:
    factory, processes = config.connected_socket.factory, config.run.processes
    if processes > 1 and factory != "default":
        text = f"{factory!r} would be made in each of {processes} processes; allowed: 'default', or run.processes = 1"
        yield problem_at("connected_socket.factory", text, "run.processes")


def _processors(config: Config) -> Iterable[Problem]:
    if not config.run.cpu_affinity:
        return
    if not hasattr(os, "sched_getaffinity"):
        yield problem_at("run.cpu_affinity", "this system does not bind processes to processors; leave it out")
        return
    here = sorted(os.sched_getaffinity(0))
    if absent := [cpu for cpu in config.run.cpu_affinity if cpu not in here]:
        text = f"no processor {few([str(each) for each in absent])} here; allowed: {', '.join(map(str, here))}"
        yield problem_at("run.cpu_affinity", text)


def _bindings(config: Config) -> Iterable[Problem]:
    yield from interface_problems(config.run.interface)
    client, role = config.client, config.run.role
    if client.bind is not None and role != "server":
        key = "client.target" if client.target or role == "client" else "server.listen"
        remotes = client.target if key == "client.target" else config.server.listen
        hosts = [(key, parse_endpoint(each)[0]) for each in remotes]
        bind = parse_bind(client.bind)
        yield from bind_problems(bind, client.connections, hosts)
        if role == "loopback":
            yield from own_port_problems(bind, [parse_endpoint(each) for each in config.server.listen])


def _listen_twice(config: Config) -> Iterable[Problem]:
    endpoints = [parse_endpoint(each) for each in config.server.listen]
    everywhere = {port for host, port in endpoints if host == EVERY_ADDRESS}
    first: dict[tuple[str, int], int] = {}
    for index, (host, port) in enumerate(endpoints):
        path: KeyPath = ("server", "listen", index)
        text = shown(config.server.listen[index])
        if port and first.setdefault((host, port), index) < index:
            yield Problem(path, f"{text} is listed twice")
        elif port in everywhere - {0} and host != EVERY_ADDRESS:
            yield Problem(path, f"{text} is part of '*:{port}', which is listed too")


def _stream_arithmetic(config: Config) -> Iterable[Problem]:
    stream = config.stream
    numbers = (stream.bits_per_second, stream.frame_rate, stream.stream_length, stream.buffer_depth)
    keys = ("bits_per_second", "frame_rate", "stream_length", "buffer_depth", "datagram_max_size")
    for name, text in plan_problems(*numbers, stream.datagram_max_size):
        yield problem_at(f"stream.{name}", text, *(f"stream.{key}" for key in keys))


RULES: tuple[Callable[[Config], Iterable[Problem]], ...] = (
    _roles,
    _loopback_counts,
    _factory_in_many_processes,
    _processors,
    _bindings,
    _listen_twice,
    lambda config: file_problems(config.output),
    _stream_arithmetic,
    lambda config: profile_problems(config.run.outcome_profiles, config.run.outcome_profile),
    lambda config: label_problems(config.run.tags),
    lambda config: network_problems(config.network),
    lambda config: original_clients_problems(config.server.original_clients),
    lambda config: psk_problems(config.run.role, config.server, config.client),
)
"""What is checked across keys, after each key by itself."""
