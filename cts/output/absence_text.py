"""Streams that never began, in words: how many, and why; and where no server answered at all, the question that helps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from cts.output.figures import seconds
from cts.protocol.control.client import HAS_ANSWERED
from cts.protocol.task import StreamError
from cts.records.results import RunReport
from cts.records.snapshots import Outcome
from cts.records.stream_results import UNKNOWN_CONNECTION_ID, StreamEnds, StreamResult
from cts.units import counted

__all__ = ["absence_of", "never_began_sentence", "never_began_text", "why"]

_NO_ANSWER = frozenset({StreamError.NOT_ALL_DATA_TRANSFERRED.value, StreamError.NO_ANSWER.value})


def absence_of(report: RunReport) -> str | None:
    """Return in a sentence that a client had no answer, and from where, with the question that helps; None where it had one."""
    absent = report.never_began
    if report.role != "client" or not absent or len(absent) < len(report.streams) + report.streams_omitted:
        return None
    if not all(_is_unanswered(stream.end) for stream in absent):
        return None
    told = _most_said(filter(None, (_cause(stream.end) for stream in absent if stream.end.remark or stream.end.failed)))
    said = told or f": no answer in {seconds(report.elapsed_ns)} s"
    return f"no stream began{_with(absent)}{said}; is `cts serve` running there?"


def _with(absent: Iterable[StreamEnds]) -> str:
    """Name the server of streams that never began, of several the one with the most."""
    (server, _), *others = Counter(str(stream.end.remote) for stream in absent).most_common()
    return f" with {server}" + (f" or {counted(len(others), 'other server')}" if others else "")


def _is_unanswered(end: StreamResult) -> bool:
    if end.connection_id != UNKNOWN_CONNECTION_ID or (end.remark or "").startswith(HAS_ANSWERED):
        return False
    return end.result in _NO_ANSWER or end.outcome is Outcome.CANCELLED


def never_began_sentence(report: RunReport) -> Iterator[str]:
    """Yield how many streams never began, and why, if there were any."""
    if absent := report.never_began:
        of = sum(report.snapshot.outcomes.values()) + report.snapshot.open_streams
        streams = "the stream" if of == 1 else f"{len(absent):,} of {of:,} streams"
        whom = _with(absent) if report.role == "client" else ""
        yield f"{streams} never began{whom}{_most_said(filter(None, (_cause(stream.end) for stream in absent)))}"


def never_began_text(end: StreamResult) -> str:
    """Write of a failed end whose stream never began that it did not, and why, if that is known."""
    cause = _cause(end)
    return f"never began: {cause}" if cause else "never began"


def _cause(end: StreamResult) -> str | None:
    """Return why a stream never began; that data lacks is what the original calls it, and no cause."""
    return end.remark or (None if end.result == StreamError.NOT_ALL_DATA_TRANSFERRED.value else end.result)


def why(ends: Iterable[StreamResult]) -> str:
    """Write what is said most often of ends, to stand behind what became of them."""
    return _most_said(end.remark or end.result for end in ends)


def _most_said(texts: Iterable[str]) -> str:
    most = Counter(texts).most_common(1)
    return f": {most[0][0]}" if most else ""
