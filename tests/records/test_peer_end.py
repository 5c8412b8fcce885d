from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cts.metrics.loss import DueBytes, lost_by_place
from cts.metrics.viewing import Longest
from cts.protocol.control.counts import ReceiverCounts, SenderCounts
from cts.protocol.control.messages import Counts
from cts.protocol.roles import Role
from cts.records.peer_end import PeerEnd, PeerTotals, believable

U64 = st.integers(0, 2**64 - 1)
RECEIVED = Counts(ReceiverCounts(completed=29, dropped=1, due=3000, missing=100, late_bytes=40))
SENT = Counts(sent=SenderCounts(frames_due=30, frames_unsent=1, due=3000, missing=100, lateness_greatest_ns=7))


def test_what_peers_told_adds_up() -> None:
    totals = PeerTotals.of(RECEIVED, finished=True) + PeerTotals.of(RECEIVED, finished=False)
    totals += PeerTotals.of(None, finished=False)
    assert (totals.streams, totals.receiving, totals.sending, totals.finished) == (3, 2, 0, 1)
    assert (totals.frames.completed, totals.frames.dropped) == (58, 2)
    assert totals.received == DueBytes(6000, 200, 80)


def test_of_how_late_frames_left_the_worst_is_kept() -> None:
    later = Counts(sent=SenderCounts(frames_due=5, lateness_greatest_ns=9))
    totals = PeerTotals.of(SENT, finished=True) + PeerTotals.of(later, finished=True)
    assert (totals.frames_due, totals.frames_unsent, totals.lateness) == (35, 1, Longest(9))


def test_bytes_by_place_are_taken_from_results_alone_for_counts_may_be_of_a_moment_ago() -> None:
    assert PeerEnd(counts=RECEIVED).due_as(Role.RECEIVER) is None
    assert PeerEnd(counts=RECEIVED, outcome="Succeeded").due_as(Role.RECEIVER) == DueBytes(3000, 100, 40)
    assert PeerEnd(counts=SENT, outcome="Succeeded").due_as(Role.SENDER) == DueBytes(3000, 100)
    assert PeerEnd(counts=SENT, outcome="Succeeded").due_as(Role.RECEIVER) is None


@given(st.builds(DueBytes, U64, U64, U64, U64, U64), st.builds(DueBytes, U64, U64, U64, U64, U64))
def test_whatever_a_peer_claims_no_place_has_less_than_nothing_or_more_than_all(
    received: DueBytes, sent: DueBytes
) -> None:
    loss = lost_by_place(believable(received), (believable(sent),))
    places = loss.not_sent, loss.on_the_way, loss.sent_late, loss.late, loss.early
    assert min(places) >= 0
    assert sum(places) == loss.missing <= loss.due
