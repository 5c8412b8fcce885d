"""What does not agree: one difference, and the list of them, which is bounded."""

from __future__ import annotations

from attrs import frozen

__all__ = ["Difference", "Differences"]

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
        return (
            f"{', '.join(parts)}: {self.what} is {_said(self.events)} in the events, {_said(self.truth)} by the truth"
        )


class Differences:
    """Counts every difference and keeps the first ones."""

    def __init__(self) -> None:
        self.listed: list[Difference] = []
        self.total = 0

    def add(self, difference: Difference) -> None:
        """Take note of a difference."""
        self.total += 1
        if len(self.listed) < _LISTED:
            self.listed.append(difference)


def _said(value: Value) -> str:
    return "absent" if value is None else repr(value) if isinstance(value, str) else str(value)
