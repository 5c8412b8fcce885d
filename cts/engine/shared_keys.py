"""The keys that the two sides of a session have; they are part of no settings, which are told to other processes."""

from __future__ import annotations

from attrs import frozen

from cts.protocol.control.keys import Key, KeyRing

__all__ = ["NO_KEYS", "SharedKeys"]


@frozen(eq=False)
class SharedKeys:
    """Neither ``repr`` nor ``str`` shows a key.

    Attributes:
        ring: those of the clients of this session's server; None to serve who has none.
        own: that of its client; None for none.
    """

    ring: KeyRing | None = None
    own: Key | None = None


NO_KEYS = SharedKeys()
