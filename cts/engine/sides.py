"""The sides of a session, put together: a server, a client or both, and the streams that each runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import trio
from attrs import evolve, field, frozen

from cts.api import Address, IDatagramEndpoint, Role
from cts.engine.broker import ClientBroker, Target, reachable
from cts.engine.client_setup import make_client
from cts.engine.contracts import INetwork
from cts.engine.frame_dispatcher import FrameDispatcher
from cts.engine.greetings import Greetings
from cts.engine.latecomers import Listening
from cts.engine.loop_share import LoopShare
from cts.engine.server import Server
from cts.engine.server_setup import make_server
from cts.engine.settings import SessionSettings
from cts.engine.shared_keys import SharedKeys
from cts.engine.stream_ends import StreamLedger
from cts.engine.stream_parts import StreamParts
from cts.engine.streams import Streams
from cts.records.observer import Observer

__all__ = ["NO_SIDES", "Sides", "SidesMaker"]


@frozen(kw_only=True)
class Sides:
    """The sides of a session that runs.

    Attributes:
        streams: those of each role that a side plays.
        measured: those of them that are measured.
        server, client: the sides that there are.
        greetings: how the client's streams begin.
        share: how much of its time the event loop works, where a server wants to know.
    """

    streams: Mapping[Role, Streams] = field(factory=dict)
    measured: Sequence[Streams] = ()
    server: Server | None = None
    client: ClientBroker | None = None
    greetings: Greetings | None = None
    share: LoopShare | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should hear of them beside what is said of each stream."""
        noting = (self.greetings, self.server, *(streams.measuring for streams in self.measured))
        return tuple(note for each in noting if each is not None for note in each.notes)

    def stop_accepting(self) -> None:
        """Have a server take no more streams."""
        if self.server is not None:
            self.server.stop_accepting()

    def open_no_more(self) -> None:
        """Have neither side begin another stream."""
        self.stop_accepting()
        if self.client is not None:
            self.client.stop()

    def close(self) -> None:
        """Look at the event loop no more."""
        if self.share is not None:
            trio.lowlevel.remove_instrument(self.share)


NO_SIDES = Sides()
"""Those of a session that does not run yet."""


@frozen(kw_only=True)
class SidesMaker:
    """Puts the sides of a session together, within its run.

    Args:
        settings: what to run.
        parts: what streams are made of.
        ledger: numbers the streams and takes what became of them.
        observer: told of everything.
        began_ns: when the run began.
        chance: returns 32 bytes for a purpose, which nobody can foresee.
        keys: what the sides share with their peers.
    """

    _settings: SessionSettings
    _parts: StreamParts
    _ledger: StreamLedger
    _observer: Observer
    _began_ns: int
    _chance: Callable[[str], bytes]
    _keys: SharedKeys

    def make(
        self,
        network: INetwork,
        endpoints: Sequence[IDatagramEndpoint],
        targets: Sequence[Target],
        *,
        dispatcher: FrameDispatcher,
        listening: Listening,
        new_connection_id: Callable[[Address], str],
    ) -> Sides:
        """Return them; from now on the event loop is looked at, until they are closed.

        Args:
            network: where a client's endpoints come from.
            endpoints: what the server has bound.
            targets: servers that the client's streams go to, in turn; empty for what is bound here.
            dispatcher: hands over frames of many streams together.
            listening: where endpoints of streams that were given up listen on.
            new_connection_id: returns the UUID text for a stream with that peer.
        """
        settings, pacer = self._settings, self._parts.pacer
        streams: dict[Role, Streams] = {}
        server = client = greetings = share = None
        if settings.server is not None:
            own, other = settings.direction.server_role, settings.direction.client_role
            # A client asks by HELLO for either direction; where one is here, the other part is that one's.
            roles = (own, other) if settings.client is None else (own,)
            streams = {role: self._streams(role, gone_after_ns=settings.server.peer_gone_after_ns) for role in roles}
            share = LoopShare(pacer.now_ns)
            server = make_server(
                settings,
                settings.server,
                list(streams.values()),
                dispatcher,
                share,
                pacer=pacer,
                new_connection_id=new_connection_id,
                chance=self._chance,
                keys=self._keys.ring,
            )
        if settings.client is not None:
            greetings = Greetings(
                mode=settings.client.handshake,
                direction=settings.direction,
                chance=self._chance,
                pacer=pacer,
                note=self._observer.noted,
                key=self._keys.own,
            )
            role = settings.direction.client_role
            streams[role] = self._streams(role, greetings=greetings)
            client = make_client(
                settings,
                settings.client,
                streams[role],
                network=network,
                targets=targets or [(reachable(endpoint.local),) for endpoint in endpoints],
                listening=listening,
            )
        if share is not None:
            trio.lowlevel.add_instrument(share)
        measured = [each for role, each in streams.items() if self._ledger.measures(role)]
        return Sides(streams=streams, measured=measured, server=server, client=client, greetings=greetings, share=share)

    def _streams(self, role: Role, *, greetings: Greetings | None = None, gone_after_ns: int | None = None) -> Streams:
        return Streams(
            evolve(self._parts, greetings=greetings),
            role,
            self._ledger,
            began_ns=self._began_ns,
            observer=self._observer,
            gone_after_ns=gone_after_ns,
            measured=self._ledger.measures(role),
        )
