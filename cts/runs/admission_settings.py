"""From ``server.allow``, ``deny``, ``original_clients`` and ``limits`` to who is let in, and what a person hears of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address

from cts.config import Config, parse_endpoint
from cts.config.client_bind import parse_bind
from cts.config.peer_networks import LOCAL, parse_network
from cts.config.problems import few
from cts.engine.ip_networks import LOCAL_NETWORKS
from cts.engine.population import PopulationLimits
from cts.engine.settings import AdmissionSettings
from cts.protocol.control.limits import Caps
from cts.protocol.roles import Direction
from cts.protocol.wire import CONNECTION_ID_LENGTH, START
from cts.units import format_duration, format_rate

__all__ = ["admission_notes", "admission_settings", "names_to_resolve"]


def names_to_resolve(config: Config) -> dict[str, tuple[str, ...]]:
    """Return the names among a server's networks, by key."""
    if config.run.role == "client":
        return {}
    server = config.server
    clients = () if isinstance(server.original_clients, str) else server.original_clients
    keys = {"server.allow": server.allow, "server.deny": server.deny, "server.original_clients": clients}
    found = {key: tuple(each for each in texts if _is_name(each)) for key, texts in keys.items()}
    return {key: names for key, names in found.items() if names}


def admission_settings(
    config: Config, *, own_hosts: Iterable[str] = (), known: Mapping[str, Sequence[str]] | None = None
) -> AdmissionSettings:
    """Return who a configuration's server lets in.

    Args:
        config: the run.
        own_hosts: the numeric addresses that it listens on, from which its own client may ask.
        known: the numeric addresses of each name; a simulation knows none.
    """
    server, limits = config.server, config.server.limits

    def networks(texts: Iterable[str]) -> tuple[str, ...]:
        return tuple(each for text in texts for each in _networks(text, known or {}))

    clients = server.original_clients
    trusted = networks(() if clients == "none" else (LOCAL,) if isinstance(clients, str) else clients)
    return AdmissionSettings(
        own=_own(config, own_hosts),
        allow=networks(server.allow) if server.allow else None,
        deny=networks(server.deny),
        original_clients=None if clients == "all" else trusted,
        starts_per_second_per_address=limits.starts_per_second_per_address,
        starts_per_second=limits.starts_per_second,
        limits=PopulationLimits(
            streams_per_address=limits.streams_per_address,
            streams_per_network=limits.streams_per_network,
            ipv4_prefix=limits.ipv4_prefix,
            ipv6_prefix=limits.ipv6_prefix,
            bits_per_second_per_address=limits.bits_per_second_per_address,
            bits_per_second=limits.bits_per_second,
        ),
        needs_key=server.psk_file is not None,
        caps=Caps(
            bits_per_second=limits.bits_per_second_per_stream,
            frame_rate=limits.frame_rate,
            stream_length_ns=limits.stream_length,
            buffer_depth_ns=limits.buffer_depth,
            datagram_max_size=limits.datagram_max_size,
            frame_size=limits.frame_size,
        ),
    )


def admission_notes(config: Config) -> list[str]:
    """Return whose START a server answers that can be reached from other hosts, and what that lets a forged one do."""
    clients, stream = config.server.original_clients, config.stream
    if config.server.psk_file is not None and config.run.role != "client":
        return ["START is answered to nobody: server.psk_file is set, and a key is needed"]
    if config.run.role == "client" or (clients != "none" and all(map(_is_loopback, config.server.listen))):
        return []
    if clients == "local":
        return [
            "START is answered to loopback, private and link-local addresses alone: server.original_clients = 'local'"
        ]
    if clients == "none":
        return ["START is answered to nobody: server.original_clients = 'none'"]
    whose = "anybody" if clients == "all" else few(list(clients))
    sent = (
        f"{CONNECTION_ID_LENGTH} bytes for its {len(START)}"
        if stream.direction is Direction.PUSH
        else f"{format_rate(stream.bits_per_second)} for {format_duration(stream.stream_length)}"
    )
    return [f"START is answered to {whose} (server.original_clients): a forged one has {sent} sent to its victim"]


def _is_name(text: str) -> bool:
    return text.strip() != LOCAL and parse_network(text) is None


def _networks(text: str, known: Mapping[str, Sequence[str]]) -> Sequence[str]:
    if text.strip() == LOCAL:
        return LOCAL_NETWORKS
    network = parse_network(text)
    return known.get(text, ()) if network is None else (network,)


def _own(config: Config, hosts: Iterable[str]) -> tuple[str, ...]:
    if config.run.role != "loopback":
        return ()
    bind = None if config.client.bind is None else parse_bind(config.client.bind).host
    bound = [host for host in hosts if not ip_address(host.partition("%")[0]).is_unspecified]
    return tuple(dict.fromkeys(("127.0.0.0/8", "::1", *bound, *filter(None, [bind]))))


def _is_loopback(endpoint: str) -> bool:
    host, _ = parse_endpoint(endpoint)
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"
