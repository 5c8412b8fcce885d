from __future__ import annotations

import pytest

from cts.metrics.peer_clock import ClockSample
from cts.protocol.control.belief import Seen
from cts.protocol.control.channel import CONFIRMED_WITHIN_NS, StreamChannel
from cts.protocol.control.counts import ReceiverCounts, SenderCounts
from cts.protocol.control.messages import ALL_FEATURES, Counts, Feature, Ping, Pong, Results, ResultsAck
from cts.protocol.control.results import CUT_OFF, RESULTS_REPEATED_NS, RESULTS_RETRY_NS
from cts.protocol.control.session import Rejected
from cts.protocol.control.states import State
from cts.protocol.plan import StreamPlan
from cts.protocol.roles import Role
from cts.protocol.task import FOREVER_NS
from cts.units import SECOND
from tests.protocol.control.ends import KEY, MS, channel_of, channels, give, meet, said, sent

RECEIVED = Counts(received=ReceiverCounts(elapsed_ns=SECOND, completed=30))
RECEIVED_ALL = Results("Succeeded", RECEIVED.received)
SENT = Results("Succeeded", sent=SenderCounts(frames_due=150, bytes_sent=5_000_000))


# ------------------------------------------------------------------------------------------------ both know


@pytest.mark.parametrize("key", [None, KEY])
def test_both_ends_are_confirmed_by_the_first_ping_and_its_answer(key: object) -> None:
    client, server = channels(KEY if key else None)
    ping = sent(client, 1000)
    assert said(ping) == [Ping(1000)]
    assert give(server, ping, 77) == []
    assert (client.state, server.state) == (State.WELCOMED, State.CONFIRMED)
    answers = sent(server, 80)
    assert said(answers)[0] == Pong(1000, 77, 80)
    assert give(client, answers, 1100) == [ClockSample(1000, 77, 80, 1100)]
    assert client.state is State.CONFIRMED
    assert client.explanation is None


def test_data_of_the_peer_confirms_it_as_well() -> None:
    client, _ = channels()
    client.heard_data()
    assert client.state is State.CONFIRMED
    assert client.due_ns == 0


def test_an_end_that_hears_nothing_for_five_seconds_says_so_and_says_no_more() -> None:
    client, server = channels()
    assert client.due_ns == 0
    pings = 0
    while client.due_ns <= CONFIRMED_WITHIN_NS:
        pings += len(sent(client, client.due_ns))
    assert pings == 26
    assert (client.state, client.due_ns) == (State.WELCOMED, CONFIRMED_WITHIN_NS + 1)
    assert sent(client, client.due_ns) == []
    assert (client.state, client.due_ns) == (State.UNCONFIRMED, FOREVER_NS)
    assert client.is_over(client.due_ns)
    assert client.explanation == "the stream was agreed on, and then nothing came of the other end for 5 s"
    client.heard_data()
    assert give(client, sent(server), 0) == []
    assert client.state is State.UNCONFIRMED


def test_what_is_made_up_confirms_nothing() -> None:
    client, _ = channels()
    _, stranger = channels(KEY)
    give(client, sent(stranger))
    assert client.state is State.WELCOMED
    assert client.session.rejected == {Rejected.OTHER_STREAM: 1}


# ------------------------------------------------------------------------------------------------ answers


def test_a_peer_that_pings_too_fast_is_not_answered_each_time() -> None:
    client, server = channels()
    flood = [client.session.seal(Ping(number)) for number in range(100)]
    give(server, flood)
    assert len([each for each in said(sent(server)) if isinstance(each, Pong)]) == 4
    assert server.ignored == 96


def test_pings_to_an_end_that_stands_still_wait_in_a_short_queue_and_the_others_are_counted() -> None:
    client, server = channels()
    for second in range(10):
        give(server, [client.session.seal(Ping(second))], second * SECOND)
    answers = [each for each in said(sent(server, 10 * SECOND)) if isinstance(each, Pong)]
    assert [each.ping_ns for each in answers] == [0, 1, 2, 3]
    assert server.ignored == 6


def test_a_ping_that_comes_again_is_answered_once() -> None:
    client, server = channels()
    give(server, sent(client) * 5)
    assert [type(each) for each in said(sent(server))].count(Pong) == 1


# ------------------------------------------------------------------------------------------------ counts


def test_counts_reach_the_peer() -> None:
    client, server = channels()
    client.tell(RECEIVED)
    assert RECEIVED in give(server, sent(client))
    assert server.peer_counts == RECEIVED


def test_counts_that_still_wait_are_told_in_their_newest_form_alone() -> None:
    client, _ = channels()
    client.tell(Counts())
    client.tell(RECEIVED)
    assert [each for each in said(sent(client)) if isinstance(each, Counts)] == [RECEIVED]


def test_of_counts_that_overtake_each_other_the_newest_win() -> None:
    client, server = channels()
    client.tell(Counts())
    older = sent(client)
    client.tell(RECEIVED)
    newer = sent(client)
    assert give(server, newer + older) == [RECEIVED]
    assert server.peer_counts == RECEIVED


def test_counts_that_come_behind_the_results_say_nothing_more() -> None:
    client, server = channels()
    client.tell(RECEIVED)
    late = sent(client)
    client.finish(SENT, 0, peer_ends_ns=0)
    assert give(server, sent(client) + late) == [SENT]
    assert server.peer_counts is None


def test_no_counts_are_told_once_the_results_are() -> None:
    client, _ = channels()
    client.tell(RECEIVED)
    client.finish(SENT, 0, peer_ends_ns=0)
    client.tell(RECEIVED)
    assert said(sent(client)) == [SENT]


def test_no_counts_are_told_to_a_peer_that_does_not_know_them() -> None:
    client, _ = channels()
    quiet = channel_of(client.session, features=Feature.RESULTS)
    quiet.tell(RECEIVED)
    assert [type(each) for each in said(sent(quiet))] == [Ping]


def test_counts_are_what_metrics_know_them_as() -> None:
    counts = ReceiverCounts(completed=3, dropped=2, repeated=1, on_time=9, late=4, undecodable=5, due=7, missing=6)
    assert (counts.frames.rendered, counts.frames.error, counts.arrivals.errors) == (6, 9, 9)
    assert (counts.due_bytes.due, counts.due_bytes.missing) == (7, 6)
    told = ReceiverCounts(handshake=2, duplicate=1, hidden_losses=3)
    assert (told.arrivals.handshake, told.arrivals.duplicate, told.frames.hidden_losses) == (2, 1, 3)
    assert (SenderCounts(due=7, missing=2).due_bytes.due, SenderCounts(due=7, missing=2).due_bytes.missing) == (7, 2)


# ------------------------------------------------------------------------------------------------ results


def test_both_ends_have_each_others_results_and_are_over() -> None:
    client, server = channels()
    mine = Results("Succeeded", received=ReceiverCounts(completed=150))
    client.finish(mine, 0, peer_ends_ns=0)
    server.finish(SENT, 0, peer_ends_ns=0)
    assert not client.is_over(0)
    meet(client, server)
    assert (client.peer_results, server.peer_results) == (SENT, mine)
    assert client.acknowledged
    assert server.acknowledged
    assert client.is_over(0)
    assert server.is_over(0)
    assert client.due_ns == server.due_ns == FOREVER_NS


def test_an_end_waits_for_the_results_of_a_peer_whose_side_is_over_later() -> None:
    client, server = channels()
    server.finish(SENT, 0, peer_ends_ns=7 * SECOND)
    give(client, sent(server))
    assert give(server, sent(client)) == []
    assert server.acknowledged
    assert not server.is_over(7 * SECOND + RESULTS_REPEATED_NS)
    assert server.due_ns == 7 * SECOND + RESULTS_REPEATED_NS + 1
    assert [type(each) for each in said(sent(server, 3 * SECOND))] == [Pong]
    mine = Results("ErrorNotAllDataTransferred")
    client.finish(mine, 7 * SECOND, peer_ends_ns=0)
    assert give(server, sent(client, 7 * SECOND), 7 * SECOND) == [mine]
    assert not server.is_over(7 * SECOND)
    assert said(sent(server, 7 * SECOND)) == [ResultsAck()]
    assert server.is_over(7 * SECOND)


def test_results_that_nobody_acknowledges_are_repeated_for_two_seconds_and_the_peers_were_not_received() -> None:
    client, server = channels()
    meet(client, server)
    client.finish(SENT, 0, peer_ends_ns=0)
    times = []
    while not client.is_over(client.due_ns):
        now_ns = client.due_ns
        times += [now_ns] * len(sent(client, now_ns))
    assert times == list(range(0, RESULTS_REPEATED_NS + 1, RESULTS_RETRY_NS))
    assert client.due_ns == RESULTS_REPEATED_NS + 1
    assert client.peer_results is None
    assert not client.acknowledged


def test_an_end_that_has_the_peers_results_repeats_its_own_until_they_are_acknowledged_or_two_seconds_passed() -> None:
    client, server = channels()
    meet(client, server)
    server.finish(SENT, 0, peer_ends_ns=0)
    client.finish(SENT, 0, peer_ends_ns=60 * SECOND)
    give(client, sent(server))
    sent(client)
    assert client.due_ns == RESULTS_RETRY_NS
    for now_ns in range(RESULTS_RETRY_NS, RESULTS_REPEATED_NS + 1, RESULTS_RETRY_NS):
        assert sent(client, now_ns)
    assert not client.is_over(RESULTS_REPEATED_NS)
    assert client.due_ns == RESULTS_REPEATED_NS + 1
    assert client.is_over(client.due_ns)


def test_an_end_whose_peer_was_cut_off_and_so_has_left_tells_its_own_once_and_waits_for_nothing() -> None:
    client, server = channels()
    meet(client, server)
    server.finish(Results(CUT_OFF), 0, peer_ends_ns=0)
    give(client, sent(server))
    client.finish(SENT, 0, peer_ends_ns=60 * SECOND)
    assert not client.is_over(0)
    assert SENT in said(sent(client))
    assert client.is_over(0)
    assert not client.acknowledged


def test_results_that_come_again_are_acknowledged_again_and_told_once() -> None:
    client, server = channels()
    client.finish(SENT, 0, peer_ends_ns=0)
    assert give(server, sent(client)) == [SENT]
    sent(server)
    assert give(server, sent(client, RESULTS_RETRY_NS), RESULTS_RETRY_NS) == []
    assert ResultsAck() in said(sent(server, RESULTS_RETRY_NS))


def test_results_that_come_too_fast_are_not_acknowledged_each_time() -> None:
    client, server = channels()
    for _ in range(100):
        give(server, [client.session.seal(SENT)])
        sent(server)
    assert server.ignored == 96


def test_an_acknowledgement_of_nothing_is_ignored() -> None:
    client, server = channels()
    give(client, [server.session.seal(ResultsAck())])
    assert client.ignored == 1
    client.finish(SENT, 0, peer_ends_ns=0)
    assert said(sent(client)) == [SENT]


def test_results_are_final() -> None:
    client, server = channels()
    client.finish(SENT, 0, peer_ends_ns=0)
    client.finish(Results("other"), 5, peer_ends_ns=0)
    assert give(server, sent(client, RESULTS_RETRY_NS)) == [SENT]


def test_with_a_peer_that_does_not_know_results_an_end_is_over_at_once() -> None:
    client, server = channels()
    ending = channel_of(client.session, features=ALL_FEATURES & ~Feature.RESULTS)
    ending.finish(SENT, 0, peer_ends_ns=9 * SECOND)
    assert sent(ending) == []
    assert ending.is_over(0)
    assert ending.due_ns == CONFIRMED_WITHIN_NS + 1
    give(ending, sent(server))
    assert said(sent(ending, MS)) == [Pong(0, 0, MS)]
    assert ending.due_ns == FOREVER_NS


PLAN = StreamPlan(1_000_000, 30, SECOND, SECOND)
CANNOT_BE = Counts(sent=SenderCounts(frames_due=31))


def test_what_a_stream_cannot_come_to_is_not_believed_and_counted() -> None:
    client, server = channels()
    server = StreamChannel(server.session, now_ns=0, jitter=lambda: 0.0, plan=PLAN)
    client.tell(CANNOT_BE)
    give(server, sent(client))
    assert server.peer_counts == Counts()
    assert server.ignored == 1


def test_results_that_what_came_behind_them_speaks_against_are_not_believed_in_the_end() -> None:
    client, server = channels()
    came = 1
    told = Results(CUT_OFF, sent=SenderCounts(frames_due=1, bytes_sent=PLAN.frame_size, due=PLAN.frame_size))
    server = StreamChannel(
        server.session, now_ns=0, jitter=lambda: 0.0, plan=PLAN, seen=lambda: Seen(Role.RECEIVER, came)
    )
    client.finish(told, 0, peer_ends_ns=0)
    give(server, sent(client))
    assert (server.peer_results, server.ignored) == (told, 0)
    came = 3
    server.finish(RECEIVED_ALL, 0, peer_ends_ns=0)
    assert (server.peer_results, server.ignored) == (Results(CUT_OFF), 1)
