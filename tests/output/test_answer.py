"""The answer: a sentence on whether the stream plays, made of what the report knows and of nothing else."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from cts.impairment.link import Impairment
from cts.impairment.loss import Bernoulli
from cts.metrics.counters import ArrivalTotals, FrameTotals
from cts.metrics.histogram import Histogram
from cts.metrics.host import HostFigures
from cts.metrics.loss import DueBytes
from cts.metrics.playout import Playout
from cts.metrics.unsent import Unsent, UnsentFrames
from cts.output.answer import answer_of
from cts.output.summary import summary_rows, summary_text
from cts.output.summary_json import summary_json
from cts.protocol.control.counts import ReceiverCounts
from cts.protocol.control.messages import Counts
from cts.protocol.plan import StreamPlan
from cts.protocol.roles import Direction, Role
from cts.records.late import LateArrivals
from cts.records.peer_end import PeerEnd, PeerTotals
from cts.records.results import RunReport
from cts.records.snapshots import Address, Outcome, RunSnapshot, StreamSnapshot
from cts.records.stream_results import UNKNOWN_CONNECTION_ID, StreamEnds, StreamResult
from cts.units import SECOND
from tests.engine.simulated_runs import simulated
from tests.engine.small_stream import config_of
from tests.output.test_media_text import media
from tests.output.test_summary import REPORT, RESULT, failed
from tests.output.test_trust_text import MS, late

PLAN = StreamPlan(25_000_000, 60, 100 * SECOND, 500 * MS)
RATE = "25 Mbit/s at 60 frames/s"


def playout(*whole: tuple[int, int], known: int = 6000, frames: int = 6000) -> Playout:
    return Playout(
        buffered_frames=30, final_frame=6000, steps=60, step_ns=SECOND, frames=frames, known=known, whole=whole
    )


def counts(completed: int = 6000, dropped: int = 0, repeated: int = 0, due: DueBytes | None = None) -> StreamSnapshot:
    frames = FrameTotals(completed, dropped, repeated)
    return StreamSnapshot(frames, 5_000_000, 5_000_000, due=due or DueBytes(), bytes_on_time=4_900_000)


def report(
    total: StreamSnapshot | None = None, known: Playout | None = None, *, streams: int = 1, overflowed: int = 0
) -> RunReport:
    total = counts() if total is None else total
    snapshot = RunSnapshot(5, 0, total, {Outcome.SUCCESSFUL: streams}, overflowed=overflowed)
    end = StreamEnds(evolve(RESULT, counts=total))
    return evolve(REPORT, plan=PLAN, snapshot=snapshot, playout=known, streams=(end,))


def told(sender: RunReport, outcome: str) -> RunReport:
    return evolve(sender, streams=(StreamEnds(evolve(sender.streams[0].end, peer=PeerEnd(outcome=outcome))),))


def with_role(role: str, direction: Direction, total: StreamSnapshot) -> RunReport:
    return evolve(report(total), role=role, direction=direction)


def sent_and_judged(counted: ReceiverCounts) -> RunReport:
    """Return what a client says of a push of 1000 bytes, of whose frames a hundredth was dropped."""
    peer = PeerEnd(outcome="Succeeded", counts=Counts(evolve(counted, completed=5940, dropped=60)))
    total = StreamSnapshot(bytes_sent=1000, due=DueBytes(1000), peers=peer.totals)
    sender = with_role("client", Direction.PUSH, total)
    end = evolve(RESULT, role=Role.SENDER, counts=total, peer=peer)
    return evolve(sender, streams=(StreamEnds(end),))


# -- whether it plays --------------------------------------------------------------------------------------------------


def test_a_stream_without_fault_plays_with_the_least_buffer_that_does() -> None:
    assert answer_of(report(known=playout((11, 6000)))) == f"{RATE} plays with a 184 ms buffer."


@pytest.mark.parametrize(
    ("depth", "article"), [(1, "a 17 ms"), (5, "an 84 ms"), (11, "a 184 ms"), (48, "an 800 ms"), (660, "an 11 s")]
)
def test_the_buffer_has_the_article_that_it_is_spoken_with(depth: int, article: str) -> None:
    known = evolve(playout((depth, 6000)), buffered_frames=6000)
    assert f"plays with {article} buffer" in answer_of(report(known=known))


def test_a_stream_that_lacks_hardly_anything_plays_and_what_it_lacks_is_said() -> None:
    said = answer_of(report(counts(5997, 3), playout((11, 5997))))
    assert said == f"{RATE} plays with a 184 ms buffer, but 0.05 % of frames were not whole in time."


def test_of_a_buffer_that_was_too_small_the_one_that_would_do_is_said() -> None:
    said = answer_of(report(counts(3000, 3000), playout((10, 3000), (90, 3000))))
    assert said == (
        f"{RATE} does not play with the 500 ms buffer: 50.00 % of frames were not whole in time; "
        "a 1.5 s buffer would have been enough for 99.9 % of them."
    )


def test_a_stream_that_loses_some_frames_plays_with_loss_and_no_buffer_helps() -> None:
    said = answer_of(report(counts(5900, 100), playout((6, 5900))))
    assert said == (
        f"{RATE} plays with loss: 1.67 % of frames were not whole in time, and no buffer would have let 99.9 % of them play."
    )


def test_a_deeper_buffer_that_helps_somewhat_is_said_and_how_far_is_known() -> None:
    said = answer_of(report(counts(5000, 1000), playout((6, 5000), (90, 950), known=120)))
    assert "does not play: 16.67 % of frames were not whole in time" in said
    assert said.endswith(
        "no buffer up to 2 s (deeper ones would have waited for longer than this run did) "
        "would have let 99.9 % of them play (1.5 s would, 99 %)."
    )


def test_a_stream_that_a_deeper_buffer_would_have_helped_plays_with_loss_where_little_was_late() -> None:
    said = answer_of(report(counts(5950, 50), playout((29, 5950), (36, 6000))))
    assert said.startswith(f"{RATE} plays with loss with the 500 ms buffer: 0.83 % of frames were not whole in time; ")


def test_a_stream_that_failed_says_why_in_the_words_for_people() -> None:
    refused = evolve(
        RESULT, outcome=Outcome.PROTOCOL_ERROR, result="ErrorRefused", remark="the server refuses: it is full"
    )
    snapshot = RunSnapshot(5, 0, StreamSnapshot(FrameTotals(0, 6000)), {Outcome.PROTOCOL_ERROR: 1})
    said = answer_of(evolve(REPORT, plan=PLAN, snapshot=snapshot, streams=(StreamEnds(refused),)))
    assert said.endswith("The stream failed: the server refuses: it is full.")


def test_of_a_stream_of_other_settings_no_figure_is_told() -> None:
    end = evolve(
        RESULT,
        outcome=Outcome.PROTOCOL_ERROR,
        result="ErrorSettingsDisagree",
        remark="the two ends do not agree: the peer sends 8 Mbit/s where 4 Mbit/s are set",
        counts=counts(60, 3),
    )
    snapshot = RunSnapshot(5, 0, end.counts, {Outcome.PROTOCOL_ERROR: 1})
    known = report(known=playout((11, 6000)))
    of_others = evolve(known, snapshot=snapshot, streams=(StreamEnds(end),), metrics=media())
    said = answer_of(of_others)
    assert said.startswith(
        f"How {RATE} would have played is not known: the other end has other settings. The stream failed: "
    )
    names = {name for name, _ in summary_rows(of_others)}
    assert "received" in names
    assert not names & {"completed frames", "dropped frames", "missing", "buffer", "jitter", "freezes", "score"}


def test_numbers_that_are_not_there_are_not_doubted() -> None:
    busy = HostFigures(loop_lag=late(900))
    nothing = report(StreamSnapshot(FrameTotals(0, 6000)))
    assert answer_of(evolve(nothing, hosts=(busy,))).startswith("Nothing arrived")


def test_without_a_sweep_there_is_no_word_of_other_buffers() -> None:
    assert answer_of(report()) == f"{RATE} plays with the buffer that was set."
    assert answer_of(report(counts(5800, 200))) == f"{RATE} plays with loss: 3.33 % of frames were not whole in time."
    assert answer_of(report(counts(3000, 3000))).startswith(f"{RATE} does not play: 50.00 %")


def test_many_streams_play_and_the_worst_of_them_is_told() -> None:
    ends = [evolve(RESULT, counts=counts(100 - lost, lost)) for lost in (0, 0, 3)]
    many = evolve(report(counts(297, 3), streams=3), streams=tuple(map(StreamEnds, ends)))
    assert answer_of(many) == (
        f"3 streams of {RATE} play with loss: 1.00 % of frames were not whole in time; of the worst stream 3.00 % were dropped."
    )


def test_a_sweep_of_some_streams_alone_says_of_how_many_frames_it_knows() -> None:
    said = answer_of(report(known=playout((11, 600), frames=600), streams=9))
    assert said == f"9 streams of {RATE} play with a 184 ms buffer (known of 600 of 6,000 frames)."


def of_plans(role: Role, *shares: tuple[int, int]) -> RunReport:
    """Return a report of a server whose streams have plans of their own, by frames completed and dropped."""
    ends = []
    for number, (completed, dropped) in enumerate(shares):
        plan = evolve(PLAN, bits_per_second=(number + 1) * 1_000_000)
        end = evolve(RESULT, role=role, plan=plan, remote=Address("192.0.2.1", 5000 + number))
        total = counts(completed, dropped)
        if role is Role.SENDER:
            received = ReceiverCounts.of(total.frames, ArrivalTotals(), DueBytes(), elapsed_ns=SECOND)
            peer = PeerEnd(outcome="Succeeded", counts=Counts(received=received))
            total = evolve(counts(0), bytes_received=0, bytes_sent=7, peers=peer.totals)
            end = evolve(end, peer=peer)
        ends.append(evolve(end, counts=total))
    total = sum((end.counts for end in ends), StreamSnapshot())
    of_all = report(total, streams=len(ends))
    return evolve(of_all, role="server", plan=PLAN, streams=tuple(map(StreamEnds, ends)))


@pytest.mark.parametrize(("role", "where"), [(Role.RECEIVER, ""), (Role.SENDER, " at the other end")])
def test_of_streams_of_several_plans_it_is_said_how_many_play_and_which_is_the_worst(role: Role, where: str) -> None:
    said = answer_of(of_plans(role, (300, 0), (34, 446), (300, 0)))
    worst = "192.0.2.1:5001 (2 Mbit/s at 60 frames/s), 34 of 480 frames were whole in time"
    assert said.startswith(f"2 of the 3 streams play{where}; of the worst, with {worst}")
    assert "of the worst" not in answer_of(of_plans(role, (300, 0), (400, 0)))
    assert f"The 2 streams do not play{where}: " in answer_of(of_plans(role, (100, 100), (400, 400)))


# -- what holds it back, and whose it was ------------------------------------------------------------------------------


@pytest.mark.parametrize(("direction", "way"), [(Direction.PULL, "down"), (Direction.PUSH, "up")])
def test_what_limits_the_score_is_what_held_it_back(direction: Direction, way: str) -> None:
    slow = evolve(report(known=playout((11, 6000))), direction=direction, metrics=media(slow_ns=150 * MS))
    assert answer_of(slow).endswith(f"; held back by 99 % delay variation {way}, 150 ms.")
    lossy = evolve(slow, metrics=media(missing=tuple(range(50, 90))))
    assert answer_of(lossy).endswith(f"; held back by loss {way}, 1.00 % of datagrams.")


@pytest.mark.parametrize("limits", ["loss", "rate"])
def test_where_more_came_too_late_than_was_lost_delay_is_what_held_it_back(limits: str) -> None:
    totals = media(missing=tuple(range(50, 90)))
    datagrams = evolve(totals.datagrams, late=60)
    totals = evolve(totals, datagrams=datagrams, bytes_in_time=0 if limits == "rate" else totals.bytes_in_time)
    delayed = evolve(report(), metrics=totals)
    assert answer_of(delayed).endswith(
        "; held back by delay down: 0.75 % of datagrams came too late for the buffer, and 0.25 % were lost."
    )


def test_what_came_too_late_since_it_had_left_too_late_is_not_called_delay() -> None:
    totals = media(missing=tuple(range(50, 90)))
    slow_sender = report(counts(due=DueBytes(1_000_000, 10_000, 6_000, 5_000)))
    late = evolve(slow_sender, metrics=evolve(totals, datagrams=evolve(totals.datagrams, late=50)))
    assert "held back by loss down" in answer_of(late)


def through(loss: float = 0.0, kbits: int | None = None, direction: str = "pull", buffer: str = "1s") -> RunReport:
    """Return the report of a simulated stream of 1 Mbit/s through such a path."""
    stream = {
        "bits_per_second": "1 Mbit/s",
        "frame_rate": 25,
        "stream_length": "8s",
        "datagram_max_size": 500,
        "buffer_depth": buffer,
    }
    path = Impairment(
        loss=Bernoulli(loss) if loss else None, bandwidth_bits_per_second=None if kbits is None else kbits * 1000
    )
    return simulated(config_of(direction, stream=stream), to_client=path, to_server=path)


@pytest.mark.parametrize(("direction", "way"), [("pull", "down"), ("push", "up")])
def test_of_a_path_that_is_too_narrow_it_is_said_what_it_carries(direction: str, way: str) -> None:
    # 28 bytes of 528 are the network's: the truth is 0.758 Mbit/s of media.
    assert answer_of(through(kbits=800, direction=direction)).endswith(
        f"; held back by a path {way} that carries about 0.754 of 1 Mbit/s "
        "(what is lost is lost steadily, behind a queue that stays at 192 ms)."
    )


def test_of_a_path_that_is_too_narrow_it_is_said_also_where_all_that_passes_is_too_late() -> None:
    assert "held back by a path down that carries about " in answer_of(through(kbits=700, buffer="120ms"))


def test_a_path_that_loses_by_chance_is_not_called_too_narrow() -> None:
    assert "; held back by loss down, " in answer_of(through(loss=0.2))


def test_of_a_path_that_is_too_narrow_nothing_is_said_where_the_loss_may_have_been_this_host_s() -> None:
    found = through(kbits=800)
    assert "carries" not in answer_of(evolve(found, snapshot=evolve(found.snapshot, overflowed=100)))


def test_how_much_of_the_loss_this_host_s_kernel_may_have_dropped_is_said() -> None:
    lost = counts(5900, 100, due=DueBytes(1_000_000_000, 65_535_000))
    said = answer_of(report(lost, overflowed=3))
    assert said.endswith("; up to 0.30 % of what was missing was your own receiver.")


def test_how_much_of_the_loss_left_too_late_is_said() -> None:
    lost = counts(5900, 100, due=DueBytes(1_000_000, 10_000, 5_000, 2_500))
    assert answer_of(report(lost)).endswith("; 25.00 % of what was missing was your own sender.")
    said = answer_of(with_role("client", Direction.PULL, lost))
    assert said.endswith("; 25.00 % of what was missing had left its sender too late.")


# -- what speaks against the numbers -----------------------------------------------------------------------------------


def test_that_the_host_is_not_to_be_trusted_is_said_first_with_the_reason() -> None:
    wrong = evolve(report(known=playout((11, 6000))), hosts=(HostFigures(loop_lag=late(900)),))
    said = answer_of(wrong)
    assert said.startswith("These numbers are not to be believed: this host stood still for 900 ms; the bound is ")
    assert said.endswith(f". {RATE} plays with a 184 ms buffer.")
    doubtful = evolve(wrong, hosts=(HostFigures(loop_lag=late(300)),))
    assert answer_of(doubtful).startswith("These numbers are doubtful: ")
    assert answer_of(evolve(wrong, hosts=(HostFigures(loop_lag=late(1)),))).startswith(RATE)


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        (FrameTotals(), "Too little to tell: no frame was due."),
        (FrameTotals(1), "Too little to tell: 1 frame was due, 1 of which played."),
        (FrameTotals(20, 9), "Too little to tell: 29 frames were due, 20 of which played."),
    ],
)
def test_of_fewer_than_thirty_frames_nothing_is_concluded(frames: FrameTotals, said: str) -> None:
    assert answer_of(report(StreamSnapshot(frames, 5))) == said


# -- nothing came ------------------------------------------------------------------------------------------------------


def test_nothing_that_arrived_is_said_with_what_is_known_of_it() -> None:
    nothing = report(StreamSnapshot(FrameTotals(dropped=6000)))
    assert answer_of(nothing) == f"Nothing arrived of {RATE}; nothing had been sent."
    sent = report(StreamSnapshot(FrameTotals(dropped=6000), bytes_sent=1_000))
    assert answer_of(sent).endswith("; 1,000 bytes had been sent.")
    client = evolve(nothing, role="client", late=LateArrivals(500 * MS, 1, 38, 69 * MS, 69 * MS))
    assert answer_of(client) == f"Nothing arrived of {RATE}; it came 69 ms after the 500 ms buffer had run out."
    absent = evolve(nothing, role="client", snapshot=evolve(nothing.snapshot, unreachable=2))
    assert answer_of(absent).endswith("; the network said 2 times that nobody is there.")


def test_what_came_and_was_of_no_use_is_counted() -> None:
    wrong = StreamSnapshot(FrameTotals(dropped=9, error=7), arrivals=ArrivalTotals(undecodable=7))
    said = answer_of(evolve(report(wrong), role="client"))
    assert said == (
        f"Nothing of use arrived of {RATE}; 7 datagrams came that had to be discarded (7 not of this protocol)."
    )


def test_a_server_to_which_nobody_came_says_so() -> None:
    idle = evolve(REPORT, role="server", streams=(), snapshot=RunSnapshot(1, 0, StreamSnapshot()))
    assert answer_of(idle) == "No stream began in 5.970 s: nobody asked for one."
    strangers = evolve(idle, snapshot=evolve(idle.snapshot, refused={"in server.deny": 1}))
    assert answer_of(strangers) == "No stream began in 5.970 s."


def absent(remark: str | None = None, result: str = "ErrorNotAllDataTransferred", port: int = 4444) -> StreamResult:
    nothing = StreamSnapshot(FrameTotals(dropped=6000))
    return evolve(failed(port), connection_id=UNKNOWN_CONNECTION_ID, remark=remark, result=result, counts=nothing)


def of_ends(*ends: StreamResult, role: str = "client") -> RunReport:
    total = sum((end.counts for end in ends), StreamSnapshot())
    made = report(total)
    outcomes = dict(Counter(end.outcome for end in ends))
    return evolve(
        made, role=role, streams=tuple(map(StreamEnds, ends)), snapshot=evolve(made.snapshot, outcomes=outcomes)
    )


def test_of_several_streams_the_answer_is_that_of_those_that_began_and_the_others_are_told_apart() -> None:
    ran = evolve(RESULT, counts=counts())
    refused = absent("the server refuses: it is full", "ErrorRefused")
    assert answer_of(of_ends(ran, ran, ran, refused)) == (
        f"3 streams of {RATE} play with the buffer that was set. "
        "1 of 4 streams never began with 10.0.0.1:4444: the server refuses: it is full."
    )
    gone = absent("nothing came back", port=4445)
    assert answer_of(of_ends(ran, gone, gone, refused)).endswith(
        "3 of 4 streams never began with 10.0.0.1:4445 or 1 other server: nothing came back."
    )


def test_on_a_server_a_stream_that_was_asked_for_and_never_sent_is_told_apart() -> None:
    asked = evolve(absent("the peer asked 2 times, was answered, and sent no frame in 1 s"), connection_id="x")
    assert answer_of(of_ends(evolve(RESULT, counts=counts()), asked, role="server")) == (
        f"{RATE} plays with the buffer that was set. "
        "1 of 2 streams never began: the peer asked 2 times, was answered, and sent no frame in 1 s."
    )
    assert answer_of(of_ends(asked, role="server")).startswith("No stream began in 5.970 s. The stream never began: ")


@pytest.mark.parametrize("result", ["ErrorNotAllDataTransferred", "ErrorNoAnswer"])
def test_where_no_server_answers_it_is_asked_whether_one_runs_there(result: str) -> None:
    alone = answer_of(of_ends(absent("nothing came back", result)))
    assert alone == "No stream began with 10.0.0.1:4444: nothing came back; is `cts serve` running there?"
    several = answer_of(of_ends(absent("nothing came back", result), absent(result=result, port=4445)))
    assert several.startswith("No stream began with 10.0.0.1:4444 or 1 other server: nothing came back; ")


def test_where_a_server_answers_it_is_not_asked_whether_one_runs_there() -> None:
    refused = of_ends(absent("the server refuses: it is full", "ErrorRefused"))
    assert answer_of(refused) == (
        "No stream began in 5.970 s. The stream never began with 10.0.0.1:4444: the server refuses: it is full."
    )
    half = of_ends(absent("the server has answered HELLO, but not the one with its cookie", "ErrorNoAnswer"))
    assert "?" not in answer_of(half)
    assert "?" not in answer_of(of_ends(evolve(absent(), connection_id=RESULT.connection_id)))


def test_who_stops_a_run_before_a_server_answered_is_told_that_none_did() -> None:
    stopped = of_ends(evolve(absent(result="Cancelled"), outcome=Outcome.CANCELLED))
    assert answer_of(stopped).startswith("No stream began with 10.0.0.1:4444: no answer in 5.970 s; is `cts serve` ")


# -- the sender's side -------------------------------------------------------------------------------------------------


def test_who_only_sends_says_what_left_and_that_the_receiver_knows_the_rest() -> None:
    sent = StreamSnapshot(bytes_sent=4_999_950, due=DueBytes(4_999_950))
    sender = evolve(with_role("client", Direction.PUSH, sent), send_lateness=late(0.5))
    assert answer_of(sender) == (
        f"All that was due of {RATE} left this host, 4,999,950 bytes; 99 % of frames did within 500 us of their time; "
        "whether it played, the receiving end knows."
    )


@pytest.mark.parametrize(
    ("completed", "dropped", "verb"),
    [(6000, 0, "plays"), (5950, 50, "plays with loss"), (3000, 3000, "does not play")],
)
def test_who_sends_says_how_it_played_where_the_other_end_has_told(completed: int, dropped: int, verb: str) -> None:
    peers = PeerTotals(streams=1, receiving=1, finished=1, frames=FrameTotals(completed, dropped, 0))
    sender = told(with_role("client", Direction.PUSH, evolve(counts(0), bytes_received=0, peers=peers)), "Succeeded")
    assert answer_of(sender).startswith(f"{RATE} {verb} at the other end: {completed:,} frames completed (")
    assert "the receiving end knows" not in answer_of(sender)


@pytest.mark.parametrize(
    ("counted", "said"),
    [
        (ReceiverCounts(due=1000, missing=30), "; held back by loss up (by the peer), 3.00 % of the bytes due;"),
        (
            ReceiverCounts(due=1000, missing=30, late_bytes=20),
            "held back by delay up (by the peer): 2.00 % of the bytes due came too late for the buffer, and 1.00 % never came",
        ),
        (
            ReceiverCounts(due=1000, missing=30, late_bytes=30),
            "; held back by delay up (by the peer): 3.00 % of the bytes due came too late for the buffer;",
        ),
    ],
)
def test_who_sends_says_what_held_it_back_by_what_the_other_end_told(counted: ReceiverCounts, said: str) -> None:
    assert said in answer_of(sent_and_judged(counted))


@pytest.mark.parametrize(
    "counted",
    [
        ReceiverCounts(due=1000, missing=30, late_bytes=20, sent_late=20),
        ReceiverCounts(due=1000, missing=30, early=30),
        ReceiverCounts(due=1000),
    ],
)
def test_what_the_network_had_no_part_in_does_not_hold_back_what_is_sent(counted: ReceiverCounts) -> None:
    assert "held back" not in answer_of(sent_and_judged(counted))


def test_a_server_that_sends_says_which_way_it_was_held_back() -> None:
    served = evolve(sent_and_judged(ReceiverCounts(due=1000, missing=30)), role="server")
    assert "held back by loss down (by the peer)" in answer_of(served)


def test_who_sends_says_that_it_was_cut_off_where_the_other_end_says_so() -> None:
    peers = PeerTotals(streams=1, receiving=1, finished=1, frames=FrameTotals(75))
    sender = with_role("client", Direction.PUSH, evolve(counts(0), bytes_received=0, bytes_sent=7, peers=peers))
    cut = told(sender, "Cancelled")
    assert answer_of(cut) == f"7 bytes of {RATE} left this host; it was cut off at the other end."
    several = evolve(cut, streams=(*cut.streams, *told(sender, "Succeeded").streams))
    assert answer_of(several).endswith("; 1 of them was cut off at the other end.")


def test_who_sends_says_that_it_failed_where_the_other_end_says_so() -> None:
    peers = PeerTotals(streams=1, receiving=1, finished=1, frames=FrameTotals(0, 150))
    sender = with_role("client", Direction.PUSH, evolve(counts(0), bytes_received=0, bytes_sent=7, peers=peers))
    said = answer_of(told(sender, "ErrorNotAllDataTransferred"))
    assert said.startswith(f"{RATE} failed at the other end (ErrorNotAllDataTransferred): 0 frames completed")
    assert "the receiving end knows" not in said


def test_a_server_of_both_directions_says_which_of_what_it_sent_failed_there() -> None:
    why = "ErrorDataDidNotMatchBitPattern"
    served = with_role("server", Direction.PULL, evolve(counts(), bytes_sent=7))
    pulled = evolve(RESULT, role=Role.SENDER, peer=PeerEnd(outcome=why))
    served = evolve(served, streams=(*served.streams, StreamEnds(pulled)))
    assert f"1 stream was sent, 7 bytes; it failed there ({why})." in answer_of(served)


def test_who_sends_does_not_say_how_it_played_where_what_one_end_told_cannot_be() -> None:
    peers = PeerTotals(streams=2, receiving=1, finished=2, frames=FrameTotals(6000, 0, 0))
    sender = with_role("client", Direction.PUSH, evolve(counts(0), bytes_received=0, bytes_sent=7, peers=peers))
    ends = 2 * told(sender, "Succeeded").streams
    snapshot = evolve(sender.snapshot, outcomes={Outcome.SUCCESSFUL: 2})
    assert "at the other end" not in answer_of(evolve(sender, streams=ends, snapshot=snapshot))


def test_a_server_that_has_forgotten_streams_says_of_no_part_that_it_played_what_no_total_has() -> None:
    sent = StreamEnds(evolve(RESULT, role=Role.SENDER, counts=StreamSnapshot(bytes_sent=5000)))
    served = with_role("server", Direction.PUSH, StreamSnapshot(bytes_sent=50_000))
    pulled = evolve(served, streams=(sent,), streams_omitted=9)
    assert answer_of(pulled).startswith("50,000 bytes of ")
    pushed = evolve(pulled, snapshot=evolve(pulled.snapshot, counts=counts()))
    assert pushed.served_both


def test_who_sends_does_not_say_how_it_played_where_one_end_has_not_told() -> None:
    peers = PeerTotals(streams=1, receiving=1, finished=0, frames=FrameTotals(6000, 0, 0))
    sender = with_role("client", Direction.PUSH, evolve(counts(0), bytes_received=0, peers=peers))
    assert answer_of(sender).endswith("whether it played, the receiving end knows.")


def test_who_could_not_send_says_so_and_why() -> None:
    refused = UnsentFrames({"Network is unreachable": Unsent(30, SECOND)})
    nothing = with_role("server", Direction.PULL, StreamSnapshot(due=DueBytes(1000, 1000)))
    nothing = evolve(nothing, streams=(), snapshot=evolve(nothing.snapshot, unsent=refused))
    assert answer_of(nothing) == f"Nothing of {RATE} left this host (Network is unreachable)."
    part = evolve(nothing.snapshot, counts=StreamSnapshot(bytes_sent=750, due=DueBytes(1000, 250)), unreachable=1)
    assert answer_of(evolve(nothing, snapshot=part)) == (
        f"25.00 % of what was due of {RATE} did not leave this host (Network is unreachable); the network said 1 time that a "
        "peer does not get it; whether it played, the receiving end knows."
    )


# -- how it ended ------------------------------------------------------------------------------------------------------


def test_streams_that_failed_are_told_with_their_most_frequent_result() -> None:
    ends = (RESULT, failed(1), failed(2))
    outcomes = {Outcome.SUCCESSFUL: 1, Outcome.PROTOCOL_ERROR: 2}
    some = evolve(report(), streams=tuple(map(StreamEnds, ends)), snapshot=evolve(report().snapshot, outcomes=outcomes))
    assert answer_of(some).endswith(". 2 of 3 streams failed: ErrorNotAllDataTransferred.")
    one = evolve(some, streams=(StreamEnds(failed(1)),))
    one = evolve(one, snapshot=evolve(one.snapshot, outcomes={Outcome.PROTOCOL_ERROR: 1}))
    assert answer_of(one) == (
        f"{RATE} did not play to its end: 6,000 of 6,000 frames were whole in time. "
        "The stream failed: ErrorNotAllDataTransferred."
    )


def test_what_went_wrong_with_the_run_is_counted_and_how_it_was_ended_is_told() -> None:
    assert answer_of(evolve(report(), failures=("a disk is full",))).endswith(". Of the run itself 1 thing went wrong.")
    assert answer_of(evolve(report(), interrupted=True)).endswith(". It was stopped after 5.970 s.")
    limited = evolve(report(), snapshot=evolve(report().snapshot, cut_off_by_time_limit=1))
    assert answer_of(limited).endswith(". It was cut off by run.time_limit after 5.970 s.")


def test_the_answer_is_the_first_line_of_the_summary_and_a_key_of_the_json() -> None:
    plays = report(known=playout((11, 6000)))
    assert summary_text(plays).splitlines()[:2] == [answer_of(plays), ""]
    assert summary_json(plays)["answer"] == answer_of(plays)


# -- any report --------------------------------------------------------------------------------------------------------

few = st.integers(0, 40) | st.integers(0, 10_000)


@st.composite
def reports(draw: st.DrawFn) -> RunReport:
    frames = FrameTotals(draw(few), draw(few), draw(few), draw(few))
    due = draw(few)
    missing = draw(st.integers(0, due))
    late_bytes = draw(st.integers(0, missing))
    total = StreamSnapshot(
        frames,
        draw(few),
        draw(few),
        due=DueBytes(due, missing, late_bytes, draw(st.integers(0, late_bytes)), draw(few)),
        unsent=draw(st.sampled_from([UnsentFrames(), UnsentFrames({"Network is down": Unsent(1, 1)})])),
    )
    outcomes = draw(st.dictionaries(st.sampled_from(Outcome), st.integers(0, 3)))
    results = draw(st.lists(st.sampled_from([RESULT, failed(1), evolve(RESULT, counts=total)]), max_size=3))
    results = [evolve(each, role=draw(st.sampled_from(Role))) for each in results]
    whole = draw(st.dictionaries(st.integers(1, 90), st.integers(1, 300), max_size=4))
    sweep = playout(*sorted(whole.items()), known=draw(st.integers(30, 6000)), frames=sum(whole.values()) + draw(few))
    lateness = Histogram()
    for value in draw(st.lists(st.integers(0, SECOND), max_size=3)):
        lateness.record(value)
    host = HostFigures(
        loop_lag=lateness, overflowed=draw(st.integers(0, 1)), process_share=draw(st.none() | st.just(2.0))
    )
    metrics = [None, media(0), media(40), media(400, slow_ns=150 * MS), media(400, missing=tuple(range(9, 90)))]
    return RunReport(
        role=draw(st.sampled_from(["loopback", "server", "client"])),
        direction=draw(st.sampled_from(Direction)),
        began_ns=0,
        elapsed_ns=draw(st.integers(0, 10**13)),
        snapshot=RunSnapshot(
            5,
            draw(st.integers(0, 2)),
            total,
            outcomes,
            {"in server.deny": draw(st.integers(0, 1))},
            overflowed=draw(st.integers(0, 2)),
            unreachable=draw(st.integers(0, 2)),
            unsent=total.unsent,
            cut_off_by_time_limit=draw(st.none() | st.integers(0, 2)),
        ),
        streams=tuple(map(StreamEnds, results)),
        interrupted=draw(st.booleans()),
        failures=draw(st.sampled_from([(), ("a worker died",)])),
        send_lateness=lateness,
        late=draw(st.sampled_from([LateArrivals(), LateArrivals(MS, 1, 1, 1, 1)])),
        plan=draw(st.sampled_from([None, PLAN, StreamPlan(80_000, 10, SECOND)])),
        hosts=draw(st.sampled_from([None, (), (host,)])),
        playout=draw(st.sampled_from([None, sweep])),
        metrics=draw(st.sampled_from(metrics)),
    )


@settings(deadline=None)
@given(reports())
def test_any_report_gives_whole_sentences_and_none_of_what_is_not_known(any_report: RunReport) -> None:
    said = answer_of(any_report)
    assert re.fullmatch(r"[A-Z0-9].*[^.][.?]", said), said
    assert not re.search(r"\b(None|nan|inf)\b|  |\.\.|;\.|:\.|[<({]\s|\(\)", said), said
    assert said == answer_of(any_report)
