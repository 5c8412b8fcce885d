"""How a client's streams begin: by START, by HELLO, or by HELLO where the server answers it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from attrs import define, field

from cts.api import Address, IPacer, StreamPlan
from cts.protocol.control.client import ClientHandshake, HandshakeMode
from cts.protocol.control.keys import Key
from cts.protocol.roles import Direction

__all__ = ["Greetings"]

_NAMED = 8
"""Servers that are named at most; in one sentence the last of them stands for all others where there are more."""


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
    """

    _mode: HandshakeMode
    _direction: Direction
    _chance: Callable[[str], bytes]
    _pacer: IPacer
    _note: Callable[[str], None]
    _key: Key | None = None
    _originals: dict[Address, int] = field(factory=dict, init=False)
    """Servers that did not answer HELLO, and the first of the streams that tried: they are told of in that order."""

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
            on_fall_back=partial(self._fell_back, number, remote),
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be heard of the run: one sentence on all servers that do not answer HELLO."""
        servers = sorted(self._originals, key=self._originals.__getitem__)
        return (_asked_by_start(servers),) if servers else ()

    def _fell_back(self, number: int, remote: Address) -> None:
        is_news = remote not in self._originals
        self._originals[remote] = min(number, self._originals.get(remote, number))
        if is_news and len(self._originals) <= _NAMED:
            self._note(_asked_by_start([remote]))


def _asked_by_start(servers: Sequence[Address]) -> str:
    """Say that these are asked as the original is, the first of them by name."""
    names = [str(server) for server in servers]
    if len(names) > _NAMED:
        names[_NAMED - 1 :] = [f"{len(names) - _NAMED + 1:,} others"]
    *first, last = names
    who = f"{', '.join(first)} and {last}" if first else last
    does, is_asked = ("do", "are") if first else ("does", "is")
    return f"{who} {does} not answer HELLO and {is_asked} asked by START, as the original is: settings are not compared"
