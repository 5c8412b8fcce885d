"""The tests that every connected-socket factory must pass; a plugin's own test suite subclasses them.

    class TestMyFactory(ConnectedSocketFactoryContract):
        factory_class = MyFactory
        options = {"colour": "blue"}  # optional

A factory that does not use the engine's default socket is tested for what it makes only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from types import MappingProxyType
from typing import ClassVar

import trio
from attrs import define

from cts.api import Address, DatagramBatch, IConnectedSocket, IConnectedSocketFactory, IDatagramEndpoint, Role
from cts.errors import first_of
from cts.testing.endpoint_probes import (
    Put,
    RealEndpoint,
    answering_faults,
    naming_faults,
    receiving_faults,
    refusal_faults,
    send_now_faults,
    wait_faults,
)
from cts.testing.endpoints import PEER, RecordingEndpoint, lend
from cts.testing.pacers import run_on_mock_clock
from cts.testing.plugin_rules import ContractBroken, check_api, check_imports, check_options, make_options
from cts.testing.socket_probes import RequestKept, answer_faults, ending_faults, request_faults
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
    kept: RequestKept


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

    def test_the_endpoint_in_front_answers_as_the_real_one(self) -> None:
        """Addresses, limits, statistics, what is sent without waiting, what is read, its end: each member is handed on."""
        self._try(True, self._judge_endpoint)

    def test_an_error_of_the_network_reaches_the_default_socket(self) -> None:
        """An OSError of the endpoint comes out of the send of the socket behind, and a refusal out of its try_send."""
        self._try(True, self._judge_refusal)

    def test_a_cancelled_send_ends_at_once(self) -> None:
        """Cancelled while the send buffer is full, a send of the socket behind lets trio.Cancelled through."""
        self._try(True, self._judge_wait)

    def test_what_is_handed_over_at_once_is_what_went(self) -> None:
        """send_now of the endpoint in front returns how many messages the real one took, which may be none."""
        self._try(True, self._judge_send_now)

    def test_what_the_request_held_reaches_the_default_socket(self) -> None:
        """Its plan, sender, pacer, name, checks, tasks, and who is told of frames, are those that the engine gave."""
        for active in (True, False):
            self._try(active, self._judge_request)

    def test_what_the_default_socket_answers_is_answered(self) -> None:
        """Its name, counts, lateness, measured time, and whether a START begins another stream, at any time of its life."""
        for active in (True, False):
            self._try(active, self._judge_answers)

    def test_the_stream_s_life_is_the_default_socket_s(self) -> None:
        """run starts and ends with the default socket's, however that ends, and returns its result."""
        for active in (True, False):
            for way in ("succeeds", "fails", "raises", "is cancelled"):
                self._try(active, partial(self._judge_life, way))

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
        endpoint = endpoint or RealEndpoint()
        request = request_for(endpoint, role=role, active=active, peer=peer)
        request.background.append(trio.lowlevel.checkpoint)
        kept = RequestKept(request)
        socket = factory.make(request, default)
        return _Made(socket, endpoint, default.made[-1] if default.made else None, kept)

    def _put(
        self, factory: IConnectedSocketFactory, role: Role, active: bool, endpoint: RecordingEndpoint
    ) -> IDatagramEndpoint:
        """Return what the factory puts in front of an endpoint."""
        inner = self._make(factory, role, active, endpoint=endpoint).inner
        return endpoint if inner is None else inner.request.endpoint

    def _try(self, active: bool, judge: Callable[[_Made, RecordingSocket, Put], Awaitable[Iterable[str]]]) -> None:
        """Judge a receiver and a sender, if there is a default socket behind them; the first fault is told."""

        async def main() -> None:
            for role in Role:
                with self._factory() as factory:
                    made = self._make(factory, role, active)
                    if made.inner is not None:
                        for fault in await judge(made, made.inner, partial(self._put, factory, role, active)):
                            raise ContractBroken(f"{self._name}, {_side(role, active)}: {fault}")

        try:
            run_on_mock_clock(main)
        except ExceptionGroup as group:  # a nursery's: the message is what a person needs to see
            raise first_of(group) from None

    async def _judge_active(self, made: _Made, inner: RecordingSocket, put: Put) -> Iterable[str]:
        async with trio.open_nursery() as nursery:
            await nursery.start(made.socket.run)
            if made.endpoint.handler is not None:
                expected = [made.endpoint.deliver(data, segment_size=size) for data, size in _BATCHES]
            nursery.cancel_scope.cancel()
        if made.endpoint.handler is None:
            return ["the default socket's receive_into did not reach the endpoint, so nothing is ever read: hand it on"]
        return _compare(inner.received, expected)

    async def _judge_passive(self, made: _Made, inner: RecordingSocket, put: Put) -> Iterable[str]:
        expected = [lend(data, size, made.socket.on_data_received) for data, size in _BATCHES]
        return _compare(inner.received, expected)

    async def _judge_sending(self, made: _Made, inner: RecordingSocket, put: Put) -> Iterable[str]:
        reference = RecordingEndpoint(segment_limit=2)
        returned, expected = await inner.send(), await RecordingSocket(request_for(reference)).send()
        if returned != expected:
            text = f"{expected} bytes were sent, but the default socket was told {returned}"
            return [f"{text}: return what the real endpoint's sends return"]
        if made.endpoint.sent != reference.sent:
            peers = sorted({str(sent.remote) for sent in made.endpoint.sent})
            text = f"{len(made.endpoint.sent)} datagrams for {peers} instead of {len(reference.sent)} for {PEER}, or others"
            return [
                f"what the default socket sent did not reach the endpoint unchanged: {text}; hand each send on once"
            ]
        if made.endpoint.calls != reference.calls:
            return [f"datagrams a call were {made.endpoint.calls}, not {reference.calls}: hand send_train on as it is"]
        return []

    async def _judge_endpoint(self, made: _Made, inner: RecordingSocket, put: Put) -> Iterable[str]:
        front, real = inner.request.endpoint, made.endpoint
        assert isinstance(real, RealEndpoint)
        return [
            *naming_faults(front, real),
            *await answering_faults(front, real),
            *await receiving_faults(front, real),
        ]

    async def _judge_send_now(self, made: _Made, inner: RecordingSocket, put: Put) -> Iterable[str]:
        return send_now_faults(put)

    async def _judge_refusal(self, made: _Made, inner: RecordingSocket, put: Put) -> Iterable[str]:
        return await refusal_faults(put)

    async def _judge_wait(self, made: _Made, inner: RecordingSocket, put: Put) -> Iterable[str]:
        return await wait_faults(put)

    async def _judge_request(self, made: _Made, inner: RecordingSocket, put: Put) -> Iterable[str]:
        return await request_faults(made.kept, inner.request)

    async def _judge_answers(self, made: _Made, inner: RecordingSocket, put: Put) -> Iterable[str]:
        return answer_faults(made.socket, inner)

    async def _judge_life(self, way: str, made: _Made, inner: RecordingSocket, put: Put) -> Iterable[str]:
        return await ending_faults(made.socket, inner, way)


_BATCHES = [(b"START", 5), (bytes(range(200)) * 3 + b"short", 200), (b"", 1), (bytes(65_507), 65_507)]


def _side(role: Role, active: bool) -> str:
    return f"{'an active' if active else 'a passive'} {role.value}"


def _compare(received: list[DatagramBatch], expected: list[DatagramBatch]) -> Iterable[str]:
    if len(received) != len(expected):
        yield f"{len(expected)} batches came, the default socket was handed {len(received)}: hand on each one, at once"
    for got, wanted in zip(received, expected, strict=False):
        if bytes(got.data) != wanted.data or got.segment_size != wanted.segment_size:
            yield "the default socket was handed other bytes than came: hand the batch on as it is"
        if got.received_ns != wanted.received_ns:
            yield (
                f"the default socket was told another receive time ({got.received_ns} instead of {wanted.received_ns}), by"
                " which verdicts are given: hand the batch on as it is"
            )
