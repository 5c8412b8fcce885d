"""Counts of many streams, added up at once."""

from __future__ import annotations

from functools import reduce
from operator import add

from attrs import fields
from hypothesis import given
from hypothesis import strategies as st

from cts.metrics.counters import ArrivalTotals, FrameTotals, total_of
from cts.metrics.loss import DueBytes
from cts.metrics.unsent import Unsent, UnsentFrames
from cts.metrics.viewing import Longest
from cts.records.peer_end import PeerTotals
from cts.records.snapshots import StreamSnapshot

NUMBERS = st.integers(0, 10**15)
UNSENT = st.dictionaries(st.sampled_from(["No buffer space", "Network is down"]), st.builds(Unsent, NUMBERS, NUMBERS))


def of(kind: type, **parts: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    names = [each.name for each in fields(kind)]
    return st.builds(kind, **{name: parts.get(name, NUMBERS) for name in names})


FRAMES, ARRIVALS, DUE = of(FrameTotals), of(ArrivalTotals), of(DueBytes)
PEERS = of(PeerTotals, frames=FRAMES, arrivals=ARRIVALS, received=DUE, sent=DUE, lateness=st.builds(Longest, NUMBERS))
SNAPSHOTS = of(
    StreamSnapshot, frames=FRAMES, arrivals=ARRIVALS, unsent=st.builds(UnsentFrames, UNSENT), due=DUE, peers=PEERS
)


@given(st.lists(SNAPSHOTS, min_size=1, max_size=5))
def test_together_they_come_to_what_they_come_to_one_after_the_other(parts: list[StreamSnapshot]) -> None:
    assert total_of(parts) == reduce(add, parts)
