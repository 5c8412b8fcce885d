"""What is known of a frame comes back from its event as the very same value, and takes few bytes where all is well."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cts.metrics.frame_record import FrameRecord, MissedRecord, Ranges
from cts.records.frame_events import (
    LastArrival,
    extents_written,
    missed_read,
    missed_written,
    record_read,
    record_written,
)
from cts.records.json_lines import Fields, LineReader
from tests.records.damaged_lines import refusal_of

BEGAN_NS = 10**15 + 7
DUE = 24

_TIMES = st.integers(BEGAN_NS - 10**9, BEGAN_NS + 2**60)
_COUNTS = st.integers(0, 2**32)
_INT64 = st.integers(-(2**63), 2**63 - 1)
_TRANSITS = st.integers(-(10**28), 10**28)
_EXTENTS = st.lists(st.integers(1, 2**40), max_size=4).map(tuple)


@st.composite
def ranges(draw: st.DrawFn) -> Ranges:
    marks = sorted(draw(st.sets(st.integers(0, DUE - 1), max_size=8)))
    pairs = list(zip(marks[::2], marks[1::2], strict=False))
    return tuple(
        (first, last) for number, (first, last) in enumerate(pairs) if not number or pairs[number - 1][1] + 1 < first
    )


_LASTS = st.none() | st.tuples(_TIMES, _INT64, _INT64)
RECORDS = st.builds(
    FrameRecord,
    sequence=_COUNTS,
    due_ns=_TIMES,
    due=st.just(DUE),
    distinct=st.just(DUE) | st.integers(0, DUE),
    distinct_size=_COUNTS,
    duplicate=st.just(0) | _COUNTS,
    missing=st.none() | ranges(),
    first_ns=st.none() | _TIMES,
    last_ns=st.none() | _TIMES,
    whole_ns=st.none() | _TIMES,
    again_ns=st.none() | _TIMES,
    least_transit_ns=st.none() | _TRANSITS,
    greatest_transit_ns=st.none() | _TRANSITS,
    transit_ns=st.none() | _TRANSITS,
    extents=_EXTENTS,
)
MISSED = st.builds(
    MissedRecord,
    sequence=_COUNTS,
    received_ns=_TIMES,
    late_ns=st.integers(1, 2**40),
    datagrams=st.just(1) | st.integers(200, 2**32),
    size=_COUNTS,
    fresh=st.none() | st.integers(0, 1) | st.just(200),
    missing=st.none() | ranges(),
    whole=st.booleans(),
    again=st.booleans(),
    transit_ns=_TRANSITS,
    extents=_EXTENTS,
).map(lambda record: record._replace(fresh=None if record.fresh is None else min(record.fresh, record.datagrams, DUE)))


def fields_of(text: str) -> Fields:
    values: dict[str, Any] = json.loads(text)
    return Fields(values, LineReader(Path("e.jsonl"), "an events log"))


def frame_back(record: FrameRecord, text: str, size: int, last: LastArrival) -> FrameRecord | None:
    return record_read(fields_of(f'{{"x":0{text}}}'), record.sequence, record.due_ns, size, last, BEGAN_NS, DUE, ())


@settings(deadline=None)
@given(RECORDS, st.just(0) | _COUNTS, _LASTS)
def test_a_frames_record_comes_back(record: FrameRecord, copies_size: int, last: LastArrival) -> None:
    size = record.distinct_size + copies_size
    assert frame_back(record, record_written(record, size, last, BEGAN_NS), size, last) == record


@settings(deadline=None)
@given(MISSED)
def test_a_record_of_late_data_comes_back(record: MissedRecord) -> None:
    whose = f'"time_ns":{record.received_ns - BEGAN_NS},"sequence":{record.sequence}'
    text = f"{{{whose},{missed_written(record)}}}"
    assert missed_read(fields_of(text), BEGAN_NS, DUE, ()) == record


def test_a_frame_that_came_whole_in_one_batch_takes_two_words() -> None:
    last = (BEGAN_NS + 20, 5, 10**7)
    transit_ns = last[0] - 500
    at_ns = last[0]
    transits = (transit_ns,) * 3
    record = FrameRecord(3, BEGAN_NS, DUE, DUE, 33_333, 0, (), at_ns, at_ns, at_ns, None, *transits)
    assert record_written(record, 33_333, last, BEGAN_NS) == ',"due":24'


def test_a_frame_of_which_nothing_came_says_that_all_is_missing() -> None:
    record = FrameRecord(3, BEGAN_NS, DUE, 0, 0, 0, ((0, DUE - 1),), *(None,) * 7)
    assert record_written(record, 0, None, BEGAN_NS) == ',"due":24,"distinct":0,"missing":[0,23]'


def test_a_frame_of_whose_datagrams_nobody_told_has_no_record() -> None:
    assert record_read(fields_of("{}"), 1, 0, 0, None, 0, DUE, ()) is None


def test_very_many_extents_are_told_in_events_of_their_own() -> None:
    lists = list(extents_written(tuple(range(9000))))
    assert [len(json.loads(each)) for each in lists] == [4000, 4000, 1000]
    assert max(map(len, lists)) < 65_000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('"due":23', "has a 'due' that is not 24"),
        ('"due":24,"missing":[1]', "no ranges of 24 positions"),
        ('"due":24,"missing":[3,2]', "no ranges of 24 positions"),
        ('"due":24,"missing":[0,24]', "no ranges of 24 positions"),
        ('"due":24,"missing":[-1,2]', "no ranges of 24 positions"),
        ('"due":24,"missing":[0,2,3,4]', "no ranges of 24 positions"),
        ('"due":24,"missing":[5,6,1,2]', "no ranges of 24 positions"),
        ('"due":24,"missing":7', "a list of 64-bit integers"),
        ('"due":24,"transit_ns":1e3', "a 128-bit integer"),
        (f'"due":24,"transit_ns":{2**127}', "a 128-bit integer"),
        ('"due":24,"extents":[true]', "a list of 64-bit integers"),
        ('"due":24,"extents":[3,0]', "of which one is not above 0"),
        ('"due":24,"distinct":25', "allowed: 0 to 24"),
        ('"due":24,"distinct":-1', "allowed: 0 to 24"),
        ('"due":24,"distinct_size":9', "allowed: 0 to 0"),
        ('"due":24,"duplicate":-1', "allowed: 0 to"),
    ],
)
def test_what_is_no_record_is_refused(text: str, said: str) -> None:
    assert said in refusal_of(lambda: record_read(fields_of(f"{{{text}}}"), 1, 0, 0, None, 0, DUE, ()))


@pytest.mark.parametrize(
    "text",
    [
        '"late_ns":0',
        '"late_ns":5,"size":9,"datagrams":25',
        '"late_ns":5,"size":-1',
        '"late_ns":5,"size":9,"fresh":2',
        '"late_ns":5,"size":9,"datagrams":-1',
    ],
)
def test_what_is_no_late_data_is_refused(text: str) -> None:
    fields = fields_of(f'{{"time_ns":9,"sequence":1,"transit_ns":0,{text}}}')
    assert "allowed" in refusal_of(lambda: missed_read(fields, BEGAN_NS, DUE, ()))
