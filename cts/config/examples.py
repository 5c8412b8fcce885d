"""The commented configurations that come with cts, by name: those of ``configs/``, which the wheel has inside the package."""

from __future__ import annotations

import re
from difflib import get_close_matches
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from cts.config.problems import shown

__all__ = ["example_names", "example_summary", "example_text"]

_OF_ROLE = {"loopback": "stream"}
"""Roles whose example has another name."""


def example_names() -> list[str]:
    """Return the names of all examples."""
    return sorted(each.name.removesuffix(".toml") for each in _folder().iterdir() if each.name.endswith(".toml"))


def example_summary(name: str) -> str:
    """Return the first sentence of an example."""
    first = _read(name).partition("\n#\n")[0].replace("\n# ", " ").removeprefix("# ")
    return re.split(r"(?<=\.)\s", first)[0].replace("configs/", "")


def example_text(name: str, path: str) -> str:
    """Return an example as it is to be written to ``path``: the commands in its comments name that file, and others beside it.

    Args:
        name: an example's, or ``loopback`` for the one with both sides.
        path: where it goes.

    Raises:
        ValueError: there is no such example; the text says what is allowed.
    """
    known = example_names()
    name = _OF_ROLE.get(name, name)
    if name not in known:
        near = get_close_matches(name[:100], known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"{shown(name)} is no example; allowed: loopback, {', '.join(known)}{hint}")
    return _read(name).replace(f"configs/{name}.toml", path).replace("configs/", "")


def _read(name: str) -> str:
    return (_folder() / f"{name}.toml").read_text(encoding="utf-8")


def _folder() -> Traversable:
    """Return where they are: in the package that was installed, or, of an editable one, beside it in the clone."""
    package = files("cts")
    inside = package / "configs"
    return inside if inside.is_dir() else Path(str(package)).parent / "configs"
