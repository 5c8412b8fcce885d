"""What truth and events do not agree on: a bounded list, and how many there are."""

from __future__ import annotations

from attrs import define, field, frozen

__all__ = ["Difference", "Differences", "Value"]

_LISTED = 100

Value = int | str | None


@frozen
class Difference:
    """One value that truth and events do not agree on.

    Attributes:
        what: the key of the events that holds it, or ``stream``, ``frame`` where one side has it and the other has not.
        stream: the stream's number in the events, None if they do not have it.
        client: the client's number in the truth, None if it does not have it.
        sequence: the frame, None if it is about the stream.
        truth: what must be there, by the truth; a text where there are bounds.
        events: what is there.
    """

    what: str
    stream: int | None
    client: int | None
    sequence: int | None
    truth: Value
    events: Value

    def __str__(self) -> str:
        parts = [
            f"{name} {number}"
            for name, number in (("stream", self.stream), ("client", self.client), ("frame", self.sequence))
            if number is not None
        ]
        what = f"{', '.join(parts)}: {self.what}" if parts else self.what
        return f"{what} is {_said(self.events)} in the events, {_said(self.truth)} by the truth"


@define(eq=False)
class Differences:
    """Counts every difference and keeps the first ones; ``other_ids`` are those of streams' names."""

    listed: list[Difference] = field(factory=list)
    total: int = 0
    other_ids: int = 0

    def add(self, difference: Difference) -> None:
        """Take note of a difference."""
        self.total += 1
        self.other_ids += difference.what == "id"
        if len(self.listed) < _LISTED:
            self.listed.append(difference)


def _said(value: Value) -> str:
    return "absent" if value is None else repr(value) if isinstance(value, str) else str(value)
