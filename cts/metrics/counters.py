"""Counts of frame verdicts and of refused datagrams."""

from __future__ import annotations

from collections import Counter

from attrs import define, frozen

__all__ = ["FrameCounts", "FrameTotals", "RefusedDatagrams"]


@frozen
class FrameTotals:
    """The original's columns: frames by verdict, and datagrams that fit no frame; adds and subtracts field by field."""

    completed: int = 0
    dropped: int = 0
    repeated: int = 0
    error: int = 0

    @property
    def rendered(self) -> int:
        """Frames that got a verdict (errors are datagrams, not frames)."""
        return self.completed + self.dropped + self.repeated

    def __add__(self, other: FrameTotals) -> FrameTotals:
        return FrameTotals(
            self.completed + other.completed,
            self.dropped + other.dropped,
            self.repeated + other.repeated,
            self.error + other.error,
        )

    def __sub__(self, other: FrameTotals) -> FrameTotals:
        return FrameTotals(
            self.completed - other.completed,
            self.dropped - other.dropped,
            self.repeated - other.repeated,
            self.error - other.error,
        )


@define
class FrameCounts:
    """Running counts of one stream's frames by verdict."""

    completed: int = 0
    dropped: int = 0
    repeated: int = 0

    def totals(self, error: int = 0) -> FrameTotals:
        """Return the counts of this moment as a value, beside the datagrams that fit no frame."""
        return FrameTotals(self.completed, self.dropped, self.repeated, error)


class RefusedDatagrams(Counter[str]):
    """Datagrams that were read and answered with nothing, by reason (a short text; the set of reasons is fixed)."""
