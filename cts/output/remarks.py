"""What is to be said of single streams, said once: a thousand streams of one mistake are one mistake.

Remarks that differ in nothing but numbers say the same.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal

from cts.records.snapshots import StreamInfo
from cts.records.stream_results import StreamResult
from cts.units import counted

__all__ = ["Remarks", "remark_rows"]

_SAID_AT_MOST = 10
_NUMBER = re.compile(r"(?<![\w.:])\d[\d,]*(?:\.\d+)?(?![\w:]|\.\d)")


class Remarks:
    """Which remarks have been said while a run goes on."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def line(self, stream: StreamInfo, text: str) -> str | None:
        """Return the line to show for a remark; None if that has been said, or enough has."""
        without_numbers = _NUMBER.sub("#", text).replace("(# time)", "(# times)")
        # What goes on from what has been said is told in the answer.
        if (
            any(f"{without_numbers}; ".startswith(f"{said}; ") for said in self._said)
            or len(self._said) >= _SAID_AT_MOST
        ):
            return None
        self._said.add(without_numbers)
        return f"stream {stream.number} with {stream.remote}: {text}"


def remark_rows(results: Iterable[StreamResult]) -> list[tuple[str, str]]:
    """Return a row of the summary for each remark, the most frequent ones first, and of how many streams it is made."""
    alike: defaultdict[str, list[str]] = defaultdict(list)
    for result in results:
        if result.remark is not None:
            alike[_NUMBER.sub("#", result.remark)].append(result.remark)
    remarks = sorted(alike.values(), key=len, reverse=True)
    rows = [("note", f"{counted(len(texts), 'stream')}: {_in_one(texts)}") for texts in remarks[:_SAID_AT_MOST]]
    if len(remarks) > _SAID_AT_MOST:
        rows.append(("note", f"and {len(remarks) - _SAID_AT_MOST:,} other remarks, in --json"))
    return rows


def _in_one(texts: Sequence[str]) -> str:
    """Return texts that differ in numbers alone as one: with the least and the greatest where they do."""
    ranges = (_range(numbers) for numbers in zip(*(_NUMBER.findall(text) for text in set(texts)), strict=True))
    return _NUMBER.sub(lambda _: next(ranges), texts[0])


def _range(numbers: Iterable[str]) -> str:
    ordered = sorted(set(numbers), key=lambda number: Decimal(number.replace(",", "")))
    return ordered[0] if len(ordered) == 1 else f"{ordered[0]} to {ordered[-1]}"
