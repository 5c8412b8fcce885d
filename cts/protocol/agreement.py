"""Whether the other end sends the stream that this end was told of: nothing on the wire carries the settings.

What arrives shows them all the same, whatever a network does to it. A network loses, doubles and delays datagrams; it makes
none longer or shorter, and it does not touch what the sender's clock says.

==============================  ====================================================================================
what is looked at               what it shows
==============================  ====================================================================================
bytes of each datagram          sizes that no datagram of a frame has: other frames, or frames cut in another way
bytes of each frame on time     the size that most frames have: the peer's frame size. Alone, where each datagram has a
                                size that is set, it shows little: a network may lose or double the same part of all
the sender's stamps             frames per second by its own clock
sequence numbers                frames past the end: a longer stream
==============================  ====================================================================================
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

from attrs import define, field

from cts.protocol.plan import StreamPlan, datagram_sizes
from cts.protocol.remark import Remark
from cts.units import SECOND, counted, format_duration, format_frame_rate, format_rate

__all__ = ["PEER_ASKS", "PEER_SENDS", "Agreement"]

_FIRST_LOOK = 16
"""Frames after which it is first asked; then whenever there are half as many more."""
_FEWEST = 2
"""Frames that have to show the same, so that one stray datagram shows nothing."""
_FEWEST_ALIKE = 16
"""Frames that have to be of one size, all of them, where no datagram is: so often chance does not repeat itself."""
_GAP = 4
"""Frames past the end are those that go on from it, one behind the other but for a few that are lost."""
_DOUBTS = 3
"""Frames that must contradict a stamp for it to be given up."""
_SIZES_KEPT = 16
_SAMPLES = 64
_SAMPLES_WANTED = 8
_LATE_BY = 3
"""Intervals by which the first and the last frame of a measured pace may have left late."""
_HELD_UP_NS = SECOND // 4
"""By so much a busy host may hold up any frame, whatever the interval."""
_OF_STAMPS = Fraction(1, 20)
"""By how much the sender's pace must differ in both halves of what was seen: a sender that was held up catches up."""


PEER_SENDS = Remark(
    "the two ends do not agree: the peer sends frames, too; stream.direction must be the same on both", True
)
PEER_ASKS = Remark("the two ends do not agree: the peer asks for a stream, too; one of the two must be a server", True)


@define(eq=False)
class Agreement:
    """Watches one receiver's stream. Holds a few dozen numbers, however long it is and whatever comes.

    Args:
        plan: the stream as this end expects it.

    Attributes:
        sizes: bytes that datagrams of the stream have.
        known: those of them that have come; what has one of these needs no more note for it.
        sequence: the frame of what was noted last.
    """

    _plan: StreamPlan
    sizes: frozenset[int] = field(init=False)
    known: set[int] = field(factory=set, init=False)
    sequence: int = field(default=0, init=False)
    _frames: int = field(default=0, init=False)
    _next_look: int = field(default=_FIRST_LOOK, init=False)
    _seen_sizes: set[int] = field(factory=set, init=False)
    _foreign_frames: int = field(default=0, init=False)
    _foreign_sequence: int = field(default=0, init=False)
    _past_end: int = field(default=0, init=False)
    _past_last: int = field(init=False)
    _whole: int = field(default=0, init=False)
    _votes: dict[int, int] = field(factory=dict, init=False)
    _samples: list[tuple[int, int]] = field(factory=list, init=False)
    _apart_ns: int = field(init=False)
    _doubts: int = field(default=0, init=False)
    _last_qpc: int = field(default=-(2**63), init=False)
    _next_qpc: int = field(default=-(2**63), init=False)
    _final: int = field(init=False)
    _far: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.sizes = frozenset(self._plan.datagram_sizes)
        self._apart_ns = self._plan.interval_ns // 2
        self._final = self._past_last = self._plan.final_frame
        self._far = 2 * self._final + self._plan.window_frames

    def note(self, sequence: int, size: int, rest: int, qpc: int, qpf: int) -> bool:
        """Take note of data: of the first of each frame, and of every other that has a size which is not known.

        Args:
            sequence: its frame.
            size: bytes of the datagram.
            rest: bytes of a shorter one behind it that came with it, 0 for none.
            qpc, qpf: the sender's stamp.

        Returns:
            Whether to ask for a judgment now.
        """
        is_new, before = sequence != self.sequence, self.sequence
        self.sequence = sequence
        if len(self._seen_sizes) < _SIZES_KEPT:
            self._seen_sizes.add(size)
            self._seen_sizes.add(rest or size)
            self.known = self._seen_sizes & self.sizes
        is_foreign = size not in self.sizes or (rest and rest not in self.sizes)
        if is_foreign and sequence != self._foreign_sequence:
            self._foreign_sequence = sequence
            self._foreign_frames += 1
        if not is_new:
            return False
        self._frames += 1
        # What is far beyond is no longer stream's but a stray one, or was damaged on the way.
        if 0 < sequence <= self._far:
            if before > self._final and self._past_last < sequence <= self._past_last + _GAP:
                self._past_last = sequence
                self._past_end += 1
            if (qpc >= self._next_qpc or qpc < self._last_qpc) and qpf > 0:
                self._sample(sequence, qpc, qpf)
        if self._frames < self._next_look:
            return False
        self._next_look = self._frames * 3 // 2
        return True

    def rendered(self, size: int) -> None:
        """Take note of the bytes that a frame had when it was rendered, more than 0."""
        if size == self._plan.frame_size:
            self._whole += 1
            return
        votes = self._votes
        if size in votes or len(votes) < _SIZES_KEPT:
            votes[size] = votes.get(size, 0) + 1
        else:
            # What more than one in so many frames have is never voted out (Misra and Gries, 1982).
            self._votes = {each: count - 1 for each, count in votes.items() if count > 1}

    def judge(self) -> Remark | None:
        """Say how the two ends disagree as far as what was noted tells; None where nothing shows that they do."""
        plan = self._plan
        frame_size, cut = self._frame_size()
        paces = self._paces()
        pace = None if paces is None else _roundest(*paces)
        texts = []
        if frame_size is not None and self._may_be_network(frame_size) and pace is None and not self._past_end:
            return self._all_of(frame_size)
        if frame_size is not None and (pace is not None or frame_size != plan.frame_size):
            least, most = paces or (plan.frame_rate * (1 - _OF_STAMPS), plan.frame_rate * (1 + _OF_STAMPS))
            if not 8 * frame_size * least <= plan.bits_per_second < 8 * (frame_size + 1) * most:
                frame_rate = pace or plan.frame_rate
                rate = int(_roundest(8 * frame_size * frame_rate, 8 * (frame_size + 1) * frame_rate))
                texts.append(f"{format_rate(rate)} where {format_rate(plan.bits_per_second)} are set")
            elif pace is None:
                # By another rate, or by a frame rate that is too near to be told apart.
                texts.append(f"frames of {frame_size:,} bytes where {plan.frame_size:,} are set")
        if pace is not None:
            set_rate = format_frame_rate(plan.frame_rate)
            texts.append(f"{format_frame_rate(pace)} frames a second where {set_rate} are set")
        if cut is not None:
            texts.append(f"datagrams of up to {cut:,} bytes where {plan.datagram_max_size:,} are set")
        # A faster stream is past its end sooner; that it is longer, too, nothing shows.
        if self._past_end >= _FEWEST and (pace is None or pace < plan.frame_rate):
            length = format_duration(plan.stream_length_ns)
            texts.append(f"more than the {counted(plan.final_frame, 'frame')} ({length}) that are set")
        # What rate that makes shows once frames have been rendered.
        if not texts and self._foreign and self._frames > plan.buffered_frames:
            came, expected = (_sizes(sizes) for sizes in (self._seen_sizes, self.sizes))
            texts.append(f"datagrams of {came} bytes where {expected} are set")
        if not texts:
            return None
        same_frames = pace is not None and pace < plan.frame_rate and not self._foreign and cut is None
        if same_frames and not self._is_even():
            return Remark(f"the peer sends {', '.join(texts)}: it cannot keep up, or has other settings")
        return Remark(f"the two ends do not agree: the peer sends {', '.join(texts)}", disagrees=True)

    @property
    def _foreign(self) -> bool:
        return self._foreign_frames >= min(_FEWEST, self._plan.final_frame) and 4 * self._foreign_frames >= self._frames

    def _frame_size(self) -> tuple[int | None, int | None]:
        """Return the bytes of the peer's frames, and of its largest datagrams where these are others; None for unknown."""
        plan, seen = self._plan, self._seen_sizes
        greatest = max(seen, default=0)
        votes = sum(self._votes.values()) + self._whole
        size, count = max(self._votes.items(), key=lambda vote: vote[1], default=(0, 0))
        if self._whole >= count:
            size, count = plan.frame_size, self._whole
        if count < min(_FEWEST, plan.final_frame) or 2 * count < votes:
            return None, greatest if self._foreign and greatest > plan.datagram_max_size else None
        if self._foreign:
            same_cut = seen <= _cut(size, plan.datagram_max_size)
            return size, None if same_cut else greatest
        # All datagrams have sizes of this end's frames. So have those of a frame that is longer or shorter by some of the
        # largest: if all frames are.
        uniform = count == votes >= _FEWEST_ALIKE and _cut(size, plan.datagram_max_size) == seen
        return size if uniform else plan.frame_size, None

    def _may_be_network(self, frame_size: int) -> bool:
        """Tell whether a network can make such frames of this end's: one that has room for a part, or doubles them all."""
        set_size = self._plan.frame_size
        if self._foreign or frame_size == set_size:
            return False
        return frame_size < set_size or (frame_size % set_size == 0 and self._seen_sizes == self.sizes)

    def _all_of(self, frame_size: int) -> Remark:
        set_size = self._plan.frame_size
        network = "lets no more of a frame through" if frame_size < set_size else "doubles every datagram"
        causes = f"the peer has another rate, or the network {network}"
        return Remark(f"all frames come with {frame_size:,} bytes where {set_size:,} are set: {causes}")

    def _sample(self, sequence: int, qpc: int, qpf: int) -> None:
        samples, sent_ns = self._samples, qpc * SECOND // qpf
        if samples and (sequence <= samples[-1][0]) != (sent_ns <= samples[-1][1]):
            # One of the two was damaged, or made up: most often it is the one that stands alone.
            self._doubts += 1
            if self._doubts < _DOUBTS:
                return
            samples.pop()
        if samples and (sequence <= samples[-1][0] or sent_ns <= samples[-1][1]):
            return
        self._doubts = 0
        samples.append((sequence, sent_ns))
        if len(samples) == _SAMPLES:
            del samples[1::2]
            self._apart_ns *= 2
        # Frames that left together, as those of a sender that held them back, say nothing of its pace.
        self._last_qpc, self._next_qpc = qpc, qpc + self._apart_ns * qpf // SECOND

    def _paces(self) -> tuple[Fraction, Fraction] | None:
        """Return between which the sender's frames per second are, where both halves show others than those set."""
        samples = self._samples
        if len(samples) < _SAMPLES_WANTED:
            return None
        middle = len(samples) // 2
        parts = (samples[0], samples[middle]), (samples[middle], samples[-1])
        ratios = [_rate(first, last) / self._plan.frame_rate for first, last in parts]
        if not (all(ratio > 1 + _OF_STAMPS for ratio in ratios) or all(ratio < 1 - _OF_STAMPS for ratio in ratios)):
            return None
        rate = _rate(samples[0], samples[-1])
        # Each of the two may have left late: a sender may hold frames back, and a busy host holds up.
        frames = samples[-1][0] - samples[0][0]
        if abs(samples[-1][1] - samples[0][1] - frames * SECOND / self._plan.frame_rate) <= _HELD_UP_NS:
            return None
        doubt = Fraction(_LATE_BY, frames) + Fraction(1, 5000)
        least, most = rate * (1 - doubt), rate * (1 + doubt)
        return None if least <= self._plan.frame_rate <= most else (least, most)

    def _is_even(self) -> bool:
        """Tell whether frames left as on a schedule of their own: who cannot keep up is now more behind and now less."""
        first, sent_ns = self._samples[0]
        interval_ns = SECOND / _rate(self._samples[0], self._samples[-1])
        behind = sorted(each_ns - sent_ns - (each - first) * interval_ns for each, each_ns in self._samples)
        # A few may have been held up on a busy host.
        few = len(behind) // 8
        return behind[-1 - few] - behind[few] < interval_ns / 4


def _cut(frame_size: int, datagram_max_size: int) -> set[int]:
    """Return the sizes of a frame's datagrams; of a long one, the last three have them all."""
    least = frame_size % datagram_max_size + 2 * datagram_max_size
    return set(datagram_sizes(min(frame_size, least), datagram_max_size))


def _rate(first: tuple[int, int], last: tuple[int, int]) -> Fraction:
    return Fraction((last[0] - first[0]) * SECOND, last[1] - first[1])


def _roundest(low: Fraction, high: Fraction) -> Fraction:
    """Return the number from ``low`` on and before ``high`` that has the fewest digits."""
    step = Fraction(10) ** max(0, len(str(floor(high))))
    while (number := ceil(low / step) * step) >= high or not number:
        step /= 10
    return number


def _sizes(sizes: set[int] | frozenset[int]) -> str:
    return " and ".join(f"{size:,}" for size in sorted(sizes, reverse=True)[:4])
