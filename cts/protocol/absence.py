"""Whether the peer of a stream is there: what the network says of it, and what it says itself."""

from __future__ import annotations

from typing import Final

__all__ = ["PEER_GONE_AFTER_NS", "Absence"]

PEER_GONE_AFTER_NS: Final = 3_000_000_000
"""How long a peer must have been unreachable to be gone: longer than a route takes to change. Linux sends about one such
message a second to any one host, whatever the number of streams from there: a stream of many hears of it less often."""
_MOMENTS: Final = 3
"""How often the network must have said so, each time some while after the one before: a handful at once is one."""
_FORGOTTEN_NS: Final = 60_000_000_000
"""After so long without another such message, the ones before were of another trouble."""


class Absence:
    """What the network said of a peer that it does not reach.

    Args:
        patience_ns: how long it must say so, and hear nothing of the peer, until that is gone; None for never.

    Attributes:
        times: how often it said so.
    """

    def __init__(self, patience_ns: int | None = None) -> None:
        self.times = 0
        self._patience_ns = patience_ns
        self._apart_ns = (patience_ns or 0) // (_MOMENTS + 1)
        # When it began to say so, and when it last did, as far as moments count; none while the peer is there.
        self._since_ns = self._last_ns = 0
        self._moments = 0

    def said(self, times: int, now_ns: int) -> bool:
        """Take note that the network said so now, so many times; tell whether the peer is gone."""
        self.times += times
        if self._patience_ns is None:
            return False
        if not self._moments or now_ns - self._last_ns > _FORGOTTEN_NS:
            self._since_ns = self._last_ns = now_ns
            self._moments = 1
        elif now_ns - self._last_ns >= self._apart_ns:
            self._last_ns = now_ns
            self._moments += 1
        return self._moments >= _MOMENTS and now_ns - self._since_ns >= self._patience_ns

    def heard(self) -> None:
        """Take note that the peer sent something: it is there."""
        self._moments = 0
