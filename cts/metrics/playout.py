"""Which buffer would have been enough: a stream's verdicts at every other depth of its buffer, from what one run has seen.

The depth B counts in whole frames. With ``step`` nanoseconds a frame, offsets from the receiver's base, and depth B, frame i is
rendered at ``(B + i - 1) * step``; a datagram of it that arrives at ``t`` is in time where ``B >= ceil(t / step) - i + 1``.
The window reaches ``2 B`` frames from the next one to render on; there is room for the datagram where
``B >= min(ceil(i / 2), i - ceil(t / step))``. Both are lower bounds, so that every frame has one least depth from which on it
is whole, and one from which on something of it comes twice: the verdicts at every depth follow from two counters over whole
numbers, exactly. A stream whose first data comes after its first render time never starts, so that at depths below
``ceil(t / step)`` of that data all is dropped. A frame is whole once each of its datagrams has come, and repeated if besides
one of them came again.

What cannot be seen: a run with a buffer of D frames ends when the last of its n frames is rendered. At a depth B > D the last
``B - D`` frames could have waited for longer than that; :attr:`Playout.known` is the depth up to which none of them lacked
anything by then. Deeper, a frame counts as dropped that was not whole within what was seen, and copies that came after the
end are missing. Where a sender is ahead of its schedule by more frames than a buffer holds, and sends them again, a frame may
be whole at a lesser depth than is found; the run's own depth is exact in any case.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from fractions import Fraction

from attrs import frozen

from cts.metrics.frame_record import FrameRecord, MissedRecord

__all__ = ["Playout", "PlayoutDepth", "PlayoutSum", "PlayoutSweep"]

_REMEMBERED = 4096
"""Frames that lack something and of which it is remembered that they do; a copy of an older one does not count."""

_DEEPER = 65_536
"""Frames by which a depth that is looked at may be more than the run's own: 18 minutes at 60 frames per second."""

_NEVER_NS = 1 << 80


@frozen
class PlayoutDepth:
    """What would have become of the frames at one depth.

    Attributes:
        depth: of the buffer, frames.
        depth_ns: the same, nanoseconds rounded up: no less than what has to be set for it.
        completed, repeated, dropped: frames by verdict.
    """

    depth: int
    depth_ns: int
    completed: int
    repeated: int
    dropped: int


@frozen(kw_only=True)
class Playout:
    """Verdicts at every depth, of one stream or of several with the same plan; adds up in any order.

    Attributes:
        buffered_frames: depth that the run had, frames.
        final_frame: frames of one stream, which is the greatest depth that there is.
        steps, step_ns: so many frames take so many nanoseconds.
        frames: frames with a verdict, of all streams.
        known: depth up to which more time could have changed no share of frames that play; ``final_frame`` for every depth.
        whole: ascending, (a depth, how many frames are whole from this depth on and at none below).
        again: the same of frames that are repeated.
    """

    buffered_frames: int
    final_frame: int
    steps: int
    step_ns: int
    frames: int = 0
    known: int
    whole: tuple[tuple[int, int], ...] = ()
    again: tuple[tuple[int, int], ...] = ()

    def __add__(self, other: Playout) -> Playout:
        """Return what both come to.

        Raises:
            ValueError: they are of different plans.
        """
        if self._plan() != other._plan():
            raise ValueError("depths of streams with different plans do not add up")
        return Playout(
            buffered_frames=self.buffered_frames,
            final_frame=self.final_frame,
            steps=self.steps,
            step_ns=self.step_ns,
            frames=self.frames + other.frames,
            known=min(self.known, other.known),
            whole=_added(self.whole, other.whole),
            again=_added(self.again, other.again),
        )

    def _plan(self) -> tuple[int, int, Fraction]:
        return self.buffered_frames, self.final_frame, Fraction(self.steps, self.step_ns)

    def depth_ns(self, depth: int) -> int:
        """Return a depth in nanoseconds, rounded up."""
        return -(-depth * self.step_ns // self.steps)

    def at(self, depth: int) -> PlayoutDepth:
        """Return the verdicts at a depth, in frames; at 0 there is no room for anything."""
        whole = sum(frames for least, frames in self.whole if least <= depth)
        again = sum(frames for least, frames in self.again if least <= depth)
        return self._row(depth, whole, again)

    def table(self) -> tuple[PlayoutDepth, ...]:
        """Return the verdicts at depth 0, at the run's own, and at each at which they are others than at the one before."""
        whole, again = dict(self.whole), dict(self.again)
        rows, playing, twice = [], 0, 0
        for depth in sorted({0, self.buffered_frames, *whole, *again}):
            playing += whole.get(depth, 0)
            twice += again.get(depth, 0)
            rows.append(self._row(depth, playing, twice))
        return tuple(rows)

    def smallest(self, percent: Fraction | int) -> int | None:
        """Return the least depth, frames, with which at least that many of a hundred frames play: completed or repeated.

        None where that is so at no depth within what was seen, and where there were no frames. Above ``known`` a lesser
        one may do.
        """
        if not self.frames:
            return None
        playing = 0
        for depth, frames in self.whole:
            playing += frames
            if playing * 100 >= percent * self.frames:
                return depth
        return None

    def _row(self, depth: int, playing: int, twice: int) -> PlayoutDepth:
        # What events tell may be made up: no more frames have come twice than have come.
        twice = min(twice, playing)
        return PlayoutDepth(depth, self.depth_ns(depth), playing - twice, twice, self.frames - playing)


class PlayoutSum:
    """What streams come to together, in whatever order they are added.

    Attributes:
        playout: that of all; None where nothing is known of any, and where they are of several plans.
    """

    def __init__(self) -> None:
        self.playout: Playout | None = None
        self._apart = False

    def add(self, playout: Playout | None) -> None:
        """Take in a stream; None for one of which nothing is known."""
        if playout is None or self._apart:
            return
        try:
            self.playout = playout if self.playout is None else self.playout + playout
        except ValueError:
            self.playout, self._apart = None, True


class PlayoutSweep:
    """Takes a stream's frames as they are rendered, and what comes of them after that.

    Holds two counters for each depth that occurs, and a bounded number of frames that lack something.

    Args:
        buffered_frames: depth of the receiver's buffer, frames.
        final_frame: number of the stream's frames.
        steps, step_ns: so many frames take so many nanoseconds.
    """

    __slots__ = (
        "_again",
        "_base_ns",
        "_began_ns",
        "_deepest",
        "_depth",
        "_early_ns",
        "_final",
        "_forgotten",
        "_lacking",
        "_next",
        "_step_ns",
        "_steps",
        "_whole",
    )

    def __init__(self, buffered_frames: int, final_frame: int, steps: int, step_ns: int) -> None:
        self._depth = buffered_frames
        self._final = final_frame
        self._steps = steps
        self._step_ns = step_ns
        self._deepest = min(final_frame, buffered_frames + _DEEPER)
        # What comes less long than this before its render time needs no more room than every buffer has.
        self._early_ns = (buffered_frames + 1) * step_ns // steps - 1
        self._whole: defaultdict[int, int] = defaultdict(int)
        self._again: defaultdict[int, int] = defaultdict(int)
        self._lacking: dict[int, bool] = {}
        self._forgotten = 0
        self._next = 1
        self._base_ns = 0
        self._began_ns = _NEVER_NS

    @property
    def frames(self) -> int:
        """Frames that it has taken, or knows to have been left out."""
        return self._next - 1

    def frame(self, record: FrameRecord) -> None:
        """Take a frame as it was at its render time; frames come in order, those left out had nothing."""
        sequence = record.sequence
        if sequence != self._next:
            self.nothing_until(sequence - 1)
        self._next = sequence + 1
        first_ns = record.first_ns
        if first_ns is None:
            self._lacks(sequence, again=False)
            return
        if first_ns < self._began_ns:
            self._began_ns = first_ns
            self._base_ns = self._base_of(record.due_ns, sequence)
        whole_ns, again_ns = record.whole_ns, record.again_ns
        if whole_ns is None:
            self._lacks(sequence, again=again_ns is not None)
            return
        # It may be 0, of what is ahead of its schedule by less than a frame: as good as 1.
        least = 1 - sequence - (self._base_ns - whole_ns) * self._steps // self._step_ns
        if record.due_ns - first_ns >= self._early_ns:
            least = max(least, min((sequence + 1) // 2, sequence - self._step_of(first_ns - self._base_ns)))
        self._whole[least] += 1
        if again_ns is not None:
            self._again[max(least, self._step_of(again_ns - self._base_ns) - sequence + 1)] += 1

    def nothing_until(self, sequence: int) -> None:
        """Take note that nothing had come in time of the frames from the last one taken to this one."""
        first = max(self._next, sequence + 1 - _REMEMBERED)
        if first > self._next:
            # All that was remembered is forgotten, so that a gap costs no more than that, however long it is.
            self._forgotten = first - 1
            self._lacking = dict.fromkeys(range(first, sequence + 1), False)
        else:
            for each in range(first, sequence + 1):
                self._lacks(each, again=False)
        self._next = max(self._next, sequence + 1)

    def missed(self, record: MissedRecord) -> None:
        """Take what came of a frame after its render time."""
        sequence = record.sequence
        lacking = self._lacking.get(sequence)
        if not record.whole and lacking is not None:
            self._lacking[sequence] = lacking or record.again
            return
        if not record.whole and (not record.again or sequence <= self._forgotten):
            return
        base_ns = self._base_of(record.received_ns - record.late_ns, sequence)
        depth = self._step_of(record.received_ns - base_ns) - sequence + 1
        if depth > self._deepest:
            return
        if record.whole:
            self._lacking.pop(sequence, None)
            self._whole[depth] += 1
        if record.again or lacking:
            self._again[depth] += 1

    def playout(self, frames: int = 0, *, early: bool = False) -> Playout:
        """Return what has been found.

        Args:
            frames: how many there were; nothing came of those beyond the last one that was told of.
            early: whether something came before the run's own buffer had room for it, of which nothing is known here: of
                greater depths it is then known only that no fewer frames play.
        """
        # It has started with its own buffer: by something too early where what was in time came later.
        first = max(1, min(self._step_of(self._began_ns - self._base_ns), self._depth))
        lacking = frames if frames > self.frames else max(self._forgotten, next(reversed(self._lacking), 0))
        frames = max(frames, self.frames)
        known = self._depth + frames - lacking if lacking else self._final
        return Playout(
            buffered_frames=self._depth,
            final_frame=self._final,
            steps=self._steps,
            step_ns=self._step_ns,
            frames=frames,
            known=self._depth if early else min(known, self._final),
            whole=_from(first, self._whole),
            again=_from(first, self._again),
        )

    def _lacks(self, sequence: int, *, again: bool) -> None:
        self._lacking[sequence] = again
        if len(self._lacking) > _REMEMBERED:
            self._forgotten = next(iter(self._lacking))
            del self._lacking[self._forgotten]

    def _base_of(self, due_ns: int, sequence: int) -> int:
        return due_ns - (self._depth + sequence - 1) * self._step_ns // self._steps

    def _step_of(self, offset_ns: int) -> int:
        """Return the first step from the base on that is not before an offset."""
        return -(-offset_ns * self._steps // self._step_ns)


def _from(first: int, frames: Mapping[int, int]) -> tuple[tuple[int, int], ...]:
    """Return counters by depth in order, where no depth below the first one will do."""
    counts: defaultdict[int, int] = defaultdict(int)
    for depth, count in frames.items():
        counts[max(first, depth)] += count
    return tuple(sorted(counts.items()))


def _added(one: tuple[tuple[int, int], ...], other: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    counts = defaultdict(int, one)
    for depth, frames in other:
        counts[depth] += frames
    return tuple(sorted(counts.items()))
