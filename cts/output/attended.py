"""A view that somebody looks at: what it is told of the terminal and its keys, and how it asks to be drawn."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

from attrs import frozen

from cts.protocol.plan import StreamPlan
from cts.protocol.roles import Role
from cts.records.live import StreamOrder

__all__ = ["KEYS", "Attended", "Layout", "LiveSettings"]

KEYS = "qps"
"""q stops the run, as one Ctrl-C does; the view itself has p (pause) and s (sort)."""


@frozen(kw_only=True)
class Layout:
    """How a drawing is to be made.

    Attributes:
        columns, rows: what there is room for.
        order: by what streams are the worst.
        hears_keys: whether keys do something.
        paused: whether the drawing stays until a key is pressed.
    """

    columns: int
    rows: int
    order: StreamOrder
    hears_keys: bool = False
    paused: bool = False


@frozen(kw_only=True)
class LiveSettings:
    """What a live view is of, and what its terminal can show.

    Attributes:
        measure: whose bytes make the rate, and whose part is shown.
        plan: what streams are made of; None if nobody knows.
        expected_ns: how long the run will take, nanoseconds; None if nobody knows.
        encoding: of the terminal.
        color_system: its colours, by rich's name; None for none.
        no_color: whether the person wants none.
    """

    measure: Role
    plan: StreamPlan | None = None
    expected_ns: int | None = None
    encoding: str = "utf-8"
    color_system: str | None = None
    no_color: bool = False


class Attended(ABC):
    """Draws itself when it is told something; once it is attended it asks for it, and is drawn a few times a second at most."""

    @property
    @abstractmethod
    def settings(self) -> LiveSettings:
        """What another process needs to make its drawings."""

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
    def wanted(self, *, lines_alone: bool = False) -> Layout | None:
        """Begin a :meth:`refresh` of which somebody else makes the drawing; return how, None where there is none to make."""

    @abstractmethod
    def show(self, layout: Layout, drawing: str) -> None:
        """Show what was :meth:`wanted`, unless it was drawn, erased or left meanwhile."""

    @abstractmethod
    def suspend(self) -> None:
        """Leave the terminal as somebody else expects it, until the next :meth:`refresh`."""
