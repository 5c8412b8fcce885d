"""START at a server's door: who is let in among those who wait for a stream, as the original's clients ask for one."""

from __future__ import annotations

from attrs import define, field

from cts.api import Address, IDatagramEndpoint
from cts.engine.contracts import IAdmission, IConnectionManager, StartAnswer
from cts.engine.refusals import CLOSED_TO_START
from cts.engine.turned_away import TurnedAway
from cts.protocol.wire import START

__all__ = ["StartDoor"]


@define(eq=False, kw_only=True)
class StartDoor:
    """Lets in who asks by START. Until then nothing is kept of it, and it is answered with nothing.

    Args:
        manager: keeps who waits.
        turned_away: told of everybody else.
        admission: who may ask at all; None for everybody.
        bits_per_second: the rate of a stream that is asked for so.
        answers_first: whether the server answers before its peer has shown that it receives, as one that receives does.

    Attributes:
        closed: whether nobody is let in any more.
    """

    _manager: IConnectionManager
    _turned_away: TurnedAway
    _admission: IAdmission | None
    _bits_per_second: int
    _answers_first: bool
    closed: bool = field(default=False, init=False)

    def ask(
        self, endpoint: IDatagramEndpoint, remote: Address, starts: int, received_ns: int, *, instead: bool
    ) -> bool:
        """Take STARTs that came together; tell whether their peer is new among those who wait.

        Args:
            endpoint, remote: where they came, and from whom.
            starts: how many.
            received_ns: when.
            instead: whether a stream of the peer gives way to the one that it asks for.
        """
        if self.closed:
            self._turned_away.count(CLOSED_TO_START, starts)
            return False
        self._manager.forget_expired(received_ns)
        refusal = self._refusal(remote, received_ns, instead=instead)
        if refusal is not None:
            self._turned_away.refused(remote, refusal, starts, received_ns)
            return False
        self.came(remote, starts)
        answer = self._manager.request_start(remote, endpoint, received_ns)
        is_new = answer is StartAnswer.AWAITING
        reason = StartAnswer.NO_ROOM if answer is StartAnswer.NO_ROOM else StartAnswer.REPEATED
        self._turned_away.count(reason.value, starts - is_new)
        if answer is StartAnswer.NO_ROOM and self._admission is not None:
            self._admission.give_back(remote, self._bits_per_second)
        return is_new

    def came(self, remote: Address, starts: int) -> None:
        """Take note of STARTs that a peer may be answered for."""
        if self._admission is not None and self._answers_first:
            self._admission.came(remote, starts * len(START), starts)

    def _refusal(self, remote: Address, received_ns: int, *, instead: bool) -> str | None:
        """Ask the doors; who passes has a place taken, unless it waits with one already."""
        if self._admission is None:
            return None
        refusal = self._admission.refusal(remote, received_ns)
        if refusal is not None or self._manager.awaits(remote):
            return refusal
        return self._admission.take(remote, self._bits_per_second, instead=instead)
