"""HELLO at a server's door: who is let in among those who wait for a stream, and what everybody else is told."""

from __future__ import annotations

from attrs import define, field

from cts.api import Address, IDatagramEndpoint
from cts.engine.broker import Broker
from cts.engine.contracts import IAdmission, IConnectionManager, StartAnswer
from cts.engine.hellos import HELLO_PATIENCE_NS, Asked, Declined, Hellos
from cts.engine.open_streams import OpenStream
from cts.engine.refusals import CLOSED_TO_HELLO, FULL, LEAVING, NO_ROOM, SERVED_OUT, full, refusal_for, served_out
from cts.engine.turned_away import TurnedAway
from cts.errors import DecodeError
from cts.protocol.control.acceptor import Repeated
from cts.protocol.control.datagrams import HelloDatagram, decode_control_untrusted
from cts.protocol.control.limits import Refusal
from cts.units import SECOND

__all__ = ["BUSY_AFTER_NS", "HelloDoor", "hello_in"]

BUSY_AFTER_NS = 3 * SECOND
"""How long a peer waits for another stream to end before it is told that there is none: its own last one may still hand
over results, which takes two seconds at most, and it does not ask for longer than five."""


def hello_in(datagram: bytes) -> HelloDatagram | None:
    """Return the HELLO that a control datagram is; None for another one, and for what is none."""
    try:
        return HelloDatagram.of(decode_control_untrusted(datagram))
    except DecodeError:
        return None


@define(eq=False, kw_only=True)
class HelloDoor:
    """Lets in who asks by HELLO, has a right address, and wants what it may have.

    Args:
        hellos: settles all of a question that needs no place, and keeps what those who wait have asked for.
        manager: keeps who waits.
        broker: knows whether there is room for another stream.
        turned_away: told of everybody who is not let in.
        admission: who may ask at all; None for everybody.
    """

    _hellos: Hellos
    _manager: IConnectionManager
    _broker: Broker
    _turned_away: TurnedAway
    _admission: IAdmission | None
    _closed: bool = field(default=False, init=False)

    def ask(
        self,
        endpoint: IDatagramEndpoint,
        remote: Address,
        hello: HelloDatagram,
        *,
        received_ns: int,
        now_ns: int,
        present: OpenStream | None,
    ) -> bool:
        """Take a HELLO and answer it; tell whether its peer is new among those who wait.

        Args:
            endpoint, remote: where it came, and from whom.
            hello: the datagram.
            received_ns, now_ns: when it came, and this instant.
            present: the peer's stream that runs; None for none.
        """
        heard = self._hellos.hear(hello, remote, now_ns)
        said = (
            self._enter(endpoint, remote, heard, received_ns=received_ns, now_ns=now_ns, present=present)
            if isinstance(heard, Asked)
            else heard
        )
        if isinstance(said, bool):
            return said
        if isinstance(said, Repeated) and present is not None and present.welcome == said.answer:
            present.socket.on_start_repeated(received_ns)
            return False
        if isinstance(said, Declined):
            self._turned_away.refused(remote, said.reason, 1, received_ns)
        endpoint.try_send(remote, said if isinstance(said, bytes) else said.answer)
        return False

    def close(self) -> None:
        """Let nobody in any more, and tell those who wait."""
        self._closed = True
        for remote, asked in self._hellos.waiting():
            endpoint = self._leave(remote)
            if endpoint is not None:
                self._turned_away.count(CLOSED_TO_HELLO, 1)
                endpoint.try_send(remote, self._hellos.refuse(asked.incoming, LEAVING))

    def _enter(
        self,
        endpoint: IDatagramEndpoint,
        remote: Address,
        asked: Asked,
        *,
        received_ns: int,
        now_ns: int,
        present: OpenStream | None,
    ) -> bytes | Declined | bool:
        """Have a peer wait, and tell whether it is new among those who do; or return why it does not."""
        hellos, incoming = self._hellos, asked.incoming
        if self._closed:
            self._turned_away.count(CLOSED_TO_HELLO, 1)
            return hellos.refuse(incoming, LEAVING)
        self._manager.forget_expired(now_ns)
        waited_ns = hellos.waited_ns(remote, asked, now_ns)
        if waited_ns is None:
            reason = self._refusal(remote, asked, received_ns, present)
            if reason is not None:
                return Declined(reason, hellos.refuse(incoming, refusal_for(reason, self._admission)))
            hellos.wait(remote, asked, now_ns)
        elif waited_ns >= BUSY_AFTER_NS and (no_place := self._no_place()) is not None:
            self._leave(remote)
            reason, refusal = no_place
            return Declined(reason, hellos.refuse(incoming, refusal))
        answer = self._manager.request_start(remote, endpoint, received_ns, patience_ns=HELLO_PATIENCE_NS)
        if answer is StartAnswer.NO_ROOM:
            hellos.waited_in_vain(remote)
            return Declined(answer.value, hellos.refuse(incoming, NO_ROOM))
        return waited_ns is None

    def _refusal(self, remote: Address, asked: Asked, received_ns: int, present: OpenStream | None) -> str | None:
        """Ask admission; who passes has a place taken."""
        admission = self._admission
        if admission is None:
            return None
        reason = admission.refusal(remote, received_ns, proven=True)
        if reason is None:
            if self._manager.awaits(remote):
                # Who has the port now asks for another stream than who waits.
                self._hellos.waited_in_vain(remote)
            gives_way = present is not None and present.gives_way
            reason = admission.take(remote, asked.plan.bits_per_second, instead=gives_way)
            if reason is not None:
                self._manager.withdraw(remote)
        return reason

    def _no_place(self) -> tuple[str, Refusal] | None:
        """Return why nobody has a place by waiting longer, and what is said of it; None where there may be one."""
        if self._broker.is_full:
            return FULL, full(self._broker.at_once)
        return (SERVED_OUT, served_out(self._broker.in_all)) if self._broker.has_begun_all else None

    def _leave(self, remote: Address) -> IDatagramEndpoint | None:
        """Let a peer wait no more; return where it waited."""
        self._hellos.waited_in_vain(remote)
        return self._manager.withdraw(remote)
