"""What a run and its presenter say to each other, beside how to draw, which is a :class:`cts.output.attended.Layout`."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from cts.output.attended import LiveSettings
from cts.records.snapshots import RunSnapshot

__all__ = ["Drawn", "PresenterTask", "Ready", "Scrapes", "Told"]


@frozen
class Scrapes:
    """Where scrapes are answered.

    Attributes:
        fd: the listening socket, inherited.
        about: labels of ``cts_run_info``.
    """

    fd: int
    about: Mapping[str, str]


@frozen(kw_only=True)
class PresenterTask:
    """What there is to present.

    Attributes:
        view: the live view; None for none.
        scrapes: metrics; None for none.
        processors: those to run on; empty for whichever it has.
    """

    view: LiveSettings | None = None
    scrapes: Scrapes | None = None
    processors: tuple[int, ...] = ()


@frozen
class Ready:
    """The presenter has what it needs."""


@frozen
class Told:
    """How the run stands at the end of a status interval; or a second of it, where ``whole`` is false."""

    snapshot: RunSnapshot
    whole: bool


@frozen
class Drawn:
    """A drawing of what was told last, in the layout that was asked for."""

    drawing: str
