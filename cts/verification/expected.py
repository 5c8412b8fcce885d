"""What one receiving stream must report, from its arrivals in their order and the arithmetic of its plan.

Frame ``k`` is due at ``due(k)`` = base + (B + k - 1) intervals. An arrival at ``t`` counts for it where
``due(k - 2B) < t <= due(k)``: from when the window reaches ``k`` until ``k`` is rendered. Anything else that should be data is
an error. Where the clocks of truth and run differ by up to a tolerance, what lies that near an edge may be on either side:
then sizes and counts have bounds, low where it is counted out and high where it is counted in.

A frame is judged by the datagrams that counted for it (`came.py`), unless stamps do not tell these apart (`identity.py`) or
the run was asked to: then its bytes are all that counts.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field

from cts.protocol.task import StreamError, Verify
from cts.records.reported_frames import VERDICTS
from cts.records.reported_run import ARRIVALS
from cts.verification.arithmetic import Arithmetic
from cts.verification.bounds import Bounds
from cts.verification.came import Stamp
from cts.verification.datagrams import Datagrams
from cts.verification.status import CLOCKS_NS, NEVER_NS, StatusLines
from cts.verification.windows import ExpectedFrame, Window, verdict_of

__all__ = ["ExpectedStream"]

_COMPLETED, _DROPPED, _REPEATED = VERDICTS
_RISING = (_DROPPED, _COMPLETED, _REPEATED)
_ALWAYS_NS = -NEVER_NS


@define(eq=False, kw_only=True)
class ExpectedStream:
    """One stream. Arrivals are handed in by their methods, in order of time.

    Args:
        plan: the stream's arithmetic.
        verify: what the receiver does about wrong payloads.
        opened_ns: when the receiver began.
        tolerance_ns: how far times of truth and run may lie apart.
        cut_ns: when something ended the stream that no datagram tells of; NEVER_NS if nothing did.
        on_frame: told of each frame once its render time has passed.
        by_bytes: whether frames are judged by their bytes, whatever they were.
        patience_ns: how long it waits for the first data at least, and takes who asks again for the same client.
        lines: the status lines, which tell of this stream as well.

    Attributes:
        base_ns: the instant from which all render times are computed.
        connection_id: the name that has come, None if none has.
        ended_ns: when it ended; None before.
        result: the name of its result; None before, or if it was cut short.
        arrivals: datagrams by what became of them, complete once it has ended.
        error: those that fit no frame.
        bytes_received: bytes of good data, whatever became of its frame.
        bytes_of_no_frame: what of them was of none of the stream's frames.
        bytes_on_time: what of them was credited to frames, complete once it has ended.
        datagrams: what is known of each datagram.
        measured_until_ns: when the first datagram of the final frame came that counted for it.
        measured_maybe_ns: when one came before that, or without one, that may have counted for it.
        optional_frames: frames due so near an early end that they may have been rendered or not.
        doubt: why nothing can be said about this stream; None if something can.
    """

    _plan: Arithmetic
    _verify: Verify
    opened_ns: int
    _tolerance_ns: int
    _cut_ns: int
    _on_frame: Callable[[ExpectedFrame], None]
    _by_bytes: bool
    _lines: StatusLines
    patience_ns: int = 0
    arrivals: dict[str, Bounds] = field(factory=lambda: {key: Bounds() for key in ARRIVALS}, init=False)
    _final_frame: int = field(init=False)
    _taken: int = field(default=0, init=False)
    _taken_bytes: int = field(default=0, init=False)
    _counted: dict[str, tuple[Bounds, Bounds]] = field(factory=dict, init=False)
    """What is counted, and how much of it the status lines have been told."""
    _since_ns: int = field(init=False)
    _alike_until_ns: int = field(init=False)
    """What happened since is in the same status lines until then."""
    _heard: bool = field(default=False, init=False)
    _heard_ns: int = field(default=_ALWAYS_NS, init=False)
    _next: int = field(default=1, init=False)
    _windows: dict[int, Window] = field(factory=dict, init=False)
    _look_ns: int = field(init=False)
    base_ns: int = field(init=False)
    connection_id: str | None = field(default=None, init=False)
    ended_ns: int | None = field(default=None, init=False)
    result: str | None = field(default=None, init=False)
    error: Bounds = field(factory=Bounds, init=False)
    bytes_received: Bounds = field(factory=Bounds, init=False)
    bytes_of_no_frame: Bounds = field(factory=Bounds, init=False)
    bytes_on_time: Bounds = field(factory=Bounds, init=False)
    datagrams: Datagrams = field(init=False)
    measured_until_ns: int | None = field(default=None, init=False)
    measured_maybe_ns: int | None = field(default=None, init=False)
    optional_frames: int = field(default=0, init=False)
    doubt: str | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        counted = {
            "frames.error": self.error,
            "bytes_received": self.bytes_received,
            "bytes_on_time": self.bytes_on_time,
        }
        counted |= {f"arrivals.{key}": bounds for key, bounds in self.arrivals.items()}
        self._counted = {key: (bounds, Bounds()) for key, bounds in counted.items()}
        self._final_frame = self._plan.final_frame
        self.datagrams = Datagrams(self._plan, self._tolerance_ns, self._lines)
        self._since_ns = self.opened_ns
        self._alike_until_ns = self._lines.until(self.opened_ns)
        self._anchor(self.opened_ns)

    def over(self, at_ns: int) -> bool:
        """Tell whether the stream ended before ``at_ns``; everything that arrived before must have been handed in."""
        if self.ended_ns is None and at_ns > self._look_ns:
            self._pass(at_ns)
        return self.ended_ns is not None

    def finish(self) -> int:
        """Let the stream come to its end, for nothing more arrives, and return when that was."""
        self.over(NEVER_NS)
        return self._end_ns() if self.ended_ns is None else self.ended_ns

    def start_repeated(self, at_ns: int) -> None:
        """The peer asked once more: before the first data, and for a buffer depth at most, everything begins anew."""
        begins = at_ns <= self.opened_ns + max(self._plan.render_offset_ns(1), self.patience_ns)
        if not self.over(at_ns) and not self._heard and begins:
            self._anchor(at_ns)

    def named(self, at_ns: int, connection_id: str) -> None:
        """The stream's name came; the first one stands."""
        if self.over(at_ns):
            return
        certain = self._surely_open(at_ns)
        self.arrivals["handshake"].add(1, certain)
        if self.connection_id is None:
            self.connection_id = connection_id
            if not certain:
                self.doubt = "its name came within the tolerance of its end"

    def junk(self, at_ns: int, became: str) -> None:
        """Something came that the receiver has no use for."""
        if not self.over(at_ns):
            self._error(became, self._surely_open(at_ns))

    def data(self, at_ns: int, sequence: int, size: int, intact: bool, stamp: Stamp) -> None:
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
            self._heard, self._heard_ns = True, at_ns
            self._look_again()
            if self.over(at_ns):
                return
        window = self._windows.get(sequence) or self._window(sequence, at_ns)
        if window is not None and window.sure_after_ns < at_ns <= window.sure_until_ns:
            if window.stamp is not stamp:
                self._stamped(window, at_ns, stamp)
            self.datagrams.take(window.came, at_ns, sequence, size, stamp)
            window.received_ns = at_ns
            self._taken += 1
            self._taken_bytes += size
            if sequence == self._final_frame and self.measured_until_ns is None:
                self.measured_until_ns = at_ns
            return
        certain = self._surely_open(at_ns)
        self.bytes_received.add(size, certain)
        if window is None:
            became = self._missed(sequence)
            if became == "no_such_frame":
                self.bytes_of_no_frame.add(size, certain)
            elif became == "late":
                self.datagrams.misses.came(at_ns, sequence, size, stamp, self._due_ns(sequence), sure=certain)
            self._error(became, certain)
            return
        window.maybe += size
        window.in_doubt.append((at_ns, size, stamp))
        self.datagrams.order_open = True
        self.bytes_on_time.add(size, False)
        self.arrivals["on_time"].add(1, False)
        self._error("late" if at_ns > window.sure_after_ns else "ahead", False)
        if window.sure_until_ns < at_ns <= window.sure_after_ns:
            self.arrivals["late"].add(1, False)
        if sequence == self._final_frame and self.measured_until_ns is None:
            self.measured_maybe_ns = at_ns

    def _anchor(self, base_ns: int) -> None:
        self.base_ns = base_ns
        self._look_again()

    def _due_ns(self, sequence: int) -> int:
        return self.base_ns + self._plan.render_offset_ns(sequence)

    def _end_ns(self) -> int:
        """Return when the stream will end if nothing more comes of what could end it."""
        return min(self._cut_ns, self._due_ns(self._plan.final_frame) if self._heard else self._waits_until_ns())

    def _waits_until_ns(self) -> int:
        """Return until when the first data is waited for."""
        return max(self._due_ns(1), self.base_ns + self.patience_ns)

    def _surely_open(self, at_ns: int) -> bool:
        return not self._tolerance_ns or at_ns <= self._end_ns() - self._tolerance_ns

    def _look_again(self) -> None:
        """Set after which instant there is something to decide."""
        look_ns = min(self._cut_ns, self._due_ns(self._next)) + self._tolerance_ns
        self._look_ns = min(look_ns, self._alike_until_ns)

    def _window(self, sequence: int, at_ns: int) -> Window | None:
        """Return the window of a frame that an arrival may count for, None if it certainly does not."""
        if not self._next <= sequence <= self._plan.final_frame:
            return None
        ahead = sequence - self._plan.window_frames
        opens_ns = self._due_ns(ahead) if ahead >= 1 else _ALWAYS_NS
        if at_ns <= opens_ns - self._tolerance_ns:
            return None
        until_ns = min(self._cut_ns, self._due_ns(sequence)) - self._tolerance_ns
        window = self._windows[sequence] = Window(opens_ns + self._tolerance_ns, until_ns, self.datagrams.nothing())
        return window

    def _missed(self, sequence: int) -> str:
        """Return what becomes of data that certainly counts for no frame."""
        if not 1 <= sequence <= self._plan.final_frame:
            return "no_such_frame"
        return "late" if sequence < self._next else "ahead"

    def _stamped(self, window: Window, at_ns: int, stamp: Stamp) -> None:
        """Take note of another stamp, and remember the one before: too near to it, who knows which came last."""
        if self._tolerance_ns and window.received_ns is not None:
            near = [each for each in window.stamps_before if each[0] >= at_ns - self._tolerance_ns]
            window.stamps_before = [*near, (window.received_ns, window.stamp)]
        window.stamp = stamp

    def _error(self, became: str, certain: bool) -> None:
        self.error.add(1, certain)
        self.arrivals[became].add(1, certain)

    def _tell_before(self, now_ns: int) -> None:
        """Tell the status lines what was counted, if something that happens now is in others."""
        if now_ns > self._alike_until_ns:
            self._tell()
            self._since_ns, self._alike_until_ns = now_ns, self._lines.until(now_ns)

    def _tell(self) -> None:
        """Tell the status lines what was counted since they were told last."""
        taken, self._taken = self._taken, 0
        size, self._taken_bytes = self._taken_bytes, 0
        for bounds, amount in (
            (self.arrivals["on_time"], taken),
            (self.bytes_on_time, size),
            (self.bytes_received, size),
        ):
            bounds.add(amount, True)
        for key, (now, told) in self._counted.items():
            if now.high != told.high:
                self._lines.sure(key, self._since_ns, now.low - told.low)
                self._lines.maybe(key, self._since_ns, now.high - told.high)
                told.low, told.high = now.low, now.high

    def _wrong(self, at_ns: int) -> None:
        certain = self._surely_open(at_ns)
        self._error("wrong_payload", certain)
        if self._verify is Verify.COUNT:
            return
        if not certain or (self.patience_ns and at_ns < self.base_ns + CLOCKS_NS):
            self.doubt = "a wrong payload came within the tolerance of its end, or before it knew its peer's clock"
        self._end(at_ns, StreamError.DATA_DID_NOT_MATCH_BIT_PATTERN.value)

    def _pass(self, now_ns: int) -> None:
        """Decide everything that lies before ``now_ns``."""
        self._tell_before(now_ns)
        horizon_ns = min(now_ns, self._cut_ns) - self._tolerance_ns
        if not self._heard:
            if self._waits_until_ns() < horizon_ns:
                self._end(self._waits_until_ns(), StreamError.NOT_ALL_DATA_TRANSFERRED.value)
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
        window = self._windows.pop(sequence, None) or Window(0, 0, self.datagrams.nothing())
        came, full_size, due_ns = window.came, self._plan.frame_size, self._due_ns(sequence)
        size = Bounds(came.size, came.size + window.maybe)
        by_stamps = self.datagrams.identity.rendered(came, full_size)
        by_size = self._by_bytes or not by_stamps
        least = verdict_of(size.low, full_size) if by_size else window.verdict(full_size)
        order_open = came.close or self.datagrams.order_open
        record = None if window.in_doubt else came.record(by_stamps)
        for at_ns, each, stamp in window.in_doubt:
            came.take(at_ns, each, stamp)
        most = verdict_of(size.high, full_size) if by_size else window.verdict(full_size)
        # Nothing is rendered before anything came, and be it late.
        seen_ns = max(due_ns, self._heard_ns)
        self._rendered(seen_ns, (least,) if least == most else VERDICTS, sure=least == most)
        self.datagrams.rendered(sequence, window, due_ns, by_stamps)
        # More can only make a dropped frame completed, and that repeated.
        verdicts = None if by_size else _RISING[_RISING.index(least) : _RISING.index(most) + 1]
        if self.doubt is None:
            stamps = (window.stamp, *(stamp for at_ns, stamp in window.stamps_before if self._near(window, at_ns)))
            received_ns = window.received_ns
            self._on_frame(
                ExpectedFrame(sequence, due_ns, size, received_ns, stamps, verdicts, came.due, record, order_open)
            )

    def _near(self, window: Window, at_ns: int) -> bool:
        return window.received_ns is not None and at_ns >= window.received_ns - self._tolerance_ns

    def _rendered(self, due_ns: int, verdicts: tuple[str, ...], *, frames: int = 1, sure: bool) -> None:
        """Tell the status lines of frames that have, or may have, one of these verdicts."""
        for verdict in verdicts:
            # A render time has passed when something later is seen, be it a nanosecond.
            self._lines.maybe(f"frames.{verdict}", due_ns + 1, frames)
            if sure:
                self._lines.sure(f"frames.{verdict}", due_ns, frames)

    def _end(self, at_ns: int, result: str | None) -> None:
        self.ended_ns = at_ns
        self.result = result
        self._tell()
        windows, self._windows = self._windows, {}
        if result == StreamError.NOT_ALL_DATA_TRANSFERRED.value:
            self._rendered(at_ns, (_DROPPED,), frames=self._plan.final_frame, sure=True)
        if self._tolerance_ns and self._heard:
            near = self._next
            while near <= self._plan.final_frame and self._due_ns(near) <= at_ns + self._tolerance_ns:
                self._rendered(at_ns, VERDICTS, sure=False)
                if (window := windows.get(near)) is not None:
                    self.datagrams.maybe_rendered(window, at_ns)
                near += 1
            self.optional_frames = near - self._next
