from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from cts.metrics.clock_figures import ClockFigures, DelayFigures
from cts.metrics.counters import ArrivalTotals, FrameTotals
from cts.metrics.loss import DueBytes
from cts.metrics.peer_clock import ClockEstimate
from cts.metrics.viewing import Longest
from cts.protocol.control.messages import Counts
from cts.records.json_lines import Fields, LineReader
from cts.records.peer_end import ControlTotals, PeerEnd, PeerTotals
from cts.records.peer_events import peer_read, peer_written, peers_read, peers_written
from tests.protocol.control.ends import KEY_NAMES, RECEIVED, SENT, WORDS

U64 = st.integers(0, 2**64 - 1)
NUMBER = st.integers(-(2**66), 2**66)
ESTIMATES = st.builds(ClockEstimate, NUMBER, U64)
DELAYS = st.builds(DelayFigures, U64, ESTIMATES, ESTIMATES, ESTIMATES)
NONE = st.none()
CLOCKS = st.builds(
    ClockFigures, U64, U64, U64, U64, ESTIMATES, NONE | ESTIMATES, U64, DELAYS, DELAYS, media=NONE | DELAYS
)
PEERS = st.builds(
    PeerEnd,
    clock=NONE | CLOCKS,
    counts=NONE | st.builds(Counts, NONE | RECEIVED, NONE | SENT),
    outcome=NONE | WORDS,
    acknowledged=st.booleans(),
    key_name=NONE | KEY_NAMES,
    control=st.builds(ControlTotals, *[U64] * 5),
)
DUE = st.builds(DueBytes, *[U64] * 5)
TOTALS = st.builds(
    PeerTotals,
    st.integers(1, 2**64),
    U64,
    U64,
    U64,
    st.builds(FrameTotals, *[U64] * 5),
    st.builds(ArrivalTotals, *[U64] * 9),
    U64,
    DUE,
    U64,
    U64,
    U64,
    DUE,
    U64.map(Longest),
)


def read_back(written: Mapping[str, object]) -> Fields:
    return Fields(json.loads(json.dumps(written)), LineReader(Path("events.jsonl"), "an events log"))


@given(NONE | PEERS)
def test_what_a_peer_told_is_read_back_as_it_was(peer: PeerEnd | None) -> None:
    assert peer_read(read_back(peer_written(peer))) == peer


@given(TOTALS)
def test_what_all_peers_told_is_read_back_as_it_was(peers: PeerTotals) -> None:
    assert peers_read(read_back(peers_written(peers))) == peers


def test_of_streams_that_start_began_events_tell_nothing_new() -> None:
    assert peer_written(None) == {}
    assert peers_written(PeerTotals()) == {}
    assert peers_read(read_back({})) == PeerTotals()
