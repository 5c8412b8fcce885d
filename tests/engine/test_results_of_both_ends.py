"""What the two ends of a stream that HELLO began tell each other of it: counts while it runs, results at its end."""

from __future__ import annotations

from itertools import count

import pytest

from cts.api import IPacer, Outcome, Role
from cts.engine.peer_talk import PeerTalk
from cts.impairment.link import Impairment
from cts.impairment.loss import Bernoulli
from cts.metrics.loss import LossByPlace
from cts.output.answer import answer_of
from cts.output.summary import summary_text
from cts.protocol.control.datagrams import decode_control_untrusted
from cts.protocol.control.keys import StreamKeys
from cts.protocol.control.messages import ALL_FEATURES, Counts, Results
from cts.protocol.control.pinging import Pace
from cts.protocol.control.session import Session
from cts.records.results import RunReport
from cts.records.stream_results import StreamEnds, StreamResult
from cts.records.truth_writer import Transmission
from cts.runs.session_settings import session_settings
from cts.testing import PEER, RecordingEndpoint
from tests.engine.simulated_runs import Sides, both_sides, simulated
from tests.engine.small_stream import END, LATENCY, MS, PATH, PLAN, SECOND, config_of, losing
from tests.engine.virtual_world import Recorder, World, in_world

BOTH = pytest.mark.parametrize("direction", ["pull", "push"])
BY_HELLO = {"handshake": "cts"}
MODERATION = MS
"""For so long the simulated network holds datagrams that are not short."""


def data_lost(direction: str) -> Sides:
    """Run a stream of which a datagram in the middle is lost."""
    lossy = losing((30, 30))
    if direction == "pull":
        return both_sides(direction, client=BY_HELLO, to_client=lossy)
    return both_sides(direction, client=BY_HELLO, to_server=lossy)


@BOTH
def test_the_sending_end_has_the_verdicts_and_the_loss_of_the_receiving_one(direction: str) -> None:
    sides = data_lost(direction)
    received = sides.receiver.counts
    peer = sides.sender.peer
    assert peer is not None
    assert peer.counts is not None
    assert peer.counts.received is not None
    assert peer.outcome == "Succeeded"
    assert peer.counts.received.frames == received.frames
    assert peer.counts.received.arrivals == received.arrivals
    loss = StreamEnds(sides.sender).loss
    assert loss == LossByPlace(due=PLAN.transfer_size, on_the_way=received.due.missing)
    assert received.due.missing > 0


@BOTH
def test_the_receiving_end_knows_what_was_sent_and_so_where_the_rest_was_lost(direction: str) -> None:
    sides = data_lost(direction)
    peer = sides.receiver.peer
    assert peer is not None
    assert peer.counts is not None
    assert peer.counts.sent is not None
    assert (peer.counts.sent.frames_due, peer.counts.sent.frames_unsent) == (PLAN.final_frame, 0)
    assert peer.counts.sent.bytes_sent == PLAN.transfer_size
    ends = StreamEnds(sides.receiver)
    assert ends.knows_both
    assert ends.loss == StreamEnds(sides.sender).loss


@BOTH
def test_statuses_have_what_the_peer_told_last(direction: str) -> None:
    async def main(world: World) -> None:
        told = Recorder()
        config = config_of(direction, run={"role": "client"}, client=BY_HELLO)
        server = await world.serve(world.session(config_of(direction, run={"role": "server", "grace": "1h"})))
        await world.session(config, observer=told).run()
        await server.stop()
        peers = [each.counts.peers for each in told.statuses]
        seen = [each.frames.completed if direction == "push" else each.frames_due for each in peers]
        assert seen == sorted(seen)
        assert set(seen) > {0, PLAN.final_frame}
        assert peers[-1].finished == 1

    in_world(main)


@BOTH
def test_a_stream_ends_when_it_did_before_and_its_end_is_told_once_results_are_exchanged(direction: str) -> None:
    sides, original = both_sides(direction, client=BY_HELLO), both_sides(direction)
    for ours, theirs in ((sides.receiver, original.receiver), (sides.sender, original.sender)):
        began_ns = ours.ended_ns - theirs.ended_ns
        # HELLO, CHALLENGE, HELLO, WELCOME in place of START and the connection id.
        assert 0 <= began_ns <= 4 * LATENCY + 2 * MODERATION
    assert sides.receiver.outcome is sides.sender.outcome is Outcome.SUCCESSFUL


@pytest.mark.parametrize("seed", range(3))
@BOTH
def test_over_a_path_that_loses_thirty_percent_both_ends_have_the_results_of_the_other(
    direction: str, seed: int
) -> None:
    lossy = Impairment(delay=PATH.delay, loss=Bernoulli(0.3), duplicate=0.1, reorder=0.1, reorder_delay_ns=50 * MS)
    config = config_of(direction, client={**BY_HELLO, "connections": 8})
    report = simulated(config, to_client=lossy, to_server=lossy, seed=seed)
    agreed = [
        (stream.end.peer, other.peer)
        for stream in report.streams
        for other in stream.others
        if stream.end.peer is not None and other.peer is not None
    ]
    # Of some the beginning takes longer than the stream.
    assert len(agreed) >= 6
    assert [each for each in agreed if each[0].outcome is None or each[1].outcome is None] == []


@BOTH
def test_what_both_ends_say_is_a_function_of_the_seed_alone(direction: str) -> None:
    lossy = Impairment(delay=PATH.delay, loss=Bernoulli(0.3))
    config = config_of(direction, client={**BY_HELLO, "connections": 6})

    def said() -> list[tuple[int, int, bytes]]:
        transmissions: list[Transmission] = []
        simulated(config, to_client=lossy, to_server=lossy, on_transmission=transmissions.append)
        return sorted((each.client, each.at_ns, bytes(each.header)) for each in transmissions)

    assert said() == said() == said()


def ended_alone(direction: str, role: str) -> tuple[RunReport, int]:
    """Run a stream of which the other end falls silent in the middle; return the report and when the run was over."""

    async def main(world: World) -> tuple[RunReport, int]:
        server = await world.serve(world.session(config_of(direction, run={"role": "server", "grace": "1h"})))
        client = await world.serve(world.session(config_of(direction, run={"role": "client"}, client=BY_HELLO)))
        await world.until(SECOND)
        other, mine = (server, client) if role == "client" else (client, server)
        other.session.stop_now()
        mine.session.stop_accepting()
        report = await mine.report()
        return report, world.pacer.now_ns()

    # What is said at being cut off is lost as well.
    silent = Impairment(delay=PATH.delay, outages=((SECOND, 100 * SECOND),))
    return in_world(main, to_client=silent) if role == "client" else in_world(main, to_server=silent)


@pytest.mark.parametrize("role", ["client", "server"])
@BOTH
def test_a_peer_that_vanishes_holds_the_run_up_for_two_seconds_beyond_the_plan(direction: str, role: str) -> None:
    report, over_ns = ended_alone(direction, role)
    (result,) = report.results
    assert result.peer is not None
    assert result.peer.outcome is None
    begun_by_ns = 4 * LATENCY + 2 * MODERATION
    assert over_ns <= begun_by_ns + END + 2 * SECOND + MS


def test_an_end_that_is_cut_off_says_so_and_its_peer_knows() -> None:
    async def main(world: World) -> StreamResult:
        server = await world.serve(world.session(config_of("pull", run={"role": "server", "grace": "1h"})))
        client = await world.serve(world.session(config_of("pull", run={"role": "client"}, client=BY_HELLO)))
        await world.until(SECOND)
        server.session.stop_now()
        (result,) = (await client.report()).results
        return result

    result = in_world(main)
    assert result.peer is not None
    assert result.peer.outcome == "Cancelled"


def test_an_end_that_is_cut_off_says_so_though_its_clock_goes_on_meanwhile() -> None:
    class Going(IPacer):
        """No two looks at it show the same."""

        def __init__(self) -> None:
            self._looks = count()

        def now_ns(self) -> int:
            return next(self._looks)

        async def wait_until(self, due_ns: int) -> None:
            raise NotImplementedError

    async def main(world: World) -> None:
        talk.break_off(Results("Cancelled"))

    keys, endpoint = StreamKeys.of(None, b"hello", b"welcome"), RecordingEndpoint()
    talk = PeerTalk(
        Session(keys, is_client=False),
        ALL_FEATURES,
        PLAN,
        endpoint=endpoint,
        peer=PEER,
        pacer=Going(),
        counts=lambda now_ns: Counts(),
        pace=Pace(),
    )
    in_world(main)
    peer = Session(keys, is_client=True)
    assert [peer.open(decode_control_untrusted(each.datagram)) for each in endpoint.sent] == [Results("Cancelled")]


def test_a_receiver_that_fails_tells_why_and_waits_for_nobody() -> None:
    corrupt = Impairment(delay=PATH.delay, corrupt=0.05)
    sides = both_sides("pull", to_client=corrupt, client=BY_HELLO, stream={"verify": "data"})
    assert sides.receiver.result == "ErrorDataDidNotMatchBitPattern"
    assert sides.sender.peer is not None
    assert sides.sender.peer.outcome == "ErrorDataDidNotMatchBitPattern"
    assert sides.client.snapshot.elapsed_ns <= sides.receiver.ended_ns + 2 * SECOND + MS


ENDED_BY_PEER = (Outcome.CANCELLED, "Cancelled: its peer ended it")


@BOTH
def test_a_sender_whose_receiver_is_cut_off_sends_no_more(direction: str) -> None:
    async def main(world: World) -> tuple[StreamResult, int]:
        server = await world.serve(world.session(config_of(direction, run={"role": "server", "grace": "1h"})))
        client = await world.serve(world.session(config_of(direction, run={"role": "client"}, client=BY_HELLO)))
        receiving, sending = (client, server) if direction == "pull" else (server, client)
        await world.until(SECOND)
        receiving.session.stop_now()
        await world.until(SECOND + 3 * LATENCY)
        sending.session.stop_accepting()
        (result,) = (await sending.report()).results
        return result, world.pacer.now_ns()

    result, over_ns = in_world(main)
    assert (result.outcome, result.result) == ENDED_BY_PEER
    assert result.ended_ns <= SECOND + LATENCY + MODERATION
    assert result.peer is not None
    assert result.peer.outcome == "Cancelled"
    # It is not waited for, for it has left.
    assert over_ns <= SECOND + 4 * LATENCY


@pytest.mark.parametrize("says_so", [True, False])
def test_a_client_whose_server_ends_in_the_middle_is_told_that_and_not_of_a_bad_network(says_so: bool) -> None:
    silent = Impairment(delay=PATH.delay, outages=() if says_so else ((SECOND, 100 * SECOND),))

    async def main(world: World) -> RunReport:
        long = {"stream_length": "4s"}
        server = await world.serve(world.session(config_of("pull", run={"role": "server", "grace": "1h"}, stream=long)))
        client = await world.serve(
            world.session(config_of("pull", run={"role": "client"}, client=BY_HELLO, stream=long))
        )
        await world.until(SECOND)
        server.session.stop_now()
        return await client.report()

    report = in_world(main, to_client=silent)
    answer = answer_of(report)
    assert "held back" not in answer
    if says_so:
        assert "the sending end was cut off before the stream was over, so that " in answer
        assert "of what was due was not sent" in answer
    else:
        assert "the peer fell silent" in answer
    # That it was cut off is the other end's word; silence may be the network's.
    assert report.failed is says_so
    text = summary_text(report)
    assert ("0 successful, 1 cut off at the other end\n" in text) is says_so
    assert ("failed streams:" in text) is says_so
    assert ("1 successful, though its peer fell silent\n" in text) is not says_so


@BOTH
def test_so_does_one_whose_receiver_has_failed(direction: str) -> None:
    there, back = Impairment(delay=PATH.delay, corrupt=0.2), PATH
    to_client, to_server = (there, back) if direction == "pull" else (back, there)
    verify = {"verify": "data"}
    sides = both_sides(direction, to_client=to_client, to_server=to_server, client=BY_HELLO, stream=verify)
    assert sides.receiver.result == "ErrorDataDidNotMatchBitPattern"
    assert (sides.sender.outcome, sides.sender.result) == ENDED_BY_PEER
    assert sides.sender.ended_ns <= sides.receiver.ended_ns + LATENCY + 3 * MODERATION
    # Whoever asked for it, at either end, is told by the exit status; a server has others to serve.
    assert sides.client.failed
    assert sides.server.failed is (direction == "push")


def test_a_sender_that_never_hears_of_its_client_sends_no_more_after_five_seconds() -> None:
    # HELLO and its copy with the cookie arrive, and then nothing.
    silent = losing((3, 1 << 40))
    stream = {"stream_length": "20s"}

    async def main(world: World) -> StreamResult:
        server = await world.serve(
            world.session(config_of("pull", run={"role": "server", "grace": "1h"}, stream=stream))
        )
        client = await world.serve(
            world.session(config_of("pull", run={"role": "client"}, client=BY_HELLO, stream=stream))
        )
        await world.until(12 * SECOND)
        client.session.stop_now()
        (result,) = (await server.stop()).results
        return result

    result = in_world(main, to_server=silent)
    assert result.result == "ErrorPeerGone"
    assert result.ended_ns - result.started_ns == 5 * SECOND + 1
    assert result.remark == "the stream was agreed on, and then nothing came of the other end for 5 s"


def test_streams_that_start_began_say_nothing_of_the_kind() -> None:
    sides = both_sides("pull")
    assert sides.sender.peer is sides.receiver.peer is None
    assert not [each for each in sides.transmissions if each.header[:2] == b"\x00\x20"]


def test_of_many_streams_at_once_each_asks_and_tells_less_often() -> None:
    settings = session_settings(config_of("pull"))
    few, many = (settings.pace_of(Role.SENDER, 1, open_now) for open_now in (10, 2000))
    assert (few.ping_interval_ns, few.counts_interval_ns) == (200 * MS, SECOND)
    assert (many.ping_interval_ns, many.counts_interval_ns) == (4 * SECOND, 4 * SECOND)


def test_the_two_ends_of_a_stream_do_not_ask_in_step() -> None:
    settings = session_settings(config_of("pull"))
    assert settings.pace_of(Role.SENDER, 1, 0).jitter() != settings.pace_of(Role.RECEIVER, 1, 0).jitter()
