"""Stand in front of an endpoint and of a connected socket, and show every datagram that passes to a capture."""

from __future__ import annotations

from collections.abc import Sequence

import trio

from cts.api import (
    Address,
    DatagramBatch,
    DatagramHandler,
    ForwardingEndpoint,
    Header,
    Histogram,
    IConnectedSocket,
    IDatagramEndpoint,
    IPacer,
    Message,
    PeerEnd,
    Role,
    StreamResult,
    StreamSnapshot,
    headers_of,
)
from cts_pcap.capture import Capture
from cts_pcap.packets import ip_packet

__all__ = ["TeeingEndpoint", "TeeingSocket"]


class TeeingEndpoint(ForwardingEndpoint):
    """The endpoint behind it, with a copy of every datagram that was sent or read going to a capture.

    What was sent bears the time at which the send was asked for, and is shown once the network has taken it.
    """

    def __init__(self, endpoint: IDatagramEndpoint, capture: Capture, pacer: IPacer) -> None:
        super().__init__(endpoint)
        self._capture = capture
        self._pacer = pacer

    async def send(self, remote: Address, header: Header, payload: bytes | memoryview = b"") -> int:
        """Send one datagram, then show it."""
        asked_ns = self._pacer.now_ns()
        sent = await super().send(remote, header, payload)
        self._show(asked_ns, remote, header, payload)
        return sent

    async def send_train(self, remote: Address, header: Header, payloads: Sequence[memoryview]) -> int:
        """Send one datagram per payload, then show them."""
        asked_ns = self._pacer.now_ns()
        sent = await super().send_train(remote, header, payloads)
        for own, payload in zip(headers_of(header, payloads), payloads, strict=True):
            self._show(asked_ns, remote, own, payload)
        return sent

    def send_now(self, messages: Sequence[Message]) -> int:
        """Hand the messages on, then show those that went."""
        asked_ns = self._pacer.now_ns()
        gone = super().send_now(messages)
        for remote, header, payloads in messages[:gone]:
            for own, payload in zip(headers_of(header, payloads), payloads, strict=True):
                self._show(asked_ns, remote, own, payload)
        return gone

    def try_send(self, remote: Address, datagram: bytes) -> bool:
        """Hand the datagram on, then show it if it went."""
        asked_ns = self._pacer.now_ns()
        gone = super().try_send(remote, datagram)
        if gone:
            self._show(asked_ns, remote, datagram, b"")
        return gone

    def receive_into(self, handler: DatagramHandler) -> None:
        """Show what is read from now on, then hand it over."""

        def tee(local: Address, remote: Address, batch: DatagramBatch) -> None:
            show_batch(self._capture, local, remote, batch)
            handler(local, remote, batch)

        super().receive_into(tee)

    def _show(self, time_ns: int, remote: Address, header: Header, payload: bytes | memoryview) -> None:
        self._capture.write(time_ns, ip_packet(self.local, remote, b"".join((header, payload))))


class TeeingSocket(IConnectedSocket):
    """The connected socket behind it, with a copy of every datagram that it is handed going to a capture.

    Args:
        socket: the one behind.
        local: where its datagrams arrived.
        capture: who is shown them.
    """

    def __init__(self, socket: IConnectedSocket, local: Address, capture: Capture) -> None:
        self._socket = socket
        self._local = local
        self._capture = capture

    @property
    def remote(self) -> Address:
        """The peer."""
        return self._socket.remote

    @property
    def role(self) -> Role:
        """Which part this side plays."""
        return self._socket.role

    @property
    def connection_id(self) -> str | None:
        """The stream's name, once known."""
        return self._socket.connection_id

    @property
    def send_lateness(self) -> Histogram | None:
        """That of the socket behind."""
        return self._socket.send_lateness

    @property
    def measured_ns(self) -> int | None:
        """How long the stream took to its final frame."""
        return self._socket.measured_ns

    @property
    def peer_end(self) -> PeerEnd | None:
        """What the other end told."""
        return self._socket.peer_end

    @property
    def ended(self) -> StreamResult | None:
        """What became of the stream, once it has ended."""
        return self._socket.ended

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> StreamResult:
        """Run the socket behind."""
        return await self._socket.run(task_status=task_status)

    def on_data_received(self, batch: DatagramBatch) -> None:
        """Show the batch, then hand it on."""
        show_batch(self._capture, self._local, self._socket.remote, batch)
        self._socket.on_data_received(batch)

    def begins_another(self, received_ns: int) -> bool:
        """Ask the socket."""
        return self._socket.begins_another(received_ns)

    def on_start_repeated(self, received_ns: int) -> None:
        """Tell the socket behind."""
        self._socket.on_start_repeated(received_ns)

    def on_unreachable(self, times: int) -> None:
        """Tell the socket behind."""
        self._socket.on_unreachable(times)

    def observe(self, now_ns: int) -> StreamSnapshot:
        """Ask the socket behind."""
        return self._socket.observe(now_ns)

    def counts(self, now_ns: int) -> StreamSnapshot:
        """Ask the socket behind."""
        return self._socket.counts(now_ns)


def show_batch(capture: Capture, local: Address, remote: Address, batch: DatagramBatch) -> None:
    """Show every datagram of a batch from ``remote``."""
    for datagram in batch.datagrams():
        capture.write(batch.received_ns, ip_packet(remote, local, bytes(datagram)))
