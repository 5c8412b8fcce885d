"""A count that is known, or known to lie between two numbers."""

from __future__ import annotations

from attrs import define

__all__ = ["Bounds"]


@define
class Bounds:
    """The least and the most that a count may be; the same where nothing lies near an edge."""

    low: int = 0
    high: int = 0

    def add(self, amount: int, certain: bool) -> None:
        """Count something, or what may be counted."""
        if certain:
            self.low += amount
        self.high += amount

    def __contains__(self, value: int) -> bool:
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return str(self.low) if self.low == self.high else f"{self.low} to {self.high}"
