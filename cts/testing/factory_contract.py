"""The tests that every connected-socket factory must pass; a plugin's own test suite subclasses them.

    class TestMyFactory(ConnectedSocketFactoryContract):
        factory_class = MyFactory
        options = {"colour": "blue"}  # optional

A factory that does not use the engine's default socket is tested for what it makes only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import MappingProxyType
from typing import ClassVar

import trio
from attrs import define

from cts.api import Address, DatagramBatch, IConnectedSocket, IConnectedSocketFactory, Role, StreamResult
from cts.errors import first_of
from cts.testing.endpoints import PEER, FailingEndpoint, RecordingEndpoint, SentDatagram, lend
from cts.testing.pacers import PATIENCE_S, run_on_mock_clock, trio_now_ns
from cts.testing.plugin_rules import ContractBroken, check_api, check_imports, check_options, make_options
from cts.testing.sockets import RecordingDefault, RecordingSocket, request_for

__all__ = ["ConnectedSocketFactoryContract"]

_OTHER_PEER = Address("2001:db8::77", 50_001)
_ROLES = [(role, active) for role in Role for active in (True, False)]


@define
class _Made:
    """A connected socket of the factory, and what is behind it."""

    socket: IConnectedSocket
    endpoint: RecordingEndpoint
    inner: RecordingSocket | None


class ConnectedSocketFactoryContract:
    """Tests of one connected-socket factory class.

    Attributes:
        factory_class: the class to test; a subclass must set it.
        options: values for the class's ``options``, as a config's ``[connected_socket.options]`` gives them.
    """

    factory_class: ClassVar[type[IConnectedSocketFactory]]
    options: ClassVar[Mapping[str, object]] = MappingProxyType({})

    def option_values(self) -> Mapping[str, object]:
        """Return ``options``; override where a value is only known when a test runs (a temporary file, say)."""
        return self.options

    # What it is

    def test_it_is_a_factory_of_this_api(self) -> None:
        """It derives from IConnectedSocketFactory, is complete, and says the API version of this cts."""
        check_api(self.factory_class, IConnectedSocketFactory)

    def test_its_options_take_these_values(self) -> None:
        """Its options are an attrs class, or None."""
        check_options(self.factory_class, self.option_values(), defaults=False)

    def test_it_imports_nothing_of_cts_but_the_api(self) -> None:
        """Neither its module nor what that imports of its own package knows cts's inside."""
        check_imports(self.factory_class)

    # What it makes

    def test_it_makes_a_connected_socket_of_the_peer_and_the_role(self) -> None:
        """Whatever part this side plays, active or passive, ``remote`` and ``role`` are those of the request."""

        async def main() -> None:
            for role, active in _ROLES:
                with self._factory() as factory:
                    made = self._make(factory, role, active).socket
                    where = f"{self._name}, {_side(role, active)}"
                    if not isinstance(made, IConnectedSocket):
                        raise ContractBroken(f"{where}: make returned {made!r}, not an IConnectedSocket")
                    if made.remote != PEER:
                        raise ContractBroken(f"{where}: remote is {made.remote}, the request's peer is {PEER}")
                    if made.role is not role:
                        raise ContractBroken(f"{where}: role is {made.role}, the request's is {role}")

        run_on_mock_clock(main)

    def test_what_an_active_socket_reads_reaches_the_default_socket(self) -> None:
        """Batches that the endpoint hands over arrive whole and unchanged, with their times, before the call returns."""
        self._try(True, self._judge_active)

    def test_what_a_passive_socket_is_handed_reaches_the_default_socket(self) -> None:
        """Batches given to on_data_received arrive whole and unchanged, with their times, before the call returns."""
        self._try(False, self._judge_passive)

    def test_what_the_default_socket_sends_reaches_the_endpoint(self) -> None:
        """Every datagram leaves once and unchanged, for the peer, in the endpoint's own segments; the count comes back."""
        for active in (True, False):
            self._try(active, self._judge_sending)

    def test_an_error_of_the_network_reaches_the_default_socket(self) -> None:
        """An OSError of the endpoint comes out of the send of the socket behind, and a refusal out of its try_send."""
        self._try(True, self._judge_refusal, FailingEndpoint(after=0))

    def test_the_stream_s_life_is_the_default_socket_s(self) -> None:
        """run starts and ends with the default socket's and returns its result; START repeats and questions get through.

        What was in ``request.background`` still is.
        """
        for active in (True, False):
            self._try(active, self._judge_life)

    def test_two_streams_are_kept_apart(self) -> None:
        """One factory serves a whole run: what one stream is handed does not show up in another."""

        async def main() -> None:
            with self._factory() as factory:
                ours = self._make(factory, Role.RECEIVER, active=False)
                theirs = self._make(factory, Role.RECEIVER, active=False, peer=_OTHER_PEER)
                if theirs.socket.remote != _OTHER_PEER:
                    raise ContractBroken(
                        f"{self._name}: the second stream's remote is {theirs.socket.remote}, not {_OTHER_PEER}"
                    )
                lend(b"for the second", 14, theirs.socket.on_data_received)
                if ours.inner is not None and ours.inner.received:
                    raise ContractBroken(f"{self._name}: the first stream was handed what came for the second")

        run_on_mock_clock(main)

    def test_it_may_be_closed_twice(self) -> None:
        """close() flushes and closes what was opened; again, it does nothing."""
        with self._factory() as factory:
            factory.close()
            try:
                factory.close()
            except Exception as error:
                raise ContractBroken(
                    f"{self._name}: close() a second time raised {type(error).__name__}: {error}"
                ) from error

    def test_it_may_be_closed_while_a_stream_still_talks(self) -> None:
        """A datagram that comes or leaves after close() does no harm: a cancelled stream may have one under way."""

        async def main() -> None:
            with self._factory() as factory:
                made = self._make(factory, Role.RECEIVER, active=False)
                factory.close()
                lend(b"too late", 8, made.socket.on_data_received)
                if made.inner is not None:
                    await made.inner.send()

        run_on_mock_clock(main)

    # The machinery

    @property
    def _name(self) -> str:
        return self.factory_class.__name__

    @contextmanager
    def _factory(self) -> Iterator[IConnectedSocketFactory]:
        factory = self.factory_class(make_options(self.factory_class, self.option_values()))
        try:
            yield factory
        except BaseException:
            with suppress(Exception):  # the first complaint is the one to hear
                factory.close()
            raise
        factory.close()

    def _make(
        self,
        factory: IConnectedSocketFactory,
        role: Role,
        active: bool,
        peer: Address = PEER,
        endpoint: RecordingEndpoint | None = None,
    ) -> _Made:
        default = RecordingDefault()
        endpoint = endpoint or RecordingEndpoint(segment_limit=2)
        request = request_for(endpoint, role=role, active=active, peer=peer)
        request.background.append(trio.lowlevel.checkpoint)
        socket = factory.make(request, default)
        return _Made(socket, endpoint, default.made[-1] if default.made else None)

    def _try(
        self,
        active: bool,
        judge: Callable[[str, _Made, RecordingSocket], Awaitable[None]],
        endpoint: RecordingEndpoint | None = None,
    ) -> None:
        """Judge a receiver and a sender that run, if there is a default socket behind them."""

        async def main() -> None:
            for role in Role:
                with self._factory() as factory:
                    made = self._make(factory, role, active, endpoint=endpoint)
                    if made.inner is not None:
                        await judge(f"{self._name}, {_side(role, active)}", made, made.inner)

        try:
            run_on_mock_clock(main)
        except ExceptionGroup as group:  # a nursery's: the message is what a person needs to see
            raise first_of(group) from None

    async def _judge_active(self, where: str, made: _Made, inner: RecordingSocket) -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(made.socket.run)
            if made.endpoint.handler is None:
                raise ContractBroken(f"{where}: the default socket's receive_into did not reach the endpoint")
            expected = [made.endpoint.deliver(data, segment_size=size) for data, size in _BATCHES]
            _compare(where, inner.received, expected)
            nursery.cancel_scope.cancel()

    async def _judge_passive(self, where: str, made: _Made, inner: RecordingSocket) -> None:
        expected = [lend(data, size, made.socket.on_data_received) for data, size in _BATCHES]
        _compare(where, inner.received, expected)

    async def _judge_sending(self, where: str, made: _Made, inner: RecordingSocket) -> None:
        endpoint = inner.request.endpoint
        if (endpoint.local, endpoint.segment_limit) != (made.endpoint.local, made.endpoint.segment_limit):
            raise ContractBroken(
                f"{where}: the endpoint in front says {endpoint.local} and segment limit {endpoint.segment_limit}, the real one"
                f" {made.endpoint.local} and {made.endpoint.segment_limit}"
            )
        reference = RecordingEndpoint(segment_limit=2)
        returned, expected = await inner.send(), await RecordingSocket(request_for(reference)).send()
        if returned != expected:
            raise ContractBroken(f"{where}: {expected} bytes were sent, but the default socket was told {returned}")
        if made.endpoint.sent != reference.sent:
            raise ContractBroken(
                f"{where}: what the default socket sent did not reach the endpoint unchanged: {len(made.endpoint.sent)}"
                f" datagrams for {sorted({str(sent.remote) for sent in made.endpoint.sent})} instead of {len(reference.sent)}"
                f" for {PEER}, or other bytes"
            )
        if made.endpoint.calls != reference.calls:
            raise ContractBroken(
                f"{where}: datagrams a call were {made.endpoint.calls}, not {reference.calls}: hand send_train on as it is"
            )
        answer = SentDatagram(trio_now_ns(), PEER, b"answer")
        if not endpoint.try_send(PEER, b"answer") or made.endpoint.sent != [*reference.sent, answer]:
            raise ContractBroken(f"{where}: try_send of the endpoint in front did not send through the real one's")

    async def _judge_refusal(self, where: str, made: _Made, inner: RecordingSocket) -> None:
        if inner.request.endpoint.try_send(PEER, b"answer"):
            raise ContractBroken(f"{where}: try_send said that a datagram went which the real endpoint did not take")
        try:
            await inner.send()
        except OSError as error:
            if isinstance(made.endpoint, FailingEndpoint) and error is made.endpoint.error:
                return
        raise ContractBroken(
            f"{where}: the endpoint raised an OSError that did not come out of the default socket's send"
        )

    async def _judge_life(self, where: str, made: _Made, inner: RecordingSocket) -> None:
        made.socket.on_start_repeated(77)
        if inner.repeats != [77]:
            raise ContractBroken(f"{where}: on_start_repeated did not reach the default socket")
        if made.socket.connection_id != inner.connection_id:
            raise ContractBroken(f"{where}: connection_id is not the default socket's")
        if made.socket.measured_ns not in (None, inner.measured_ns):
            raise ContractBroken(f"{where}: measured_ns is not the default socket's")
        if made.socket.observe(55) != inner.observe(55):
            raise ContractBroken(f"{where}: observe does not answer what the default socket does")
        if made.socket.send_lateness is not inner.send_lateness:
            raise ContractBroken(f"{where}: send_lateness is not the default socket's")
        if trio.lowlevel.checkpoint not in inner.request.background:
            raise ContractBroken(f"{where}: a task that was in request.background is there no more: append to it")
        endpoint = inner.request.endpoint
        endpoint.drain()
        if made.endpoint.drained != 1 or endpoint.statistics() != made.endpoint.statistics():
            raise ContractBroken(f"{where}: drain or statistics of the endpoint in front are not those of the real one")
        results: list[StreamResult] = []

        async def run(*, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
            results.append(await made.socket.run(task_status=task_status))

        with trio.move_on_after(PATIENCE_S) as patience:
            async with trio.open_nursery() as nursery:
                await nursery.start(run)
                if not inner.running:
                    raise ContractBroken(f"{where}: run called started() before the default socket did")
                inner.end()
        if patience.cancelled_caught or results != [inner.result()]:
            raise ContractBroken(f"{where}: run did not end with the default socket's result")
        endpoint.close()
        if not made.endpoint.closed:
            raise ContractBroken(f"{where}: closing the endpoint in front does not close the real one")


_BATCHES = [(b"START", 5), (bytes(range(200)) * 3 + b"short", 200), (b"", 1), (bytes(65_507), 65_507)]


def _side(role: Role, active: bool) -> str:
    return f"{'an active' if active else 'a passive'} {role.value}"


def _compare(where: str, received: list[DatagramBatch], expected: list[DatagramBatch]) -> None:
    if len(received) != len(expected):
        raise ContractBroken(f"{where}: {len(expected)} batches came, the default socket was handed {len(received)}")
    for got, wanted in zip(received, expected, strict=True):
        if bytes(got.data) != wanted.data or got.segment_size != wanted.segment_size:
            raise ContractBroken(f"{where}: the default socket was handed other bytes than came")
        if got.received_ns != wanted.received_ns:
            raise ContractBroken(f"{where}: the default socket was told another receive time ({got.received_ns})")
