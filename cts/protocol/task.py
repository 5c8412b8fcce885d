"""What goes between a pattern and its driver: IO tasks, batches of datagrams, statuses, results."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from attrs import define

from cts.protocol.stamps import differ_in_stamp_only, flatten_stamps, stamp_step

__all__ = [
    "FOREVER_NS",
    "JUST_AFTER_NS",
    "SUCCEEDED",
    "DatagramBatch",
    "IOAction",
    "IOStatus",
    "IOTask",
    "StreamError",
    "Verify",
]


JUST_AFTER_NS = 1
"""A deadline that arrivals can call off is acted on when it has passed, so that an arrival in the same instant wins."""

FOREVER_NS = 2**62
"""Due time of what is not due at all."""

SUCCEEDED = "Succeeded"
"""What a stream without an error came to, as each of :class:`StreamError` is of one with it."""


class IOAction(Enum):
    """What the driver is to do."""

    SEND = "send"
    RECV = "recv"
    """Hand every datagram of the peer to ``complete_io`` from now on; one such task is outstanding for a stream's life."""
    ABORT = "abort"
    """The stream has run to its end: complete the task and close."""
    FATAL_ABORT = "fatal abort"
    """The stream cannot go on: complete the task and close."""
    NONE = "none"
    """Nothing before ``due_ns``, unless the pattern becomes ready by what arrives."""


class IOTask(NamedTuple):
    """One unit of work (a tuple, since one is made for every frame).

    Attributes:
        action: what to do.
        due_ns: when to do it, in the driver's clock.
        tracked: whether its bytes count towards the transfer size.
        size: bytes that it transfers.
        sequence: which frame a SEND task sends.
        datagram: what a SEND task sends in place of a frame.
    """

    action: IOAction
    due_ns: int
    tracked: bool = False
    size: int = 0
    sequence: int = 0
    datagram: bytes | None = None


class IOStatus(Enum):
    """What ``complete_io`` answers."""

    CONTINUE = "continue"
    COMPLETED = "completed"
    FAILED = "failed"


class StreamError(Enum):
    """Protocol errors, by the names that the original's logs use; the last seven are ours."""

    NOT_ALL_DATA_TRANSFERRED = "ErrorNotAllDataTransferred"
    TOO_MUCH_DATA_TRANSFERRED = "ErrorTooMuchDataTransferred"
    DATA_DID_NOT_MATCH_BIT_PATTERN = "ErrorDataDidNotMatchBitPattern"
    NO_CONNECTION_ID = "ErrorNoConnectionId"
    PEER_GONE = "ErrorPeerGone"
    SETTINGS_DISAGREE = "ErrorSettingsDisagree"
    REFUSED = "ErrorRefused"
    NO_ANSWER = "ErrorNoAnswer"
    PEER_SILENT = "ErrorPeerSilent"
    """A stream that was being sent and whose receiver, which had agreed on it, says nothing any more."""
    PEER_ENDED = "Cancelled: its peer ended it"
    """A stream that was being sent and whose receiver has told results already: no failure of either end."""


class Verify(Enum):
    """What a receiver does about payloads that are not the pattern."""

    DATA = "data"
    """The stream fails, as in the original."""
    COUNT = "count"
    """The datagram counts as an error and the stream goes on."""
    CONNECTION = "connection"
    """Payloads are not looked at: sizes and sequence numbers only."""


@define
class DatagramBatch:
    """Datagrams of one peer that were read together. Valid only during the call that hands it over: keep a copy.

    Attributes:
        data: the datagrams one behind the other.
        segment_size: bytes of each datagram; only the last one may be shorter.
        received_ns: when they arrived, in the driver's clock: the kernel's receive time where there is one.
    """

    data: bytes | memoryview
    segment_size: int
    received_ns: int

    def __len__(self) -> int:
        return -(-len(self.data) // self.segment_size) if self.data else 1

    def datagrams(self) -> list[bytes | memoryview]:
        """Return the datagrams one by one, as slices of ``data``."""
        data, size = self.data, self.segment_size
        if len(data) <= size:
            return [data]
        return [data[at : at + size] for at in range(0, len(data), size)]

    def stamp_step(self) -> int | None:
        """Return by how many ticks each datagram's stamp is more than the one's before it, where that is all they differ in.

        0 where every datagram equals the one before it byte for byte, 1 where their stamps are consecutive (a shorter last one
        is looked at as far as it goes); None for anything else. What holds for the first then holds for all.
        """
        size, length = self.segment_size, len(self.data)
        step = stamp_step(self.data, length, size)
        if not step:
            same = step is None or length <= size or bytes(self.data[size:]) == bytes(self.data[:-size])
            return step if same else None
        copy = bytearray(self.data)
        if length <= 2 * size:
            return step if differ_in_stamp_only(copy, length, size) else None
        return step if flatten_stamps(copy, length, size) and copy[size:] == copy[:-size] else None
