"""A console that speaks of single streams, beside the status of them all."""

from __future__ import annotations

from abc import abstractmethod

from cts.output.ordering import PromptObserver
from cts.output.remarks import Remarks
from cts.output.stream_lines import StreamLines
from cts.records.snapshots import StreamInfo
from cts.records.stream_results import StreamResult

__all__ = ["SpeakingConsole"]


class SpeakingConsole(PromptObserver):
    """Tells what is remarked of streams, and which ones come and go.

    Args:
        streams: makes lines of those that come and go; None to tell nothing of them.
    """

    def __init__(self, streams: StreamLines | None) -> None:
        self._remarks = Remarks()
        self._streams = streams

    @abstractmethod
    def tell(self, line: str) -> None:
        """Show a line."""

    def run_began(self, began_ns: int) -> None:
        """Note from when times count."""
        if self._streams is not None:
            self._streams.run_began(began_ns)

    def remarked(self, stream: StreamInfo, text: str) -> None:
        """Tell it, unless the same was said of another stream."""
        self._tell_any(self._remarks.line(stream, text))

    def noted(self, text: str) -> None:
        """Tell it."""
        self.tell(f"note: {text}")

    def stream_opened(self, stream: StreamInfo) -> None:
        """Tell it, unless too many come."""
        if self._streams is not None:
            self._tell_any(self._streams.opened(stream))

    def stream_ended(self, stream: StreamInfo, result: StreamResult) -> None:
        """Tell it, unless too many go."""
        if self._streams is not None:
            self._tell_any(self._streams.ended(stream, result))

    def tell_what_was_left_out(self) -> None:
        """Tell how many streams came and went without a line."""
        if self._streams is not None:
            self._tell_any(self._streams.left_out())

    def _tell_any(self, line: str | None) -> None:
        if line is not None:
            self.tell(line)
