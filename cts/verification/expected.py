"""What one receiving stream must report, from its arrivals in their order and the arithmetic of its plan.

Frame ``k`` is due at ``due(k)`` = base + (B + k - 1) intervals. An arrival at ``t`` counts for it where
``due(k - 2B) < t <= due(k)``: from when the window reaches ``k`` until ``k`` is rendered. Anything else that should be data is
an error. Where the clocks of truth and run differ by up to a tolerance, what lies that near an edge may be on either side:
then sizes and counts have bounds, low where it is counted out and high where it is counted in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from attrs import define, field

from cts.protocol.plan import StreamPlan
from cts.protocol.task import StreamError, Verify

__all__ = ["Bounds", "ExpectedFrame", "ExpectedStream"]

_ALWAYS_NS = -(2**80)
_NEVER_NS = 2**80


@define
class Bounds:
    """The least and the most that a count may be; the same where nothing lies near an edge."""

    low: int = 0
    high: int = 0

    def add(self, amount: int, certain: bool) -> None:
        """Count something, or what may be counted."""
        if certain:
            self.low += amount
        self.high += amount

    def __contains__(self, value: int) -> bool:
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return str(self.low) if self.low == self.high else f"{self.low} to {self.high}"


class ExpectedFrame(NamedTuple):
    """A frame whose render time has passed.

    Attributes:
        sequence: its number.
        due_ns: its render time.
        size: bytes that came in time.
        received_ns: when the last of them came, None if none did.
    """

    sequence: int
    due_ns: int
    size: Bounds
    received_ns: int | None


def _or_never(at_ns: int | None) -> int:
    return _NEVER_NS if at_ns is None else at_ns


@define(eq=False)
class _Window:
    """When arrivals count for a frame for certain, and the bytes that have come for certain, and those that may have."""

    sure_after_ns: int
    sure_until_ns: int
    sure: int = 0
    maybe: int = 0
    received_ns: int | None = None


@define(eq=False, kw_only=True)
class ExpectedStream:
    """One stream. Arrivals are handed in by their methods, in order of time.

    Args:
        plan: the stream's arithmetic.
        verify: what the receiver does about wrong payloads.
        opened_ns: when the receiver began.
        tolerance_ns: how far times of truth and run may lie apart.
        cut_ns: when something ended the stream that no datagram tells of; None if nothing did.
        on_frame: told of each frame once its render time has passed.

    Attributes:
        base_ns: the instant from which all render times are computed.
        connection_id: the name that has come, None if none has.
        ended_ns: when it ended; None before.
        result: the name of its result; None before, or if it was cut short.
        error: datagrams that fit no frame.
        bytes_received: bytes of good data, whatever became of its frame.
        bytes_on_time: what of them was credited to frames, complete once it has ended.
        measured_until_ns: when the first datagram of the final frame came that counted for it.
        optional_frames: frames due so near an early end that they may have been rendered or not.
        doubt: why nothing can be said about this stream; None if something can.
    """

    _plan: StreamPlan
    _verify: Verify
    opened_ns: int
    _tolerance_ns: int
    _cut_ns: int = field(converter=_or_never)
    _on_frame: Callable[[ExpectedFrame], None]
    _heard: bool = field(default=False, init=False)
    _next: int = field(default=1, init=False)
    _windows: dict[int, _Window] = field(factory=dict, init=False)
    _look_ns: int = field(init=False)
    base_ns: int = field(init=False)
    connection_id: str | None = field(default=None, init=False)
    ended_ns: int | None = field(default=None, init=False)
    result: str | None = field(default=None, init=False)
    error: Bounds = field(factory=Bounds, init=False)
    bytes_received: Bounds = field(factory=Bounds, init=False)
    bytes_on_time: Bounds = field(factory=Bounds, init=False)
    measured_until_ns: int | None = field(default=None, init=False)
    optional_frames: int = field(default=0, init=False)
    doubt: str | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._anchor(self.opened_ns)

    def over(self, at_ns: int) -> bool:
        """Tell whether the stream ended before ``at_ns``; everything that arrived before must have been handed in."""
        if self.ended_ns is None and at_ns > self._look_ns:
            self._pass(at_ns)
        return self.ended_ns is not None

    def finish(self) -> int:
        """Let the stream come to its end, for nothing more arrives, and return when that was."""
        self.over(_NEVER_NS)
        return self._end_ns() if self.ended_ns is None else self.ended_ns

    def start_repeated(self, at_ns: int) -> None:
        """The peer asked once more: before the first data, everything begins anew."""
        if not self.over(at_ns) and not self._heard:
            self._anchor(at_ns)

    def named(self, at_ns: int, connection_id: str) -> None:
        """The stream's name came; the first one stands."""
        if not self.over(at_ns) and self.connection_id is None:
            self.connection_id = connection_id

    def junk(self, at_ns: int) -> None:
        """Something came that the receiver has no use for."""
        if not self.over(at_ns):
            self.error.add(1, self._surely_open(at_ns))

    def data(self, at_ns: int, sequence: int, size: int, intact: bool) -> None:
        """A data datagram came; ``intact`` says whether its payload is the pattern."""
        # Spelled out: this runs once for every datagram of the truth.
        if self.ended_ns is not None or (at_ns > self._look_ns and self.over(at_ns)):
            return
        if not intact and self._verify is not Verify.CONNECTION:
            self._wrong(at_ns)
            return
        if not self._heard:
            if not self._surely_open(at_ns):
                self.doubt = "its first data came within the tolerance of its first render time"
            self._heard = True
            self._look_again()
        certain = self._surely_open(at_ns)
        self.bytes_received.add(size, certain)
        window = self._windows.get(sequence) or self._window(sequence, at_ns)
        if window is None:
            self.error.add(1, certain)
        elif window.sure_after_ns < at_ns <= window.sure_until_ns:
            window.sure += size
            if sequence == self._plan.final_frame and self.measured_until_ns is None:
                self.measured_until_ns = at_ns
            window.received_ns = at_ns
        else:
            window.maybe += size
            self.error.add(1, False)

    def _anchor(self, base_ns: int) -> None:
        self.base_ns = base_ns
        self._look_again()

    def _due_ns(self, sequence: int) -> int:
        return self.base_ns + self._plan.render_offset_ns(sequence)

    def _end_ns(self) -> int:
        """Return when the stream will end if nothing more comes of what could end it."""
        return min(self._cut_ns, self._due_ns(self._plan.final_frame if self._heard else 1))

    def _surely_open(self, at_ns: int) -> bool:
        return not self._tolerance_ns or at_ns <= self._end_ns() - self._tolerance_ns

    def _look_again(self) -> None:
        """Set after which instant there is something to decide."""
        self._look_ns = min(self._cut_ns, self._due_ns(self._next)) + self._tolerance_ns

    def _window(self, sequence: int, at_ns: int) -> _Window | None:
        """Return the window of a frame that an arrival may count for, None if it certainly does not."""
        if not self._next <= sequence <= self._plan.final_frame:
            return None
        ahead = sequence - self._plan.window_frames
        opens_ns = self._due_ns(ahead) if ahead >= 1 else _ALWAYS_NS
        if at_ns <= opens_ns - self._tolerance_ns:
            return None
        until_ns = min(self._cut_ns, self._due_ns(sequence)) - self._tolerance_ns
        window = self._windows[sequence] = _Window(opens_ns + self._tolerance_ns, until_ns)
        return window

    def _wrong(self, at_ns: int) -> None:
        certain = self._surely_open(at_ns)
        self.error.add(1, certain)
        if self._verify is Verify.COUNT:
            return
        if not certain:
            self.doubt = "a wrong payload came within the tolerance of its end"
        self._end(at_ns, StreamError.DATA_DID_NOT_MATCH_BIT_PATTERN.value)

    def _pass(self, now_ns: int) -> None:
        """Decide everything that lies before ``now_ns``."""
        horizon_ns = min(now_ns, self._cut_ns) - self._tolerance_ns
        if not self._heard:
            if self._due_ns(1) < horizon_ns:
                self._end(self._due_ns(1), StreamError.NOT_ALL_DATA_TRANSFERRED.value)
        else:
            while self._next <= self._plan.final_frame and self._due_ns(self._next) < horizon_ns:
                self._render(self._next)
                self._next += 1
            if self._next > self._plan.final_frame:
                self._end(self._due_ns(self._plan.final_frame), "Succeeded")
        if self.ended_ns is None and now_ns > self._cut_ns + self._tolerance_ns:
            self._end(self._cut_ns, None)
        self._look_again()

    def _render(self, sequence: int) -> None:
        window = self._windows.pop(sequence, None) or _Window(0, 0)
        size = self._credited(window)
        if self.doubt is None:
            self._on_frame(ExpectedFrame(sequence, self._due_ns(sequence), size, window.received_ns))

    def _credited(self, window: _Window) -> Bounds:
        """Add what came of a frame to the bytes that were on time, and return it."""
        size = Bounds(window.sure, window.sure + window.maybe)
        self.bytes_on_time.low += size.low
        self.bytes_on_time.high += size.high
        return size

    def _end(self, at_ns: int, result: str | None) -> None:
        self.ended_ns = at_ns
        self.result = result
        for window in self._windows.values():
            self._credited(window)
        self._windows.clear()
        if self._tolerance_ns and self._heard:
            near = self._next
            while near <= self._plan.final_frame and self._due_ns(near) <= at_ns + self._tolerance_ns:
                near += 1
            self.optional_frames = near - self._next
