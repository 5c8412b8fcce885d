"""Tells what is wrong with an endpoint that a factory put in front of another: every member of IDatagramEndpoint."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

import trio
from attrs import define, field

from cts.api import Address, DatagramBatch, EndpointStatistics, IDatagramEndpoint, Message
from cts.testing.endpoints import LOCAL, PEER, FailingEndpoint, RecordingEndpoint, SentDatagram, StallingEndpoint
from cts.testing.pacers import PATIENCE_S, trio_now_ns
from cts.units import SECOND

__all__ = [
    "Put",
    "RealEndpoint",
    "answering_faults",
    "naming_faults",
    "receiving_faults",
    "refusal_faults",
    "send_now_faults",
    "wait_faults",
]

_ELSEWHERE = Address("192.0.2.2", 4444)
_NARROW = Address("192.0.2.78", 50_002)
_TRAIN = (memoryview(b"one"), memoryview(b"two"))

Put = Callable[[RecordingEndpoint], IDatagramEndpoint]
"""Puts what is to be tried in front of an endpoint."""


@define(eq=False, kw_only=True)
class RealEndpoint(RecordingEndpoint):
    """An endpoint of whose answers none is a default: two addresses, a path that takes no trains, losses.

    Attributes:
        elsewhere: what it is at its other address.
        pending: what :meth:`drain` hands over.
        closings: how often it was closed.
    """

    segment_limit: int = 2
    elsewhere: RecordingEndpoint = field(
        factory=lambda: RecordingEndpoint(local=_ELSEWHERE, segment_limit=2), init=False
    )
    pending: list[bytes] = field(factory=list, init=False)
    closings: int = field(default=0, init=False)

    def at(self, local: Address) -> IDatagramEndpoint:
        """Return it at the address where somebody looks."""
        return self.elsewhere if local == _ELSEWHERE else self

    def segment_limit_to(self, remote: Address) -> int:
        """Return 1 where the path is narrow."""
        return 1 if remote == _NARROW else self.segment_limit

    def drain(self) -> None:
        """Hand over what is pending."""
        self.drained += 1
        while self.pending:
            self.deliver(self.pending.pop(0))

    def statistics(self) -> EndpointStatistics:
        """Return figures that nobody can guess."""
        return EndpointStatistics(17, 4, 3)

    def close(self) -> None:
        """Count it."""
        self.closed = True
        self.closings += 1


def naming_faults(front: IDatagramEndpoint, real: RealEndpoint) -> Iterable[str]:
    """Look at what it says of itself."""
    if front.local != real.local:
        yield f"local of the endpoint in front is {front.local}, of the real one {real.local}: hand local on"
    if front.segment_limit != real.segment_limit:
        yield (
            f"segment_limit of the endpoint in front is {front.segment_limit}, of the real one {real.segment_limit}, so frames"
            " leave in more calls than they need: hand segment_limit on"
        )
    if (limit := front.segment_limit_to(_NARROW)) != 1:
        yield (
            f"segment_limit_to of the endpoint in front is {limit} for a path on which the real one takes 1, so trains are"
            " refused there: hand segment_limit_to on"
        )
    if (moved := front.at(_ELSEWHERE)).local != _ELSEWHERE:
        yield (
            f"at({_ELSEWHERE}) of the endpoint in front is at {moved.local}, so answers leave from another address than they"
            " were asked at: return a wrapper of the real one's at(local)"
        )
    if front.statistics() != real.statistics():
        yield (
            f"statistics of the endpoint in front are {front.statistics()}, of the real one {real.statistics()}, so losses on"
            " this host go unseen: hand statistics on"
        )


async def answering_faults(front: IDatagramEndpoint, real: RealEndpoint) -> Iterable[str]:
    """Look at what it sends without waiting, at its other address as well."""
    faults = []
    sent = len(real.sent)
    if not front.try_send(PEER, b"answer") or real.sent[sent:] != [SentDatagram(trio_now_ns(), PEER, b"answer")]:
        faults.append("try_send of the endpoint in front did not send through the real one's: hand try_send on")
    await front.at(_ELSEWHERE).send(PEER, b"head", b"body")
    if [each.datagram for each in real.elsewhere.sent] != [b"headbody"]:
        faults.append(
            f"what was sent by at({_ELSEWHERE}) of the endpoint in front did not leave from there: return a wrapper of the"
            " real one's at(local)"
        )
    return faults


def send_now_faults(put: Put) -> Iterable[str]:
    """Look at what it hands over in one call, where there is room for all of it and for some."""
    messages: list[Message] = [(PEER, f"{number}:".encode(), _TRAIN) for number in range(3)]
    for room in (6, 4, 0):
        real = StallingEndpoint(after=room, on_stall=lambda: None, segment_limit=2)
        gone = put(real).send_now(messages)
        left = [bytes(header) + bytes(payload) for _, header, train in messages[:gone] for payload in train]
        if type(gone) is not int or [each.datagram for each in real.sent] != left:
            yield (
                f"send_now of the endpoint in front said that {gone} of 3 messages went, and {len(real.sent)} datagrams left by"
                " the real one, or others: return what the real one's send_now does"
            )
            return


async def receiving_faults(front: IDatagramEndpoint, real: RealEndpoint) -> Iterable[str]:
    """Look at what it hands over, and when, and at its end."""
    faults, heard = [], list[tuple[Address, Address, bytes]]()

    def hear(local: Address, remote: Address, batch: DatagramBatch) -> None:
        heard.append((local, remote, bytes(batch.data)))

    front.receive_into(hear)
    if real.handler is None:
        return ["receive_into of the endpoint in front did not reach the real one, so nothing is ever read: hand it on"]
    real.deliver(b"one", _NARROW)
    if heard != [(LOCAL, _NARROW, b"one")]:
        faults.append(
            f"a datagram from {_NARROW} to {LOCAL} was handed over as {heard}: call the handler with what the real one gives"
        )
    real.pending = [b"two", b"three"]
    drained = real.drained
    front.drain()
    if real.drained == drained or [data for *_, data in heard[1:]] != [b"two", b"three"]:
        faults.append(
            "drain of the endpoint in front returned before what had arrived was handed over: drain the real one, and queue"
            " nothing"
        )
    told: list[tuple[Address, int]] = []
    front.unreachable_into(lambda remote, times: told.append((remote, times)))
    if real.unreachable_handler is not None:
        real.bring_back(_NARROW, 3)
    if told != [(_NARROW, 3)]:
        faults.append(
            f"the network said 3 times that {_NARROW} cannot be reached, and the handler was told {told}: hand"
            " unreachable_into on"
        )
    front.close()
    front.close()
    if not real.closings:
        faults.append("closing the endpoint in front does not close the real one: hand close on")
    return faults


async def refusal_faults(put: Put) -> Iterable[str]:
    """Look at what comes of an error of the network."""
    faults = []
    sends: dict[str, Callable[[IDatagramEndpoint], Awaitable[int]]] = {
        "send": lambda front: front.send(PEER, b"head", b"body"),
        "send_train": lambda front: front.send_train(PEER, b"head", _TRAIN),
    }
    for name, send in sends.items():
        real = FailingEndpoint(after=0, segment_limit=2)
        came: object = None
        try:
            came = await send(put(real))
        except Exception as error:
            came = error
        if came is not real.error:
            faults.append(
                f"the network refused a datagram, and {came!r} came out of {name} of the endpoint in front instead of the"
                " real one's OSError: let it pass"
            )
    if put(FailingEndpoint(after=0)).try_send(PEER, b"answer"):
        faults.append(
            "try_send said that a datagram went which the real endpoint did not take: return what the real one's does"
        )
    return faults


async def wait_faults(put: Put) -> Iterable[str]:
    """Look at what comes of a cancellation while the send buffer is full."""
    scope = trio.CancelScope()
    front = put(StallingEndpoint(after=0, on_stall=scope.cancel, segment_limit=2))
    began_ns, passed = trio_now_ns(), False
    with scope:
        await front.send(PEER, b"head", b"body")
        passed = True
    if passed or trio_now_ns() - began_ns >= PATIENCE_S * SECOND:
        return ["a send that was cancelled while the send buffer was full went on: let trio.Cancelled pass"]
    return []
