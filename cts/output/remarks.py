"""What is to be said of single streams, said once: a thousand streams of one mistake are one mistake."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from cts.records.results import StreamResult
from cts.records.snapshots import StreamInfo
from cts.units import counted

__all__ = ["Remarks", "remark_rows"]

_SAID_AT_MOST = 10


class Remarks:
    """Which remarks have been said while a run goes on."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def line(self, stream: StreamInfo, text: str) -> str | None:
        """Return the line to show for a remark; None if that has been said, or enough has."""
        if text in self._said or len(self._said) >= _SAID_AT_MOST:
            return None
        self._said.add(text)
        return f"stream {stream.number} with {stream.remote}: {text}"


def remark_rows(results: Iterable[StreamResult]) -> list[tuple[str, str]]:
    """Return a row of the summary for each remark, the most frequent ones first, and of how many streams it is made."""
    remarks = Counter(result.remark for result in results if result.remark is not None)
    rows = [("note", f"{counted(count, 'stream')}: {text}") for text, count in remarks.most_common(_SAID_AT_MOST)]
    if len(remarks) > _SAID_AT_MOST:
        rows.append(("note", f"and {len(remarks) - _SAID_AT_MOST:,} other remarks, in --json"))
    return rows
