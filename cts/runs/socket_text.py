"""What a run's sockets are set to, in words: a row of ``cts check``, and what to know of where they lead."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

from cts.config import Config, parse_endpoint
from cts.config.dscp import dscp_name
from cts.net.socket_options import SocketOptions
from cts.runs.session_settings import socket_options
from cts.units import format_size

__all__ = ["socket_notes", "socket_rows", "without_effect"]


def socket_rows(config: Config) -> list[tuple[str, str]]:
    """Return a row of a plan that says what sockets are set to; none where everything is left to the system."""
    options = socket_options(config)
    said = [*_marks(options), *_places(config, options), *_asked(options)]
    where = " (cts sim has no sockets)" if config.run.role == "loopback" else ""
    return [("sockets", ", ".join(said) + where)] if said else []


def _marks(options: SocketOptions) -> Iterable[str]:
    if options.dscp is not None:
        yield f"DSCP {dscp_name(options.dscp)}"
    if options.ttl is not None:
        yield f"TTL and hop limit {options.ttl}"


def _places(config: Config, options: SocketOptions) -> Iterable[str]:
    if options.interface is not None:
        yield f"only by interface {options.interface}"
    if config.run.role != "server" and options.binds_clients:
        first, last = options.client_ports or (0, 0)
        ports = "a free port" if not first else f"port {first}" if first == last else f"ports {first} to {last}"
        yield f"client from {options.client_host or 'the address that the route says'}, {ports}"


def _asked(options: SocketOptions) -> Iterable[str]:
    for name, size in (("receive", options.receive_buffer), ("send", options.send_buffer)):
        if size is not None:
            yield f"{format_size(size)} of {name} buffer"


def without_effect(config: Config) -> list[str]:
    """Return the keys of a configuration that say how real sockets and processes are used, of which a simulation has none."""
    run = config.run
    given = {
        "run.processes": run.processes if run.processes > 1 else None,
        "run.cpu_affinity": run.cpu_affinity or None,
        "run.offload": run.offload if run.offload != "auto" else None,
        "run.interface": run.interface,
        "run.ttl": run.ttl,
        "run.receive_buffer": run.receive_buffer,
        "run.send_buffer": run.send_buffer,
        "stream.dscp": config.stream.dscp,
        "client.bind": config.client.bind,
    }
    return [key for key, value in given.items() if value is not None]


def socket_notes(config: Config) -> list[str]:
    """Return what a person should know, before a run, of where its sockets lead."""
    if config.run.role != "loopback":
        return []
    notes = []
    if config.run.interface not in (None, "lo"):
        notes.append(
            f"run.interface is {config.run.interface!r}: what a host sends to itself goes by lo, so that nothing may arrive"
        )
    listens = [parse_endpoint(each) for each in config.server.listen]
    return notes + [
        f"client.target {target!r} leads to no address that this run listens on ({', '.join(config.server.listen)}), so "
        "that only a relay there could bring both together; leave client.target out for the run's own server"
        for target in config.client.target
        if not any(_leads(parse_endpoint(target), listen) for listen in listens)
    ]


def _leads(target: tuple[str, int], listen: tuple[str, int]) -> bool:
    """Tell whether a target may be a listener; a name may be any address."""
    (host, port), (where, bound) = target, listen
    if port != bound:
        return False
    theirs, ours = _numeric(host), _numeric(where)
    if theirs is None or ours is None or ours == theirs:
        return True
    return ours.is_unspecified and ours.version == theirs.version


def _numeric(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        return None
