"""The real network: opens UDP endpoints, offloaded where the kernel can, and reads them all in one task."""

from __future__ import annotations

import socket
from collections.abc import Callable

import trio

from cts.api import Address, EndpointStatistics, IDatagramEndpoint, IPacer
from cts.errors import system_error
from cts.net.coalescing import ReceiveMemory
from cts.net.offload import Offload, OffloadedEndpoint
from cts.net.readers import Readable, SocketReader
from cts.net.receive_clock import ReceiveClock
from cts.net.socket_options import NOTHING_SET, SocketOptions
from cts.net.udp import UdpEndpoint
from cts.net.udp_socket import open_udp_socket

__all__ = ["UdpNetwork"]

_REFUSING_TOLD = 20
"""Peers whose paths refuse that are told of by name."""
_FAILURES_TOLD = 20


class UdpNetwork:
    """Opens real sockets, and reads them all in one task while :meth:`run` runs.

    Args:
        pacer: the run's clock.
        offload: which of the kernel's offloads to use; None for none.
        shared: whether other processes listen on the same addresses.
        sockets: what each socket is set to.

    Attributes:
        offload: which are in use.
        say: takes a line for the person who watches, when it happens; set by whoever has one to tell.
        failures: what went wrong with whole endpoints, as messages.
    """

    def __init__(
        self,
        pacer: IPacer,
        offload: Offload | None = None,
        *,
        shared: bool = False,
        sockets: SocketOptions = NOTHING_SET,
    ) -> None:
        self.offload = offload or Offload()
        self._shared = shared
        self._sockets = sockets
        self._connected = 0
        self._clock = ReceiveClock(pacer)
        self._reader = SocketReader(before_turn=self._clock.compare, on_failure=self._note_failure)
        self._memory = ReceiveMemory()
        self._open: set[UdpEndpoint] = set()
        self._closed = EndpointStatistics()
        self._refusing: set[Address] = set()
        self.say: Callable[[str], None] | None = None
        self.failures: tuple[str, ...] = ()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Read every open endpoint until cancelled."""
        await self._reader.run(task_status=task_status)

    async def listen(self, local: Address) -> IDatagramEndpoint:
        """Return a bound endpoint."""
        return self._endpoint(open_udp_socket(local=local, shared=self._shared, options=self._sockets), None)

    async def connect(self, remote: Address) -> IDatagramEndpoint:
        """Return an endpoint whose socket is connected, so that the kernel keeps strangers out."""
        self._connected += 1
        sock = open_udp_socket(remote=remote, options=self._sockets, turn=self._connected - 1)
        return self._endpoint(sock, remote)

    def statistics(self) -> EndpointStatistics:
        """Return what all endpoints have read and lost so far."""
        return sum((endpoint.statistics() for endpoint in self._open), self._closed)

    def take_read_delay_ns(self) -> int:
        """Return the longest time since the last call from the kernel's stamp on a datagram to its being read."""
        delay_ns, self._clock.read_delay_ns = self._clock.read_delay_ns, 0
        return delay_ns

    def _endpoint(self, sock: socket.socket, peer: Address | None) -> UdpEndpoint:
        parts = sock, peer, self._clock, self._reader, self._memory, self._forget
        try:
            if self.offload == Offload():
                endpoint = UdpEndpoint(*parts)
            else:
                endpoint = OffloadedEndpoint(*parts, self.offload, self._note_refusal)
        except OSError:
            sock.close()
            raise
        self._open.add(endpoint)
        return endpoint

    def _note_refusal(self, remote: Address, reason: str) -> None:
        if remote in self._refusing or len(self._refusing) > _REFUSING_TOLD:
            return
        self._refusing.add(remote)
        if self.say is not None and len(self._refusing) <= _REFUSING_TOLD:
            self.say(f"the path to {remote} refused segmented sends ({reason}): one datagram per call there")
        elif self.say is not None:
            self.say("further paths refused segmented sends")

    def _note_failure(self, endpoint: Readable, error: OSError) -> None:
        assert isinstance(endpoint, UdpEndpoint)
        text = f"{endpoint.local} cannot be read: {system_error(error)}; what comes there is lost"
        # Who drains it meets the same again.
        if text not in self.failures and len(self.failures) < _FAILURES_TOLD:
            self.failures += (text,)
            if self.say is not None:
                self.say(text)

    def _forget(self, endpoint: UdpEndpoint) -> None:
        if endpoint in self._open:
            self._open.remove(endpoint)
            self._closed += endpoint.statistics()
