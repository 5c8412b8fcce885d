"""A run as a live view shows it, in whatever process: told of each status, drawn as often as somebody likes. Imports rich."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from io import BytesIO, TextIOWrapper

from rich.console import COLOR_SYSTEMS, Console
from rich.segment import Segment
from rich.text import Text

from cts.output.attended import Layout, LiveSettings
from cts.output.live_history import LiveHistory
from cts.output.live_state import LiveState
from cts.output.live_view import view_in_steps
from cts.records.snapshots import RunSnapshot

__all__ = ["LivePicture"]

_LINES_A_STEP = 16


class LivePicture:
    """Makes drawings of the last status that it was told of.

    Args:
        settings: what it is of.
    """

    def __init__(self, settings: LiveSettings) -> None:
        self.settings = settings
        self._canvas = Console(file=TextIOWrapper(BytesIO(), settings.encoding), color_system=None)
        self._history = LiveHistory()
        self._snapshot: RunSnapshot | None = None
        # The last drawing's lines as they were written, of which most are in the next one as well.
        self._known: dict[tuple[object, ...], str] = {}

    def take(self, snapshot: RunSnapshot) -> None:
        """Take note of how the run stands; they come in order."""
        self._snapshot = snapshot
        self._history.add(snapshot)

    def drawn_at_once(self, layout: Layout) -> str:
        """Make a drawing, for whom no frame waits."""
        steps = self.drawn(layout)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                drawing: str = end.value
                return drawing

    def drawn(self, layout: Layout) -> Generator[None, None, str]:
        """Make a drawing, in steps between which frames may leave: lines with the terminal's codes for their colours.

        Args:
            layout: how.
        """
        if self._snapshot is None:
            return ""
        settings = self.settings
        state = LiveState(
            snapshot=self._snapshot,
            measure=settings.measure,
            seconds=self._history.seconds,
            still_ns=self._history.still_ns,
            plan=settings.plan,
            expected_ns=settings.expected_ns,
            order=layout.order,
            hears_keys=layout.hears_keys,
            paused=layout.paused,
        )
        lines = yield from view_in_steps(state, console=self._canvas, columns=layout.columns, rows=layout.rows)
        styled, known = list[str](), dict[tuple[object, ...], str]()
        for number, line in enumerate(lines):
            if number % _LINES_A_STEP == 0:
                yield
            key = line.plain, line.style, *line.spans
            known[key] = self._known[key] if key in self._known else self._styled(line)
            styled.append(known[key])
        self._known = known
        return "\n".join(styled)

    def _styled(self, line: Text) -> str:
        # A tenth of what the console's own printing takes, in which no frame would leave.
        segments: Iterable[Segment] = line.render(self._canvas)
        if self.settings.no_color:
            segments = Segment.remove_color(segments)
        system = COLOR_SYSTEMS.get(self.settings.color_system or "")
        return "".join(style.render(text, color_system=system) if style else text for text, style, _ in segments)
