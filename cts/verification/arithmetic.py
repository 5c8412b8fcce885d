"""The stream arithmetic once more, from its definitions: of the product's own only the five numbers come that it starts from.

::

    frame size      bits per second / 8 / frame rate, rounded down; headers count
    frames          frame rate x length, rounded down; the last has the number `final_frame`
    buffered (B)    frame rate x depth, rounded down, and no more than there are frames; the window is 2 B
    frame k leaves  k intervals after its sender's base, and is due (B + k - 1) intervals after its receiver's; rounded down
    START           is repeated an interval and half a second after the one before
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Protocol

from attrs import define, field

__all__ = ["Arithmetic"]

_SECOND_NS = 10**9
_RETRY_NS = _SECOND_NS // 2
_HEADER = 26
"""Bytes before the payload of data: a 16-bit flag and three 64-bit numbers."""


class Numbers(Protocol):
    """What a stream follows from, as a run's events tell it."""

    @property
    def bits_per_second(self) -> int: ...
    @property
    def frame_rate(self) -> Fraction: ...
    @property
    def stream_length_ns(self) -> int: ...
    @property
    def buffer_depth_ns(self) -> int: ...
    @property
    def datagram_max_size(self) -> int: ...


@define(eq=False)
class Arithmetic:
    """One stream's arithmetic.

    Args:
        bits_per_second, frame_rate, stream_length_ns, buffer_depth_ns, datagram_max_size: as a run's events tell them.

    Attributes:
        frame_size: bytes of a frame.
        final_frame: the number of frames.
        buffered_frames: frames that the receiver waits for before it renders the first.
        window_frames: frames from the next one to render that data may belong to.
        datagram_sizes: bytes of each datagram of a frame.
    """

    bits_per_second: int
    frame_rate: Fraction
    stream_length_ns: int
    buffer_depth_ns: int
    datagram_max_size: int
    frame_size: int = field(init=False)
    final_frame: int = field(init=False)
    buffered_frames: int = field(init=False)
    window_frames: int = field(init=False)
    datagram_sizes: tuple[int, ...] = field(init=False)
    _frames: int = field(init=False)
    _take_ns: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        rate = Fraction(self.frame_rate)
        # So many frames take so many nanoseconds, both whole numbers.
        self._frames, self._take_ns = rate.numerator, rate.denominator * _SECOND_NS
        self.frame_size = int(Fraction(self.bits_per_second, 8) / rate)
        self.final_frame = int(rate * self.stream_length_ns / _SECOND_NS)
        self.buffered_frames = min(self.final_frame, int(rate * self.buffer_depth_ns / _SECOND_NS))
        self.window_frames = self.buffered_frames + self.buffered_frames
        self.datagram_sizes = tuple(_cut(self.frame_size, self.datagram_max_size))

    @classmethod
    def of(cls, numbers: Numbers) -> Arithmetic:
        """Return that of a plan, of which no more than its five numbers is taken."""
        return cls(
            numbers.bits_per_second,
            numbers.frame_rate,
            numbers.stream_length_ns,
            numbers.buffer_depth_ns,
            numbers.datagram_max_size,
        )

    @property
    def interval_ns(self) -> int:
        """Nanoseconds between frames, rounded down."""
        return self._take_ns // self._frames

    @property
    def retry_ns(self) -> int:
        """Nanoseconds from a client's START to the next one."""
        return self.interval_ns + _RETRY_NS

    def send_offset_ns(self, sequence: int) -> int:
        """Return when a frame leaves, nanoseconds after its sender's base."""
        return self._take_ns * sequence // self._frames

    def render_offset_ns(self, sequence: int) -> int:
        """Return when a frame is due, nanoseconds after its receiver's base."""
        return self._take_ns * (sequence + self.buffered_frames - 1) // self._frames


def _cut(size: int, at_most: int) -> Iterator[int]:
    """Yield the sizes of a frame's datagrams: none may be left for the last that is no more than a header."""
    while size > at_most:
        piece = at_most if size - at_most > _HEADER else size - _HEADER - 1
        yield piece
        size -= piece
    yield size
