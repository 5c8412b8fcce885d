"""A server's side of the handshake, for all of its peers: who receives what is sent to it, who has a key, what was decided.

HELLO without the right cookie is answered by CHALLENGE, and nothing is kept of it. One with it is for the caller to decide:
:meth:`Acceptor.accept`, :meth:`Acceptor.refuse`, or neither, as if it had not come. The decision is kept by peer
and nonce for as long as the cookie is good, and each copy of that HELLO is answered by the same bytes. Who is refused takes
none of the room that those have who are accepted: it costs a peer nothing to be refused, as often as it likes.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from cts.protocol.control.cookie import cookie_of, is_fresh_cookie, slot_of
from cts.protocol.control.datagrams import HelloDatagram, encode_control, transcript, with_tag
from cts.protocol.control.keys import Key, KeyRing, StreamKeys, same
from cts.protocol.control.limits import Caps, Reason, Refusal, WantedPlan
from cts.protocol.control.messages import ALL_FEATURES, Challenge, Feature, Hello, Refused, Welcome
from cts.protocol.control.session import Session
from cts.protocol.plan import StreamPlan

__all__ = ["Accepted", "Acceptor", "Incoming", "Repeated", "Unfit"]

_Asker = tuple[bytes, int, bytes]
"""Address, port, nonce."""


class Incoming(NamedTuple):
    """A client that receives what is sent to it and, where the server has keys, has one of them.

    Attributes:
        hello: what it asks for.
        key: the key that it has; its name is for the log.
        asker: who it is.
        transcript: what both ends know of HELLO.
    """

    hello: Hello
    key: Key | None
    asker: tuple[bytes, int, bytes]
    transcript: bytes


class Repeated(NamedTuple):
    """The decision on a HELLO of which another copy came: mostly since the answer was lost.

    A receiving side that has no data yet begins anew with it, as with START that comes again: its client begins with the
    answer.

    Attributes:
        answer: the same WELCOME or REFUSED, to be sent now.
    """

    answer: bytes


class Unfit(NamedTuple):
    """A HELLO that no server of these keys and of this version serves; nothing is kept of it.

    Attributes:
        reason: why.
        answer: the REFUSED, to be sent now.
    """

    reason: Reason
    answer: bytes


class Accepted(NamedTuple):
    """A stream that begins.

    Attributes:
        answer: the WELCOME, to be sent now.
        session: seals and opens control datagrams of the stream.
        features: what both ends can do.
        key_name: whose key the client has; None for one without a name, and for none.
    """

    answer: bytes
    session: Session
    features: Feature
    key_name: str | None = None


class _Answers:
    """Those that were given in this slot and the one before, by asker; the oldest makes room where there are too many."""

    def __init__(self, at_most: int) -> None:
        self._at_most = at_most
        self._now: OrderedDict[_Asker, bytes] = OrderedDict()
        self._before: OrderedDict[_Asker, bytes] = OrderedDict()

    def __len__(self) -> int:
        return len(self._now) + len(self._before)

    def add(self, asker: _Asker, answer: bytes) -> None:
        """Keep an answer; where there are too many the oldest is forgotten for it."""
        if len(self) >= self._at_most:
            (self._before or self._now).popitem(last=False)
        self._now[asker] = answer

    def again(self, asker: _Asker) -> bytes | None:
        """Return what an asker was answered, which is of this slot from now on."""
        answer = self._now.pop(asker, None) or self._before.pop(asker, None)
        if answer is not None:
            self._now[asker] = answer
        return answer

    def drop(self, asker: _Asker) -> None:
        self._now.pop(asker, None)
        self._before.pop(asker, None)

    def turn(self, *, keep: bool) -> None:
        """Begin a slot; keep those of the one that was, or none."""
        self._before = self._now if keep else OrderedDict()
        self._now = OrderedDict()


class Acceptor:
    """Hears every HELLO of a server.

    Args:
        secret: what cookies are made with, 16 to 64 bytes that nobody can foresee, drawn for this run alone.
        keys: those of its clients; None to serve who has none.
        remembered: streams that are kept at once, and refusals, each for 10 s at most after the last copy of its HELLO.
            Of more the oldest are forgotten: a copy of one's HELLO that is still on its way is decided anew.
    """

    def __init__(self, secret: bytes, *, keys: KeyRing | None = None, remembered: int = 16_384) -> None:
        self._secret = secret
        self._keys = keys
        self._slot = 0
        self._accepted = _Answers(remembered)
        self._refused = _Answers(remembered)

    @property
    def decisions(self) -> int:
        """How many are kept; none is of a peer whose cookie was not right."""
        return len(self._accepted) + len(self._refused)

    def hear(
        self, datagram: HelloDatagram, address: bytes, port: int, now_ns: int
    ) -> bytes | Repeated | Unfit | Incoming:
        """Take a HELLO, whether its address has a stream or none.

        Args:
            datagram: the HELLO.
            address: the peer's, 255 bytes at most; one address always the same ones.
            port: the peer's.
            now_ns: this instant.

        Returns:
            The answer to send there; or the one that was given before; or why there cannot be a stream; or who asks, to be
            decided before anything else is heard.
        """
        hello = datagram.hello
        cookie = hello.cookie
        if cookie is None or not is_fresh_cookie(self._secret, address, port, hello.nonce, cookie, now_ns):
            made = cookie_of(self._secret, address, port, hello.nonce, slot_of(now_ns))
            return encode_control(Challenge(hello.nonce, made))
        self._forget(now_ns)
        asker = (address, port, hello.nonce)
        before = self._accepted.again(asker) or self._refused.again(asker)
        if before is not None:
            return Repeated(before)
        if hello.unknown:
            text = (
                f"HELLO has field {hello.unknown[0]}, which this server does not know: it may be older than the client"
            )
            return Unfit(Reason.UNSUPPORTED, _refused(hello, Refusal(Reason.UNSUPPORTED, text)))
        key, problem = self._key_of(datagram)
        if problem is not None:
            return Unfit(Reason.KEY, _refused(hello, Refusal(Reason.KEY, problem)))
        return Incoming(hello, key, asker, transcript(datagram.covered))

    def accept(
        self,
        incoming: Incoming,
        plan: StreamPlan,
        *,
        connection_id: str,
        server_nonce: bytes,
        caps: Caps,
        now_ns: int,
        features: Feature = ALL_FEATURES,
    ) -> Accepted:
        """Serve the stream.

        Args:
            incoming: who asks.
            plan: what was asked for, as :func:`cts.protocol.control.limits.admit` returned it.
            connection_id: its name, a UUID of 36 characters.
            server_nonce: 16 bytes that nobody can foresee, drawn for this stream alone.
            caps: what one stream may be.
            now_ns: this instant.
            features: what this end can do.
        """
        hello, key = incoming.hello, incoming.key
        both = hello.features & features
        welcome = Welcome(
            hello.nonce, server_nonce, connection_id, WantedPlan.of(plan), hello.direction, both, caps, now_ns
        )
        covered = encode_control(welcome, tagged=key is not None)
        answer = covered if key is None else with_tag(covered, key.welcome_tag(incoming.transcript, covered))
        self._accepted.add(incoming.asker, answer)
        keys = StreamKeys.of(key, incoming.transcript, covered)
        return Accepted(answer, Session(keys, is_client=False), both, None if key is None else key.name)

    def refuse(self, incoming: Incoming, refusal: Refusal) -> bytes:
        """Return the answer that says why the stream is not served."""
        self._accepted.drop(incoming.asker)
        answer = _refused(incoming.hello, refusal)
        self._refused.add(incoming.asker, answer)
        return answer

    def _forget(self, now_ns: int) -> None:
        """Drop what no good cookie can ask for again: decisions of neither this slot nor the one before."""
        slot = slot_of(now_ns)
        if slot != self._slot:
            for answers in (self._accepted, self._refused):
                answers.turn(keep=slot == self._slot + 1)
            self._slot = slot

    def _key_of(self, datagram: HelloDatagram) -> tuple[Key | None, str | None]:
        """Return the key that a client has; or in its place what is wrong."""
        hello, tag, covered = datagram
        if self._keys is None:
            return None, None if tag is None else "it has no keys: do without one, or give it the same psk_file"
        if tag is None:
            return None, "it serves only who has a key: set client.psk_file to one of its keys"
        key = self._keys.find(hello.key_name)
        # Which of the two is wrong is not said: whether there is a name is nobody's business.
        if key is None or not same(tag, key.hello_tag(covered)):
            return None, "the key is not one of this server's, or has another name there"
        return key, None


def _refused(hello: Hello, refusal: Refusal) -> bytes:
    return encode_control(Refused(hello.nonce, refusal))
