"""A session's server, put together from its settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cts.api import Address, IPacer
from cts.engine.admission import Admission
from cts.engine.broker import Broker
from cts.engine.connection_manager import ConnectionManager
from cts.engine.frame_dispatcher import FrameDispatcher
from cts.engine.hellos import Hellos
from cts.engine.loop_share import LoopShare
from cts.engine.opening_pace import HostLoad, OpeningPace
from cts.engine.server import Server
from cts.engine.settings import ServerSettings, SessionSettings
from cts.engine.streams import Streams
from cts.protocol.control.acceptor import Acceptor
from cts.protocol.control.keys import KeyRing
from cts.protocol.roles import Direction

__all__ = ["make_server"]

_AWAITING_LIMIT = 4096
"""Awaiting endpoints at most: as many again as a server's streams by default, at about 300 bytes each."""


def make_server(
    session: SessionSettings,
    settings: ServerSettings,
    streams: Sequence[Streams],
    dispatcher: FrameDispatcher,
    share: LoopShare,
    *,
    pacer: IPacer,
    new_connection_id: Callable[[Address], str],
    chance: Callable[[str], bytes],
    keys: KeyRing | None = None,
) -> Server:
    """Return a server.

    Args:
        session: the run.
        settings: the server's own.
        streams: make, run and record its streams: those of the run's direction first, then of the other, if it serves that.
        dispatcher, share: by which it knows what the host has left.
        pacer: the run's clock.
        new_connection_id: returns the UUID text for a stream with that peer.
        chance: returns 32 bytes for a purpose, which nobody can foresee.
        keys: those of its clients; None to serve who has none.
    """
    plan = session.plan
    patience_ns = plan.render_offset_ns(1)
    admission = Admission(settings.admission)
    load = HostLoad(lambda: sum(each.open_now for each in streams), lambda: share.busy, dispatcher.late_ns)
    hellos = Hellos(
        acceptor=Acceptor(chance("cookies"), keys=keys),
        plan=plan,
        directions=frozenset(each for each in Direction if each.server_role in {one.role for one in streams}),
        chance=chance,
        admission=admission,
    )
    return Server(
        manager=ConnectionManager(
            awaiting_limit=_AWAITING_LIMIT, patience_ns=patience_ns, on_expired=hellos.waited_in_vain
        ),
        broker=Broker(
            pending_limit=settings.accept_limit, at_once=settings.connection_limit, in_all=settings.exit_limit
        ),
        streams=streams[0],
        others=streams[1] if len(streams) > 1 else None,
        new_connection_id=new_connection_id,
        admission=admission,
        pace=OpeningPace(pacer, load, patience_ns - plan.send_offset_ns(1)),
        hellos=hellos,
    )
