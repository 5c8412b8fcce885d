"""Quantities with units: their types, their bounds, and text in and out.

Inside the program a rate is an int of bits per second, a size an int of bytes, a duration an int of nanoseconds;
only configuration and banners carry units. Parsing is quantiphy's behind a whitelist of prefixes and units, because
alone it reads "25mbps" as 0.025 bit/s, "1,5 s" as 15 s and "5 PB" as a unit of its own. The digits are taken as
decimals, never as floats, so "33.3ms" is 33 300 000 ns and "8 Mbit/s" is 8 000 000 bit/s exactly.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from quantiphy import Quantity

__all__ = [
    "DURATION_SYNTAX",
    "MAX_QUANTITY",
    "MICROSECOND",
    "MILLISECOND",
    "RATE_SYNTAX",
    "SECOND",
    "SIZE_SYNTAX",
    "Between",
    "Duration",
    "Rate",
    "Size",
    "format_duration",
    "format_rate",
    "format_size",
    "parse_duration_ns",
    "parse_rate",
    "parse_size",
]

MICROSECOND = 1_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000
"""Nanoseconds in a second."""
MAX_QUANTITY = 2**63 - 1
"""Greatest rate, size or duration that is read; in nanoseconds it is 292 years."""

RATE_SYNTAX = (
    'a number and bit/s, bps, b/s or B/s, with k, M, G, T or Ki, Mi, Gi, Ti before it, for example "8 Mbit/s"; '
    "a number alone is bits per second"
)
SIZE_SYNTAX = (
    'a number and B, with k, M, G, T or Ki, Mi, Gi, Ti before it, for example "64 KiB"; a number alone is bytes'
)
DURATION_SYNTAX = 'a number and ns, us, ms, s, min or h, for example "1.5s"; a number alone is seconds'


class Rate(int):
    """Bits per second."""


class Size(int):
    """Bytes."""


class Duration(int):
    """Nanoseconds."""


class Between(NamedTuple):
    """Bounds of a value, both allowed; meant for ``Annotated[int, Between(1)]``.

    Calling it with a value raises ValueError, with the bounds in the value's own unit, when the value is outside.
    """

    low: float
    high: float | None = None

    def __call__(self, value: float) -> None:
        """Refuse a value that is out of bounds."""
        if value >= self.low and (self.high is None or value <= self.high):
            return
        if self.high is not None:
            allowed = f"{_format_as(value, self.low)} to {_format_as(value, self.high)}"
        elif self.low == 1 and isinstance(value, Rate | Size | Duration):
            allowed = "more than 0"
        else:
            allowed = f"at least {_format_as(value, self.low)}"
        raise ValueError(f"{_format_as(value, value)} is out of range; allowed: {allowed}")


def parse_rate(text: str) -> Rate:
    """Read a rate; a bare prefix ("100M") counts bits per second.

    Raises ValueError, whose text says what is allowed.
    """
    return Rate(_parse(text, _RATE))


def parse_size(text: str) -> Size:
    """Read a size; a bare prefix ("64Ki") counts bytes.

    Raises ValueError, whose text says what is allowed.
    """
    return Size(_parse(text, _SIZE))


def parse_duration_ns(text: str) -> Duration:
    """Read a duration; a number alone counts seconds, and "5m" is refused since it may mean two things.

    Raises ValueError, whose text says what is allowed.
    """
    return Duration(_parse(text, _DURATION))


def format_rate(bits_per_second: int) -> str:
    """Write a rate exactly, for people: ``8 Mbit/s``."""
    return _with_prefix(bits_per_second, "bit/s")


def format_size(size: int) -> str:
    """Write a size exactly, for people: ``1400 B``; whole KiB, MiB … as such."""
    for power, prefix in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if size and size % (1 << power) == 0:
            return f"{size >> power} {prefix}"
    return f"{size} B"


def format_duration(duration_ns: int) -> str:
    """Write a duration exactly, for people: ``33.3 ms``, ``5 s``, ``2 min``."""
    for factor, unit in ((3600 * SECOND, "h"), (60 * SECOND, "min")):
        if duration_ns and duration_ns % factor == 0:
            return f"{duration_ns // factor} {unit}"
    for places, unit in ((9, "s"), (6, "ms"), (3, "us")):
        if abs(duration_ns) >= 10**places:
            return f"{_scaled(duration_ns, places)} {unit}"
    return f"{duration_ns} ns" if duration_ns else "0 s"


class _Kind(NamedTuple):
    """What sets one kind of quantity apart when it is read."""

    name: str
    base: str
    syntax: str
    factors: dict[str, int]
    """Base units in each allowed unit; the empty one stands for a number alone."""
    prefixes: tuple[str, ...]


_LARGE = ("", "k", "K", "M", "G", "T", "Ki", "Mi", "Gi", "Ti")
_SMALL = ("", "m", "u", "µ", "μ", "n")  # both code points that print as micro
_RATE = _Kind("rate", "bit/s", RATE_SYNTAX, {"": 1, "bit/s": 1, "bps": 1, "b/s": 1, "B/s": 8}, _LARGE)
_SIZE = _Kind("size", "B", SIZE_SYNTAX, {"": 1, "B": 1}, _LARGE)
_DURATION = _Kind(
    "duration", "ns", DURATION_SYNTAX, {"": SECOND, "s": SECOND, "min": 60 * SECOND, "h": 3600 * SECOND}, _SMALL
)
_SHAPE = re.compile(r"([0-9._]+(?:[eE][-+]?[0-9]+)?)\s*([A-Za-zµμ/]*)", re.ASCII)


def _parse(text: str, kind: _Kind) -> int:
    """Read a quantity into whole base units, rounded half to even."""
    stripped = text.strip()
    shape = _SHAPE.fullmatch(stripped)
    # The shape leaves out what quantiphy would take besides: "1,5" as 15, "name = value", constants, currencies.
    if shape is None or len(stripped) > 60 or not _whitelisted(shape[2], kind):
        raise _refused(text, kind, shape)
    try:
        read = _quantity_class(kind.prefixes)(stripped)
    except ValueError:
        raise _refused(text, kind, shape) from None
    if read.units not in kind.factors:  # quantiphy takes no prefix behind an exponent
        raise _refused(text, kind, shape)
    if float(read) == 0.0:
        return 0
    if float(read) > 2.0 * MAX_QUANTITY:  # roughly, before any work on digits; exactly below
        raise _too_large(text, kind)
    # With Ki, Mi … quantiphy keeps no digits; there the float is exact, being a power of two times the number.
    digits = repr(float(read)) if shape[2][1:2] == "i" else read.fixed(prec="full", show_units=False)
    with localcontext() as context:
        context.prec = 200
        exact = Decimal(digits) * kind.factors[read.units]
        if exact < 1:
            raise ValueError(f"{_shown(text)} is less than 1 {kind.base}; allowed: {kind.syntax}")
        whole = int(exact.to_integral_value(rounding=ROUND_HALF_EVEN))
    if whole > MAX_QUANTITY:
        raise _too_large(text, kind)
    return whole


def _whitelisted(suffix: str, kind: _Kind) -> bool:
    """Say whether a suffix is an allowed prefix and unit; a prefix alone is, where it can mean one thing only."""
    if suffix in kind.factors:
        return True
    if kind is _DURATION:
        return suffix.endswith("s") and suffix[:-1] in kind.prefixes
    return any(suffix == prefix + unit for prefix in kind.prefixes for unit in kind.factors)


@cache
def _quantity_class(prefixes: tuple[str, ...]) -> type[Quantity]:
    """Make a class of quantiphy's that takes these prefixes alone."""
    from quantiphy import Quantity

    class Read(Quantity):
        """Keeps its preferences apart from every other user of quantiphy."""

    single = "".join(prefix for prefix in prefixes if len(prefix) == 1)
    Read.set_prefs(input_sf=single, known_units="min h", accept_binary="Ki" in prefixes, keep_components=True)
    return Read


def _refused(text: str, kind: _Kind, shape: re.Match[str] | None) -> ValueError:
    """Make the refusal of a text that is no such quantity, with what was meant where that can be told."""
    meant = "" if shape is None or kind is _DURATION else _likely_suffix(shape[2], kind)
    hint = f"; did you mean {shape.string[: shape.start(2)] + meant!r}?" if shape is not None and meant else ""
    return ValueError(f"{_shown(text)} is not a {kind.name}; allowed: {kind.syntax}{hint}")


def _likely_suffix(suffix: str, kind: _Kind) -> str:
    """Find the allowed suffix that is nearest, whatever the case of its letters; empty when none is near."""
    from difflib import SequenceMatcher

    def nearness(candidate: str) -> tuple[float, float]:
        caseless = SequenceMatcher(None, candidate.lower(), suffix.lower()).ratio()
        return caseless, SequenceMatcher(None, candidate, suffix).ratio()

    best = max((prefix + unit for prefix in kind.prefixes for unit in kind.factors if unit), key=nearness)
    near = best[0].lower() == suffix[:1].lower() and nearness(best)[0] >= 0.7
    return best if near else ""


def _too_large(text: str, kind: _Kind) -> ValueError:
    return ValueError(f"{_shown(text)} is too large; allowed: at most {MAX_QUANTITY} {kind.base}")


def _with_prefix(value: int, unit: str) -> str:
    for places, prefix in ((12, "T"), (9, "G"), (6, "M"), (3, "k")):
        if abs(value) >= 10**places:
            return f"{_scaled(value, places)} {prefix}{unit}"
    return f"{value} {unit}"


def _scaled(value: int, places: int) -> str:
    """Write value / 10**places with every digit that is not a trailing zero."""
    whole, rest = divmod(abs(value), 10**places)
    fraction = f"{rest:0{places}d}".rstrip("0")
    return ("-" if value < 0 else "") + f"{whole}.{fraction}".rstrip(".")


def _format_as(sample: float, value: float) -> str:
    """Write value in the unit of a sample's type."""
    if isinstance(sample, Rate):
        return format_rate(int(value))
    if isinstance(sample, Size):
        return f"{int(value)} B"
    if isinstance(sample, Duration):
        return format_duration(int(value))
    return str(value)


def _shown(text: str) -> str:
    """Quote a text for a message, cut where it is long."""
    return repr(text if len(text) <= 60 else text[:57] + "...")
