"""The user's own words for a run: its title and its tags."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

from cts.config.problems import Problem, problem_at, shown
from cts.errors import printable

__all__ = ["Tag", "Title", "label_problems"]

_TITLE_LENGTH, _TAG_LENGTH, _TAGS = 200, 64, 16


def _title(text: str) -> None:
    _check(text, _TITLE_LENGTH)


def _tag(text: str) -> None:
    _check(text, _TAG_LENGTH)


def _check(text: str, longest: int) -> None:
    if not text.strip() or len(text) > longest or printable(text) != text or set(text) & set("\t\n"):
        raise ValueError(f"{shown(text)} is no label; allowed: 1 to {longest} printable characters on one line")


Title = Annotated[str, _title]
Tag = Annotated[str, _tag]


def label_problems(tags: Sequence[str]) -> Iterable[Problem]:
    """Refuse more tags than a log's first line has room for."""
    if len(tags) > _TAGS:
        yield problem_at("run.tags", f"{len(tags):,} tags; allowed: at most {_TAGS}")
