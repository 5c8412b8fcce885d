"""Cookies: whether an address receives what is sent to it, shown without keeping anything of it.

A cookie is keyed BLAKE2b (RFC 7693) over who asks and when, in slots of time. Whoever sends it back has received it. It is
good in the slot in which it was made and in the next: between one and two slots. The key of each slot is derived from the
server's secret, so that an old one tells nothing of the next.
"""

from __future__ import annotations

import hmac
import struct
from hashlib import blake2b

from cts.protocol.control.fields import COOKIE_SIZE
from cts.units import SECOND

__all__ = ["COOKIE_SLOT_NS", "cookie_of", "is_fresh_cookie", "slot_of"]

COOKIE_SLOT_NS = 5 * SECOND

_SLOT = struct.Struct("<q")
_WHO = struct.Struct("<HB")
"""Port, bytes of the address: as far as here nothing can be read in two ways."""


def slot_of(now_ns: int) -> int:
    """Return the number of the slot of time that an instant is in."""
    return now_ns // COOKIE_SLOT_NS


def cookie_of(secret: bytes, address: bytes, port: int, nonce: bytes, slot: int) -> bytes:
    """Return the cookie of a slot.

    Args:
        secret: the server's, of this run alone, 16 to 64 random bytes.
        address: the peer's, 255 bytes at most; one address always the same ones.
        port: the peer's.
        nonce: that of its HELLO.
        slot: as :func:`slot_of` numbers it.
    """
    key = blake2b(_SLOT.pack(slot), key=secret, person=b"cts cookie slot", digest_size=32).digest()
    who = _WHO.pack(port, len(address)) + address + nonce
    return blake2b(who, key=key, person=b"cts cookie", digest_size=COOKIE_SIZE).digest()


def is_fresh_cookie(secret: bytes, address: bytes, port: int, nonce: bytes, cookie: bytes, now_ns: int) -> bool:
    """Tell whether a cookie from the network was made for this peer and nonce, in this slot or the one before."""
    slot = slot_of(now_ns)
    wanted = [cookie_of(secret, address, port, nonce, each) for each in (slot, slot - 1)]
    # Both are looked at, so that the time taken says nothing.
    return any([hmac.compare_digest(cookie, each) for each in wanted])  # noqa: C419
