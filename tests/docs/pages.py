"""The pages that people read, and what they tell them to type."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

__all__ = ["PAGES", "ROOT", "blocks_of", "commands_of", "name_of"]

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(path for each in ("docs", "fuzz", "packaging", "plugins") for path in (ROOT / each).rglob("*.md")),
    ]
)


def name_of(path: Path) -> str:
    """Return what the page is called here."""
    return path.relative_to(ROOT).as_posix()


def blocks_of(path: Path, language: str) -> list[str]:
    """Return the page's blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def commands_of(path: Path) -> Iterator[list[str]]:
    """Yield the arguments of each `cts` of the page's `sh` blocks, in their order."""
    for block in blocks_of(path, "sh"):
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["cts"]:
                yield words[1:]
