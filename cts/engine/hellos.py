"""HELLO at a server: what of a question is settled before anybody is let in, and who waits with one."""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field, frozen

from cts.api import Address, StreamPlan
from cts.engine.contracts import IAdmission
from cts.engine.refusals import NO_PLAN, OTHER_WAY, UNFIT, beyond
from cts.protocol.control.acceptor import Accepted, Acceptor, Incoming, Repeated, Unfit
from cts.protocol.control.client import HELLO_RETRY_NS
from cts.protocol.control.datagrams import HelloDatagram
from cts.protocol.control.limits import Caps, Reason, Refusal, admit
from cts.protocol.roles import Direction, Role

__all__ = ["HELLO_PATIENCE_NS", "Asked", "Declined", "Hellos"]

HELLO_PATIENCE_NS = 8 * HELLO_RETRY_NS
"""How long after the last copy of its HELLO a client still waits: it repeats it until it is answered or gives up."""


@frozen
class Asked:
    """A stream that a client asks for by HELLO, whose address is proven and whose plan is within the caps."""

    incoming: Incoming
    plan: StreamPlan

    @property
    def server_role(self) -> Role:
        """The part that the server plays in it."""
        return self.incoming.hello.direction.server_role


@frozen
class Declined:
    """What a client asks for that cannot be: the reason, out of a fixed set, and the answer that tells it."""

    reason: str
    answer: bytes


@frozen
class _Waiting:
    asked: Asked
    since_ns: int


@define(eq=False, kw_only=True)
class Hellos:
    """Answers HELLO as far as that needs no place for a stream, and keeps who waits for one.

    Args:
        acceptor: knows whose address is proven, and what was decided.
        plan: of the streams that are asked for by START.
        directions: which ways frames may go.
        chance: returns 32 bytes that nobody can foresee, for a purpose.
        admission: says what a peer may have; None for anything.
    """

    _acceptor: Acceptor
    _plan: StreamPlan
    _directions: frozenset[Direction]
    _chance: Callable[[str], bytes]
    _admission: IAdmission | None = None
    _waiting: dict[Address, _Waiting] = field(factory=dict, init=False)

    def hear(self, hello: HelloDatagram, remote: Address, now_ns: int) -> bytes | Repeated | Declined | Asked:
        """Take a HELLO; return the answer, the one that was given before, why there is no stream, or what is to be let in."""
        heard = self._acceptor.hear(hello, remote.host.encode(), remote.port, now_ns)
        if isinstance(heard, Unfit):
            return Declined(UNFIT[heard.reason], heard.answer)
        if not isinstance(heard, Incoming):
            return heard
        if heard.hello.direction not in self._directions:
            served = " and ".join(sorted(each.value for each in self._directions))
            text = f"it serves {served} alone: set stream.direction to that, or ask another server"
            return Declined(OTHER_WAY, self.refuse(heard, Refusal(Reason.DIRECTION, text)))
        plan = admit(heard.hello.plan, self._caps(remote))
        if not isinstance(plan, Refusal):
            return Asked(heard, plan)
        return Declined(NO_PLAN if plan.cap is None else beyond(plan.cap), self.refuse(heard, plan))

    def refuse(self, incoming: Incoming, why: Refusal) -> bytes:
        """Decide that a stream is not served; return the answer."""
        return self._acceptor.refuse(incoming, why)

    def accept(self, asked: Asked, remote: Address, connection_id: str, now_ns: int) -> Accepted:
        """Decide that it is."""
        return self._acceptor.accept(
            asked.incoming,
            asked.plan,
            connection_id=connection_id,
            server_nonce=self._chance(f"stream {connection_id} {now_ns}")[:16],
            caps=self._caps(remote),
            now_ns=now_ns,
        )

    def waiting(self) -> list[tuple[Address, Asked]]:
        """Return who waits, with what."""
        return [(remote, each.asked) for remote, each in self._waiting.items()]

    def awaits(self, remote: Address) -> bool:
        """Tell whether a peer waits, whatever with."""
        return remote in self._waiting

    def waited_ns(self, remote: Address, asked: Asked, now_ns: int) -> int | None:
        """Return how long a peer has waited with that same HELLO; None if it does not."""
        before = self._waiting.get(remote)
        if before is None or before.asked.incoming.asker != asked.incoming.asker:
            return None
        return now_ns - before.since_ns

    def wait(self, remote: Address, asked: Asked, now_ns: int) -> None:
        """Keep what a peer waits with from now on."""
        self._waiting[remote] = _Waiting(asked, now_ns)

    def take(self, remote: Address) -> Asked | None:
        """Return what a peer waited with, which is forgotten; None for START."""
        waiting = self._waiting.pop(remote, None)
        return None if waiting is None else waiting.asked

    def waited_in_vain(self, remote: Address) -> None:
        """Give the place back of a peer that waits no more."""
        asked = self.take(remote)
        if self._admission is not None:
            self._admission.give_back(remote, (self._plan if asked is None else asked.plan).bits_per_second)

    def _caps(self, remote: Address) -> Caps:
        return Caps() if self._admission is None else self._admission.caps_of(remote)
