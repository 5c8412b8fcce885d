"""Streams that never began are told apart, and count among nothing that is said of those that did."""

from __future__ import annotations

import pickle

from attrs import evolve

from cts.metrics.counters import FrameTotals
from cts.metrics.loss import DueBytes
from cts.protocol.roles import Role
from cts.records.late import LateArrivals
from cts.records.peer_end import PeerEnd
from cts.records.results import RunReport
from cts.records.snapshots import Outcome, RunSnapshot, StreamSnapshot
from cts.records.stream_results import UNKNOWN_CONNECTION_ID, StreamEnds, StreamResult
from tests.output.test_media_text import media
from tests.output.test_summary import REPORT, RESULT

UNHEARD = evolve(
    RESULT,
    outcome=Outcome.PROTOCOL_ERROR,
    result="ErrorNotAllDataTransferred",
    counts=StreamSnapshot(FrameTotals(dropped=150), due=DueBytes(5_000_000, 5_000_000)),
    metrics=media(missing=tuple(range(1, 2000))),
)
BEGUN = evolve(RESULT, counts=evolve(RESULT.counts, due=DueBytes(5_000_000, 50)), metrics=media())


def of(*ends: StreamResult) -> RunReport:
    counts = sum((end.counts for end in ends), StreamSnapshot())
    outcomes = {outcome: sum(end.outcome is outcome for end in ends) for outcome in Outcome}
    snapshot = RunSnapshot(5, 0, counts, outcomes)
    return evolve(REPORT, streams=tuple(map(StreamEnds, ends)), snapshot=snapshot, metrics=media())


def test_a_stream_of_which_neither_end_sent_or_received_anything_never_began() -> None:
    assert [stream.end for stream in of(BEGUN, UNHEARD).never_began] == [UNHEARD]


def test_what_ran_is_counted_without_it() -> None:
    ran = of(BEGUN, UNHEARD, BEGUN).begun
    assert ran.snapshot.counts.frames == FrameTotals(300)
    assert ran.snapshot.counts.due == DueBytes(10_000_000, 100)
    assert ran.snapshot.outcomes == {Outcome.SUCCESSFUL: 2}
    assert ran.loss.due == 10_000_000
    assert ran.metrics == media() + media()


def test_where_all_began_nothing_is_taken_away() -> None:
    report = of(BEGUN, BEGUN)
    assert report.begun is report


def test_a_stream_that_both_ends_agreed_on_began_though_all_of_it_was_lost() -> None:
    assert not of(evolve(UNHEARD, peer=PeerEnd())).never_began


def test_a_client_s_stream_that_the_server_named_began_though_all_of_it_was_lost() -> None:
    named, unnamed = of(UNHEARD), of(evolve(UNHEARD, connection_id=UNKNOWN_CONNECTION_ID))
    assert not evolve(named, role="client").never_began
    assert evolve(unnamed, role="client").never_began
    # A server names whatever asks, by START a stranger with a forged address, too.
    assert evolve(named, role="server").never_began


def test_a_stream_of_which_only_what_is_of_no_use_came_began() -> None:
    assert not of(evolve(UNHEARD, counts=StreamSnapshot(FrameTotals(dropped=150, error=1)))).never_began


def test_a_stream_whose_sender_could_not_send_began() -> None:
    unsent = StreamSnapshot(due=DueBytes(1000, 1000))
    assert not of(evolve(UNHEARD, role=Role.SENDER, counts=unsent)).never_began
    assert of(evolve(UNHEARD, role=Role.SENDER, counts=StreamSnapshot())).never_began


def test_a_stream_that_another_end_sent_began() -> None:
    sent = evolve(RESULT, role=Role.SENDER, counts=StreamSnapshot(bytes_sent=5))
    assert not evolve(REPORT, streams=(StreamEnds(UNHEARD, (sent,)),)).never_began


def test_where_data_came_too_late_for_a_stream_it_may_be_any() -> None:
    assert not evolve(of(UNHEARD), late=LateArrivals(1, 1, 1, 1, 1)).never_began


def test_of_streams_that_are_not_listed_any_more_metrics_stay_as_they_are() -> None:
    ran = evolve(of(BEGUN, UNHEARD), streams_omitted=1).begun
    assert ran.snapshot.counts.frames == FrameTotals(150)
    assert ran.metrics == media()


def test_which_never_began_is_looked_for_once() -> None:
    report = of(BEGUN, UNHEARD)
    assert report.never_began is report.never_began
    assert report.begun is report.begun


def test_a_report_that_was_asked_for_them_goes_to_another_process_as_any_other() -> None:
    report = of(BEGUN, UNHEARD)
    assert report.begun != report
    assert pickle.loads(pickle.dumps(report)) == report
