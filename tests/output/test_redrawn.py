"""What is drawn over on a terminal: lines that stay the same are not made again, and those that do not are."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from io import StringIO

from rich.console import Console
from rich.text import Text

from cts.output.redrawn import Redrawn


def drawn(place: Redrawn, screen: StringIO, *lines: Text) -> str:
    def make_lines(columns: int, rows: int) -> Generator[None, None, Sequence[Text]]:
        yield
        return lines

    screen.seek(0)
    screen.truncate()
    for _ in place.draw(make_lines, lambda: None):
        pass
    return screen.getvalue()


def terminal() -> tuple[Redrawn, StringIO]:
    screen = StringIO()
    console = Console(file=screen, force_terminal=True, color_system="standard", width=40, height=10, _environ={})
    return Redrawn(console), screen


def test_a_line_is_drawn_in_its_colour_also_where_its_text_was_there_in_another() -> None:
    place, screen = terminal()
    assert "\x1b[31m7 lost\x1b[0m" in drawn(place, screen, Text.assemble(("7 lost", "red")), Text("none"))
    again = drawn(place, screen, Text.assemble(("7 lost", "green")), Text.assemble(("none", "red")))
    assert "\x1b[32m7 lost\x1b[0m" in again
    assert "\x1b[31mnone\x1b[0m" in again


def test_a_part_of_a_line_may_change_its_colour() -> None:
    place, screen = terminal()
    drawn(place, screen, Text.assemble("rate ", ("5", "red")))
    assert "rate \x1b[32m5\x1b[0m" in drawn(place, screen, Text.assemble("rate ", ("5", "green")))


def test_lines_that_are_the_same_are_drawn_all() -> None:
    place, screen = terminal()
    for _ in range(2):
        assert drawn(place, screen, Text("-"), Text("-"), Text("end")).count("-\n") == 2
