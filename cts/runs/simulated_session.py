"""The session of a simulation: a loopback configuration on a simulated network, on whatever virtual clock it is given."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import partial
from hashlib import blake2b

from cts.api import Address, IConnectedSocketFactory, IPacer, ISender
from cts.config import Config, parse_endpoint
from cts.config.endpoint_text import EVERY_ADDRESS
from cts.engine.session import Session
from cts.engine.stream_parts import OnFailure
from cts.errors import ConfigError
from cts.impairment.link import Impairment
from cts.net.simulated import SimulatedNetwork
from cts.records.observer import Observer
from cts.records.truth_writer import Transmission
from cts.runs.key_files import KeySources, shared_keys
from cts.runs.session_settings import session_settings

__all__ = ["refuse_one_side", "simulated_connection_id", "simulated_session"]

_SERVER = {False: "192.0.2.1", True: "2001:db8::1"}
"""Addresses for documentation (RFC 5737, RFC 3849) stand for names and for ``*``: a simulation asks no resolver."""


def simulated_connection_id(seed: int, remote: Address) -> str:
    """Return the UUID that a simulated server gives a peer's stream."""
    return str(uuid.UUID(bytes=blake2b(f"{seed} {remote}".encode(), digest_size=16).digest(), version=4))


def simulated_chance(seed: int, purpose: str) -> bytes:
    """Return the 32 bytes that a simulation draws for a purpose where a real run's nobody could foresee."""
    return blake2b(f"{seed} {purpose}".encode(), digest_size=32, person=b"cts chance").digest()


def refuse_one_side(config: Config, source: str) -> None:
    """Raise ConfigError where a configuration, which came from ``source``, has one side of a run only."""
    if config.run.role != "loopback":
        problem = f"run.role: {config.run.role!r}, and a simulation has both sides; allowed: 'loopback'"
        raise ConfigError(source, [problem])


def simulated_session(
    config: Config,
    *,
    pacer: IPacer,
    links: tuple[Impairment, Impairment],
    make_sender: Callable[..., ISender],
    factory: IConnectedSocketFactory,
    observer: Observer,
    on_transmission: Callable[[Transmission], None] | None = None,
    on_failure: OnFailure | None = None,
) -> tuple[SimulatedNetwork, Session]:
    """Return a network and the session to run on it, which is over when its last stream is.

    Args:
        config: a loopback configuration with a seed, from which all chance follows; its targets are the addresses that it
            listens on.
        pacer: the virtual clock.
        links: what each client's links do, to the client and to the server.
        make_sender, factory: the chosen plugins.
        observer: told of everything.
        on_transmission: told of everything that is offered to a link.
        on_failure: told of each stream that an exception ended, and of that.
    """
    seed = config.run.seed
    assert seed is not None
    to_client, to_server = links
    network = SimulatedNetwork(
        pacer, to_client=to_client, to_server=to_server, seed=seed, on_transmission=on_transmission
    )
    session = Session(
        session_settings(config),
        network=network,
        pacer=pacer,
        listen=_listen(config),
        targets=[],
        make_sender=make_sender,
        factory=factory,
        new_connection_id=partial(simulated_connection_id, seed),
        observer=observer,
        on_failure=on_failure,
        is_virtual=True,
        keys=shared_keys(KeySources.of(config)),
        chance=partial(simulated_chance, seed),
    )
    return network, session


def _listen(config: Config) -> list[Address]:
    addresses: list[Address] = []
    for host, port in map(parse_endpoint, config.server.listen):
        numeric = host.replace(".", "").isdigit() or ":" in host
        hosts = list(_SERVER.values()) if host == EVERY_ADDRESS else [host if numeric else _SERVER[False]]
        addresses += [Address(each, port) for each in hosts]
    return list(dict.fromkeys(addresses))
