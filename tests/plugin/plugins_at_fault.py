"""A sender and a factory that do one thing wrong, as their options say; installed in a folder, as plugins are."""

from __future__ import annotations

from pathlib import Path

__all__ = ["FACTORY_FAULTS", "SENDER_FAULTS", "install_plugins_at_fault"]

SENDER_FAULTS = {
    "raises": "sender 'faulty' of cts-faulty 1.0 raised ValueError: no camera",
    "returns": "sender 'faulty' of cts-faulty 1.0 raised TypeError: send_frame returned 'four'",
    "not_async": "sender 'faulty' of cts-faulty 1.0 raised TypeError: ",
    "background": "sender 'faulty' of cts-faulty 1.0 raised ValueError: no microphone",
}
"""Faults of a sender, and what is said of them."""
FACTORY_FAULTS = {
    "make_raises": "connected-socket factory 'faulty' of cts-faulty 1.0 raised ValueError: no window",
    "make_returns": "connected-socket factory 'faulty' of cts-faulty 1.0 raised TypeError: make returned",
    "run_raises": "connected-socket factory 'faulty' of cts-faulty 1.0 raised ValueError: no screen",
    "observe_raises": "connected-socket factory 'faulty' of cts-faulty 1.0 raised ValueError: no eyes",
    "bad_descriptor": "9: Bad file descriptor",
    "not_a_socket": "88: Socket operation on non-socket",
}
"""Faults of a factory, of its sockets and of its endpoints, and what is said of them."""

_MODULE = """
import errno, os, shutil
import attrs
from cts.api import IConnectedSocket, IConnectedSocketFactory, IDatagramEndpoint, ISender

@attrs.frozen
class SenderOptions:
    faults: list[str]

class Faulty(ISender):
    api = 1
    options = SenderOptions
    streams = 0

    def __init__(self, options, plan):
        self.faults = options.faults
        self.fault = None

    async def send_frame(self, frame, endpoint, peer, pacer):
        if frame.sequence == 3 and self.fault == "raises":
            raise ValueError("no camera")
        if frame.sequence == 3 and self.fault == "vanishes":
            shutil.rmtree(os.environ["VANISHING"], ignore_errors=True)
        sent = sum([await endpoint.send(peer, frame.stamp(pacer.now_ns()), payload) for payload in frame.payloads])
        return "four" if frame.sequence == 3 and self.fault == "returns" else sent

    def background(self, endpoint, peer, pacer):
        # Asked once of each stream that is sent.
        self.fault = self.faults[Faulty.streams % len(self.faults)]
        Faulty.streams += 1
        if self.fault == "not_async":
            self.send_frame = lambda frame, endpoint, peer, pacer: 4
        return self.listen if self.fault == "background" else None

    async def listen(self):
        raise ValueError("no microphone")

@attrs.frozen
class FactoryOptions:
    faults: list[str]
    side: str

class Refusing(IDatagramEndpoint):
    def __init__(self, endpoint, number):
        self.endpoint, self.number = endpoint, number
    @property
    def local(self): return self.endpoint.local
    async def send(self, remote, header, payload=b""): raise OSError(self.number, os.strerror(self.number))
    def try_send(self, remote, datagram): return False
    def receive_into(self, handler): self.endpoint.receive_into(handler)
    def drain(self): self.endpoint.drain()
    def statistics(self): return self.endpoint.statistics()
    def close(self): self.endpoint.close()

class Wrong(IConnectedSocket):
    def __init__(self, inner, fault):
        self.inner, self.fault = inner, fault
    @property
    def remote(self): return self.inner.remote
    @property
    def role(self): return self.inner.role
    @property
    def connection_id(self): return self.inner.connection_id
    async def run(self, **kwargs):
        if self.fault == "run_raises":
            raise ValueError("no screen")
        return await self.inner.run(**kwargs)
    def on_data_received(self, batch): self.inner.on_data_received(batch)
    def on_start_repeated(self, received_ns): self.inner.on_start_repeated(received_ns)
    def observe(self, now_ns):
        if self.fault == "observe_raises":
            raise ValueError("no eyes")
        return self.inner.observe(now_ns)

class FaultyFactory(IConnectedSocketFactory):
    api = 1
    options = FactoryOptions

    def __init__(self, options):
        self.options, self.made = options, 0

    def make(self, request, default):
        if request.active is not (self.options.side == "client"):
            return default(request)
        fault = self.options.faults[self.made % len(self.options.faults)]
        self.made += 1
        if fault == "make_raises":
            raise ValueError("no window")
        if fault == "make_returns":
            return object()
        number = {"bad_descriptor": errno.EBADF, "not_a_socket": errno.ENOTSOCK}.get(fault)
        if number is not None:
            request = attrs.evolve(request, endpoint=Refusing(request.endpoint, number))
        return Wrong(default(request), fault)

    def close(self):
        if "close_raises" in self.options.faults:
            raise OSError(errno.ENOSPC, "No space left on device")
"""


def install_plugins_at_fault(folder: Path) -> None:
    """Write them into a folder that is to be on the path."""
    (folder / "at_fault.py").write_text(_MODULE, encoding="utf-8")
    distribution = folder / "cts_faulty-1.0.dist-info"
    distribution.mkdir()
    (distribution / "METADATA").write_text("Metadata-Version: 2.1\nName: cts-faulty\nVersion: 1.0\n", encoding="utf-8")
    points = "[cts.senders]\nfaulty = at_fault:Faulty\n"
    points += "[cts.connected_socket_factories]\nfaulty = at_fault:FaultyFactory\n"
    (distribution / "entry_points.txt").write_text(points, encoding="utf-8")
