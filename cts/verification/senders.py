"""Follows the sender of a link's frames through a ground truth: how large its datagrams are, and when they leave.

A pull's sender counts from when it names the stream first, a push's from when it hears the name. It names it once more for each
START that repeats another; one that begins another stream has frames begin anew. How a strategy spreads a frame is its own
business; but none leaves before its frame is to, and some leave right then.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define, field

from cts.verification.arithmetic import Arithmetic
from cts.verification.arrivals import Kind
from cts.verification.greeted import GIVES_UP_NS
from cts.verification.status import StatusLines

__all__ = ["Sending"]

_DATA, _CONNECTION_ID = "0000", "0010"
_HELLO, _WELCOME = "00200101", "00200103"
_SEQUENCE = slice(4, 20)
_HEADER_SIZE = 26

_UNDER_WAY_NS = 500_000_000
"""How much longer than another a START may take before it is another stream's."""


@define(eq=False)
class Sending:
    """One link's sender of frames.

    Args:
        plan: the stream's arithmetic.
        lines: the status lines, which tell of what it sent.
        pull: whether it is the server.

    Attributes:
        began_ns: when it sent something first.
        head, size: of what it sent last.
        alike: how many more of the same it sent since.
        alike_until_ns: until when these are in the same status lines.
    """

    _plan: Arithmetic
    _lines: StatusLines
    _bytes: int = field(default=0, init=False)
    _told: tuple[int, int] = field(default=(0, 0), init=False)
    _since_ns: int = field(default=0, init=False)
    alike_until_ns: int = field(default=-1, init=False)
    _pull: bool = field(kw_only=True)
    began_ns: int = field(default=-1, init=False)
    _base_ns: int | None = field(default=None, init=False)
    _named_again_ns: int | None = field(default=None, init=False)
    """When a server named its stream since it sent data, and maybe another one."""
    _broken_off: int = field(default=0, init=False)
    """Bytes of frames in whose midst another stream began."""
    _heard: list[tuple[int, bool]] = field(factory=list, init=False)
    """What reached a server: when, and whether it was START."""
    _spoken: list[int] = field(factory=list, init=False)
    """When control datagrams of its stream reached a server, which has no use for them once that is gone."""
    _named_first_ns: int | None = field(default=None, init=False)
    head: str = field(default="", init=False)
    size: int = field(default=0, init=False)
    alike: int = field(default=0, init=False)
    _sends_data: bool = field(default=False, init=False)
    _sequences: tuple[int, int] | None = field(default=None, init=False)
    _sizes: set[int] = field(factory=set, init=False)
    _least_ns: int | None = field(default=None, init=False)
    _greets: bool = field(default=False, init=False)
    """Whether it is a client that asks by HELLO."""

    @property
    def datagram_sizes(self) -> set[int]:
        """The sizes that its datagrams had; none before it has gone on to another frame."""
        return self._sizes if self._sequences is not None and self._sequences[0] != self._sequences[1] else set()

    @property
    def late_ns(self) -> int:
        """How long after its frame was to leave the most punctual datagram left; less than 0 if one left before."""
        return self._least_ns or 0

    @property
    def gave_up_ns(self) -> int:
        """When a client stops waiting for an answer."""
        patience_ns = GIVES_UP_NS if self._greets else 0
        return self.began_ns + max(self._plan.render_offset_ns(1), patience_ns)

    @property
    def in_vain(self) -> bool:
        """Whether a client got no answer in time."""
        return self._base_ns is None or self._base_ns > self.gave_up_ns

    def refused(self) -> Iterator[tuple[int, bool]]:
        """Yield when a server read something that it may have answered with nothing, and whether it did for certain."""
        yield from self._unanswered()
        for at_ns in self._spoken:
            yield at_ns, False

    def _unanswered(self) -> Iterator[tuple[int, bool]]:
        named_ns = self._base_ns
        # Until then a START can only be repeated, by a client that has not given up, or has lost no two in a row.
        asked_ns = min(self._plan.render_offset_ns(1), 2 * self._plan.retry_ns) + _UNDER_WAY_NS
        until_ns = (named_ns or 0) + min(asked_ns, self._plan.send_offset_ns(self._plan.final_frame))
        for number, (at_ns, start) in enumerate(sorted(self._heard)):
            if number or not start or at_ns != self._named_first_ns:
                yield at_ns, start and named_ns is not None and named_ns < at_ns < until_ns

    def heard(self, at_ns: int, kind: Kind) -> None:
        """Something reached it."""
        if self._pull:
            if kind is Kind.CONTROL:
                self._spoken.append(at_ns)
            elif kind < Kind.HELLO or kind > Kind.CONTROL:
                self._heard.append((at_ns, kind is Kind.START))
        elif kind is Kind.CONNECTION_ID or kind is Kind.WELCOME:
            self._base_ns = at_ns if self._base_ns is None else min(at_ns, self._base_ns)

    def offered(self, at_ns: int, size: int, head: str) -> None:
        """It sent something that is not the same as what it sent last, or not told of by the same status lines."""
        self._count_alike()
        self.size = size
        if head != self.head:
            if self.began_ns < 0:
                self.began_ns = at_ns
            self.head = head
            self._sends_data = head.startswith(_DATA) and size > _HEADER_SIZE
            if self._sends_data:
                self._frame(at_ns, int.from_bytes(bytes.fromhex(head[_SEQUENCE]), "little", signed=True))
            elif head.startswith(_HELLO):
                self._greets = True
            elif self._pull and head.startswith((_CONNECTION_ID, _WELCOME)):
                if self._named_first_ns is None:
                    self._named_first_ns = self._base_ns = at_ns
                if self._named_again_ns is None:
                    self._named_again_ns = at_ns
        if self._sends_data:
            if at_ns > self.alike_until_ns:
                self.tell()
                self._since_ns, self.alike_until_ns = at_ns, self._lines.until(at_ns)
            self._bytes += size
            self._sizes.add(size)

    def tell(self) -> None:
        """Tell the status lines what it has sent: whole frames for certain, and perhaps what there is of another."""
        self._count_alike()
        sent, unbroken = self._bytes, self._bytes - self._broken_off
        whole = unbroken - unbroken % self._plan.frame_size
        self._lines.sure("bytes_sent", self._since_ns, whole - self._told[0])
        self._lines.maybe("bytes_sent", self._since_ns, sent - self._told[1])
        self._told = whole, sent

    def _count_alike(self) -> None:
        if self._sends_data:
            self._bytes += self.alike * self.size
        self.alike = 0

    def unseen(self, gone_ns: int) -> None:
        """Tell them that a server went on sending to a client that was gone, which no truth tells of."""
        rest = self._plan.final_frame * self._plan.frame_size
        self._lines.maybe("bytes_sent", gone_ns, max(0, rest - self._bytes))
        for at_ns, sure in self._unanswered():
            if not sure:
                self._lines.maybe("bytes_sent", at_ns, rest)

    def _frame(self, at_ns: int, sequence: int) -> None:
        first, last = self._sequences or (sequence, 0)
        self._sequences = first, sequence
        if self._named_again_ns is not None and sequence <= last:
            self._base_ns = self._named_again_ns
            self._broken_off += (self._bytes - self._broken_off) % self._plan.frame_size
        self._named_again_ns = None
        if self._base_ns is not None:
            late_ns = at_ns - self._base_ns - self._plan.send_offset_ns(sequence)
            self._least_ns = late_ns if self._least_ns is None else min(late_ns, self._least_ns)
