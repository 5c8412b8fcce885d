"""Quantities with units: their types, their bounds, and text in and out.

Inside the program a rate is an int of bits per second, a size an int of bytes, a duration an int of nanoseconds, a frame
rate a ratio of two ints; only configuration and banners carry units. Only listed units are read, with their case, because
"25mbps" could be meant as 25 Mbit/s or as 0.025 bit/s. The digits are
taken as decimals, never as floats, so "33.3ms" is 33 300 000 ns and "8 Mbit/s" is 8 000 000 bit/s exactly.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import NamedTuple

__all__ = [
    "DURATION_SYNTAX",
    "FRAME_RATE_SYNTAX",
    "MAX_QUANTITY",
    "MICROSECOND",
    "MILLISECOND",
    "RATE_SYNTAX",
    "SECOND",
    "SIZE_SYNTAX",
    "Between",
    "Duration",
    "FrameRate",
    "Rate",
    "Size",
    "counted",
    "format_duration",
    "format_frame_rate",
    "format_rate",
    "format_size",
    "parse_duration_ns",
    "parse_frame_rate",
    "parse_rate",
    "parse_size",
    "refuse_time_without_unit",
]

MICROSECOND = 1_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000
"""Nanoseconds in a second."""
MAX_QUANTITY = 2**63 - 1
"""Greatest rate, size or duration that is read; in nanoseconds it is 292 years."""

RATE_SYNTAX = (
    'a number and bit/s, bps, b/s or B/s, with k, M, G, T or Ki, Mi, Gi, Ti before it, for example "8 Mbit/s" or "25M"; '
    "a number alone is bits per second"
)
SIZE_SYNTAX = (
    'a number and B, with k, M, G, T or Ki, Mi, Gi, Ti before it, for example "64 KiB"; a number alone is bytes'
)
DURATION_SYNTAX = 'a number and ns, us, ms, s, min or h, for example "1.5s"'
FRAME_RATE_SYNTAX = 'a number of frames per second more than 0, such as 30 or 29.97, or a ratio, such as "30000/1001"'


class Rate(int):
    """Bits per second."""


class Size(int):
    """Bytes."""


class Duration(int):
    """Nanoseconds."""


class FrameRate(Fraction):
    """Frames per second, exactly; as text a whole number or a ratio in lowest terms."""

    @property
    def plain(self) -> int | str:
        """The rate as JSON holds it: a whole number, else text."""
        return self.numerator if self.denominator == 1 else str(self)


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


def refuse_time_without_unit(text: str) -> None:
    """Raise ValueError for a number alone other than 0, with what may have been meant: who types it hardly means seconds."""
    shape = _SHAPE.fullmatch(text.strip()) if len(text) <= 60 else None
    if shape is None or shape[3] or not shape[1].strip("0._"):
        return
    number = text.strip()
    meant = f"'{number}ms' or '{number}s'" if shape[2] is None else f"'{number}s'"
    raise ValueError(f"{_shown(text)} has no unit; did you mean {meant}?")


def counted(count: int, noun: str) -> str:
    """Write a count and what is counted: ``1 datagram``, ``2,000 datagrams``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def parse_frame_rate(text: str) -> FrameRate:
    """Read a frame rate, exactly: a decimal number, or two whole numbers with a slash between them.

    Raises ValueError, whose text says what is allowed.
    """
    shape = _RATIO.fullmatch(text.strip()) if len(text) <= 60 else None
    if shape is None:
        raise ValueError(f"{_shown(text)} is not a frame rate; allowed: {FRAME_RATE_SYNTAX}")
    above, exponent, below = shape.groups("")
    # A float's shortest text has no more than three digits of exponent.
    number = Fraction((above + exponent).replace("_", "")) if len(exponent) <= 5 else Fraction(0)
    divisor = int(below.replace("_", "")) if below else 1
    rate = FrameRate(number / divisor) if divisor else FrameRate(0)
    if not 0 < rate.numerator <= MAX_QUANTITY or rate.denominator > MAX_QUANTITY:
        raise ValueError(f"{_shown(text)} is out of range; allowed: {FRAME_RATE_SYNTAX}")
    return rate


def format_frame_rate(rate: Fraction) -> str:
    """Write frames per second exactly, for people: ``30``, ``29.97``, ``30000/1001``."""
    places = next((places for places in range(10) if 10**places % rate.denominator == 0), None)
    return str(rate) if places is None else _scaled(int(rate * 10**places), places)


def format_rate(bits_per_second: int) -> str:
    """Write a rate exactly, for people: ``8 Mbit/s``."""
    return _with_prefix(bits_per_second, "bit/s")


def format_size(size: int) -> str:
    """Write a size exactly, for people: ``1400 B``; whole KiB, MiB … as such, large ones of whole thousands as ``100 kB``."""
    for power, prefix in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if size and size % (1 << power) == 0:
            return f"{size >> power} {prefix}"
    if size >= 10_000 and size % 1000 == 0:
        return _with_prefix(size, "B")
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
    units: tuple[str, ...]
    """The units without a prefix, which alone may stand behind an exponent; the empty one is that of a number alone."""
    factors: dict[str, Decimal]
    """Base units in each unit that is allowed, with its prefix; a prefix alone where it can mean one thing only."""


def _prefixed(units: dict[str, int]) -> dict[str, Decimal]:
    return {
        prefix + unit: Decimal(power * factor) for prefix, power in _LARGE.items() for unit, factor in units.items()
    }


_LARGE = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_LARGE |= {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40}
_BITS = {"": 1, "bit/s": 1, "bps": 1, "b/s": 1, "B/s": 8}
_BYTES = {"": 1, "B": 1}
_TIMES = {"": SECOND, "s": SECOND, "min": 60 * SECOND, "h": 3600 * SECOND}
_SMALL = {"ms": MILLISECOND, "us": MICROSECOND, "µs": MICROSECOND, "μs": MICROSECOND, "ns": 1}  # two signs for micro
_MEANT_TIMES: dict[str, tuple[str, ...]] = {"m": ("min", "ms"), "M": ("min", "ms")}
_MEANT_TIMES |= dict.fromkeys(("sec", "secs", "second", "seconds", "S"), ("s",))
_MEANT_TIMES |= dict.fromkeys(("mins", "minute", "minutes"), ("min",))
_MEANT_TIMES |= dict.fromkeys(("msec", "msecs", "MS", "Ms"), ("ms",))
_MEANT_TIMES |= dict.fromkeys(("usec", "usecs"), ("us",)) | dict.fromkeys(("hour", "hours", "H"), ("h",))
_RATE = _Kind("rate", "bit/s", RATE_SYNTAX, tuple(_BITS), _prefixed(_BITS))
_SIZE = _Kind("size", "B", SIZE_SYNTAX, tuple(_BYTES), _prefixed(_BYTES))
_DURATION = _Kind(
    "duration", "ns", DURATION_SYNTAX, tuple(_TIMES), {unit: Decimal(ns) for unit, ns in (_TIMES | _SMALL).items()}
)
_DIGITS = "[0-9](?:[0-9_]*[0-9])?"
_NUMBER = rf"(?:{_DIGITS}(?:\.(?:{_DIGITS})?)?|\.{_DIGITS})"
_SHAPE = re.compile(rf"({_NUMBER})([eE][-+]?[0-9]+)?\s*([A-Za-zµμ/]*)", re.ASCII)
_RATIO = re.compile(rf"([-+]?{_NUMBER})(?:([eE][-+]?[0-9]+)|\s*/\s*({_DIGITS}))?", re.ASCII)
_ONE, _TOO_LARGE = Decimal(1), Decimal(MAX_QUANTITY) + Decimal("0.5")
_EXACT = Context(prec=100, traps=[])
"""More digits than are read. What an exponent takes beyond its range is infinite or 0, at once."""


def _parse(text: str, kind: _Kind) -> int:
    """Read a quantity into whole base units, rounded half to even."""
    stripped = text.strip()
    shape = _SHAPE.fullmatch(stripped) if len(stripped) <= 60 else None
    if shape is None and stripped[:1] == "-" and _SHAPE.fullmatch(stripped[1:60]):
        raise ValueError(f"{_shown(text)} is negative, which a {kind.name} must not be; allowed: {kind.syntax}")
    if shape is None:
        raise _refused(text, kind)
    digits, exponent, unit = shape.groups("")
    allowed = kind.units if exponent else kind.factors
    if unit not in allowed:
        meant = _MEANT_TIMES.get(unit, ()) if kind is _DURATION else _likely_unit(unit, allowed)
        written = [repr(stripped[: shape.start(3)] + each) for each in meant]
        raise _refused(text, kind, f"; did you mean {' or '.join(written)}?" if written else "")
    number = _EXACT.create_decimal(digits.replace("_", "") + exponent)
    exact = _EXACT.multiply(number, kind.factors[unit])
    if exact < _ONE and exact:
        raise ValueError(f"{_shown(text)} is less than 1 {kind.base}; allowed: {kind.syntax}")
    if exact >= _TOO_LARGE:
        raise ValueError(f"{_shown(text)} is too large; allowed: at most {MAX_QUANTITY} {kind.base}")
    return int(exact.to_integral_value(ROUND_HALF_EVEN))


def _refused(text: str, kind: _Kind, hint: str = "") -> ValueError:
    return ValueError(f"{_shown(text)} is not a {kind.name}; allowed: {kind.syntax}{hint}")


def _likely_unit(written: str, allowed: Iterable[str]) -> tuple[str, ...]:
    """Find the allowed unit that is nearest, whatever the case of its letters; none when none is near."""
    from difflib import SequenceMatcher

    def nearness(candidate: str) -> tuple[float, float]:
        caseless = SequenceMatcher(None, candidate.lower(), written.lower()).ratio()
        return caseless, SequenceMatcher(None, candidate, written).ratio()

    best = max((unit for unit in allowed if unit not in _LARGE), key=nearness)
    near = best[0].lower() == written[:1].lower() and nearness(best)[0] >= 0.7
    return (best,) if near else ()


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
