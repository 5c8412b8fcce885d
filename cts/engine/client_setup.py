"""A session's client, put together from its settings."""

from __future__ import annotations

from collections.abc import Sequence

from cts.engine.broker import Broker, ClientBroker, Target
from cts.engine.contracts import INetwork
from cts.engine.latecomers import Listening
from cts.engine.settings import ClientSettings, SessionSettings
from cts.engine.streams import Streams
from cts.protocol.handshake import retry_ns

__all__ = ["make_client"]


def make_client(
    session: SessionSettings,
    settings: ClientSettings,
    streams: Streams,
    *,
    network: INetwork,
    targets: Sequence[Target],
    listening: Listening,
) -> ClientBroker:
    """Return a client.

    Args:
        session: the run.
        settings: the client's own.
        streams: makes, runs and records its streams.
        network: where endpoints come from.
        targets: servers, taken in turn.
        listening: where endpoints of streams that were given up listen on.
    """
    connections = settings.connections
    return ClientBroker(
        network=network,
        targets=targets,
        silence_ns=2 * retry_ns(session.plan) + settings.handshake.falls_back_ns,
        broker=Broker(pending_limit=connections, at_once=connections, in_all=connections * settings.iterations),
        streams=streams,
        start_spread_ns=settings.start_spread_ns,
        listening=listening,
    )
