"""What became of streams, added up over many of them."""

from __future__ import annotations

from cts.metrics.counters import FrameTotals
from cts.records.snapshots import EndpointStatistics, StreamSnapshot


def test_the_counts_of_two_streams_add_up_field_by_field() -> None:
    one = StreamSnapshot(FrameTotals(1, 2, 3, 4), bytes_received=50, bytes_sent=600)
    other = StreamSnapshot(FrameTotals(10, 20, 30, 40), bytes_received=7, bytes_sent=8)
    assert one + other == StreamSnapshot(FrameTotals(11, 22, 33, 44), bytes_received=57, bytes_sent=608)


def test_a_stream_of_which_nothing_is_known_adds_nothing() -> None:
    one = StreamSnapshot(FrameTotals(1, 2, 3, 4), bytes_received=50, bytes_sent=600)
    assert StreamSnapshot() + one == one


def test_what_two_endpoints_read_and_lost_adds_up_apart() -> None:
    total = EndpointStatistics(100, 2, 5) + EndpointStatistics(30, 4, 1)
    assert total == EndpointStatistics(datagrams=130, overflowed=6, unreachable=6)
