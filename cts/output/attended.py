"""A view that somebody looks at: what it is told of the terminal and its keys, and how it asks to be drawn."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

__all__ = ["KEYS", "Attended"]

KEYS = "qps"
"""q stops the run, as one Ctrl-C does; the view itself has p (pause) and s (sort)."""


class Attended(ABC):
    """Draws itself when it is told something; once it is attended it asks for it, and is drawn a few times a second at most."""

    @property
    @abstractmethod
    def is_on_terminal(self) -> bool:
        """Whether it is drawn in place, and not written once."""

    @abstractmethod
    def attend(self, wanted: Callable[[], None] | None, *, hears_keys: bool = False) -> None:
        """Take note of who draws it.

        Args:
            wanted: called when there is something new, :meth:`refresh` follows some time later; None for nobody.
            hears_keys: whether keys reach it.
        """

    @abstractmethod
    def press(self, key: str) -> None:
        """Do what a key stands for; nothing for any other."""

    @abstractmethod
    def refresh(self, *, lines_alone: bool = False) -> Iterator[None]:
        """Draw the present, if that may be drawn; or only show the lines that wait, as somebody else has the terminal.

        In steps, between which frames may leave: all that is drawn appears with the last one.
        """

    @abstractmethod
    def suspend(self) -> None:
        """Leave the terminal as somebody else expects it, until the next :meth:`refresh`."""
