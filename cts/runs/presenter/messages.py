"""What a run and its presenter say to each other."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from cts.output.attended import Layout, LiveSettings
from cts.records.snapshots import RunSnapshot

__all__ = ["Draw", "Drawn", "PresenterTask", "Ready", "Scrapes", "Told"]


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
class Draw:
    """What was told last is to be drawn; of several that wait the last one."""

    number: int
    layout: Layout


@frozen
class Drawn:
    """The drawing of that number."""

    number: int
    drawing: str
