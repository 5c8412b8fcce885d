from __future__ import annotations

import pytest
from attrs import asdict, evolve

from cts.api import Role
from cts.metrics.clock_figures import ClockFigures, DelayFigures
from cts.metrics.peer_clock import ClockEstimate
from cts.output.peer_text import peer_json, peer_rows, peers_json, told_of_end
from cts.protocol.control.counts import ReceiverCounts, SenderCounts
from cts.protocol.control.messages import Counts
from cts.records.peer_end import ControlTotals, PeerEnd
from cts.records.results import RunReport
from cts.records.snapshots import Outcome
from cts.records.stream_results import StreamEnds
from cts.units import MILLISECOND as MS
from tests.output.test_summary import REPORT, RESULT


def delays(ms: int) -> DelayFigures:
    return DelayFigures(9, *(ClockEstimate(ms * MS, 2 * MS) for _ in range(3)))


CLOCK = ClockFigures(
    9, 4 * MS, 5 * MS, 9 * MS, ClockEstimate(-5 * MS, 2 * MS), ClockEstimate(30_000, 2_000), 0, delays(3), delays(1)
)
RECEIVED = ReceiverCounts(completed=148, dropped=2, late=3, due=1000, missing=100, late_bytes=20)
SENT = SenderCounts(frames_due=150, frames_unsent=4, bytes_sent=900, due=1000, missing=40, lateness_count=146)
LATE = evolve(SENT, lateness_p50_ns=MS, lateness_p99_ns=2 * MS, lateness_greatest_ns=7 * MS)
RECEIVER = PeerEnd(clock=evolve(CLOCK, media=None), counts=Counts(RECEIVED), outcome="Succeeded", acknowledged=True)
SENDER = PeerEnd(clock=evolve(CLOCK, media=delays(2)), counts=Counts(sent=LATE), outcome="Succeeded", key_name="alice")


def report_of(peer: PeerEnd, *, sends: bool) -> RunReport:
    """Return what a client says of one stream whose other end told that."""
    role = Role.SENDER if sends else Role.RECEIVER
    counts = evolve(RESULT.counts, peers=peer.totals)
    result = evolve(RESULT, role=role, peer=peer, counts=counts)
    direction = next(each for each in type(REPORT.direction) if each.client_role is role)
    snapshot = evolve(REPORT.snapshot, counts=counts, outcomes={Outcome.SUCCESSFUL: 1})
    return evolve(REPORT, role="client", direction=direction, streams=(StreamEnds(result),), snapshot=snapshot)


def rows_of(report: RunReport) -> dict[str, str]:
    return dict(peer_rows(report))


def test_who_sends_is_shown_the_verdicts_and_what_was_lost_where() -> None:
    rows = rows_of(report_of(RECEIVER, sends=True))
    assert rows["received there"] == "148 frames completed (98.67 %), 2 dropped, 3 datagrams discarded"
    assert rows["missing there"].startswith("10.00 % of the bytes due: ")
    assert "too late" in rows["missing there"]
    assert "peer's results" not in rows


def test_who_receives_is_shown_how_it_was_sent() -> None:
    rows = rows_of(report_of(SENDER, sends=False))
    assert rows["sent there"] == "4 frames of 150 could not be sent, the others left at most 7 ms late"


def test_that_each_frame_was_sent_reads_as_good_news() -> None:
    sent = evolve(SENDER, counts=Counts(sent=evolve(LATE, frames_unsent=0)))
    assert rows_of(report_of(sent, sends=False))["sent there"] == (
        "all of 150 frames that were due were sent, at most 7 ms late"
    )


@pytest.mark.parametrize(
    ("value", "error", "said"),
    [
        (-30_000, 2_000, "the other clock loses 30 us ± 2 us a second"),
        (37_600, 970_000, "whether the other clock gains is not known, 1.01 ms a second at most either way"),
        (2_000_000, 999_700, "the other clock gains 2 ms ± 1,000 us a second"),
    ],
)
def test_what_the_other_clock_gains_is_told_only_where_it_is_more_than_its_bound(
    value: int, error: int, said: str
) -> None:
    clock = evolve(CLOCK, drift=ClockEstimate(value, error))
    assert rows_of(report_of(evolve(SENDER, clock=clock), sends=False))["path"].endswith(f"; {said}")


def test_a_way_that_may_be_shorter_than_nothing_is_written_with_its_unit() -> None:
    clock = evolve(CLOCK, to_peer=DelayFigures(9, *(ClockEstimate(-1_500_000, 2 * MS) for _ in range(3))))
    assert "one way -1.5 ms ± 2 ms there" in rows_of(report_of(evolve(SENDER, clock=clock), sends=False))["path"]


def test_one_row_has_the_path_each_time_with_its_bound() -> None:
    assert rows_of(report_of(SENDER, sends=False))["path"] == (
        "round trip 4 ms at least, 5 ms median, 99 % within 9 ms; one way 3 ms ± 2 ms there, 1 ms ± 2 ms back; "
        "a frame's fastest datagram in time 2 ms ± 2 ms; the other clock gains 30 us ± 2 us a second"
    )


def test_of_several_streams_the_path_is_the_median_one_s_and_the_worst_is_named() -> None:
    one = report_of(SENDER, sends=False)
    assert SENDER.clock is not None
    far = evolve(SENDER, clock=evolve(SENDER.clock, round_trip_p50_ns=193_000_000))
    slow = StreamEnds(evolve(one.streams[0].end, peer=far))
    path = rows_of(evolve(one, streams=(one.streams[0], slow, one.streams[0])))["path"]
    assert path.startswith("round trip 4 ms at least, 5 ms median")
    assert path.endswith(" (of the median of 3 streams; the worst has 193 ms)")


def test_results_that_were_not_received_are_told() -> None:
    lacking = evolve(RECEIVER, outcome=None)
    assert rows_of(report_of(lacking, sends=True))["peer's results"] == "not received"
    assert told_of_end(lacking) == "; peer's results: not received"
    values = peers_json(report_of(lacking, sends=True))
    assert values is not None
    assert values["results"] == 0


def test_the_line_of_a_stream_that_ended_says_whose_key_it_was_and_what_its_peer_makes_of_it() -> None:
    assert told_of_end(SENDER) == (
        "; key alice; its peer says: Succeeded, 4 frames of 150 could not be sent, the others left at most 7 ms late"
    )
    assert told_of_end(None) == ""


def test_json_has_every_time_in_seconds_with_an_error_that_holds_what_a_float_rounds_off() -> None:
    far = evolve(CLOCK, offset=ClockEstimate(2**62, 5))
    values = peer_json(evolve(SENDER, clock=far))
    assert values is not None
    clock = values["clock"]
    assert isinstance(clock, dict)
    offset = clock["offset"]
    assert abs(offset["seconds"] - 2**62 / 1e9) <= offset["error_seconds"]
    assert offset["error_seconds"] >= 4e-6
    assert (clock["drift_ppm"], clock["drift_error_ppm"]) == (30, 2)
    assert values["control"] == asdict(ControlTotals())


def test_of_streams_that_start_began_there_is_nothing() -> None:
    assert peer_rows(REPORT) == []
    assert peers_json(REPORT) is None
    assert peer_json(None) is None
