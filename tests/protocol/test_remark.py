"""What is said of a stream beside its result, while it runs and at its end."""

from __future__ import annotations

import attrs
import pytest

from cts.protocol.agreement import PEER_ASKS
from cts.protocol.handshake import handshake_of
from cts.protocol.plan import StreamPlan
from cts.protocol.receiver import MediaStreamReceiver
from cts.protocol.remark import came_late
from cts.protocol.roles import Role
from cts.protocol.sender import MediaStreamSender
from cts.protocol.task import DatagramBatch, StreamError
from cts.protocol.wire import PATTERN, START, Data
from tests.protocol.sides import receiver_of, sender_of

MS = 1_000_000
SECOND = 1000 * MS
NAME = "27a22e1f-549a-4e0c-a6f9-89c72ab6bc09"
PLAN = StreamPlan(80_000, 10, 10 * SECOND, datagram_max_size=1000)
CUT = attrs.evolve(PLAN, stream_length_ns=3 * SECOND, buffer_depth_ns=6 * SECOND)


class Receiving:
    """A push server's receiver that is handed frames at their time."""

    def __init__(self) -> None:
        self.pattern = receiver_of(PLAN, base_ns=0, connection_id=NAME)
        self._recv = self.pattern.initiate_io(0)

    def frames(self, first: int, last: int) -> None:
        for sequence in range(first, last + 1):
            self.take(Data(sequence, sequence, 10_000_000, PATTERN[:974]).encode(), PLAN.send_offset_ns(sequence))

    def take(self, datagram: bytes, at_ns: int) -> None:
        self.pattern.complete_io(self._recv, now_ns=at_ns, data=DatagramBatch(datagram, len(datagram), at_ns))

    def said_at(self, now_ns: int) -> str | None:
        self.pattern.observe(now_ns)
        return None if self.pattern.remark is None else self.pattern.remark.text


def given_up(role: Role, plan: StreamPlan = PLAN, times: int = 0) -> str:
    """Return what a client says to which nothing came back, but so many times that nobody is there."""
    handshake = handshake_of(plan, 0, role=role, connection_id=None)
    pattern = (MediaStreamReceiver if role is Role.RECEIVER else MediaStreamSender)(plan, handshake)
    pattern.initiate_io(0)
    pattern.complete_io(pattern.initiate_io(0), now_ns=0, transferred=5)
    pattern.unreachable(times, 1)
    after_ns = handshake.gives_up_ns + 1
    pattern.complete_io(pattern.initiate_io(after_ns), now_ns=after_ns)
    assert pattern.remark is not None
    return pattern.remark.text


def test_a_peer_that_has_been_silent_for_two_buffers_is_told_of_while_the_stream_runs() -> None:
    receiving = Receiving()
    receiving.frames(1, 30)
    assert receiving.said_at(5 * SECOND - 1) is None
    said = receiving.said_at(5 * SECOND + 1)
    assert said is not None
    assert said.startswith("the peer fell silent 3.000 s after the stream began, in frame 30 of 100")


def test_a_peer_that_sends_again_is_silent_no_more() -> None:
    receiving = Receiving()
    receiving.frames(1, 30)
    assert receiving.said_at(5500 * MS) is not None
    receiving.frames(56, 100)
    assert receiving.said_at(PLAN.end_offset_ns + SECOND) is None


def test_what_was_remarked_before_a_peer_fell_silent_stands() -> None:
    receiving = Receiving()
    receiving.frames(1, 30)
    for _ in range(2):
        receiving.take(START, 3 * SECOND)
    said = receiving.said_at(4 * SECOND)
    assert said == PEER_ASKS.text
    assert receiving.said_at(6 * SECOND) == said


def test_a_peer_that_has_sent_all_is_not_silent() -> None:
    receiving = Receiving()
    receiving.frames(1, 100)
    assert receiving.said_at(PLAN.end_offset_ns + SECOND) is None


@pytest.mark.parametrize("role", Role)
def test_where_the_network_says_that_nobody_is_there_it_is_said_first_and_other_causes_are_not(role: Role) -> None:
    said = given_up(role, times=2)
    assert said.startswith(
        "the network says that nobody listens there, or that the way is closed (2 times); 1 START sent"
    )
    assert "round trip" not in said


def test_a_server_that_the_network_told_the_same_says_it_first_too() -> None:
    receiving = Receiving()
    receiving.pattern.unreachable(1, 1)
    said = receiving.said_at(PLAN.render_offset_ns(1) + 1)
    assert said is not None
    assert said.startswith(
        "the network says that nobody listens there, or that the way is closed (1 time); the peer asked"
    )


@pytest.mark.parametrize("role", Role)
def test_a_buffer_that_the_stream_cut_is_not_named_as_what_was_waited_for(role: Role) -> None:
    assert "nothing came back in 3 s, which is all that the stream is long" in given_up(role, CUT)
    assert "longer than that" in given_up(role, CUT)
    assert "longer than the buffer" in given_up(role)
    assert "with a longer stream it" in came_late(CUT, SECOND)


def test_datagrams_that_may_not_pass_are_named_by_their_size() -> None:
    pattern = receiver_of(PLAN, base_ns=0, connection_id=None)
    pattern.handshake.named(NAME, 1)
    pattern.observe(PLAN.render_offset_ns(1) + 1)
    assert pattern.remark is not None
    assert "datagrams of 1,000 bytes do not pass" in pattern.remark.text


def test_a_wrong_payload_that_ends_a_stream_is_told_with_what_would_go_on() -> None:
    receiving = Receiving()
    receiving.frames(1, 6)
    receiving.take(Data(7, 7, 10_000_000, b"x" * 974).encode(), 700 * MS)
    assert receiving.pattern.error is StreamError.DATA_DID_NOT_MATCH_BIT_PATTERN
    said = receiving.said_at(SECOND)
    assert said is not None
    assert "of frame 7 " in said
    assert 'stream.verify = "count"' in said


@pytest.mark.parametrize("refused", [0, 57])
def test_a_sender_says_how_many_of_its_frames_could_not_be_sent(refused: int) -> None:
    pattern = sender_of(PLAN, base_ns=0, connection_id=NAME)
    pattern.initiate_io(0)
    pattern.complete_io(pattern.initiate_io(0), now_ns=0, transferred=39)
    for sequence in range(1, PLAN.final_frame + 1):
        now_ns = PLAN.send_offset_ns(sequence)
        task = pattern.initiate_io(now_ns)
        pattern.complete_io(task, now_ns=now_ns, transferred=task.size, refused=sequence <= refused)
    said = None if pattern.remark is None else pattern.remark.text
    assert said == ("57 of 100 frames could not be sent: the stream went on without them" if refused else None)
