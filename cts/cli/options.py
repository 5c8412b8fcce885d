"""Arguments and options that several commands have, and how an option's text is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from cts.errors import UserError

__all__ = [
    "config_argument",
    "overrides_option",
    "read_duration_ns",
    "read_option",
    "seed_option",
]

_Command = TypeVar("_Command", bound=Callable[..., object])
_Value = TypeVar("_Value")

config_argument = click.argument("config", type=click.Path(path_type=Path))
seed_option = click.option("--seed", type=int, help="All chance follows from it.  [default: run.seed, or 1]")


def overrides_option(example: str = "stream.frame_rate=60") -> Callable[[_Command], _Command]:
    """Return the option ``--set``, whose help shows an example."""
    text = f"Override a key, for example {example}. May be given several times."
    return click.option("--set", "overrides", metavar="KEY=VALUE", multiple=True, help=text)


def read_option(option: str, read: Callable[[str], _Value], text: str) -> _Value:
    """Read an option's text; UserError, which names the option, where ``read`` raises ValueError."""
    try:
        return read(text)
    except ValueError as error:
        raise UserError(f"{option}: {error}") from None


def read_duration_ns(option: str, text: str | None, *, least_ns: int = 0) -> int | None:
    """Read a length of time in nanoseconds, ``least_ns`` or more; None where the option was not given."""
    from cts.units import Between, parse_duration_ns, refuse_time_without_unit

    def read(text: str) -> int:
        refuse_time_without_unit(text)
        duration_ns = parse_duration_ns(text)
        Between(least_ns)(duration_ns)
        return duration_ns

    return None if text is None else read_option(option, read, text)
