"""Which keys of a terminal are heard."""

from __future__ import annotations

import os
import pty
from collections.abc import Iterator

import pytest

from cts.output.keyboard import Keyboard


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """A terminal: the end where keys are pressed, and the one where they are read."""
    ends = pty.openpty()
    yield ends
    for end in ends:
        os.close(end)


def test_what_was_typed_before_keys_are_heard_is_none(terminal: tuple[int, int]) -> None:
    person, ours = terminal
    os.write(person, b"git commit -q\nq")
    keyboard = Keyboard(ours)
    assert keyboard.listen()
    os.write(person, b"p")
    assert keyboard.read() == "p"


def test_keys_that_wait_are_heard_though_they_are_listened_for_again(terminal: tuple[int, int]) -> None:
    person, ours = terminal
    keyboard = Keyboard(ours)
    assert keyboard.listen()
    os.write(person, b"p")
    assert keyboard.listen()
    assert keyboard.read() == "p"


def test_what_was_typed_while_somebody_else_had_the_terminal_is_none(terminal: tuple[int, int]) -> None:
    person, ours = terminal
    keyboard = Keyboard(ours)
    assert keyboard.listen()
    keyboard.restore()
    os.write(person, b"q")
    assert keyboard.listen()
    os.write(person, b"p")
    assert keyboard.read() == "p"
