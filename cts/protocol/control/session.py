"""Sealed datagrams of one stream: each has the stream's token, a number that rises, and a tag over all of it.

Which numbers have been is kept in a sliding window, as RFC 4303 (section 3.4.3) and RFC 6347 (section 4.1.2.6) have it.
"""

from __future__ import annotations

from collections import Counter
from enum import Enum
from typing import cast

from cts.protocol.control.datagrams import Control, encode_control, with_tag
from cts.protocol.control.keys import StreamKeys, same, tag_of
from cts.protocol.control.messages import StreamMessage

__all__ = ["WINDOW", "Rejected", "ReplayWindow", "Session"]

WINDOW = 64
"""Numbers below the greatest that are told apart; older ones count as seen."""


class Rejected(Enum):
    """Why a control datagram is not taken for one of the stream."""

    OTHER_STREAM = "of another stream"
    """An earlier one of the same two addresses, mostly; or HELLO and its answers, which no stream has a use for."""
    FORGED = "forged"
    """Its tag is not that of what it says."""
    REPLAYED = "replayed"
    """Its number has been, or is too old to tell."""


class ReplayWindow:
    """Lets each number through once. Holds two numbers, whatever comes.

    Ask only of datagrams whose tag is right: another one would move the window.
    """

    __slots__ = ("_greatest", "_seen")

    def __init__(self) -> None:
        self._greatest = 0
        self._seen = 0
        """Bit *n*: whether the greatest less *n* has been."""

    def take(self, number: int) -> bool:
        """Tell whether a number (from 1) is new, and note it."""
        ahead = number - self._greatest
        if ahead > 0:
            self._seen = (self._seen << min(ahead, WINDOW) | 1) & ((1 << WINDOW) - 1)
            self._greatest = number
            return True
        if number < 1 or -ahead >= WINDOW or self._seen >> -ahead & 1:
            return False
        self._seen |= 1 << -ahead
        return True


class Session:
    """What one end of a stream seals and opens.

    Args:
        keys: the stream's.
        is_client: whether this end is the client.

    Attributes:
        rejected: datagrams that were not taken, by reason.
    """

    def __init__(self, keys: StreamKeys, *, is_client: bool) -> None:
        self._token = keys.token
        ours, theirs = keys.from_client, keys.from_server
        self._own_key, self._peer_key = (ours, theirs) if is_client else (theirs, ours)
        self._sent = 0
        self._window = ReplayWindow()
        self.rejected: Counter[Rejected] = Counter()

    def seal(self, message: StreamMessage) -> bytes:
        """Return the next datagram, to be sent once: what is to be repeated is sealed again."""
        self._sent += 1
        covered = encode_control(message, token=self._token, sequence=self._sent)
        return with_tag(covered, tag_of(self._own_key, covered))

    def open(self, control: Control) -> StreamMessage | None:
        """Return what the peer says; None for a datagram that is not its, or has been, which is counted."""
        reason = self._rejects(control)
        if reason is not None:
            self.rejected[reason] += 1
            return None
        return cast(StreamMessage, control.message)

    def _rejects(self, control: Control) -> Rejected | None:
        token, sequence, tag = control.token, control.sequence, control.tag
        if token is None or sequence is None or tag is None or not same(token, self._token):
            return Rejected.OTHER_STREAM
        if not same(tag, tag_of(self._peer_key, control.covered)):
            return Rejected.FORGED
        return None if self._window.take(sequence) else Rejected.REPLAYED
