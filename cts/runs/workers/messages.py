"""What parent and workers say to each other. Both are the same program on the same machine, hence pickle."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Iterator

from attrs import frozen

from cts.api import Address, RenderedFrame, StreamResult
from cts.config import Config
from cts.records.report import RunReport
from cts.records.snapshots import RunSnapshot, StreamInfo

__all__ = [
    "STOP",
    "STOP_ACCEPTING",
    "STOP_NOW",
    "Bound",
    "Ended",
    "Failed",
    "Frames",
    "Message",
    "MessageReader",
    "Noted",
    "Opened",
    "Ready",
    "Reported",
    "Status",
    "WorkerTask",
    "packed",
]

STOP_ACCEPTING = b"a"
STOP = b"s"
STOP_NOW = b"k"

_LENGTH = struct.Struct("<Q")


@frozen
class WorkerTask:
    """What a worker is to run.

    Attributes:
        config: with the worker's own role and share of the connections.
        source: where the configuration came from, for messages.
        began_ns: when the run began, on the machine's monotonic clock.
        listen, targets: resolved addresses.
        wants_frames: whether the parent wants to hear of every frame.
        cpu: the only processor to run on; None for any.
    """

    config: Config
    source: str
    began_ns: int
    listen: tuple[Address, ...]
    targets: tuple[Address, ...]
    wants_frames: bool
    cpu: int | None


@frozen
class Ready:
    """The worker has started and waits for its task."""


@frozen
class Bound:
    """The worker listens (on these addresses) and has begun."""

    addresses: tuple[Address, ...]


@frozen
class Opened:
    """A stream began."""

    info: StreamInfo


@frozen
class Frames:
    """Frames of one stream were rendered, in this order."""

    number: int
    frames: tuple[RenderedFrame, ...]


@frozen
class Ended:
    """A stream ended."""

    number: int
    result: StreamResult


@frozen
class Status:
    """A status interval ended."""

    snapshot: RunSnapshot


@frozen
class Reported:
    """The worker's session is over."""

    report: RunReport


@frozen
class Failed:
    """The worker could not run, through the user's mistake."""

    text: str


@frozen
class Noted:
    """Something that a person should hear."""

    text: str


Message = Ready | Bound | Opened | Frames | Ended | Status | Reported | Failed | Noted


def packed(message: Message | WorkerTask) -> bytes:
    """Return a message as it goes through the pipe."""
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(data)) + data


class MessageReader:
    """Takes bytes from a pipe in any portions and gives whole messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def rest(self) -> bytes:
        """Return what came behind the last whole message."""
        return bytes(self._buffer)

    def feed(self, data: bytes | bytearray) -> Iterator[object]:
        """Yield the messages that are complete now."""
        self._buffer += data
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                return
            message = pickle.loads(memoryview(self._buffer)[_LENGTH.size : end])
            del self._buffer[:end]
            yield message
