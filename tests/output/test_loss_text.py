"""Where bytes were lost, in words and as JSON."""

from __future__ import annotations

import json

from attrs import evolve

from cts.metrics.loss import DueBytes
from cts.output.loss_text import loss_json, loss_rows, stream_loss_json
from cts.output.summary import summary_text
from cts.protocol.roles import Role
from cts.records.results import RunReport
from cts.records.stream_results import StreamEnds
from tests.output.test_summary import COUNTS, REPORT, RESULT

RECEIVED = evolve(COUNTS, due=DueBytes(1_000_000, missing=100_000, late=50_000, sent_late=20_000))
SENT = evolve(COUNTS, due=DueBytes(1_000_000, missing=30_000))
RECEIVER = evolve(RESULT, counts=RECEIVED)
SENDER = evolve(RESULT, role=Role.SENDER, counts=SENT)
BOTH = StreamEnds(RECEIVER, (SENDER,))


def report_of(*streams: StreamEnds, role: str = "loopback", overflowed: int = 0, omitted: int = 0) -> RunReport:
    counts = sum((stream.end.counts for stream in streams[1:]), streams[0].end.counts)
    for _ in range(omitted):
        counts += streams[0].end.counts
    snapshot = evolve(REPORT.snapshot, counts=counts, overflowed=overflowed)
    return evolve(REPORT, role=role, streams=streams, snapshot=snapshot, streams_omitted=omitted)


def test_the_places_are_told_in_parts_of_what_was_due() -> None:
    assert loss_rows(report_of(BOTH)) == [
        (
            "missing",
            "10.00 % of the bytes due: 3.00 % not sent, 2.00 % sent too late, 2.00 % lost on the way, 3.00 % too late",
        )
    ]


def test_a_receiver_alone_says_what_it_cannot_tell_apart() -> None:
    report = report_of(StreamEnds(RECEIVER), role="client")
    assert loss_rows(report)[0][1] == (
        "10.00 % of the bytes due: 2.00 % sent too late, 5.00 % not sent or lost on the way, 3.00 % too late"
    )
    told = loss_json(report)
    assert (told["not_sent"], told["on_the_way"], told["not_sent_or_on_the_way"]) == (None, None, 50_000)


def test_a_sender_alone_knows_what_it_did_not_send() -> None:
    report = report_of(StreamEnds(SENDER), role="server")
    assert loss_rows(report) == []
    told = loss_json(report)
    assert {key: value for key, value in told.items() if value is not None} == {"due": 1_000_000, "not_sent": 30_000}
    assert stream_loss_json(StreamEnds(SENDER)) is None


def test_what_this_host_s_kernel_may_have_dropped_is_told_as_a_bound() -> None:
    report = report_of(BOTH, overflowed=3)
    assert loss_json(report)["kernel_at_most"] == 20_000
    assert loss_rows(report)[0][1].endswith(", up to 2.00 % of it dropped by this host's kernel")


def test_nothing_is_said_where_nothing_is_missing() -> None:
    whole = evolve(RESULT, counts=evolve(COUNTS, due=DueBytes(1_000_000)))
    assert loss_rows(report_of(StreamEnds(whole))) == []


def test_streams_that_were_forgotten_are_in_the_totals() -> None:
    told = loss_json(report_of(BOTH, omitted=1))
    assert (told["due"], told["missing"]) == (2_000_000, 200_000)
    assert (told["not_sent"], told["on_the_way"], told["not_sent_or_on_the_way"]) == (30_000, 20_000, 50_000)


def test_a_stream_tells_of_itself_as_the_run_does() -> None:
    report = report_of(BOTH, BOTH)
    one, whole = stream_loss_json(BOTH), loss_json(report)
    assert one is not None
    assert all(whole[place] == 2 * (value or 0) for place, value in one.items())
    json.dumps(one)


def test_the_summary_has_the_row() -> None:
    assert "\nmissing " in summary_text(report_of(BOTH))


def test_a_server_of_both_directions_that_forgot_streams_says_of_which_it_speaks() -> None:
    ends = (StreamEnds(RECEIVER), StreamEnds(SENDER))
    assert loss_rows(report_of(*ends, role="server", omitted=1))[0][1].endswith(" (of the 2 streams that ended last)")
    assert not loss_rows(report_of(*ends, role="server"))[0][1].endswith("ended last)")
