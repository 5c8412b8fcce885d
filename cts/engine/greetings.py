"""How a client's streams begin: by START, by HELLO, or by HELLO where the server answers it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from attrs import define, field

from cts.api import Address, IPacer, StreamPlan
from cts.protocol.control.client import ClientHandshake, HandshakeMode
from cts.protocol.control.keys import Key
from cts.protocol.roles import Direction

__all__ = ["Greetings"]


@define(eq=False, kw_only=True)
class Greetings:
    """Makes the handshakes of a client's streams.

    Args:
        mode: how they begin.
        direction: which way frames go.
        chance: returns 32 bytes that nobody can foresee, for a purpose.
        pacer: the run's clock.
        note: has a person hear something of the run.
        key: what the client shares with its servers; None for nothing.

    Attributes:
        notes: what was to be heard.
    """

    _mode: HandshakeMode
    _direction: Direction
    _chance: Callable[[str], bytes]
    _pacer: IPacer
    _note: Callable[[str], None]
    _key: Key | None = None
    notes: tuple[str, ...] = field(default=(), init=False)
    _originals: set[Address] = field(factory=set, init=False)

    def begin(self, number: int, remote: Address, plan: StreamPlan) -> ClientHandshake | None:
        """Return what asks for a stream, to be polled from now on; None where it begins by START.

        Args:
            number: the stream's.
            remote: the server. One that was asked by START since nothing answered HELLO is asked so for the rest of the run.
            plan: the stream's arithmetic.
        """
        if self._mode is HandshakeMode.ORIGINAL or remote in self._originals:
            return None
        now_ns = self._pacer.now_ns()
        return ClientHandshake(
            plan,
            self._direction,
            nonce=self._chance(f"nonce of stream {number} {now_ns}")[:16],
            now_ns=now_ns,
            mode=self._mode,
            key=self._key,
            on_fall_back=partial(self._fell_back, remote),
        )

    def _fell_back(self, remote: Address) -> None:
        self._originals.add(remote)
        if not self.notes:
            text = (
                f"{remote} does not answer HELLO and is asked by START, as the original is: settings are not compared"
            )
            self.notes = (text,)
            self._note(text)
