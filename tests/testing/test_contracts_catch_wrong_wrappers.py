"""Factories that put something in front which is wrong at one member, and what the contract says of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

import pytest
import trio
from attrs import evolve, fields

from cts.api import (
    Address,
    BackgroundTask,
    DatagramBatch,
    DatagramHandler,
    EndpointStatistics,
    Frame,
    FrameTotals,
    Histogram,
    IConnectedSocket,
    IDatagramEndpoint,
    IPacer,
    ISender,
    Message,
    Outcome,
    RenderedFrame,
    StreamPlan,
    StreamRequest,
    StreamResult,
    StreamSnapshot,
    Train,
    VerdictRule,
    Verify,
)
from cts.testing import ConnectedSocketFactoryContract, MockPacer, OneByOneSender, complaints, plan_of
from tests.testing.through_endpoint import ThroughEndpoint
from tests.testing.through_socket import Default, ThroughFactory, ThroughSocket, with_endpoint, with_socket

ANSWERS = "test_what_the_default_socket_answers_is_answered"
LIFE = "test_the_stream_s_life_is_the_default_socket_s"
ENDPOINT = "test_the_endpoint_in_front_answers_as_the_real_one"
ERRORS = "test_an_error_of_the_network_reaches_the_default_socket"
WAIT = "test_a_cancelled_send_ends_at_once"
AT_ONCE = "test_what_is_handed_over_at_once_is_what_went"
REQUEST = "test_what_the_request_held_reaches_the_default_socket"

Wrong = tuple[str, str, type]
"""The test that catches it, what that says, and a class that is wrong."""


def said_of(factory_class: type) -> dict[str, str]:
    return complaints(ConnectedSocketFactoryContract, factory_class=factory_class)


# A socket in front


class NoLateness(ThroughSocket):
    send_lateness = None


class OldLateness(ThroughSocket):
    def __init__(self, socket: IConnectedSocket) -> None:
        super().__init__(socket)
        self.copy = None if socket.send_lateness is None else Histogram.of([socket.send_lateness])

    @property
    def send_lateness(self) -> Histogram | None:
        return self.copy


class OldName(ThroughSocket):
    def __init__(self, socket: IConnectedSocket) -> None:
        super().__init__(socket)
        self.name = socket.connection_id

    @property
    def connection_id(self) -> str | None:
        return self.name


class NoMeasure(ThroughSocket):
    measured_ns = None


class NoEnd(ThroughSocket):
    ended = None


class NoOther(ThroughSocket):
    def begins_another(self, received_ns: int) -> bool:
        return IConnectedSocket.begins_another(self, received_ns)


class AlwaysAnother(ThroughSocket):
    def begins_another(self, received_ns: int) -> bool:
        return True


class Ignores(ThroughSocket):
    def on_start_repeated(self, received_ns: int) -> None: ...


class NoCounts(ThroughSocket):
    def observe(self, now_ns: int) -> StreamSnapshot:
        return StreamSnapshot()


class FewCounts(ThroughSocket):
    def observe(self, now_ns: int) -> StreamSnapshot:
        known = super().observe(now_ns)
        return StreamSnapshot(frames=known.frames, bytes_received=known.bytes_received, bytes_sent=known.bytes_sent)


class OtherCounts(ThroughSocket):
    def observe(self, now_ns: int) -> StreamSnapshot:
        known = super().observe(now_ns)
        return evolve(known, frames=FrameTotals(known.frames.completed + known.frames.dropped))


class OldCounts(ThroughSocket):
    def observe(self, now_ns: int) -> StreamSnapshot:
        return super().observe(0)


class Hasty(ThroughSocket):
    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> StreamResult:
        task_status.started()
        await trio.sleep(1)
        return await super().run()


class Endless(ThroughSocket):
    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> StreamResult:
        await super().run(task_status=task_status)
        return await trio.sleep_forever()


class Optimist(ThroughSocket):
    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> StreamResult:
        return evolve(await super().run(task_status=task_status), outcome=Outcome.SUCCESSFUL, result="Succeeded")


class Uncounted(ThroughSocket):
    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> StreamResult:
        return evolve(await super().run(task_status=task_status), counts=StreamSnapshot())


class Shrugs(ThroughSocket):
    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> StreamResult:
        try:
            return await super().run(task_status=task_status)
        except RuntimeError:
            return self.socket.result()  # type: ignore[attr-defined, no-any-return]


class Stubborn(ThroughSocket):
    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> StreamResult:
        try:
            return await super().run(task_status=task_status)
        except trio.Cancelled:
            return self.socket.result()  # type: ignore[attr-defined, no-any-return]


SOCKETS: list[Wrong] = [
    (
        ANSWERS,
        "send_lateness is None, and the default socket's a Histogram: hand send_lateness on whenever",
        NoLateness,
    ),
    (ANSWERS, "send_lateness is a Histogram, and the default socket's a Histogram: hand send_lateness on", OldLateness),
    (ANSWERS, "connection_id is None, and the default socket's '0b6f4f27", OldName),
    (ANSWERS, "measured_ns is None, and the default socket's 12345: hand measured_ns on", NoMeasure),
    (ANSWERS, "begins_another(1000) is False, and the default socket's True", NoOther),
    (ANSWERS, "begins_another(999) is True, and the default socket's False", AlwaysAnother),
    (ANSWERS, "on_start_repeated did not reach the default socket: hand it on, with its time", Ignores),
    (
        ANSWERS,
        "observe(55) does not answer what the default socket does, so counts get lost: hand observe on",
        NoCounts,
    ),
    (ANSWERS, "observe(55) does not answer what the default socket does", FewCounts),
    (ANSWERS, "observe(55) does not answer what the default socket does", OtherCounts),
    (ANSWERS, "observe(55) does not answer what the default socket does", OldCounts),
    (LIFE, "ended is None where the default socket's run returned, so a stream that had ended when its run was", NoEnd),
    (LIFE, "run did not end when the default socket's run returned: return with it", Endless),
    (LIFE, "run did not end with the default socket's result where that fails: return what its run returns", Optimist),
    (LIFE, "run did not end with the default socket's result where that succeeds", Uncounted),
    (LIFE, "the default socket's run raised RuntimeError('a bug'), which did not come out of run: let it pass", Shrugs),
    (LIFE, "run was cancelled and returned or raised all the same: let trio.Cancelled pass", Stubborn),
]


@pytest.mark.parametrize(("test", "text", "socket_class"), SOCKETS, ids=lambda each: getattr(each, "__name__", ""))
def test_a_socket_in_front_that_is_wrong_at_one_thing(test: str, text: str, socket_class: type[ThroughSocket]) -> None:
    said = said_of(with_socket(socket_class))
    assert said.keys() == {test}
    assert said[test].startswith("Wrong, a")
    assert text in said[test]


def test_a_socket_that_says_started_too_soon() -> None:
    assert said_of(with_socket(Hasty))[LIFE] == (
        "Wrong, an active sender: run called started() before the default socket did: pass task_status on"
    )


# An endpoint in front


class OtherPlace(ThroughEndpoint):
    @property
    def local(self) -> Address:
        return Address("192.0.2.99", 1)


class Stays(ThroughEndpoint):
    def at(self, local: Address) -> IDatagramEndpoint:
        return self


class Wide(ThroughEndpoint):
    def segment_limit_to(self, remote: Address) -> int:
        return self.segment_limit


class Lossless(ThroughEndpoint):
    def statistics(self) -> EndpointStatistics:
        return EndpointStatistics(self.endpoint.statistics().datagrams)


class Mute(ThroughEndpoint):
    def try_send(self, remote: Address, datagram: bytes) -> bool:
        return False


class Deaf(ThroughEndpoint):
    def drain(self) -> None: ...


class Swaps(ThroughEndpoint):
    def receive_into(self, handler: DatagramHandler) -> None:
        self.endpoint.receive_into(lambda local, remote, batch: handler(remote, local, batch))


class Queues(ThroughEndpoint):
    """Hands over what it has read once more has come."""

    def receive_into(self, handler: DatagramHandler) -> None:
        waiting: list[Callable[[], None]] = []

        def later(local: Address, remote: Address, batch: DatagramBatch) -> None:
            kept = DatagramBatch(bytes(batch.data), batch.segment_size, batch.received_ns)
            waiting.append(lambda: handler(local, remote, kept))
            if len(waiting) > 1:
                waiting.pop(0)()

        self.endpoint.receive_into(later)


class Open(ThroughEndpoint):
    def close(self) -> None: ...


class SwallowsErrors(ThroughEndpoint):
    async def send(self, remote: Address, header: bytes | bytearray, payload: bytes | memoryview = b"") -> int:
        with suppress(OSError):
            return await super().send(remote, header, payload)
        return 0


class SwallowsErrorsOfTrains(ThroughEndpoint):
    async def send_train(self, remote: Address, header: bytes | bytearray, payloads: Sequence[memoryview]) -> int:
        try:
            return await super().send_train(remote, header, payloads)
        except OSError as error:
            raise ValueError("no way") from error


class SwallowsCancellation(ThroughEndpoint):
    async def send(self, remote: Address, header: bytes | bytearray, payload: bytes | memoryview = b"") -> int:
        with suppress(trio.Cancelled):
            return await super().send(remote, header, payload)
        return 0


class SaysAllWent(ThroughEndpoint):
    def send_now(self, messages: Sequence[Message]) -> int:
        self.endpoint.send_now(messages)
        return len(messages)


class SaysNoneWent(ThroughEndpoint):
    def send_now(self, messages: Sequence[Message]) -> int:
        self.endpoint.send_now(messages)
        return 0


class SendsTheLastFirst(ThroughEndpoint):
    def send_now(self, messages: Sequence[Message]) -> int:
        return self.endpoint.send_now([*messages][::-1])


ENDPOINTS: list[Wrong] = [
    (ENDPOINT, "at(192.0.2.2:4444) of the endpoint in front is at 192.0.2.1:4444", Stays),
    (ENDPOINT, "segment_limit_to of the endpoint in front is 2 for a path on which the real one takes 1", Wide),
    (ENDPOINT, "statistics of the endpoint in front are EndpointStatistics(datagrams=17, overflowed=0", Lossless),
    (ENDPOINT, "try_send of the endpoint in front did not send through the real one's: hand try_send on", Mute),
    (ENDPOINT, "drain of the endpoint in front returned before what had arrived was handed over", Deaf),
    (ENDPOINT, "call the handler with what the real one gives", Swaps),
    (ENDPOINT, "closing the endpoint in front does not close the real one: hand close on", Open),
    (
        ERRORS,
        "and 0 came out of send of the endpoint in front instead of the real one's OSError: let it pass",
        SwallowsErrors,
    ),
    (ERRORS, "and ValueError('no way') came out of send_train of the endpoint in front", SwallowsErrorsOfTrains),
    (WAIT, "a send that was cancelled while the send buffer was full went on", SwallowsCancellation),
    (AT_ONCE, "send_now of the endpoint in front said that 3 of 3 messages went, and 4 datagrams left", SaysAllWent),
    (AT_ONCE, "send_now of the endpoint in front said that 0 of 3 messages went, and 6 datagrams left", SaysNoneWent),
    (AT_ONCE, "or others: return what the real one's send_now does", SendsTheLastFirst),
]


@pytest.mark.parametrize(("test", "text", "endpoint_class"), ENDPOINTS, ids=lambda each: getattr(each, "__name__", ""))
def test_an_endpoint_in_front_that_is_wrong_at_one_thing(
    test: str, text: str, endpoint_class: type[ThroughEndpoint]
) -> None:
    said = said_of(with_endpoint(endpoint_class))
    assert said.keys() == {test}
    assert text in said[test]


def test_an_endpoint_that_says_it_is_elsewhere() -> None:
    assert (
        "local of the endpoint in front is 192.0.2.99:1, of the real one 192.0.2.1:4444"
        in (said_of(with_endpoint(OtherPlace))[ENDPOINT])
    )


def test_an_endpoint_that_forgets_the_offload() -> None:
    class Plain(ThroughEndpoint):
        @property
        def segment_limit(self) -> int:
            return 1

    said = said_of(with_endpoint(Plain))[ENDPOINT]
    assert "segment_limit of the endpoint in front is 1, of the real one 2, so frames leave in more calls" in said


def test_an_endpoint_that_hands_over_later() -> None:
    assert "was handed over as []: call the handler" in said_of(with_endpoint(Queues))[ENDPOINT]


def test_an_endpoint_that_never_receives() -> None:
    class NeverReceives(ThroughEndpoint):
        def receive_into(self, handler: DatagramHandler) -> None: ...

    said = said_of(with_endpoint(NeverReceives))
    reads = "test_what_an_active_socket_reads_reaches_the_default_socket"
    assert said.keys() == {ENDPOINT, reads}
    assert "receive_into did not reach the endpoint, so nothing is ever read: hand it on" in said[reads]


def test_an_endpoint_that_says_it_sent_what_it_kept() -> None:
    class Keeps(ThroughEndpoint):
        def try_send(self, remote: Address, datagram: bytes) -> bool:
            return True

    said = said_of(with_endpoint(Keeps))
    assert said.keys() == {ENDPOINT, ERRORS}
    assert "try_send said that a datagram went which the real endpoint did not take" in said[ERRORS]


def test_an_endpoint_that_hands_nothing_over_at_once_gives_no_cause_for_complaint() -> None:
    class Slow(ThroughEndpoint):
        def send_now(self, messages: Sequence[Message]) -> int:
            return 0

    assert said_of(with_endpoint(Slow)) == {}


# A request that is changed


class Later(MockPacer):
    def now_ns(self) -> int:
        return super().now_ns() + 5


class Sleepy(MockPacer):
    async def wait_until(self, due_ns: int) -> None:
        await super().wait_until(due_ns + 5)


class Wrapped(ISender):
    """Hands everything on to another sender; a subclass goes wrong at one thing."""

    def __init__(self, sender: ISender) -> None:
        self.sender = sender

    async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
        return await self.sender.send_frame(frame, endpoint, peer, pacer)

    def trains(self, segment_limit: int) -> Sequence[Train] | None:
        return self.sender.trains(segment_limit)

    def background(self, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> BackgroundTask | None:
        return self.sender.background(endpoint, peer, pacer)


class OtherTrains(Wrapped):
    def trains(self, segment_limit: int) -> Sequence[Train] | None:
        return [(payload,) for payload in plan_of(3000).payloads]


class NoBackground(Wrapped):
    background = ISender.background


def changing(**changes: Callable[[StreamRequest], object]) -> type[ThroughFactory]:
    """Return a factory that changes the request."""

    class Changes(ThroughFactory):
        def make(self, request: StreamRequest, default: Default) -> IConnectedSocket:
            for name, change in changes.items():
                setattr(request, name, change(request))
            return super().make(request, default)

    return Changes


def longer(plan: StreamPlan) -> StreamPlan:
    return plan_of(plan.frame_size, frames=plan.final_frame + 1)


def deaf(frame: RenderedFrame) -> None: ...


CHANGES: list[tuple[str, dict[str, Callable[[StreamRequest], object]]]] = [
    ("the request's plan was ", {"plan": lambda request: longer(request.plan)}),
    ("the request's verify was Verify.COUNT and is Verify.CONNECTION", {"verify": lambda _: Verify.CONNECTION}),
    ("the request's active was ", {"active": lambda request: not request.active}),
    ("the request's gone_after_ns was 987654321 and is None", {"gone_after_ns": lambda _: None}),
    ("the request's shares_settings was True and is False", {"shares_settings": lambda _: False}),
    ("the request's opening is another for the default socket", {"opening": lambda _: None}),
    ("the request's pace was ", {"pace": lambda request: type(request.pace)()}),
    ("a remark did not reach the request's on_remark", {"on_remark": lambda _: None}),
    ("what ended a stream did not reach the request's on_failure", {"on_failure": lambda _: None}),
    ("a rendered frame did not reach the request's on_frame", {"on_frame": lambda _: None}),
    ("a frame's record did not reach the request's on_record", {"on_record": lambda _: None}),
    ("late data did not reach the request's on_missed", {"on_missed": lambda _: None}),
    ("the request's verdict was ", {"verdict": lambda _: VerdictRule.DISTINCT}),
    ("a rendered frame did not reach the request's on_frame", {"on_frame": lambda _: deaf}),
    ("a task that was in request.background is there no more: append to it", {"background": lambda _: []}),
    ("keep to the run's clock, the request's pacer", {"pacer": lambda _: Later()}),
    ("keep to the run's clock, the request's pacer", {"pacer": lambda _: Sleepy()}),
    (
        "a frame did not reach the request's sender, which the user chose",
        {"sender": lambda request: OneByOneSender(None, request.plan)},
    ),
    ("offers other trains than the request's", {"sender": lambda request: OtherTrains(request.sender)}),
    (
        "the background task of the request's sender does not run",
        {"sender": lambda request: NoBackground(request.sender)},
    ),
]


@pytest.mark.parametrize(("text", "changes"), CHANGES, ids=[f"{next(iter(each))}" for _, each in CHANGES])
def test_a_factory_that_loses_a_part_of_the_request(
    text: str, changes: dict[str, Callable[[StreamRequest], object]]
) -> None:
    assert text in said_of(changing(**changes))[REQUEST]


def test_a_factory_that_gives_streams_names_of_its_own() -> None:
    said = said_of(changing(connection_id=lambda _: "00000000-0000-4000-8000-000000000000"))
    assert said.keys() == {REQUEST}
    assert "the request's connection_id was " in said[REQUEST]


def test_a_factory_that_wraps_what_the_request_holds_gives_no_cause_for_complaint() -> None:
    def told(request: StreamRequest) -> object:
        on_frame = request.on_frame
        return None if on_frame is None else lambda frame: on_frame(frame)

    assert said_of(changing(sender=lambda request: Wrapped(request.sender), on_frame=told)) == {}


# Whatever a contract has a default for


def defaults_of(contract: type) -> list[str]:
    abstract: frozenset[str] = getattr(contract, "__abstractmethods__", frozenset())
    bases = [base for base in contract.__mro__ if base.__module__.startswith("cts.api")]
    return sorted({name for base in bases for name in vars(base) if not name.startswith("_")} - abstract)


LAWFUL = {"send_now"}
"""What an endpoint in front need not hand on: nothing goes at once, and everything later."""


@pytest.mark.parametrize("name", [name for name in defaults_of(IDatagramEndpoint) if name not in LAWFUL])
def test_an_endpoint_that_does_not_hand_on_what_has_a_default_is_found(name: str) -> None:
    assert said_of(with_endpoint(type("Left", (ThroughEndpoint,), {name: getattr(IDatagramEndpoint, name)}))) != {}


@pytest.mark.parametrize("name", defaults_of(IConnectedSocket))
def test_a_socket_that_does_not_hand_on_what_has_a_default_is_found(name: str) -> None:
    assert said_of(with_socket(type("Left", (ThroughSocket,), {name: getattr(IConnectedSocket, name)}))) != {}


def test_every_part_of_a_request_is_looked_at() -> None:
    by_the_socket = {"role", "peer", "endpoint"}
    by_what_the_default_is_made_from = {next(iter(changes)) for _, changes in CHANGES} | {"connection_id"}
    assert {each.name for each in fields(StreamRequest)} == by_the_socket | by_what_the_default_is_made_from
