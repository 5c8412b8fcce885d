"""Whether the peer of a stream is there: what the network says of it, and what it says itself."""

from __future__ import annotations

from typing import Final

__all__ = ["PEER_GONE_AFTER_NS", "Absence"]

PEER_GONE_AFTER_NS: Final = 3_000_000_000
"""How long a peer must have been unreachable to be gone. Hosts and routers send about one such message a second (Linux does to
any one host), so that this is several of them, and longer than a route takes to change."""


class Absence:
    """What the network said of a peer that it does not reach.

    Args:
        patience_ns: how long it must say so, and hear nothing of the peer, until that is gone; None for never.
        interval_ns: how far apart datagrams to the peer may be, of which alone the network can speak.

    Attributes:
        times: how often it said so.
    """

    def __init__(self, patience_ns: int | None = None, interval_ns: int = 0) -> None:
        self.times = 0
        self._patience_ns = patience_ns
        self._silence_ns = (patience_ns or 0) + interval_ns
        # When it began to say so, and when it last did; None while the peer is there.
        self._since_ns: int | None = None
        self._last_ns = 0

    def said(self, times: int, now_ns: int) -> bool:
        """Take note that the network said so now, so many times; tell whether the peer is gone."""
        self.times += times
        if self._since_ns is None or now_ns - self._last_ns > self._silence_ns:
            self._since_ns = now_ns
        self._last_ns = now_ns
        return self._patience_ns is not None and now_ns - self._since_ns >= self._patience_ns

    def heard(self) -> None:
        """Take note that the peer sent something: it is there."""
        self._since_ns = None
