"""Stream arithmetic: what both ends derive from the same few numbers, in exact integers."""

from __future__ import annotations

from fractions import Fraction
from functools import cached_property
from math import ceil

from attrs import astuple, field, frozen

from cts.protocol.trains import Train, cut_trains
from cts.protocol.wire import HEADER_SIZE, MAX_DATAGRAM_SIZE, PATTERN
from cts.units import SECOND, FrameRate, format_duration, format_frame_rate

__all__ = ["PlanError", "StreamPlan", "datagram_sizes", "plan_problems"]

MIN_FRAME_SIZE = 40
_SHOWN_NS = 100_000
MAX_COUNT = 2**32 - 1
MIN_DATAGRAM_MAX_SIZE = 2 * HEADER_SIZE + 1
"""The smallest limit with which a datagram can always give up bytes to the one behind it and stay a datagram."""


class PlanError(ValueError):
    """The numbers make no stream; ``problems`` holds each as (name of the number, what is wrong with it)."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{name}: {text}" for name, text in problems))


def plan_problems(
    bits_per_second: int,
    frame_rate: Fraction | int,
    stream_length_ns: int,
    buffer_depth_ns: int,
    datagram_max_size: int,
) -> list[tuple[str, str]]:
    """Return why these numbers make no stream, as (name, text); an empty list when they do."""
    problems = []
    if bits_per_second <= 0:
        problems.append(("bits_per_second", f"must be positive, got {bits_per_second}"))
    elif bits_per_second % 8:
        problems.append(("bits_per_second", f"must be a multiple of 8 bits, got {bits_per_second}"))
    if frame_rate <= 0:
        problems.append(("frame_rate", f"must be more than 0 frames per second, got {frame_rate}"))
    if stream_length_ns <= 0:
        problems.append(("stream_length", "must be longer than 0 s"))
    if buffer_depth_ns <= 0:
        problems.append(("buffer_depth", "must be longer than 0 s"))
    if not MIN_DATAGRAM_MAX_SIZE <= datagram_max_size <= MAX_DATAGRAM_SIZE:
        allowed = f"{MIN_DATAGRAM_MAX_SIZE} to {MAX_DATAGRAM_SIZE} bytes"
        problems.append(("datagram_max_size", f"must be {allowed}, got {datagram_max_size}"))
    wrong = {name for name, _ in problems}
    if not wrong & {"frame_rate", "buffer_depth"} and not frame_rate * buffer_depth_ns // SECOND:
        # Upwards, so that what is told is enough.
        least_ns = ceil(Fraction(SECOND) / frame_rate / _SHOWN_NS) * _SHOWN_NS
        one = f"{format_duration(least_ns)} at {format_frame_rate(Fraction(frame_rate))} frames per second"
        problems.append(("buffer_depth", f"is less than one frame; the buffer must hold at least 1: {one}"))
    if wrong & {"frame_rate", "stream_length"}:
        return problems
    frames = frame_rate * stream_length_ns // SECOND
    if not 1 <= frames <= MAX_COUNT:
        problems.append(("stream_length", f"gives {frames} frames; 1 to {MAX_COUNT} are allowed"))
    elif "bits_per_second" not in wrong:
        size = bits_per_second // 8 // frame_rate
        if not MIN_FRAME_SIZE <= size <= MAX_COUNT:
            allowed = f"{MIN_FRAME_SIZE} to {MAX_COUNT} are allowed"
            text = f"gives frames of {size} bytes at {format_frame_rate(Fraction(frame_rate))} frames per second; {allowed}"
            problems.append(("bits_per_second", text))
    return problems


def datagram_sizes(frame_size: int, datagram_max_size: int) -> tuple[int, ...]:
    """Return the bytes of each datagram of a frame, header included.

    All have the greatest size but the last; where what remains could not hold a header and one byte of payload, the
    datagram before gives up the missing bytes.
    """
    full, rest = divmod(frame_size, datagram_max_size)
    sizes = [datagram_max_size] * full
    if rest:
        missing = HEADER_SIZE + 1 - rest
        if missing > 0 and sizes:
            sizes[-1] -= missing
            rest += missing
        sizes.append(rest)
    return tuple(sizes)


def _exactly(frame_rate: Fraction | int) -> FrameRate:
    return FrameRate(frame_rate)


@frozen(slots=False)
class StreamPlan:
    """One stream's arithmetic.

    Args:
        bits_per_second: of the whole stream, headers included; a multiple of 8.
        frame_rate: frames per second, an int or an exact ratio; kept as a :class:`cts.units.FrameRate`.
        stream_length_ns: how long the sender sends, nanoseconds.
        buffer_depth_ns: how long the receiver buffers before it renders the first frame, nanoseconds.
        datagram_max_size: bytes of UDP payload at most in one datagram.

    Raises:
        PlanError: the numbers make no stream (see :func:`plan_problems`).
    """

    bits_per_second: int
    frame_rate: FrameRate = field(converter=_exactly)
    stream_length_ns: int
    buffer_depth_ns: int = SECOND
    datagram_max_size: int = 1400

    def __attrs_post_init__(self) -> None:
        if problems := plan_problems(*astuple(self)):
            raise PlanError(problems)

    def __reduce__(self) -> tuple[type[StreamPlan], tuple[object, ...]]:
        # What follows from the numbers is worked out anew: some of it is views of memory, which cannot be copied.
        return type(self), astuple(self)

    @cached_property
    def final_frame(self) -> int:
        """Sequence number of the last frame, which is the number of frames."""
        return self.frame_rate * self.stream_length_ns // SECOND

    @cached_property
    def frame_size(self) -> int:
        """Bytes of one frame, rounded down: its datagrams, headers included, add up to it."""
        return self.bits_per_second // 8 // self.frame_rate

    def size_of(self, sequence: int) -> int:
        """Return the bytes of frame ``sequence``."""
        return self.frame_size

    def size_up_to(self, sequence: int) -> int:
        """Return the bytes of the frames from the first to ``sequence``."""
        return self.frame_size * sequence

    @cached_property
    def transfer_size(self) -> int:
        """Bytes of the whole stream."""
        return self.size_up_to(self.final_frame)

    @cached_property
    def buffered_frames(self) -> int:
        """Frames that the receiver waits for before it renders the first (B)."""
        return min(self.frame_rate * self.buffer_depth_ns // SECOND, self.final_frame)

    @property
    def buffer_is_cut(self) -> bool:
        """Whether the buffer is asked for longer than the stream, and holds no more than that."""
        return self.buffered_frames < self.frame_rate * self.buffer_depth_ns // SECOND

    @cached_property
    def window_frames(self) -> int:
        """Frames from the head of the buffer on that a datagram may belong to; beyond, it is an error."""
        return 2 * self.buffered_frames

    # Whole numbers, for what is computed with every frame: so many frames take so many nanoseconds.

    @cached_property
    def _steps(self) -> int:
        return self.frame_rate.numerator

    @cached_property
    def _step_ns(self) -> int:
        return SECOND * self.frame_rate.denominator

    @property
    def interval_ns(self) -> int:
        """Nanoseconds between frames, rounded down; schedules are computed from the base, not by adding this up."""
        return self._step_ns // self._steps

    def send_offset_ns(self, sequence: int) -> int:
        """Nanoseconds from the sender's base to the send time of frame ``sequence`` (from 1)."""
        return sequence * self._step_ns // self._steps

    def render_offset_ns(self, sequence: int) -> int:
        """Nanoseconds from the receiver's base to the render time of frame ``sequence`` (from 1)."""
        return (self.buffered_frames + sequence - 1) * self._step_ns // self._steps

    def rendered_before(self, offset_ns: int) -> int:
        """Return the last frame whose render time is earlier than ``offset_ns`` from the receiver's base; below 1 for none."""
        return (offset_ns * self._steps - 1) // self._step_ns - self.buffered_frames + 1

    @cached_property
    def end_offset_ns(self) -> int:
        """Nanoseconds from the receiver's base to the end of the stream: the render time of the final frame."""
        return self.render_offset_ns(self.final_frame)

    @property
    def sending_ns(self) -> int:
        """Nanoseconds that the frames take to send: the stream length without what is no whole frame of it."""
        return self.send_offset_ns(self.final_frame)

    @property
    def sent_bits_per_second(self) -> int:
        """Bits per second that the frames amount to, rounded down: without the bits that are no whole byte of a frame."""
        return self.frame_size * 8 * self._steps // self.frame_rate.denominator

    @cached_property
    def datagram_sizes(self) -> tuple[int, ...]:
        """Bytes of each datagram of a frame, header included."""
        return datagram_sizes(self.frame_size, self.datagram_max_size)

    @cached_property
    def payloads(self) -> tuple[memoryview, ...]:
        """The payload of each datagram of a frame: prefixes of the one pattern, nothing copied, equal ones the same object."""
        pattern = memoryview(PATTERN)
        prefixes = {size: pattern[: size - HEADER_SIZE] for size in set(self.datagram_sizes)}
        return tuple(prefixes[size] for size in self.datagram_sizes)

    def trains(self, segment_limit: int) -> tuple[Train, ...]:
        """Return ``payloads`` cut into trains of at most ``segment_limit`` datagrams; the same objects frame after frame."""
        trains = self._trains.get(segment_limit)
        if trains is None:
            trains = self._trains[segment_limit] = cut_trains(self.payloads, segment_limit)
        return trains

    @cached_property
    def _trains(self) -> dict[int, tuple[Train, ...]]:
        return {}
