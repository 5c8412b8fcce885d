"""The server's tables: who has a stream, who waits for one, how many may have one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from attrs import define, field, frozen

from cts.api import Address, IDatagramEndpoint, Role
from cts.engine.contracts import IConnectionManager, StartAnswer
from cts.engine.open_streams import OpenStream

__all__ = ["ConnectionManager"]


@frozen
class _Awaiting:
    endpoint: IDatagramEndpoint
    patience_ns: int
    until_ns: int


@define(eq=False, kw_only=True)
class ConnectionManager(IConnectionManager):
    """Awaiting endpoints in order of arrival, a count of accepting slots, streams by (role, remote). All O(1).

    Args:
        awaiting_limit: awaiting endpoints at most.
        patience_ns: how long after its last START a peer still waits for a stream: a client gives up at its first render,
            and one that forged its address never waited. Endpoints that wait no more are dropped.
        on_expired: told of each that is dropped.

    Attributes:
        slots: accepting slots.
    """

    _awaiting_limit: int
    _patience_ns: int
    _on_expired: Callable[[Address], None] | None = None
    slots: int = field(default=0, init=False)
    _expired: int = field(default=0, init=False)
    # In the order in which they first asked; and by patience, in that in which they last did, and so will have given up.
    _awaiting: OrderedDict[Address, _Awaiting] = field(factory=OrderedDict, init=False)
    _asked: dict[int, OrderedDict[Address, None]] = field(factory=dict, init=False)
    _connected: dict[tuple[Role, Address], OpenStream] = field(factory=dict, init=False)

    @property
    def expired(self) -> int:
        """Awaiting endpoints that were dropped because they had given up."""
        return self._expired

    @property
    def awaiting(self) -> int:
        """Peers that asked for a stream and have none."""
        return len(self._awaiting)

    def awaits(self, remote: Address) -> bool:
        """Tell whether a peer has asked for a stream and has none."""
        return remote in self._awaiting

    def withdraw(self, remote: Address) -> IDatagramEndpoint | None:
        """Forget that a peer waits; return where it is answered from, None if it did not."""
        awaiting = self._awaiting.pop(remote, None)
        if awaiting is None:
            return None
        del self._asked[awaiting.patience_ns][remote]
        return awaiting.endpoint

    def forget_expired(self, now_ns: int) -> None:
        """Drop those who have not asked for longer than they wait."""
        for asked in self._asked.values():
            while asked and now_ns > self._awaiting[remote := next(iter(asked))].until_ns:
                self.withdraw(remote)
                self._expired += 1
                if self._on_expired is not None:
                    self._on_expired(remote)

    def connected(self, role: Role, remote: Address) -> OpenStream | None:
        """Return this side's newest stream with that peer."""
        return self._connected.get((role, remote))

    def request_start(
        self, remote: Address, endpoint: IDatagramEndpoint, received_ns: int, *, patience_ns: int | None = None
    ) -> StartAnswer:
        """Note that a peer asks for a stream: it becomes an awaiting endpoint, or stays one."""
        before = self._awaiting.get(remote)
        if before is None and len(self._awaiting) >= self._awaiting_limit:
            return StartAnswer.NO_ROOM
        if before is not None:
            del self._asked[before.patience_ns][remote]
        patience_ns = self._patience_ns if patience_ns is None else patience_ns
        self._awaiting[remote] = _Awaiting(endpoint, patience_ns, received_ns + patience_ns)
        self._asked.setdefault(patience_ns, OrderedDict())[remote] = None
        return StartAnswer.AWAITING if before is None else StartAnswer.REPEATED

    def open_slot(self) -> None:
        """Add an accepting slot."""
        self.slots += 1

    def match(self, now_ns: int) -> tuple[Address, IDatagramEndpoint] | None:
        """Take the oldest endpoint that still waits and a slot out, and return the endpoint; None if either lacks."""
        self.forget_expired(now_ns)
        if not self.slots or not self._awaiting:
            return None
        remote = next(iter(self._awaiting))
        endpoint = self._awaiting[remote].endpoint
        self.withdraw(remote)
        self.slots -= 1
        return remote, endpoint

    def add(self, stream: OpenStream) -> None:
        """Enter a stream under its role and peer, in the place of an older one."""
        self._connected[stream.info.role, stream.info.remote] = stream

    def remove(self, stream: OpenStream) -> None:
        """Take that stream out; a newer one of its peer stays."""
        place = stream.info.role, stream.info.remote
        if self._connected.get(place) is stream:
            del self._connected[place]
