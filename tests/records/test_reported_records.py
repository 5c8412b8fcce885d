"""What events tell of datagrams, kept compactly: what goes in comes out, in the truth's time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cts.metrics.frame_record import FrameRecord, MissedRecord
from cts.records.reported_records import ReportedMissed, ReportedMisses, ReportedRecord, ReportedRecords

_COUNTS = st.integers(0, 2**32)
_TIMES = st.integers(-(2**62), 2**62)
_WIDE = st.integers(-(2**127), 2**127 - 1)
_RANGES = st.none() | st.lists(st.tuples(_COUNTS, _COUNTS), max_size=3).map(tuple)
_EXTENTS = st.lists(st.integers(1, 2**63 - 1), max_size=3).map(tuple)
_RECORDS = st.builds(
    FrameRecord,
    sequence=_COUNTS,
    due_ns=_TIMES,
    due=_COUNTS,
    distinct=_COUNTS,
    distinct_size=_COUNTS,
    duplicate=_COUNTS,
    missing=_RANGES,
    **{key: st.none() | _TIMES for key in ("first_ns", "last_ns", "whole_ns", "again_ns")},
    **{key: st.none() | _TIMES | _WIDE for key in ("least_transit_ns", "greatest_transit_ns", "transit_ns")},
    extents=_EXTENTS,
)
_MISSED = st.builds(
    MissedRecord,
    sequence=_TIMES,
    received_ns=_TIMES,
    late_ns=_TIMES,
    datagrams=_COUNTS,
    size=_COUNTS,
    fresh=st.none() | _COUNTS,
    missing=_RANGES,
    whole=st.booleans(),
    again=st.booleans(),
    transit_ns=_WIDE,
    extents=_EXTENTS,
)


def moved(time_ns: int | None, shift_ns: int) -> int | None:
    return None if time_ns is None else time_ns + shift_ns


@given(st.lists(st.none() | _RECORDS, max_size=5), st.integers(-(2**62), 2**62))
def test_records_come_back_in_the_truths_time(records: list[FrameRecord | None], shift_ns: int) -> None:
    kept = ReportedRecords()
    for record in records:
        kept.append(record, shift_ns)
    for index, record in enumerate(records):
        if record is None:
            assert kept[index] is None
            continue
        times = [moved(each, shift_ns) for each in record[7:14]]
        assert kept[index] == ReportedRecord._make((*record[3:7], *times, record.extents))
    assert kept.told == sum(record is not None for record in records)


@given(st.lists(_MISSED, max_size=5), st.integers(-(2**62), 2**62))
def test_late_data_comes_back_in_the_truths_time(told: list[MissedRecord], shift_ns: int) -> None:
    kept = ReportedMisses()
    for each in told:
        kept.append(each, shift_ns)
    assert list(kept) == [
        ReportedMissed(
            each.sequence,
            each.received_ns + shift_ns,
            each.received_ns - each.late_ns + shift_ns,
            *each[3:9],
            each.transit_ns + shift_ns,
            each.extents,
        )
        for each in told
    ]
