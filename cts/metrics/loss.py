"""Where a stream's bytes were lost: what each end knows of what was due, laid together."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from cts.metrics.counters import Totals

__all__ = ["DueBytes", "LossByPlace", "lost_by_place"]

_PER_OVERFLOW = 65_535
"""Bytes at most of what the kernel counts as one when it drops it: with UDP_GRO a buffer of several datagrams."""


@frozen
class DueBytes(Totals):
    """What was due, as one end of a stream knows it, in bytes of datagrams.

    What is missing is taken frame by frame, and what came of one frame more than once stands in for as much of it that did not
    come: it is never more than was lost.

    Attributes:
        due: a receiver's: of frames that have a verdict; a sender's: of frames whose turn had come.
        missing: a receiver's: what of it was not there when its frame was rendered; a sender's: what its host did not let out.
        late: of what is missing, what came after that; no more of a frame than it lacked.
        sent_late: of what came late, what would have been in time had it left as early as the stream's earliest frame did.
        early: bytes that came before the buffer had room for their frame.
    """

    due: int = 0
    missing: int = 0
    late: int = 0
    sent_late: int = 0
    early: int = 0


@frozen
class LossByPlace(Totals):
    """Bytes that were due and not there in time, by where they were lost; the places add up to what is missing.

    Attributes:
        due: bytes that were due.
        not_sent: what the sending end did not hand to the network, where it is known.
        on_the_way: what it handed over and never came, or came altered, where it is known what it handed over.
        not_sent_or_on_the_way: either of these, where that is not known.
        sent_late: what came too late since it had left too late.
        late: what came too late all the same.
        early: what came before the buffer had room.
    """

    due: int = 0
    not_sent: int = 0
    on_the_way: int = 0
    not_sent_or_on_the_way: int = 0
    sent_late: int = 0
    late: int = 0
    early: int = 0

    @property
    def missing(self) -> int:
        """All that was not there in time."""
        return self.never_came + self.not_sent + self.sent_late + self.late + self.early

    @property
    def on_time(self) -> int:
        """What was."""
        return self.due - self.missing

    @property
    def never_came(self) -> int:
        """What did not come, as far as it may have been sent."""
        return self.on_the_way + self.not_sent_or_on_the_way

    def kernel_at_most(self, overflowed: int) -> int:
        """Return how much of :attr:`never_came` this host's kernel may have dropped, if it counted so many drops.

        The kernel does not say whose they were: strangers' datagrams and needless copies are among them.
        """
        return min(self.never_came, overflowed * _PER_OVERFLOW)


def lost_by_place(received: DueBytes, sent: Iterable[DueBytes] = ()) -> LossByPlace:
    """Lay together what a receiving end and the sending ends of the same stream know.

    Args:
        received: the receiving end's.
        sent: the sending ends'; none where nothing is known of them.
    """
    ends = tuple(sent)
    late = min(received.late, received.missing)
    sent_late = min(received.sent_late, late)
    rest = received.missing - late
    not_sent = 0
    if ends:
        handed_over = sum(end.due - end.missing for end in ends)
        # A sender that was cut off, or began late, has not even refused the rest.
        not_sent = min(rest, max(received.due - handed_over, sum(end.missing for end in ends), 0))
        rest -= not_sent
    early = min(received.early, rest)
    rest -= early
    return LossByPlace(
        due=received.due,
        not_sent=not_sent,
        on_the_way=rest if ends else 0,
        not_sent_or_on_the_way=0 if ends else rest,
        sent_late=sent_late,
        late=late - sent_late,
        early=early,
    )
