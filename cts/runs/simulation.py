"""A run in virtual time: the same session, engine and plugins, on a simulated network and a clock that jumps.

What comes out is a function of the configuration and the seed alone.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from hashlib import blake2b

import trio

from cts.api import Address, IConnectedSocketFactory, ISender
from cts.clock.virtual_time import VirtualTime
from cts.config import Config
from cts.config.endpoint_text import EVERY_ADDRESS, parse_endpoint
from cts.engine.session import Session
from cts.impairment.link import Impairment
from cts.net.simulated import SimulatedNetwork
from cts.net.surroundings import running
from cts.output.ordering import OrderedObserver
from cts.records.observer import Observer
from cts.records.results import RunReport
from cts.records.truth_writer import Transmission
from cts.runs.session_settings import session_settings

__all__ = ["simulate", "simulated_connection_id"]

_SERVER = {False: "192.0.2.1", True: "2001:db8::1"}
"""Addresses for documentation (RFC 5737, RFC 3849) stand for names and for ``*``: a simulation asks no resolver."""


def simulated_connection_id(seed: int, remote: Address) -> str:
    """Return the UUID that a simulated server gives a peer's stream."""
    return str(uuid.UUID(bytes=blake2b(f"{seed} {remote}".encode(), digest_size=16).digest(), version=4))


def simulate(
    config: Config,
    *,
    seed: int,
    to_client: Impairment,
    to_server: Impairment,
    make_sender: Callable[..., ISender],
    factory: IConnectedSocketFactory,
    observers: Sequence[Observer] = (),
    on_transmission: Callable[[Transmission], None] | None = None,
) -> RunReport:
    """Run server and clients in virtual time and return what was measured.

    Args:
        config: a loopback configuration; its targets are the addresses that it listens on.
        seed: all chance follows from it.
        to_client, to_server: what each client's links do.
        make_sender, factory: the chosen plugins.
        observers: told of everything, in an order that does not depend on that of tasks.
        on_transmission: told of everything that is offered to a link.
    """
    pacer = VirtualTime()

    async def main() -> RunReport:
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
            new_connection_id=lambda remote: simulated_connection_id(seed, remote),
            observer=OrderedObserver(observers, pacer.now_ns),
        )
        async with running(pacer, network):
            return await session.run()

    return trio.run(main, clock=pacer)


def _listen(config: Config) -> list[Address]:
    addresses: list[Address] = []
    for host, port in map(parse_endpoint, config.server.listen):
        numeric = host.replace(".", "").isdigit() or ":" in host
        hosts = list(_SERVER.values()) if host == EVERY_ADDRESS else [host if numeric else _SERVER[False]]
        addresses += [Address(each, port) for each in hosts]
    return list(dict.fromkeys(addresses))
