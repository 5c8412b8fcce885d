"""How a stream begins by HELLO, as the side of a beginning that its pattern works with.

::

    client (asks)                                   server (names)
    HELLO, then with the cookie, until      ──────► begins with the decision: base = now
    it is answered
                                            ◄────── WELCOME: at once, and again for each copy of that HELLO
    base = receive time of WELCOME                  settled by data; before that a copy begins the stream anew (push)
    where data is first (pull): base = its
    receive time less what its frame took
    to be due, for WELCOME is lost or late

What falls back begins by START then, as if there had been nothing before.
"""

from __future__ import annotations

from typing import Final

from cts.errors import DecodeError
from cts.protocol.control.acceptor import Accepted
from cts.protocol.control.client import GIVES_UP_NS, ClientHandshake
from cts.protocol.control.datagrams import decode_control_untrusted
from cts.protocol.control.states import State
from cts.protocol.handshake import Answering, Asking, Handshake, handshake_of
from cts.protocol.plan import StreamPlan
from cts.protocol.roles import Role
from cts.protocol.task import FOREVER_NS, IOAction, IOTask, StreamError

__all__ = ["Greeting", "Opening", "handshake_by"]

Opening = ClientHandshake | Accepted
"""How a stream begins by HELLO: as a client asks for it, or as a server has accepted it."""

_FAILURES: Final = {
    State.REFUSED: StreamError.REFUSED,
    State.ALTERED: StreamError.SETTINGS_DISAGREE,
    State.UNANSWERED: StreamError.NO_ANSWER,
}


class Greeting(Asking):
    """A client's side that begins by HELLO.

    Args:
        plan: the stream's arithmetic.
        opening: asks for it.
        base_ns: when it begins to ask.
        name_settles: as for :class:`Asking`.
    """

    def __init__(self, plan: StreamPlan, opening: ClientHandshake, base_ns: int, *, name_settles: bool) -> None:
        super().__init__(plan, base_ns, name_settles=name_settles)
        self._opening = opening
        self.began = False
        self.gives_up_ns = FOREVER_NS

    @property
    def agreed(self) -> bool:
        """Whether it is asked for by HELLO still."""
        return self._opening.state is not State.ORIGINAL

    @property
    def failure(self) -> tuple[StreamError, str] | None:
        """Why there is no stream; one whose data comes needs no WELCOME to be one."""
        error = _FAILURES.get(self._opening.state)
        if error is None or (error is StreamError.NO_ANSWER and self.settled):
            return None
        return error, self._opening.explanation or error.value

    def task(self, now_ns: int) -> IOTask:
        """Return the HELLO that is due; or the next START, once it is asked for that way."""
        opening = self._opening
        hello = opening.poll(now_ns)
        if hello is not None:
            return IOTask(IOAction.SEND, now_ns, datagram=hello)
        if opening.state is not State.ORIGINAL:
            self.pending = opening.pending
            return IOTask(IOAction.NONE, opening.due_ns)
        if not self.began:
            self.in_vain_ns = now_ns - self.base_ns
            self.begin(now_ns)
            self.began = True
        return super().task(now_ns)

    def sent(self) -> None:
        """Count START; HELLO has been counted."""
        if self._opening.state is State.ORIGINAL:
            super().sent()

    def not_reached(self) -> None:
        """Have nobody told that who is not there does not answer."""
        self._opening.not_reached = True

    def named(self, name: str, received_ns: int) -> bool:
        """Take the name that answers START."""
        return self._opening.state is State.ORIGINAL and super().named(name, received_ns)

    def control(self, datagram: bytes | memoryview, received_ns: int) -> bool:
        """Hand it to who asks, whatever it is."""
        opening = self._opening
        try:
            changed = opening.hear(decode_control_untrusted(datagram), received_ns)
        except DecodeError:
            return True
        if changed and opening.welcome is not None:
            self._welcomed(opening.welcome.connection_id, received_ns)
        return True

    def data_first(self, sequence: int, received_ns: int) -> bool:
        """Begin with data: the server has begun, and its WELCOME has not come."""
        if self._opening.state is not State.CHALLENGED:
            return False
        self.begin(received_ns - self._plan.send_offset_ns(sequence))
        self.began = True
        self.gives_up_ns = self._sent_until_ns
        return True

    def _welcomed(self, connection_id: str, received_ns: int) -> None:
        self.connection_id = connection_id
        if not self.began:
            self.base_ns = received_ns
            self.began = True
        self.settled |= self._name_settles
        self.pending = False


def handshake_by(
    opening: Opening | None, plan: StreamPlan, base_ns: int, *, role: Role, connection_id: str | None
) -> Handshake:
    """Return this side of a stream's beginning.

    Args:
        opening: how it begins by HELLO; None for START.
        plan, base_ns, role, connection_id: as for :func:`cts.protocol.handshake.handshake_of`.
    """
    if opening is None:
        return handshake_of(plan, base_ns, role=role, connection_id=connection_id)
    if isinstance(opening, ClientHandshake):
        return Greeting(plan, opening, base_ns, name_settles=role is Role.SENDER)
    name = connection_id or ""
    follows = role is Role.RECEIVER
    return Answering(plan, base_ns, name, follows=follows, answer=opening.answer, patience_ns=GIVES_UP_NS)
