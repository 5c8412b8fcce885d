"""Puts a capture between the engine's connected sockets and the network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from attrs import Attribute, field, frozen

from cts.api import IConnectedSocket, IConnectedSocketFactory, StreamRequest
from cts_pcap.capture import Capture
from cts_pcap.tee import TeeingEndpoint, TeeingSocket

__all__ = ["PcapFactory", "PcapOptions"]

_MAX_SNAPLEN = 262_144
"""What tcpdump takes for "everything"."""


def _is_a_path(instance: object, attribute: Attribute[str], value: str) -> None:
    if not value:
        raise ValueError(f"{attribute.name} must be the path of the file to write, got nothing")


def _is_a_snaplen(instance: object, attribute: Attribute[int], value: int) -> None:
    if not 1 <= value <= _MAX_SNAPLEN:
        raise ValueError(f"{attribute.name} must be 1 to {_MAX_SNAPLEN} bytes, got {value}")


@frozen
class PcapOptions:
    """What to keep, and where.

    Attributes:
        file: path of the pcap file; what it held is lost.
        snaplen: bytes of each packet that are kept at most, IP and UDP headers included.
    """

    file: str = field(validator=_is_a_path)
    snaplen: int = field(default=65_535, validator=_is_a_snaplen)


class PcapFactory(IConnectedSocketFactory):
    """Makes the engine's own connected sockets and writes what they send and are handed to a pcap file.

    Raises:
        OSError: the file cannot be written.
    """

    api = 1
    options = PcapOptions

    def __init__(self, options: PcapOptions) -> None:
        self._capture = Capture(Path(options.file), options.snaplen)

    def make(self, request: StreamRequest, default: Callable[[StreamRequest], IConnectedSocket]) -> IConnectedSocket:
        """Return the engine's own connected socket, with the capture on every path that its datagrams take."""
        request.endpoint = TeeingEndpoint(request.endpoint, self._capture, request.pacer)
        socket = default(request)
        # What an active socket reads passes through its endpoint; a passive one is handed it.
        return socket if request.active else TeeingSocket(socket, request.endpoint.local, self._capture)

    def close(self) -> None:
        """Write out what is in memory and close the file.

        Raises:
            OSError: packets are missing in it; the run has failed then.
        """
        try:
            self._capture.close()
        except OSError as error:
            raise OSError(f"connected_socket.options.file: {error}") from error
