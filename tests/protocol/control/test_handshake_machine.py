"""A client and a server, and a network that does to every datagram whatever hypothesis thinks of, at any time."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cts.errors import DecodeError
from cts.protocol.control.acceptor import Accepted, Acceptor, Incoming, Repeated, Unfit
from cts.protocol.control.channel import StreamChannel
from cts.protocol.control.client import ClientHandshake, HandshakeMode
from cts.protocol.control.cookie import COOKIE_SLOT_NS
from cts.protocol.control.datagrams import HelloDatagram, decode_control_untrusted, encode_control, with_tag
from cts.protocol.control.keys import Key, KeyRing
from cts.protocol.control.limits import Reason, Refusal
from cts.protocol.control.messages import Counts, Message, Results, ResultsAck
from cts.protocol.control.session import Session
from cts.protocol.control.states import State, is_final
from cts.units import SECOND
from tests.protocol.control.ends import (
    ADDRESS,
    CAPS,
    KEY,
    MS,
    NAME,
    NONCE,
    OF_STREAM,
    OPENING,
    PLAN,
    PORT,
    SECRET,
    SERVER_NONCE,
    channel_of,
    client_of,
)

BUSY = Refusal(Reason.BUSY, "it is full")
OTHER_KEY = Key("alice", b"j" * 32)
KEYS = [(None, None)] * 3 + [(KEY, KEY)] * 3 + [(OTHER_KEY, KEY), (KEY, None), (None, KEY)]
"""The client's and the server's."""
MINE, YOURS = Results("mine"), Results("yours")
WAITS = st.sampled_from([0, 1, 100 * MS, 500 * MS, 500 * MS])
FATES = st.sampled_from([1, 1, 1, 1, 0, 2])
"""How often what is sent comes at once."""


class Handshakes(RuleBasedStateMachine):
    """Everything that was ever sent can come, any number of times, in any order, or never; and a stranger makes things up."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = 0
        self.channel: StreamChannel | None = None
        self.streams: list[tuple[Accepted, StreamChannel]] = []
        self.refusals: list[Refusal] = []
        self.client_states = [State.ASKING]
        self.history: list[tuple[bytes, bool]] = []
        """Every datagram that an end sent, and whether it is for the server."""

    @initialize(
        mode=st.sampled_from([HandshakeMode.CTS, HandshakeMode.AUTO]),
        keys=st.sampled_from(KEYS),
        decision=st.sampled_from(["accept", "accept", "accept", "refuse", "ignore"]),
        smooth=st.integers(0, 3),
    )
    def begin(self, mode: HandshakeMode, keys: tuple[Key | None, Key | None], decision: str, smooth: int) -> None:
        """Begin an attempt, whose first few exchanges nothing happens to."""
        client_key, server_key = keys
        self.same_key = client_key is server_key
        self.client: ClientHandshake = client_of(mode=mode, key=client_key)
        self.acceptor = Acceptor(SECRET, keys=None if server_key is None else KeyRing([server_key]))
        self.decision = decision
        for _ in range(smooth):
            self.client_speaks(wait_ns=0, there=1, back=1)

    # -------------------------------------------------------------------------------------------- time, and both ends

    @rule(wait_ns=WAITS, there=FATES, back=FATES)
    def client_speaks(self, wait_ns: int, there: int, back: int) -> None:
        self.now_ns += wait_ns
        speaker = self.client if self.channel is None else self.channel
        self.send(speaker.poll(self.now_ns), True, there, back)

    @precondition(lambda self: self.streams)
    @rule(wait_ns=WAITS, fate=FATES)
    def server_speaks(self, wait_ns: int, fate: int) -> None:
        self.now_ns += wait_ns
        self.send(self.streams[0][1].poll(self.now_ns), False, fate)

    @precondition(lambda self: not self.client.pending)
    @rule(slots=st.integers(1, 3))
    def much_time_passes(self, slots: int) -> None:
        self.now_ns += slots * COOKIE_SLOT_NS

    # -------------------------------------------------------------------------------------------- the network

    def send(self, datagram: bytes | None, to_server: bool, fate: int, answers_fate: int = 0) -> None:
        """Have it come so many times now; whatever the fate, it may come later as well."""
        if datagram:
            self.history.append((datagram, to_server))
            for _ in range(fate):
                self.comes(datagram, to_server, answers_fate)

    def comes(self, datagram: bytes, to_server: bool, answers_fate: int = 0) -> None:
        if to_server:
            self.send(self._server_hears(datagram), False, answers_fate)
        else:
            self._client_hears(datagram)

    @precondition(lambda self: self.history)
    @rule(which=st.integers(0, 100), back=FATES, sent_back=st.sampled_from([False, False, True]))
    def an_earlier_one_comes(self, which: int, back: int, sent_back: bool) -> None:
        """Late, again, before others, or to its own sender."""
        datagram, to_server = self.history[-1 - which % len(self.history)]
        self.comes(datagram, to_server is not sent_back, back)

    # -------------------------------------------------------------------------------------------- strangers

    @rule(message=st.one_of(OPENING, OF_STREAM), token=st.binary(min_size=8, max_size=8), to_server=st.booleans())
    def stranger_makes_up(self, message: Message, token: bytes, to_server: bool) -> None:
        """A stranger knows the protocol and both addresses, and neither nonce nor key."""
        covered = encode_control(message, token=token, sequence=1, tagged=True)
        self.comes(with_tag(covered, b"g" * 16), to_server)

    @rule(token=st.booleans())
    def stranger_knows_the_token(self, token: bool) -> None:
        if self.channel is not None:
            covered = encode_control(ResultsAck(), token=self.channel.session._token, sequence=2**63)
            self.comes(with_tag(covered, b"g" * 16), token)

    @rule(data=st.binary(max_size=600), to_server=st.booleans())
    def junk(self, data: bytes, to_server: bool) -> None:
        self.comes(b"\0\x20\1" + data, to_server)

    # -------------------------------------------------------------------------------------------- the ends

    @rule()
    def both_tell(self) -> None:
        for channel in self._channels():
            channel.tell(Counts())

    @precondition(lambda self: self.channel is not None)
    @rule()
    def client_is_over(self) -> None:
        assert self.channel is not None
        self.channel.finish(MINE, self.now_ns, peer_ends_ns=self.now_ns)

    @precondition(lambda self: self.streams)
    @rule()
    def server_is_over(self) -> None:
        self.streams[0][1].finish(YOURS, self.now_ns, peer_ends_ns=self.now_ns)

    # -------------------------------------------------------------------------------------------- what must hold

    @invariant()
    def the_server_begins_one_stream_at_most_and_never_one_that_it_refused(self) -> None:
        assert len(self.streams) + len(self.refusals) <= 1

    @invariant()
    def nothing_leads_out_of_an_end(self) -> None:
        for before, after in zip(self.client_states, self.client_states[1:], strict=False):
            assert not is_final(before) or before is after

    @invariant()
    def both_are_welcomed_to_the_same_stream(self) -> None:
        if self.channel is None:
            return
        ((accepted, _),) = self.streams
        welcome = self.client.welcome
        assert welcome is not None
        assert decode_control_untrusted(accepted.answer).message == welcome
        assert accepted.session._token == self.channel.session._token
        assert self.same_key

    @invariant()
    def who_is_refused_has_no_stream_and_who_falls_back_has_asked_for_none(self) -> None:
        state = self.client_states[-1]
        if state is State.REFUSED:
            assert self.streams == []
            assert self.client.refusal == BUSY or not self.same_key
        assert state is not State.ORIGINAL or not (self.streams or self.refusals)
        assert state is not State.ALTERED

    @invariant()
    def who_is_confirmed_has_a_peer(self) -> None:
        for _, stream in self.streams:
            assert stream.state is not State.CONFIRMED or self.channel is not None
            assert stream.peer_results in (None, MINE)
        assert self.channel is None or self.channel.peer_results in (None, YOURS)

    @invariant()
    def what_is_acknowledged_has_come(self) -> None:
        if self.channel is not None:
            server = self.streams[0][1]
            assert not self.channel.acknowledged or server.peer_results == MINE
            assert not server.acknowledged or self.channel.peer_results == YOURS

    @invariant()
    def nothing_is_kept_of_who_has_not_shown_that_it_receives(self) -> None:
        if self.client_states[-1] is State.ASKING:
            assert self.acceptor.decisions == 0

    def teardown(self) -> None:
        """When nothing more comes, each end is told what it is at, within a bounded time."""
        for _ in range(100):
            self.now_ns += 100 * MS
            self.client.poll(self.now_ns)
            for channel in self._channels():
                channel.poll(self.now_ns)
        assert not self.client.pending
        assert (self.client.explanation is None) == (self.client.state is State.WELCOMED)
        for channel in self._channels():
            assert is_final(channel.state)
            channel.finish(MINE, self.now_ns, peer_ends_ns=self.now_ns)
            assert channel.is_over(self.now_ns + 3 * SECOND) or channel._owes_ack

    # -------------------------------------------------------------------------------------------- what they hear

    def _channels(self) -> list[StreamChannel]:
        return [channel for _, channel in self.streams] + ([] if self.channel is None else [self.channel])

    def _client_hears(self, data: bytes) -> None:
        try:
            control = decode_control_untrusted(data)
        except DecodeError:
            return
        if self.channel is not None:
            self.channel.hear(control, self.now_ns)
        else:
            self.client.hear(control, self.now_ns)
            if isinstance(self.client.session, Session):
                self.channel = channel_of(self.client.session, self.now_ns)
        self.client_states.append(self.client.state)

    def _server_hears(self, data: bytes) -> bytes:
        try:
            control = decode_control_untrusted(data)
        except DecodeError:
            return b""
        if (hello := HelloDatagram.of(control)) is None:
            for _, channel in self.streams:
                channel.hear(control, self.now_ns)
            return b""
        heard = self.acceptor.hear(hello, ADDRESS, PORT, self.now_ns)
        if isinstance(heard, Incoming):
            assert heard.hello.nonce == NONCE
            answer = self._decide(heard)
        else:
            answer = heard.answer if isinstance(heard, Repeated | Unfit) else heard
        # No answer is larger than what it answers.
        assert len(answer or b"") <= len(data)
        return answer or b""

    def _decide(self, incoming: Incoming) -> bytes | None:
        if self.decision == "ignore":
            return None
        if self.decision == "refuse":
            self.refusals.append(BUSY)
            return self.acceptor.refuse(incoming, BUSY)
        accepted = self.acceptor.accept(
            incoming, PLAN, connection_id=NAME, server_nonce=SERVER_NONCE, caps=CAPS, now_ns=self.now_ns
        )
        self.streams.append((accepted, channel_of(accepted.session, self.now_ns)))
        return accepted.answer


TestHandshakes = Handshakes.TestCase
TestHandshakes.settings = settings(deadline=None, stateful_step_count=50, max_examples=50)
