from __future__ import annotations

import json

import attrs
import pytest
from attrs import evolve

from cts import __version__
from cts.metrics.counters import ArrivalTotals, FrameTotals
from cts.metrics.unsent import Unsent, UnsentFrames
from cts.output.summary import summary_text
from cts.output.summary_json import summary_json
from cts.protocol.roles import Direction, Role
from cts.records.buffers import BufferRoom, SocketBuffers
from cts.records.late import LateArrivals
from cts.records.results import RunReport
from cts.records.snapshots import Address, Outcome, RunSnapshot, StreamSnapshot
from cts.records.stream_results import UNKNOWN_CONNECTION_ID, StreamEnds, StreamResult

BEGAN_NS = 7_000_000_000
COUNTS = StreamSnapshot(FrameTotals(150), 4_999_950, bytes_on_time=4_999_950)
RESULT = StreamResult(
    connection_id="27a22e1f-549a-4e0c-a6f9-89c72ab6bc09",
    local=Address("127.0.0.1", 4444),
    remote=Address("127.0.0.1", 50000),
    role=Role.RECEIVER,
    outcome=Outcome.SUCCESSFUL,
    result="Succeeded",
    started_ns=BEGAN_NS + 1_000_000,
    ended_ns=BEGAN_NS + 5_967_666_667,
    bits_per_second=7_999_920,
    counts=COUNTS,
)
REPORT = RunReport(
    role="loopback",
    direction=Direction.PULL,
    began_ns=BEGAN_NS,
    elapsed_ns=5_970_000_000,
    snapshot=RunSnapshot(5_970_000_000, 0, COUNTS, {Outcome.SUCCESSFUL: 1}),
    streams=(StreamEnds(RESULT),),
)


def with_results(*results: StreamResult) -> RunReport:
    outcomes: dict[Outcome, int] = {}
    for result in results:
        outcomes[result.outcome] = outcomes.get(result.outcome, 0) + 1
    return evolve(REPORT, streams=tuple(map(StreamEnds, results)), snapshot=evolve(REPORT.snapshot, outcomes=outcomes))


def failed(number: int, outcome: Outcome = Outcome.PROTOCOL_ERROR) -> StreamResult:
    return evolve(RESULT, remote=Address("10.0.0.1", number), outcome=outcome, result="ErrorNotAllDataTransferred")


def row(text: str, name: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(name)).removeprefix(name).strip()


def test_the_json_object_begins_with_what_matters_most_and_has_the_rest_behind() -> None:
    frames = '{"completed": 150, "dropped": 0, "repeated": 0, "error": 0, "hidden_losses": 0}'
    arrivals = json.dumps(attrs.asdict(ArrivalTotals()))
    loss = (
        '{"due": 0, "on_time": 0, "missing": 0, "not_sent": null, "sent_late": 0, "on_the_way": null, '
        '"not_sent_or_on_the_way": 0, "early": 0, "late": 0}'
    )
    whole = loss.replace("null", "0").replace("}", ', "kernel_at_most": 0}')
    assert json.dumps(summary_json(REPORT)) == (
        f'{{"schema": 2, "cts": "{__version__}", "answer": "The stream plays with the buffer that was set.", '
        '"role": "loopback", "direction": "pull", "elapsed_seconds": 5.97, '
        f'"frames": {frames}, "loss": {whole}, "playout": null, "trust": null, "metrics": null, '
        '"connections": {"successful": 1, "network_errors": 0, "protocol_errors": 0, "cancelled": 0}, '
        '"bytes_received": 4999950, '
        '"streams": [{"id": "27a22e1f-549a-4e0c-a6f9-89c72ab6bc09", "local": "127.0.0.1:4444", '
        '"remote": "127.0.0.1:50000", "role": "receiver", "result": "Succeeded", "bits_per_second": 7999920, '
        f'"frames": {frames}, "started_seconds": 0.001, "ended_seconds": 5.968, '
        '"bytes_received": 4999950, "bytes_sent": null, "send_lateness_seconds": null, '
        f'"arrivals": {arrivals}, "unsent": {{}}, "bytes_on_time": 4999950, "unreachable": 0, "remark": null, "peer": null, '
        f'"loss": {loss}, "playout": null, "metrics": null, "other_ends": [], "plan": null}}], '
        '"bytes_sent": 0, "refused": {}, "overflowed": 0, "streams_omitted": 0, "streams_never_began": 0, '
        '"interrupted": false, '
        '"failures": [], "send_lateness_seconds": null, "cut_off_by_time_limit": null, '
        f'"unreachable": 0, "arrivals": {arrivals}, "unsent": {{}}, "answered": [], "bytes_on_time": 4999950, '
        '"buffers": null, "seed": null, "after_giving_up": null, "notes": [], "peers": null, '
        '"expectations": [], "provenance": null}'
    )


def test_the_json_object_holds_every_count() -> None:
    snapshot = RunSnapshot(
        5,
        0,
        StreamSnapshot(FrameTotals(1, 2, 3, 4), 5, 6),
        {Outcome.SUCCESSFUL: 7, Outcome.NETWORK_ERROR: 8, Outcome.PROTOCOL_ERROR: 9, Outcome.CANCELLED: 10},
        {"b": 11, "a": 12},
        13,
    )
    summary = summary_json(evolve(REPORT, snapshot=snapshot, streams_omitted=14, interrupted=True))
    assert summary["connections"] == {"successful": 7, "network_errors": 8, "protocol_errors": 9, "cancelled": 10}
    assert summary["frames"] == {"completed": 1, "dropped": 2, "repeated": 3, "error": 4, "hidden_losses": 0}
    assert (summary["bytes_received"], summary["bytes_sent"], summary["overflowed"]) == (5, 6, 13)
    assert json.dumps(summary["refused"]) == '{"a": 12, "b": 11}'
    assert (summary["streams_omitted"], summary["interrupted"]) == (14, True)


@pytest.mark.parametrize(
    ("role", "direction", "sends"),
    [
        ("loopback", Direction.PULL, True),
        ("loopback", Direction.PUSH, True),
        ("server", Direction.PULL, True),
        ("server", Direction.PUSH, False),
        ("client", Direction.PULL, False),
        ("client", Direction.PUSH, True),
    ],
)
def test_what_was_sent_is_null_where_nobody_sends(role: str, direction: Direction, sends: bool) -> None:
    summary = summary_json(evolve(REPORT, role=role, direction=direction))
    assert summary["bytes_sent"] == (0 if sends else None)


def test_what_a_stream_sent_is_null_for_a_receiver() -> None:
    report = with_results(RESULT, evolve(RESULT, role=Role.SENDER, counts=StreamSnapshot(bytes_sent=7)))
    assert isinstance(streams := summary_json(report)["streams"], list)
    assert [each["bytes_sent"] for each in streams] == [None, 7]


def test_the_text_says_what_was_measured() -> None:
    snapshot = evolve(REPORT.snapshot, refused={"repeated START": 2, "unknown flag": 1}, overflowed=1)
    counts = StreamSnapshot(FrameTotals(147, 2, 1, 4), 5_000_000, bytes_on_time=4_900_000)
    snapshot = evolve(snapshot, counts=counts)
    assert summary_text(evolve(REPORT, snapshot=snapshot)).splitlines() == [
        "The stream plays with loss: 1.33 % of frames were not whole in time.",
        "",
        "loopback           pull: the server sends; 5.970 s",
        "streams            1 successful",
        "completed frames   147 (98.00 %)",
        "dropped frames     2 (1.33 %)",
        "duplicated frames  1 (0.67 %)",
        "received           5,000,000 bytes, 98.00 % of it in time",
        "discarded          4 datagrams",
        "sent               0 bytes",
        "rate               7.999 Mbit/s",
        "ignored            3 datagrams that began no stream: repeated START (2), unknown flag (1)",
        "overflow           at least 1 datagram (with UDP_GRO, buffers of up to 64) dropped by the kernel: receive buffer full",
    ]


def test_what_did_not_happen_takes_no_room() -> None:
    text = summary_text(REPORT)
    assert not any(word in text for word in ("discarded", "ignored", "error", "cancelled", "after"))
    assert "overflow" not in text


@pytest.mark.parametrize(("role", "direction"), [("client", Direction.PUSH), ("server", Direction.PULL)])
def test_a_sender_tells_what_it_sent_and_where_the_verdicts_are(role: str, direction: Direction) -> None:
    counts = StreamSnapshot(bytes_sent=4_999_950)
    snapshot = RunSnapshot(1, 0, counts, {Outcome.SUCCESSFUL: 1})
    text = summary_text(evolve(REPORT, role=role, direction=direction, snapshot=snapshot, streams=()))
    assert row(text, "sent") == "4,999,950 bytes"
    other = "server, which receives" if role == "client" else "clients, which receive"
    assert (
        row(text, "verdicts")
        == f"with the {other}: here a stream ends well once each frame has been sent or its time has passed"
    )
    assert not any(word in text for word in ("completed", "dropped", "received  ", "overflow"))


def test_a_sender_to_whom_nobody_came_speaks_of_no_frames() -> None:
    text = summary_text(evolve(REPORT, role="server", streams=(), snapshot=RunSnapshot(1, 0, StreamSnapshot())))
    assert [line.split()[0] for line in text.splitlines()[2:]] == ["server", "streams", "sent"]


def test_what_came_after_a_stream_was_given_up_is_noted() -> None:
    late = LateArrivals(500_000_000, 1, 38, 69_500_000, 69_500_000)
    report = evolve(REPORT, late=late)
    assert row(summary_text(report), "note") == (
        "1 stream: the first datagram came 70 ms after the 500 ms buffer had run out "
        "(38 datagrams within the next second): a longer stream.buffer_depth waits for them"
    )
    assert summary_json(report)["after_giving_up"] == {
        "streams": 1,
        "datagrams": 38,
        "waited_seconds": 0.5,
        "soonest_seconds": 0.07,
        "latest_seconds": 0.07,
    }


def test_what_came_after_many_streams_is_one_note() -> None:
    text = summary_text(evolve(REPORT, late=LateArrivals(500_000_000, 12, 1, 70_000_000, 95_000_000)))
    assert row(text, "note").startswith("12 streams: the first datagram came 70 to 95 ms after the 500 ms buffer")


def test_what_the_network_said_of_peers_is_counted_and_explained() -> None:
    text = summary_text(evolve(REPORT, snapshot=evolve(REPORT.snapshot, unreachable=1234)))
    said = "the network said 1,234 times that a peer does not get what is sent to it: nobody there, or a firewall"
    assert row(text, "unreachable") == said
    assert summary_json(evolve(REPORT, snapshot=evolve(REPORT.snapshot, unreachable=2)))["unreachable"] == 2


def test_the_peers_that_were_not_reached_are_named_with_how_often_the_first_five_of_them() -> None:
    results = [
        evolve(RESULT, remote=Address("10.0.0.2", 5000 + number), counts=StreamSnapshot(unreachable=number))
        for number in (0, 1, 718, 3, 4, 5, 6)
    ]
    text = summary_text(with_results(*results))
    assert row(text, "not reached") == (
        "10.0.0.2:5718 (718 times), 10.0.0.2:5006 (6 times), 10.0.0.2:5005 (5 times), 10.0.0.2:5004 (4 times), "
        "10.0.0.2:5003 (3 times), 1 more"
    )


def test_peers_that_the_other_end_of_a_stream_did_not_reach_are_named_as_well() -> None:
    sender = evolve(RESULT, role=Role.SENDER, remote=Address("10.0.0.2", 5000), counts=StreamSnapshot(unreachable=3))
    text = summary_text(evolve(REPORT, streams=(StreamEnds(RESULT, (sender,)),)))
    assert row(text, "not reached") == "10.0.0.2:5000 (3 times)"


def test_streams_that_were_all_reached_are_not_spoken_of() -> None:
    text = summary_text(evolve(REPORT, snapshot=evolve(REPORT.snapshot, unreachable=2)))
    assert "not reached" not in text


def test_a_network_that_said_nothing_is_not_spoken_of() -> None:
    assert "unreachable" not in summary_text(REPORT)


def test_an_interrupted_run_says_so() -> None:
    assert (
        row(summary_text(evolve(REPORT, interrupted=True)), "loopback")
        == "pull: the server sends; 5.970 s, interrupted"
    )


def test_a_server_that_was_stopped_long_after_its_last_stream_says_when_each_was() -> None:
    report = evolve(REPORT, interrupted=True, snapshot=evolve(REPORT.snapshot, elapsed_ns=58_180_000_000))
    text = summary_text(report)
    assert row(text, "loopback").endswith("; 58.180 s, interrupted; the last stream ended at 5.970 s")
    assert "It was stopped after 58.180 s." in text


@pytest.mark.parametrize(
    ("cut_off", "text"),
    [
        (0, "ended the run; no stream was open"),
        (1, "ended the run and cut off 1 stream"),
        (2000, "ended the run and cut off 2,000 streams"),
    ],
)
def test_a_run_that_its_time_limit_ended_says_so_and_what_that_cut_off(cut_off: int, text: str) -> None:
    report = evolve(REPORT, snapshot=evolve(REPORT.snapshot, cut_off_by_time_limit=cut_off))
    assert row(summary_text(report), "time limit") == text
    assert summary_json(report)["cut_off_by_time_limit"] == cut_off


def test_a_run_that_ended_by_itself_speaks_of_no_time_limit() -> None:
    assert "time limit" not in summary_text(REPORT)
    assert summary_json(REPORT)["cut_off_by_time_limit"] is None


def test_many_streams_have_the_median_and_the_bounds_of_their_rates() -> None:
    results = [evolve(RESULT, bits_per_second=rate) for rate in (9_000_000, 8_000_000, 7_999_920)]
    text = summary_text(with_results(*results))
    assert row(text, "rate") == "8.000 Mbit/s a stream, the median of 3 (7.999 Mbit/s to 9.000 Mbit/s)"


def test_a_stream_that_measured_no_rate_is_not_in_the_rates() -> None:
    text = summary_text(with_results(RESULT, evolve(RESULT, bits_per_second=0)))
    assert row(text, "rate") == "7.999 Mbit/s"
    assert "rate " not in summary_text(with_results(evolve(RESULT, bits_per_second=0)))


def test_a_run_without_streams_is_told_without_dividing_by_nothing() -> None:
    text = summary_text(evolve(REPORT, elapsed_ns=0, streams=(), snapshot=RunSnapshot(0, 0, StreamSnapshot())))
    assert row(text, "completed frames") == "0 (-)"
    assert row(text, "received") == "0 bytes"


def test_failed_streams_are_listed_with_their_results() -> None:
    text = summary_text(with_results(RESULT, failed(1), failed(2, Outcome.NETWORK_ERROR)))
    assert text.splitlines()[-4:] == [
        "",
        "failed streams:",
        "  127.0.0.1:4444 - 10.0.0.1:1 [27a22e1f-549a-4e0c-a6f9-89c72ab6bc09]: ErrorNotAllDataTransferred",
        "  127.0.0.1:4444 - 10.0.0.1:2 [27a22e1f-549a-4e0c-a6f9-89c72ab6bc09]: ErrorNotAllDataTransferred",
    ]


@pytest.mark.parametrize(
    ("remark", "result", "told"),
    [
        ("nothing came back", "ErrorNotAllDataTransferred", "never began: nothing came back"),
        (None, "ErrorNotAllDataTransferred", "never began"),
        (None, "Network is unreachable", "never began: Network is unreachable"),
    ],
)
def test_a_failed_stream_that_never_began_is_told_as_that(remark: str | None, result: str, told: str) -> None:
    absent = evolve(failed(1), counts=StreamSnapshot(), remark=remark, result=result)
    text = summary_text(with_results(RESULT, absent))
    assert "ErrorNotAllDataTransferred" not in text
    assert text.endswith(f" - 10.0.0.1:1 [27a22e1f-549a-4e0c-a6f9-89c72ab6bc09]: {told}")


def test_only_the_first_ten_failures_are_listed_and_the_rest_is_counted() -> None:
    text = summary_text(with_results(*(failed(number) for number in range(13))))
    assert text.count("]: ErrorNotAllDataTransferred") == 10
    assert text.endswith("\n  and 3 more")


def test_failures_that_were_left_out_of_the_results_are_counted_too() -> None:
    report = with_results(failed(1))
    report = evolve(report, snapshot=evolve(report.snapshot, outcomes={Outcome.PROTOCOL_ERROR: 5}), streams_omitted=4)
    assert summary_text(report).endswith("\n  and 4 more")


def test_cancelled_streams_are_counted_and_not_listed_as_failed() -> None:
    text = summary_text(with_results(failed(1, Outcome.CANCELLED)))
    assert "failed streams" not in text
    assert row(text, "streams") == "0 successful, 1 cancelled"


def test_where_streams_sent_and_received_the_rates_are_the_receivers() -> None:
    text = summary_text(with_results(RESULT, evolve(RESULT, role=Role.SENDER, bits_per_second=8_000_000)))
    assert row(text, "rate") == "7.999 Mbit/s"


def test_discarded_datagrams_are_told_by_cause() -> None:
    arrivals = ArrivalTotals(on_time=9, late=1, ahead=2000, undecodable=3, handshake=1)
    counts = StreamSnapshot(FrameTotals(completed=1, error=2004), 5, 0, arrivals)
    text = summary_text(attrs.evolve(REPORT, snapshot=RunSnapshot(5, 0, counts)))
    assert row(text, "discarded") == ("2,004 datagrams: 1 came too late, 2,000 came too early, 3 not of this protocol")


def test_what_this_host_did_not_let_out_is_told_by_cause() -> None:
    snapshot = RunSnapshot(
        5, 0, StreamSnapshot(bytes_sent=1), unsent=UnsentFrames({"Network is unreachable": Unsent(30, 1_000_000_000)})
    )
    report = attrs.evolve(REPORT, snapshot=snapshot)
    assert row(summary_text(report), "unsent") == "30 frames could not be sent: Network is unreachable (1.0 s in all)"
    assert summary_json(report)["unsent"] == {"Network is unreachable": {"frames": 30, "seconds": 1.0}}


def test_what_the_system_refused_is_explained_where_it_is_known() -> None:
    unsent = UnsentFrames({"Invalid argument": Unsent(2, 1), "No such thing": Unsent(1, 1)})
    snapshot = evolve(REPORT.snapshot, unsent=unsent)
    lines = summary_text(evolve(REPORT, snapshot=snapshot)).splitlines()
    at = next(number for number, line in enumerate(lines) if "Invalid argument" in line)
    assert "blackhole" in lines[at + 1]
    assert "No such thing" in lines[at + 2]


def test_what_should_be_heard_of_the_run_is_a_note() -> None:
    assert row(summary_text(evolve(REPORT, notes=("it rains",))), "note") == "it rains"


def test_a_failed_stream_without_a_name_or_a_socket_says_so() -> None:
    nameless = evolve(failed(1), connection_id="00000000-0000-0000-0000-000000000000", local=Address("0.0.0.0", 0))
    assert "  no socket - 10.0.0.1:1 [no id]: ErrorNot" in summary_text(with_results(nameless))


@pytest.mark.parametrize(("buffers", "came", "told"), [(True, 5, True), (True, 0, False), (False, 5, False)])
def test_that_nothing_overflowed_is_said_where_something_came_to_real_sockets(
    buffers: bool, came: int, told: bool
) -> None:
    snapshot = evolve(REPORT.snapshot, counts=StreamSnapshot(bytes_received=came))
    room = BufferRoom(1, 1)
    text = summary_text(evolve(REPORT, snapshot=snapshot, buffers=SocketBuffers(room, room) if buffers else None))
    assert ("this host took all" in text) is told


def test_a_stream_that_never_began_is_counted_and_its_frames_are_not() -> None:
    unheard = evolve(failed(1), counts=StreamSnapshot(FrameTotals(dropped=150)))
    report = with_results(RESULT, unheard)
    report = evolve(report, snapshot=evolve(report.snapshot, counts=RESULT.counts + unheard.counts))
    summary, text = summary_json(report), summary_text(report)
    assert summary["frames"] == attrs.asdict(RESULT.counts.frames)
    assert summary["streams_never_began"] == 1
    assert row(text, "streams") == "1 successful, 1 never began"
    assert row(text, "dropped frames") == "0 (0.00 %)"


def test_that_no_server_answers_is_told_once() -> None:
    remark = "the network says that nobody listens there, or that the way is closed (4 times); 2 STARTs sent"
    unheard = evolve(
        failed(4444), connection_id=UNKNOWN_CONNECTION_ID, remark=remark, counts=StreamSnapshot(FrameTotals(dropped=9))
    )
    report = with_results(unheard)
    snapshot = evolve(report.snapshot, counts=unheard.counts, unreachable=4)
    report = evolve(report, role="client", snapshot=snapshot, notes=("asked by START",))
    assert summary_text(report).splitlines() == [
        f"No stream began with 10.0.0.1:4444: {remark}; is `cts serve` running there?",
        "",
        "client   pull: the server sends; 5.970 s",
        "streams  0 successful, 1 never began",
    ]
