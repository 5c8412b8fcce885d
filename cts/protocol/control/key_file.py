"""A file of keys, as text: who may read the file is for others to check.

::

    # one key a line: a name and the key in hexadecimal digits, as from `openssl rand -hex 32`; # begins a comment
    alice  5b0c…
    # a key without a name, which all who have none use
    9d41…

The first key is the one that a client uses, unless it is told a name.
"""

from __future__ import annotations

import re

from cts.protocol.control.keys import MIN_KEY_SIZE, Key, KeyRing

__all__ = ["MAX_KEYS", "read_keys"]

MAX_KEYS = 10_000

_HEX = re.compile(r"(?:[0-9a-fA-F]{2})+")


def read_keys(text: str) -> KeyRing:
    """Return the keys of a file.

    Raises:
        ValueError: a line is wrong, with its number and never with what it says; or there are no keys.
    """
    keys: list[Key] = []
    for line_number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(keys) == MAX_KEYS:
            raise ValueError(f"line {line_number}: there are more than {MAX_KEYS} keys")
        try:
            keys.append(_key_of(words))
        except ValueError as error:
            raise ValueError(f"line {line_number}: {error}") from None
    return KeyRing(keys)


def _key_of(words: list[str]) -> Key:
    if len(words) > 2:
        raise ValueError("a line has a name and a key, or a key alone")
    if _HEX.fullmatch(words[-1]) is None:
        raise ValueError("a key is an even number of hexadecimal digits, as from 'openssl rand -hex 32'")
    if len(words) == 2 and len(words[0]) >= 2 * MIN_KEY_SIZE and _HEX.fullmatch(words[0]):
        # It would be shown as a name.
        raise ValueError("there are two keys on a line, or a name that looks like one")
    return Key(words[0] if len(words) == 2 else None, bytes.fromhex(words[-1]))
