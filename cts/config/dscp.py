"""Differentiated services codepoints by number and by name."""

from __future__ import annotations

from difflib import get_close_matches
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DSCP_NAMES", "dscp_name", "parse_dscp"]

DSCP_NAMES: Final[Mapping[str, int]] = MappingProxyType(
    {
        "DF": 0,  # default forwarding, the same as CS0
        **{f"CS{each}": each << 3 for each in range(8)},  # class selectors, RFC 2474 section 4.2.2
        "LE": 1,  # lower effort, RFC 8622
        **{f"AF{each}{drop}": each << 3 | drop << 1 for each in range(1, 5) for drop in range(1, 4)},  # RFC 2597
        "VOICE-ADMIT": 44,  # RFC 5865
        "EF": 46,  # expedited forwarding, RFC 3246
    }
)
"""Every name of IANA's registry, as RFC 4594 recommends them for kinds of traffic."""

SYNTAX: Final = 'a number from 0 to 63, or a name: "EF", "VOICE-ADMIT", "AF11" to "AF43", "CS0" to "CS7", "LE", "DF"'


def parse_dscp(value: int | str) -> int:
    """Return the codepoint; raises ValueError, whose text says what is allowed."""
    if isinstance(value, int):
        if 0 <= value <= 63:
            return value
        # Whole octets are what older tools take ("TOS"), with the codepoint in the upper six bits.
        octet = (
            f"; as a TOS octet, {value} is the codepoint {value >> 2}" if 63 < value <= 255 and not value & 3 else ""
        )
        raise ValueError(f"{value} is out of range; allowed: {SYNTAX}{octet}")
    name = value.strip().upper().replace("_", "-")
    if name in DSCP_NAMES:
        return DSCP_NAMES[name]
    if name.isascii() and name.isdigit() and len(name) <= 3:
        return parse_dscp(int(name))
    near = get_close_matches(name[:24], DSCP_NAMES, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"{value[:40]!r} is no codepoint; allowed: {SYNTAX}{hint}")


def dscp_name(codepoint: int) -> str:
    """Write a codepoint for people: ``46 (EF)``."""
    names = [name for name, each in DSCP_NAMES.items() if each == codepoint]
    return f"{codepoint} ({names[0]})" if names else str(codepoint)
