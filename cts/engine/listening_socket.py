"""The listening socket: a bound endpoint that hands what it reads to its handler."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from cts.api import Address, DatagramBatch, IDatagramEndpoint

__all__ = ["ListeningSocket", "PacketHandler"]

PacketHandler: TypeAlias = "Callable[[ListeningSocket, Address, Address, DatagramBatch], None]"
"""Takes (listening socket, local, remote, batch): what was read from one peer. Never blocks, or raises on anybody's bytes."""


class ListeningSocket:
    """A bound endpoint, which answers to its peers are sent from; knows nothing of the protocol."""

    def __init__(self, endpoint: IDatagramEndpoint, handler: PacketHandler) -> None:
        self.endpoint = endpoint
        endpoint.receive_into(partial(handler, self))
