"""The listening socket: a bound endpoint that hands what it reads to its handler."""

from __future__ import annotations

from cts.api import Address, DatagramBatch, IDatagramEndpoint
from cts.engine.contracts import IListenerHandler, IListeningSocket

__all__ = ["ListeningSocket"]


class ListeningSocket(IListeningSocket):
    """Hands every batch on as it is; knows nothing of the protocol."""

    def __init__(self, endpoint: IDatagramEndpoint, handler: IListenerHandler) -> None:
        self._endpoint = endpoint
        self._handler = handler
        endpoint.unreachable_into(handler.on_unreachable)
        endpoint.receive_into(self._read)

    @property
    def endpoint(self) -> IDatagramEndpoint:
        """The endpoint."""
        return self._endpoint

    def _read(self, local: Address, remote: Address, batch: DatagramBatch) -> None:
        self._handler.on_packet_received(self, local, remote, batch)
