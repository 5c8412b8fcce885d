"""The drawings of a live view: lines that stay the same are not made again, and those that do not are."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import pytest
from rich.text import Text

from cts.output.attended import Layout, LiveSettings
from cts.output.live_picture import LivePicture
from cts.protocol.roles import Role
from cts.records.live import StreamOrder
from cts.records.snapshots import RunSnapshot, StreamSnapshot

LAYOUT = Layout(columns=40, rows=10, order=StreamOrder.DROPPED)
Draw = Callable[..., str]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Draw:
    """Return what draws lines in place of what a view has."""
    picture = LivePicture(LiveSettings(measure=Role.RECEIVER, color_system="standard"))
    picture.take(RunSnapshot(0, 1, StreamSnapshot()))

    def draw(*lines: Text) -> str:
        def view_in_steps(*state: object, **where: Any) -> Generator[None, None, list[Text]]:
            yield
            return list(lines)

        monkeypatch.setattr("cts.output.live_picture.view_in_steps", view_in_steps)
        return picture.drawn_at_once(LAYOUT)

    return draw


def test_a_line_is_drawn_in_its_colour_also_where_its_text_was_there_in_another(drawn: Draw) -> None:
    assert "\x1b[31m7 lost\x1b[0m" in drawn(Text.assemble(("7 lost", "red")), Text("none"))
    again = drawn(Text.assemble(("7 lost", "green")), Text.assemble(("none", "red")))
    assert "\x1b[32m7 lost\x1b[0m" in again
    assert "\x1b[31mnone\x1b[0m" in again


def test_a_part_of_a_line_may_change_its_colour(drawn: Draw) -> None:
    drawn(Text.assemble("rate ", ("5", "red")))
    assert "rate \x1b[32m5\x1b[0m" in drawn(Text.assemble("rate ", ("5", "green")))


def test_lines_that_are_the_same_are_drawn_all(drawn: Draw) -> None:
    for _ in range(2):
        assert drawn(Text("-"), Text("-"), Text("end")).count("-\n") == 2
