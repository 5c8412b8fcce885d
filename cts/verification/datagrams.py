"""One stream's datagrams, each known by its stamp: what follows from them beyond the bytes of frames."""

from __future__ import annotations

from attrs import define, field

from cts.verification.arithmetic import Arithmetic
from cts.verification.bounds import Bounds
from cts.verification.came import Came, Stamp
from cts.verification.identity import Identity
from cts.verification.late import ExpectedMisses
from cts.verification.order import Order
from cts.verification.status import NEVER_NS, StatusLines
from cts.verification.windows import Window

__all__ = ["Datagrams"]


@define(eq=False)
class Datagrams:
    """Takes a stream's datagrams as they come, and its frames as they are rendered.

    Args:
        plan: the stream's arithmetic.
        tolerance_ns: how far times of truth and run may lie apart.
        lines: the status lines, which tell of this stream as well.

    Attributes:
        duplicate: datagrams that came in time and had come before, of frames that have been rendered.
        hidden_losses: those of these frames that lacked something though as many bytes came as they have.
        identity: whether datagrams are told apart.
        misses: what came too late.
        order_open: whether it is not known what took part in the order of arrivals.
    """

    _plan: Arithmetic
    _tolerance_ns: int
    _lines: StatusLines
    duplicate: Bounds = field(factory=Bounds, init=False)
    hidden_losses: Bounds = field(factory=Bounds, init=False)
    identity: Identity = field(factory=Identity, init=False)
    misses: ExpectedMisses = field(init=False)
    order_open: bool = field(default=False, init=False)
    _order: Order = field(factory=Order, init=False)
    _before_ns: int = field(default=-NEVER_NS, init=False)
    _before: Came | None = field(default=None, init=False)
    """When the datagram before the next one came, and what of its frame."""

    def __attrs_post_init__(self) -> None:
        self.misses = ExpectedMisses(self.identity, self._order, self._tolerance_ns)

    def nothing(self) -> Came:
        """Return what has come of a frame of which nothing has."""
        return Came(self._plan.datagram_sizes, self._plan.frame_size)

    def take(self, came: Came, at_ns: int, sequence: int, size: int, stamp: Stamp) -> None:
        """Take a datagram that counts for its frame."""
        if came.take(at_ns, size, stamp) and (extent := self._order.arrived(sequence, stamp[0])) is not None:
            came.extents.append(extent)
        if self._tolerance_ns:
            if at_ns - self._before_ns <= 2 * self._tolerance_ns and self._before is not None:
                came.close = self._before.close = True
            self._before_ns, self._before = at_ns, came

    def rendered(self, sequence: int, window: Window, due_ns: int, by_stamps: bool) -> None:
        """Take note of what a frame that is rendered lacks, and of what of it had come before."""
        came, full_size, sure = window.came, self._plan.frame_size, not window.in_doubt
        size, again = came.distinct_size, came.again
        if not by_stamps:
            size, again = min(came.size, full_size), max(0, came.datagrams - came.due)
        self._told(due_ns, again, int(size < full_size <= came.size) if sure else 1, sure=sure)
        told = came.again_told_ns(by_stamps) is not None
        self.misses.rendered(sequence, came, max(0, full_size - size), again=told, in_doubt=not sure)

    def maybe_rendered(self, window: Window, at_ns: int) -> None:
        """Take note of a frame that may have been rendered before the stream ended."""
        self._told(at_ns, window.came.datagrams + len(window.in_doubt), 1, sure=False)

    def _told(self, due_ns: int, again: int, hidden: int, *, sure: bool) -> None:
        for key, bounds, amount in (
            ("arrivals.duplicate", self.duplicate, again),
            ("frames.hidden_losses", self.hidden_losses, hidden),
        ):
            if amount:
                bounds.add(amount, sure)
                self._lines.maybe(key, due_ns + 1, amount)
                if sure:
                    self._lines.sure(key, due_ns, amount)
