"""The client: keeps so many streams running at once until so many have run, targets taken in turn."""

from __future__ import annotations

from collections.abc import Sequence

import trio

from cts.api import Address, IConnectedSocket, IDatagramEndpoint, Outcome, Role
from cts.engine.broker import Broker
from cts.engine.contracts import INetwork
from cts.engine.stream_maker import StreamMaker
from cts.engine.streams import Streams
from cts.errors import PluginFailure
from cts.records.snapshots import StreamInfo

__all__ = ["Client"]

_RETRY_NS = 500_000_000
"""After a network error the place of a stream stays empty this long, so that an endless client does not spin."""


class Client:
    """Runs streams with its targets until its broker has run enough of them.

    Args:
        role: which part the client plays in every stream.
        maker: makes connected sockets.
        network: where endpoints come from.
        targets: servers, taken in turn.
        broker: the population.
        streams: runs and records the streams.
        start_spread_ns: over how long the first streams begin, evenly.
    """

    def __init__(
        self,
        *,
        role: Role,
        maker: StreamMaker,
        network: INetwork,
        targets: Sequence[Address],
        broker: Broker,
        streams: Streams,
        start_spread_ns: int = 0,
    ) -> None:
        self._role = role
        self._maker = maker
        self._network = network
        self._targets = targets
        self._broker = broker
        self._streams = streams
        self._changed = trio.Event()
        self._connections = broker.at_once
        self._spread_ns = start_spread_ns
        self._began_ns = 0

    async def run(self) -> None:
        """Run until all streams have, or until stopped and those that run have ended."""
        self._began_ns = self._maker.pacer.now_ns()
        async with trio.open_nursery() as streams:
            while not self._broker.finished:
                self._changed = trio.Event()
                while self._broker.open():
                    await self._take_turn()
                    target = self._targets[(self._broker.opened - 1) % len(self._targets)]
                    self._broker.started()
                    await self._open(target, streams)
                await self._changed.wait()

    def stop(self) -> None:
        """Open no more streams; those that run go on."""
        self._broker.stop()
        self._changed.set()

    async def _take_turn(self) -> None:
        """Wait until the next of the first streams is to begin: begun together, all would send together for ever."""
        index = self._broker.opened - 1
        if self._spread_ns and 0 < index < self._connections:
            await self._maker.pacer.wait_until(self._began_ns + index * self._spread_ns // self._connections)

    async def _open(self, target: Address, streams: trio.Nursery) -> None:
        # Endpoints are opened and streams numbered here, one after the other, so that neither is left to chance.
        try:
            endpoint = await self._network.connect(target)
        except OSError as error:
            unbound = Address("::" if ":" in target.host else "0.0.0.0", 0)
            self._streams.fail(self._streams.announce(unbound, target, self._role), error)
            streams.start_soon(self._retire, True)
            return
        info = self._streams.announce(endpoint.local, target, self._role)
        try:
            connected = self._maker.make(
                role=self._role,
                active=True,
                endpoint=endpoint,
                peer=target,
                connection_id=None,
                on_frame=self._streams.frame_observer(info),
            )
        except (OSError, PluginFailure) as error:
            endpoint.close()
            self._streams.fail(info, error)
            streams.start_soon(self._retire, True)
            return
        streams.start_soon(self._run, info, connected, endpoint, name=f"stream {target}")

    async def _run(self, info: StreamInfo, connected: IConnectedSocket, endpoint: IDatagramEndpoint) -> None:
        try:
            result = await self._streams.run(info, connected)
        finally:
            endpoint.close()
        await self._retire(result.outcome is Outcome.NETWORK_ERROR)

    async def _retire(self, failed: bool) -> None:
        if failed and self._broker.wants_more:
            await self._maker.pacer.wait_until(self._maker.pacer.now_ns() + _RETRY_NS)
        self._broker.finish_one()
        self._changed.set()
