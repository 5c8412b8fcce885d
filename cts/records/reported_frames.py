"""The frames that an events log tells of, kept compactly: there are many."""

from __future__ import annotations

from array import array
from typing import NamedTuple

__all__ = ["VERDICTS", "ReportedFrame", "ReportedFrames"]

VERDICTS = ("completed", "dropped", "repeated")
_NEVER_NS = -(2**63)
_LARGE = 2**32
_UNSTAMPED = 4


class ReportedFrame(NamedTuple):
    """What the events say of one frame; ``received_ns`` and ``stamp``, the sender's ticks and ticks per second, are None if
    none of it came."""

    due_ns: int
    verdict: str
    size: int
    received_ns: int | None
    stamp: tuple[int, int] | None = None


class ReportedFrames:
    """The frames of one stream in the order of their events, in 29 bytes each."""

    def __init__(self) -> None:
        self._due = array("q")
        self._size = array("I")
        self._received = array("q")
        self._qpc = array("q")
        # By index, what few frames of a sound log have: a size of 4 GiB, other ticks per second than the first.
        self._large: dict[int, int] = {}
        self._qpf = 0
        self._other_qpf: dict[int, int] = {}
        self._verdict = bytearray()
        self.misplaced: tuple[int, int] | None = None
        """(place, sequence) of the first frame that does not follow the one before it."""

    def __len__(self) -> int:
        return len(self._verdict)

    def __getitem__(self, index: int) -> ReportedFrame:
        received_ns = self._received[index]
        verdict = self._verdict[index]
        stamp = (self._qpc[index], self._other_qpf.get(index, self._qpf)) if verdict < _UNSTAMPED else None
        return ReportedFrame(
            self._due[index],
            VERDICTS[verdict % _UNSTAMPED],
            self._large.get(index, self._size[index]),
            None if received_ns == _NEVER_NS else received_ns,
            stamp,
        )

    def append(self, sequence: int, frame: ReportedFrame) -> None:
        """Add the next frame."""
        if sequence != len(self) + 1 and self.misplaced is None:
            self.misplaced = (len(self) + 1, sequence)
        index = len(self)
        qpc, qpf = frame.stamp or (0, self._qpf)
        self._qpf = self._qpf or qpf
        if qpf != self._qpf:
            self._other_qpf[index] = qpf
        large = not 0 <= frame.size < _LARGE
        if large:
            self._large[index] = frame.size
        self._size.append(0 if large else frame.size)
        self._due.append(frame.due_ns)
        self._qpc.append(qpc)
        self._received.append(_NEVER_NS if frame.received_ns is None else frame.received_ns)
        self._verdict.append(VERDICTS.index(frame.verdict) + (_UNSTAMPED if frame.stamp is None else 0))
