"""A client's side of the handshake, until it is welcomed or knows why not."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from cts.protocol.control.cookie import COOKIE_SLOT_NS
from cts.protocol.control.datagrams import Control, encode_control, transcript, with_tag
from cts.protocol.control.keys import Key, StreamKeys, same
from cts.protocol.control.limits import Refusal, WantedPlan
from cts.protocol.control.messages import ALL_FEATURES, Challenge, Feature, Hello, Refused, Welcome
from cts.protocol.control.session import Session
from cts.protocol.control.states import Event, State, next_state
from cts.protocol.plan import StreamPlan
from cts.protocol.roles import Direction
from cts.protocol.task import FOREVER_NS, JUST_AFTER_NS
from cts.units import SECOND, format_duration

__all__ = ["GIVES_UP_NS", "HAS_ANSWERED", "HELLO_RETRY_NS", "ClientHandshake", "HandshakeMode"]

HELLO_RETRY_NS = SECOND // 4 + JUST_AFTER_NS
"""From one HELLO to the next: not quite a whole number of milliseconds, or in virtual time copies would come at the very
instants at which frames leave."""
GIVES_UP_NS = COOKIE_SLOT_NS
"""From the first HELLO to giving up, where there is no falling back."""
HAS_ANSWERED = "the server has answered HELLO"
"""How the explanation of a stream that never began begins, where somebody was there."""
_UNANSWERED_AT_MOST = 4
"""HELLOs before a client that may falls back: where 30 % is lost each way, one stream in fifteen still falls back from a server
that knows HELLO, and of two HELLOs one in four would."""


class HandshakeMode(Enum):
    """How a client begins its streams."""

    AUTO = "auto"
    """By HELLO; by START where nothing answers it within a second. With a key as ``cts``: to fall back would be
    to do without it, which anybody on the way could bring about."""
    CTS = "cts"
    """By HELLO alone."""
    ORIGINAL = "original"
    """By START, as the original does."""

    @property
    def falls_back_ns(self) -> int:
        """After how long a client that nobody answers begins by START."""
        return _UNANSWERED_AT_MOST * HELLO_RETRY_NS if self is HandshakeMode.AUTO else 0


class ClientHandshake:
    """Asks a server for a stream.

    Send what :meth:`poll` returns, now and at :attr:`due_ns`; hand to :meth:`hear` what comes, before polling again; until
    :attr:`pending` is over. Then :attr:`state` says what came of it, and :attr:`explanation` says it in words.

    Args:
        plan, direction: the stream that is wanted.
        nonce: 16 bytes that nobody can foresee, drawn for this attempt alone.
        now_ns: this instant; the first HELLO is due.
        mode: whether it may fall back.
        features: what this end can do.
        key: what it shares with the server; None for nothing.
        gives_up_ns: nanoseconds from now to giving up; cut to :data:`GIVES_UP_NS`, for so long a server remembers.
        on_fall_back: called when it does, unless nobody is there to answer.

    Attributes:
        state: where it is.
        hellos: datagrams that were sent.
        ignored: control datagrams that changed nothing: repeated, late, of another attempt, or without the right tag.
        refusal: why it was refused.
        welcome: what the server accepted.
        not_reached: whether the network says that nobody is there.
        session: seals and opens control datagrams of the stream, once it is welcomed.
    """

    def __init__(
        self,
        plan: StreamPlan,
        direction: Direction,
        *,
        nonce: bytes,
        now_ns: int,
        mode: HandshakeMode = HandshakeMode.AUTO,
        features: Feature = ALL_FEATURES,
        key: Key | None = None,
        gives_up_ns: int = GIVES_UP_NS,
        on_fall_back: Callable[[], None] | None = None,
    ) -> None:
        self.state = State.ORIGINAL if mode is HandshakeMode.ORIGINAL else State.ASKING
        self.hellos = 0
        self.ignored = 0
        self.refusal: Refusal | None = None
        self.welcome: Welcome | None = None
        self.not_reached = False
        self.session: Session | None = None
        self._wanted = WantedPlan.of(plan)
        self._direction = direction
        self._nonce = nonce
        self._features = features
        self._key = key
        self._cookie: bytes | None = None
        self._on_fall_back = on_fall_back
        self._may_fall_back = mode is HandshakeMode.AUTO and key is None
        self._next_ns = now_ns
        self._waited_ns = min(gives_up_ns, GIVES_UP_NS)
        self._until_ns = now_ns + self._waited_ns
        self._fall_back_ns = FOREVER_NS
        self._transcript = transcript(self._hello()[0])

    @property
    def key_name(self) -> str | None:
        """The name of the key that it shares with the server; None for one without a name, and for none."""
        return None if self._key is None else self._key.name

    @property
    def pending(self) -> bool:
        """Whether it still asks."""
        return self.state in (State.ASKING, State.CHALLENGED)

    @property
    def due_ns(self) -> int:
        """When to poll next, if nothing comes before."""
        if not self.pending:
            return FOREVER_NS
        # What comes in the instant of a deadline has come in time.
        return min(self._next_ns, min(self._until_ns, self._fall_back_ns) + JUST_AFTER_NS)

    def poll(self, now_ns: int) -> bytes | None:
        """Return the HELLO that is due; None where there is none, and it may be that this was the end of waiting."""
        if not self.pending:
            return None
        if now_ns > self._fall_back_ns:
            self._turn(Event.NONE_ANSWERED)
            if self._on_fall_back is not None and not self.not_reached:
                self._on_fall_back()
        elif now_ns > self._until_ns:
            self._turn(Event.TIME_OUT)
        elif now_ns >= self._next_ns:
            return self._next_hello(now_ns)
        return None

    def hear(self, control: Control, now_ns: int) -> bool:
        """Take a control datagram from the server's address; tell whether it changed something."""
        changed = self._takes(control, now_ns)
        self.ignored += not changed
        return changed

    @property
    def explanation(self) -> str | None:
        """What a person should hear of it, without a full stop; None while there is nothing to say."""
        if self.refusal is not None:
            return f"the server refuses: {self.refusal.text or f'{self.refusal.reason.name}, without another word'}"
        if self.state is State.ORIGINAL and self._may_fall_back and not self.not_reached:
            return (
                "the server does not answer HELLO and is asked by START, as the original is: settings are not compared"
            )
        if self.state is State.UNANSWERED:
            waited = format_duration(self._waited_ns)
            if self._cookie is not None:
                return f"{HAS_ANSWERED}, but not the one with its cookie, within {waited}"
            hint = "no key is used with it" if self._key is not None else 'client.handshake = "original" asks others'
            return (
                f"no cts server answers within {waited}: nobody listens there, something on the way drops it, or {hint}"
            )
        if self.state is State.ALTERED:
            return "the server has accepted another stream than was asked for"
        return None

    def _turn(self, event: Event) -> bool:
        state = next_state(self.state, event)
        if state is None:
            return False
        self.state = state
        return True

    def _hello(self) -> tuple[bytes, bytes]:
        """Return HELLO before its tag, and as it is sent."""
        name = None if self._key is None else self._key.name
        hello = Hello(self._nonce, self._wanted, self._direction, self._features, name, self._cookie)
        covered = encode_control(hello, tagged=self._key is not None)
        return covered, covered if self._key is None else with_tag(covered, self._key.hello_tag(covered))

    def _next_hello(self, now_ns: int) -> bytes:
        self.hellos += 1
        self._next_ns = now_ns + HELLO_RETRY_NS
        if self._may_fall_back and self._cookie is None and self.hellos == _UNANSWERED_AT_MOST:
            self._fall_back_ns = self._next_ns
            self._next_ns = FOREVER_NS
        return self._hello()[1]

    def _takes(self, control: Control, now_ns: int) -> bool:
        message = control.message
        if not isinstance(message, Challenge | Welcome | Refused) or message.nonce != self._nonce:
            return False
        if isinstance(message, Challenge):
            return self._challenged(message.cookie, now_ns)
        if isinstance(message, Welcome):
            return self._welcomed(message, control)
        changed = self._turn(Event.REFUSED)
        if changed:
            self.refusal = message.refusal
        return changed

    def _challenged(self, cookie: bytes, now_ns: int) -> bool:
        if cookie == self._cookie or not self._turn(Event.CHALLENGE):
            return False
        if self._cookie is None:
            self._next_ns = now_ns
            self._fall_back_ns = FOREVER_NS
        # A newer one waits for the next HELLO: copies of two in turn must not make this end send at each.
        self._cookie = cookie
        return True

    def _welcomed(self, welcome: Welcome, control: Control) -> bool:
        key = self._key
        if key is not None:
            tag = control.tag
            if tag is None or not same(tag, key.welcome_tag(self._transcript, control.covered)):
                return False
        if (welcome.plan, welcome.direction) != (self._wanted, self._direction):
            return self._turn(Event.WELCOME_TO_ANOTHER)
        if not self._turn(Event.WELCOME):
            return False
        self.welcome = welcome
        self.session = Session(StreamKeys.of(key, self._transcript, control.covered), is_client=True)
        return True
