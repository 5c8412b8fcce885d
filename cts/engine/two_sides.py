"""What the two sides of a run know of the same streams: one of them is measured, the other must not hide."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable

from cts.api import Address, Outcome, StreamResult
from cts.protocol.task import StreamError
from cts.records.observer import Observer
from cts.records.snapshots import StreamInfo
from cts.units import counted

__all__ = ["failed_beside", "in_order", "tell_unanswered", "unanswered"]

_FOR_WANT_OF_AN_ANSWER = {StreamError.NOT_ALL_DATA_TRANSFERRED.value, StreamError.NO_CONNECTION_ID.value}


def unanswered(measured: Iterable[StreamResult], clients: Collection[StreamResult]) -> list[StreamResult]:
    """Return the failed client sides of streams that never came to be on the measured server side.

    A port serves one stream after the other: the server's belongs to the client's that had begun last when it began.
    """
    asked: defaultdict[Address, list[StreamResult]] = defaultdict(list)
    for result in sorted(clients, key=_beginning):
        asked[result.local].append(result)
    answered: set[int] = set()
    for result in measured:
        before = asked.get(result.remote, [])
        at = bisect_right(before, result.started_ns, key=_beginning)
        answered.update(map(id, before[max(0, at - 1) : at]))
    failed = (result for result in clients if result.outcome is not Outcome.SUCCESSFUL)
    return [result for result in failed if id(result) not in answered]


def tell_unanswered(observer: Observer, results: Iterable[StreamResult], *, opened: int, began_ns: int) -> None:
    """Tell who watches of the streams that :func:`unanswered` returned, so that logs have what the report has.

    Only at a run's end, since until then an answer may come.

    Args:
        observer: who is told that each was opened and has ended.
        results: the streams.
        opened: the greatest number of a stream that it was told of; these are numbered from there on, by their ends.
        began_ns: when the run began.
    """
    for number, result in enumerate(in_order(results), opened + 1):
        stream = StreamInfo(number, result.local, result.remote, result.role, result.started_ns - began_ns)
        observer.stream_opened(stream)
        observer.stream_ended(stream, result)


def _beginning(result: StreamResult) -> int:
    return result.started_ns


def in_order(results: Iterable[StreamResult]) -> tuple[StreamResult, ...]:
    """Sort by end; streams that end at the same instant end in the order in which tasks happen to run."""
    return tuple(sorted(results, key=lambda result: (result.ended_ns, result.local, result.remote)))


def failed_beside(told: Iterable[StreamResult], everybody: Iterable[StreamResult]) -> tuple[str, ...]:
    """Return what failed, by itself, on the side that is not measured: a plugin, the network of a sender.

    Args:
        told: the results that a run reports.
        everybody: those of both sides. One that only got no answer is left out: the other side tells of that.
    """
    known = set(map(id, told))
    texts = Counter(
        f"sending failed: {result.result}"
        for result in everybody
        if id(result) not in known
        and result.outcome in (Outcome.NETWORK_ERROR, Outcome.PROTOCOL_ERROR)
        and (result.counts.bytes_sent or result.result not in _FOR_WANT_OF_AN_ANSWER)
    )
    return tuple(f"{counted(streams, 'stream')} whose {text}" for text, streams in texts.items())
