"""Reading JSON lines that somebody else wrote: bounded lines, typed fields, every mistake with its file and line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from io import BufferedReader, TextIOWrapper
from math import isfinite
from pathlib import Path
from typing import TextIO

from attrs import define, field

from cts.errors import UserError, system_reason
from cts.records.gzip_stream import LogSource
from cts.units import FrameRate, parse_frame_rate

__all__ = ["EVENTS", "TRUTH", "Fields", "LineReader"]

EVENTS = ("event", "an events log", "EVENTS")
TRUTH = ("kind", "a ground-truth log", "TRUTH")
"""The two logs of `cts verify-run EVENTS TRUTH`: the key that all of its lines have, what it is, and which argument."""

_LINE_LIMIT = 1 << 16
"""Characters of a line, which must be fewer; both logs stay far below."""

_INTEGERS = range(-(2**63), 2**63)
_WIDE_INTEGERS = range(-(2**127), 2**127)
"""What a 64-bit number of a stranger's ticks comes to in nanoseconds."""
_INSTANTS = range(-(2**62), 2**62)
"""Nanoseconds, 146 years to either side: the sum of two is a 64-bit integer still."""


@define(eq=False)
class LineReader:
    """Iterates over a file's lines.

    Args:
        path: the file.
        what: what it should be, for messages.

    Attributes:
        number: of the line that was read last, from 1.
    """

    _path: Path
    _what: str
    number: int = field(default=0, init=False)
    _file: TextIO | None = field(default=None, init=False)

    def __iter__(self) -> Iterator[str]:
        """Yield the lines with their ends, unpacked if they are gzip; the last line of a file that was cut short may lack it.

        Raises:
            UserError: the file cannot be read, or is not text.
        """
        try:
            # Escaped, for what is decoded in advance would be refused in the name of an earlier line.
            source = BufferedReader(LogSource(self._path))
            with TextIOWrapper(source, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
                self._file = file
                while line := file.readline(_LINE_LIMIT):
                    self.number += 1
                    if len(line) == _LINE_LIMIT:
                        raise self.refused(f"is longer than {_LINE_LIMIT - 1} characters")
                    if not line.isascii():
                        line.encode()
                    yield line
        except OSError as error:
            raise UserError(f"{self._path}: cannot read it: {system_reason(error)}") from error
        except UnicodeEncodeError as error:
            raise self.refused("is not UTF-8") from error

    def refused(self, text: str) -> UserError:
        """Return the error for the line that was read last; the file is closed, since nobody reads on."""
        self._close()
        return UserError(f"{self._path}: line {self.number} {text}; it must be {self._what}")

    def unusable(self, text: str) -> UserError:
        """Return the error for the file as a whole, which is closed."""
        self._close()
        return UserError(f"{self._path}: {text}; it must be {self._what}")

    def refuse_other(self, first: Fields, wanted: tuple[str, str, str], other: tuple[str, str, str]) -> None:
        """Refuse a log that is the other one, which says so in its first line: whoever gave both may have swapped them.

        Raises:
            UserError: it is.
        """
        if wanted[0] not in first and other[0] in first:
            self._close()
            raise UserError(
                f"{self._path}: is {other[1]}, and {wanted[2]} wants {wanted[1]}; are the arguments swapped? "
                "allowed: cts verify-run EVENTS TRUTH"
            )

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()

    def fields(self, line: str) -> Fields:
        """Return the object that a line holds.

        Raises:
            UserError: it holds none.
        """
        try:
            value: object = json.loads(line)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise self.refused("holds no JSON object")
        return Fields(value, self)


@define(eq=False)
class Fields:
    """The keys of one object; asking for one that is missing or of another type raises UserError."""

    _values: Mapping[str, object]
    _reader: LineReader

    def integer(self, key: str) -> int:
        """Return a 64-bit integer."""
        value = self._values.get(key)
        if type(value) is not int or value not in _INTEGERS:
            raise self._refused(key, "a 64-bit integer")
        return value

    def integer_or_none(self, key: str) -> int | None:
        """Return a 64-bit integer, or None for null and for a key that is not there."""
        return None if self._values.get(key) is None else self.integer(key)

    def instant(self, key: str) -> int:
        """Return a time in nanoseconds."""
        value = self.integer(key)
        if value not in _INSTANTS:
            raise self._refused(key, "a time in nanoseconds")
        return value

    def unix_time(self, key: str) -> int:
        """Return a time in nanoseconds since 1970."""
        value = self.instant(key)
        if value < 0:
            raise self._refused(key, "a time in nanoseconds since 1970")
        return value

    def instant_or_none(self, key: str) -> int | None:
        """Return a time in nanoseconds, or None for null."""
        if key in self._values and self._values[key] is None:
            return None
        return self.instant(key)

    def text(self, key: str) -> str:
        """Return a string."""
        value = self._values.get(key)
        if not isinstance(value, str):
            raise self._refused(key, "a string")
        return value

    def text_or_none(self, key: str) -> str | None:
        """Return a string, or None for null and for a key that is not there."""
        return None if self._values.get(key) is None else self.text(key)

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of strings; an empty one for a key that is not there."""
        value = self._values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise self._refused(key, "a list of strings")
        return tuple(value)

    def object_or_none(self, key: str) -> dict[str, object] | None:
        """Return an object as it is, or None for null and for a key that is not there."""
        value = self._values.get(key)
        if value is not None and not isinstance(value, dict):
            raise self._refused(key, "an object")
        return value

    def number_or_none(self, key: str) -> float | None:
        """Return a number, or None for null and for a key that is not there."""
        value = self._values.get(key)
        if value is None:
            return None
        if isinstance(value, float) and isfinite(value):
            return value
        if type(value) is not int or value not in _INTEGERS:
            raise self._refused(key, "a number")
        return value

    def wide_integer_or(self, key: str, left_out: int | None) -> int | None:
        """Return a 128-bit integer, None for null, or what stands for a key that is not there."""
        value = self._values.get(key, left_out)
        if value is not None and (type(value) is not int or value not in _WIDE_INTEGERS):
            raise self._refused(key, "a 128-bit integer")
        return value

    def is_null(self, key: str) -> bool:
        """Tell whether a key is null, or not there."""
        return self._values.get(key) is None

    def integers(self, key: str) -> list[int]:
        """Return a list of 64-bit integers."""
        value = self._values.get(key)
        if not isinstance(value, list) or not all(type(each) is int and each in _INTEGERS for each in value):
            raise self._refused(key, "a list of 64-bit integers")
        return value

    def flag_or_none(self, key: str) -> bool | None:
        """Return true or false, or None for a key that is not there."""
        value = self._values.get(key)
        if value is not None and not isinstance(value, bool):
            raise self._refused(key, "true or false")
        return value

    def one_of(self, key: str, allowed: tuple[str, ...]) -> str:
        """Return a string out of these."""
        value = self.text(key)
        if value not in allowed:
            raise self._refused(key, " or ".join(map(repr, allowed)))
        return value

    def frame_rate(self, key: str) -> FrameRate:
        """Return a frame rate: an integer, or a text such as ``30000/1001``."""
        value = self._values.get(key)
        if type(value) is int or isinstance(value, str):
            with suppress(ValueError):
                return parse_frame_rate(str(value))
        raise self._refused(key, "a frame rate")

    def total(self) -> int:
        """Return the sum of its values, which are 64-bit integers."""
        return sum(map(self.integer, self._values))

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def within(self, key: str) -> Fields:
        """Return an object inside this one."""
        value = self._values.get(key)
        if not isinstance(value, dict):
            raise self._refused(key, "an object")
        return Fields(value, self._reader)

    def within_or_none(self, key: str) -> Fields | None:
        """Return an object inside this one, or None for null and for a key that is not there."""
        return None if self._values.get(key) is None else self.within(key)

    def over(self, left_out: Mapping[str, object]) -> Fields:
        """Return them with what stands for keys that are not there, here and in objects inside this one."""
        return Fields(_over(left_out, self._values), self._reader)

    def refused(self, text: str) -> UserError:
        """Return the error for the line that they stand in."""
        return self._reader.refused(text)

    def _refused(self, key: str, wanted: str) -> UserError:
        if key not in self._values:
            return self._reader.refused(f"has no {key!r}")
        return self._reader.refused(f"has a {key!r} that is not {wanted}")


def _over(left_out: Mapping[str, object], values: Mapping[str, object]) -> dict[str, object]:
    laid = {**left_out, **values}
    for key, under in left_out.items():
        value = laid[key]
        if isinstance(under, dict) and isinstance(value, dict):
            laid[key] = {**under, **value}
    return laid
