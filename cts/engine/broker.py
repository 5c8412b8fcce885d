"""The broker: how many connections to open now, from so many pending, so many at once and so many in all.

A server opens accepting slots as its broker says (see ``server``); a client's connections are opened by the loop here.
"""

from __future__ import annotations

from collections.abc import Sequence

import trio
from attrs import define, field

from cts.api import Address, IDatagramEndpoint, Outcome, StreamResult
from cts.engine.contracts import INetwork
from cts.engine.latecomers import Listening, gave_up
from cts.engine.open_streams import OpenStream
from cts.engine.streams import Streams
from cts.units import MILLISECOND

__all__ = ["Broker", "ClientBroker", "Target", "reachable"]

Target = tuple[Address, ...]
"""The addresses of one server, in the order in which to try them."""

_LOOK_NS = 20 * MILLISECOND
"""How often an address that is tried is asked whether anything has come of it."""

_RETRY_NS = 500_000_000
"""After a network error the place of a stream stays empty this long, so that an endless client does not spin."""


def reachable(bound: Address) -> Address:
    """Return where a client of this host reaches a bound address: an unspecified one on loopback."""
    return Address({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bound.host, bound.host), bound.port)


@define(eq=False, kw_only=True)
class Broker:
    """Keeps the population of one side. A connection is pending until it has a peer, then running, then ended.

    Args:
        pending_limit: connections that may be pending (a server's accepting slots).
        at_once: connections that may be pending or running.
        in_all: connections to open until no more are; 0 for no end.
    """

    _pending_limit: int
    at_once: int
    in_all: int
    stopped: bool = field(default=False, init=False)
    pending: int = field(default=0, init=False)
    running: int = field(default=0, init=False)
    ended: int = field(default=0, init=False)

    @property
    def opened(self) -> int:
        """Connections opened so far."""
        return self.pending + self.running + self.ended

    @property
    def finished(self) -> bool:
        """Whether nothing runs and nothing more will."""
        return not self.running and (self.stopped or bool(self.in_all and self.ended >= self.in_all))

    @property
    def wants_more(self) -> bool:
        """Whether more connections are to be opened, now or later."""
        return not self.stopped and not (self.in_all and self.opened >= self.in_all)

    @property
    def is_full(self) -> bool:
        """Whether as many run at once as may, so that more that are wanted have to wait."""
        return self.wants_more and self.running >= self.at_once

    @property
    def has_begun_all(self) -> bool:
        """Whether all that are to be opened in all have begun, so that there is room only if one comes to nothing."""
        return not (self.stopped or self.wants_more or self.pending)

    def open(self) -> bool:
        """Open one more connection if the population lacks one; False if it does not."""
        if not self.wants_more or self.pending >= self._pending_limit or self.pending + self.running >= self.at_once:
            return False
        self.pending += 1
        return True

    def started(self) -> None:
        """A pending connection has its peer and runs."""
        self.pending -= 1
        self.running += 1

    def finish_one(self, *, counts: bool = True) -> None:
        """A running connection ended; one that never came to be does not count among those to open in all."""
        self.running -= 1
        self.ended += counts

    def stop(self) -> None:
        """Open no more; what is pending will never run."""
        self.stopped = True
        self.pending = 0


@define(eq=False, kw_only=True)
class ClientBroker:
    """Keeps a client's streams with its targets running until its broker has run enough of them.

    Args:
        network: where endpoints come from.
        targets: servers, taken in turn.
        broker: the population.
        streams: makes, runs and records the streams.
        silence_ns: how long an address may say nothing before the server's next one is tried.
        start_spread_ns: over how long the first streams begin, evenly.
        listening: where endpoints of streams that were given up listen on.

    Attributes:
        answered: which of a server's addresses has answered, where it has several.
    """

    _network: INetwork
    _targets: Sequence[Target]
    _broker: Broker
    _streams: Streams
    _silence_ns: int
    _start_spread_ns: int = 0
    _listening: Listening
    answered: dict[Target, Address] = field(factory=dict, init=False)
    _turn: trio.CancelScope = field(factory=trio.CancelScope, init=False)
    _changed: trio.Event = field(factory=trio.Event, init=False)
    _began_ns: int = field(default=0, init=False)

    async def run(self) -> None:
        """Run until all streams have, or until stopped and those that run have ended."""
        self._began_ns = self._streams.pacer.now_ns()
        async with trio.open_nursery() as streams:
            while not self._broker.finished:
                self._changed = trio.Event()
                while self._broker.open():
                    await self._take_turn()
                    if self._broker.stopped:
                        break
                    target = self._targets[(self._broker.opened - 1) % len(self._targets)]
                    self._broker.started()
                    await self._open(target, streams)
                await self._changed.wait()

    def stop(self) -> None:
        """Open no more streams, and ask for none; those that run go on."""
        self._broker.stop()
        self._streams.running.ask_no_more(self._streams.pacer.now_ns())
        self._turn.cancel()
        self._changed.set()

    async def _take_turn(self) -> None:
        """Wait until the next of the first streams is to begin: begun together, all would send together for ever."""
        index, connections = self._broker.opened - 1, self._broker.at_once
        if self._start_spread_ns and 0 < index < connections:
            with self._turn:
                await self._streams.pacer.wait_until(self._began_ns + index * self._start_spread_ns // connections)
            self._turn = trio.CancelScope()

    async def _open(self, target: Target, streams: trio.Nursery) -> None:
        if len(target) == 1 or target in self.answered:
            await self._open_to(self.answered.get(target, target[0]), streams)
        else:
            streams.start_soon(self._try_each, target, streams, name=f"stream {target[0]}")

    async def _try_each(self, target: Target, streams: trio.Nursery) -> None:
        """Try a server's addresses in turn until one says something; what comes of the last one is the stream."""
        for address in target:
            if self._broker.stopped:
                await self._retire(False)
                return
            if target in self.answered:
                await self._open_to(self.answered[target], streams)
                return
            failed = await self._try(target, address)
            if failed is not None:
                await self._retire(failed)
                return

    async def _try(self, target: Target, address: Address) -> bool | None:
        """Run a stream with one address of several; tell whether the network failed it.

        None, as if it had never been, if nothing is heard from there and there is another one to try.
        """
        result: StreamResult | None = None
        stream: OpenStream | None = None
        last = address == target[-1]
        try:
            endpoint = await self._network.connect(address)
        except OSError as error:
            if last:
                self._fail(address, error)
            return last or None
        try:
            stream = self._streams.open(endpoint, address, active=True, connection_id=None, told=last)
            if stream is None:
                return True
            async with trio.open_nursery() as watch:
                watch.start_soon(self._listen, target, stream, endpoint, None if last else watch.cancel_scope)
                result = await self._streams.run(stream)
                watch.cancel_scope.cancel()
        finally:
            self._release(endpoint, stream, result)
        return None if result is None else result.outcome is Outcome.NETWORK_ERROR

    async def _listen(
        self, target: Target, stream: OpenStream, endpoint: IDatagramEndpoint, trial: trio.CancelScope | None
    ) -> None:
        """Tell of a stream once something comes; end it if the network says that nobody is there, or nothing comes for long."""
        pacer = self._streams.pacer
        until_ns = pacer.now_ns() + self._silence_ns
        while not (statistics := endpoint.statistics()).datagrams:
            if trial is not None and (statistics.unreachable or pacer.now_ns() > until_ns):
                trial.cancel()
            await pacer.wait_until(pacer.now_ns() + _LOOK_NS)
        self.answered.setdefault(target, stream.info.remote)
        self._streams.tell(stream)

    async def _open_to(self, address: Address, streams: trio.Nursery) -> None:
        # Endpoints are opened and streams numbered here, one after the other, so that neither is left to chance.
        try:
            endpoint = await self._network.connect(address)
        except OSError as error:
            self._fail(address, error)
            streams.start_soon(self._retire, True)
            return
        stream = self._streams.open(endpoint, address, active=True, connection_id=None)
        if stream is None:
            endpoint.close()
            streams.start_soon(self._retire, True)
        else:
            streams.start_soon(self._run, stream, endpoint, name=f"stream {address}")

    def _fail(self, address: Address, error: OSError) -> None:
        self._streams.fail(Address("::" if ":" in address.host else "0.0.0.0", 0), address, error)

    async def _run(self, stream: OpenStream, endpoint: IDatagramEndpoint) -> None:
        result: StreamResult | None = None
        try:
            result = await self._streams.run(stream)
        finally:
            self._release(endpoint, stream, result)
        await self._retire(result is not None and result.outcome is Outcome.NETWORK_ERROR)

    def _release(self, endpoint: IDatagramEndpoint, stream: OpenStream | None, result: StreamResult | None) -> None:
        """Close a stream's endpoint; if nothing came, and nobody needs its port or has said why, only after a while."""
        known = endpoint.statistics().unreachable or self._broker.wants_more
        if stream is None or result is None or known or not gave_up(result):
            endpoint.close()
            return
        take = self._streams.latecomers.of(stream.info, result.ended_ns)
        self._listening.start(endpoint, stream.info.remote, take)

    async def _retire(self, failed: bool) -> None:
        if failed and self._broker.wants_more:
            pacer = self._streams.pacer
            await pacer.wait_until(pacer.now_ns() + _RETRY_NS)
        self._broker.finish_one()
        self._changed.set()
