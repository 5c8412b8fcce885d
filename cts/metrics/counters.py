"""Counts: of frames by verdict, and of the datagrams that reached one side of a stream by what became of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum
from functools import cache, reduce
from operator import add, attrgetter, sub
from typing import Any, Protocol, Self, TypeVar

from attrs import define, fields, frozen

__all__ = ["ArrivalTotals", "Became", "FrameCounts", "FrameTotals", "Totals", "sum_of_known", "total_of"]


class _Adds(Protocol):
    def __add__(self, other: Any, /) -> Any: ...


T = TypeVar("T", bound=_Adds)


def sum_of_known(parts: Iterable[T | None]) -> T | None:
    """Return what several come to, such as streams; None where nothing is known of any."""
    known = [part for part in parts if part is not None]
    return reduce(add, known) if known else None


@frozen
class Totals:
    """Counts as a value; adds and subtracts field by field."""

    def __add__(self, other: Self) -> Self:
        return self._with(other, add)

    def __sub__(self, other: Self) -> Self:
        return self._with(other, sub)

    def _with(self, other: Self, operation: Callable[[Any, Any], Any]) -> Self:
        kind: Any = type(self)
        take = _taking(kind)
        result: Self = kind(*map(operation, take(self), take(other)))
        return result


S = TypeVar("S", bound=Totals)


def total_of(parts: Sequence[S]) -> S:
    """Return the sum of several, at least one, of one class: as ``+`` would, and a status of many streams is made of it.

    Column by column, so that no value is made for each of them: of a hundred that takes a tenth of the time.
    """
    kind: Any = type(parts[0])
    take = _taking(kind)
    total: S = kind(*map(_column_total, zip(*map(take, parts), strict=True), _defaults(kind)))
    return total


@cache
def _taking(kind: type[Totals]) -> Callable[[Totals], tuple[Any, ...]]:
    names = [each.name for each in fields(kind)]
    return attrgetter(*names) if len(names) > 1 else lambda part: (getattr(part, names[0]),)


@cache
def _defaults(kind: type[Totals]) -> tuple[Any, ...]:
    return tuple(each.default for each in fields(kind))


def _column_total(column: tuple[Any, ...], nothing: Any) -> Any:
    first = column[0]
    if type(first) is int:
        return sum(column)
    # Of what none of them counts anything all have the same default.
    if all(each is nothing for each in column):
        return nothing
    return total_of(column) if isinstance(first, Totals) else reduce(add, column)


@frozen
class FrameTotals(Totals):
    """The original's columns: frames by verdict, and datagrams that fit no frame.

    ``hidden_losses`` is none of them: frames that lacked a datagram though as many bytes came as they have, since others came
    again. By the original's rule nothing is wrong with these.
    """

    completed: int = 0
    dropped: int = 0
    repeated: int = 0
    error: int = 0
    hidden_losses: int = 0

    @property
    def rendered(self) -> int:
        """Frames that got a verdict (errors are datagrams, not frames)."""
        return self.completed + self.dropped + self.repeated


@define
class FrameCounts:
    """Running counts of one stream's frames by verdict."""

    completed: int = 0
    dropped: int = 0
    repeated: int = 0
    hidden_losses: int = 0

    def totals(self, error: int = 0) -> FrameTotals:
        """Return the counts of this moment as a value, beside the datagrams that fit no frame."""
        return FrameTotals(self.completed, self.dropped, self.repeated, error, self.hidden_losses)


class Became(IntEnum):
    """What became of a datagram; a place in a list of counts."""

    ON_TIME = 0
    """It counted for its frame."""
    LATE = 1
    """Its frame had been rendered."""
    AHEAD = 2
    """Its frame was beyond the window of frames that the buffer holds."""
    NO_SUCH_FRAME = 3
    """Its sequence was past the final frame, or below 1."""
    UNDECODABLE = 4
    """It was none of the protocol's."""
    WRONG_PAYLOAD = 5
    """Its payload was not the pattern."""
    UNEXPECTED = 6
    """It was one of the protocol's that this side has no use for."""
    HANDSHAKE = 7
    """It belonged to the stream's beginning."""


@frozen
class ArrivalTotals(Totals):
    """Datagrams by what became of them, in the order of :class:`Became`.

    ``duplicate`` is none of these: how many of those on time had come before, of frames that have their verdict.
    """

    on_time: int = 0
    late: int = 0
    ahead: int = 0
    no_such_frame: int = 0
    undecodable: int = 0
    wrong_payload: int = 0
    unexpected: int = 0
    handshake: int = 0
    duplicate: int = 0

    @property
    def errors(self) -> int:
        """Those that fit no frame: what the original's logs count as errors."""
        return self.late + self.ahead + self.no_such_frame + self.undecodable + self.wrong_payload + self.unexpected
