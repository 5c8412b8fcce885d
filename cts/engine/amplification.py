"""The anti-amplification limit (RFC 9000, section 8.1): who has not shown that it receives gets little.

An address that datagrams come from may be forged, and what is sent there then goes to somebody who never asked. So what such an
address gets is at most three times what came from it, in bytes of IP datagrams: what the line to a victim carries. Who is
trusted to be where it says (``server.original_clients``), and who has shown that it receives, is none of this module's.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from cts.api import Address, ForwardingEndpoint, Header, IDatagramEndpoint, Message

__all__ = ["AmplificationLimit", "UnprovenEndpoint"]

FACTOR = 3
_IPV4_UDP = 20 + 8
_IPV6_UDP = 40 + 8
_ADDRESSES_AT_MOST = 16_384
"""Accounts that are kept, at about 200 bytes each; as many as can wait and run by default, twice."""


class AmplificationLimit:
    """An account for each address and port that is unproven, in bytes that may still be sent there. O(1).

    No account is ever overdrawn, so that one may be closed at any time: what it forgets is only what was still allowed. The one
    that was looked at longest ago is closed where there are too many.

    Args:
        at_most: accounts that are kept.

    Attributes:
        held_back: datagrams that were not sent.
    """

    def __init__(self, at_most: int = _ADDRESSES_AT_MOST) -> None:
        self._at_most = at_most
        self._allowed: OrderedDict[Address, int] = OrderedDict()
        self.held_back = 0

    def __len__(self) -> int:
        return len(self._allowed)

    def came(self, remote: Address, size: int, datagrams: int = 1) -> None:
        """Take note of so many datagrams from there, ``size`` bytes of payload in all."""
        allowed = self._allowed.get(remote)
        if allowed is not None:
            self._allowed.move_to_end(remote)
        elif len(self._allowed) >= self._at_most:
            self._allowed.popitem(last=False)
        self._allowed[remote] = (allowed or 0) + FACTOR * (size + datagrams * _headers(remote))

    def spend(self, remote: Address, size: int) -> bool:
        """Tell whether a datagram with so many bytes of payload may be sent there now, and count it as sent if it may."""
        left = self._allowed.get(remote, 0) - size - _headers(remote)
        if left < 0:
            self.held_back += 1
            return False
        self._allowed[remote] = left
        return True

    def close(self, remote: Address) -> None:
        """Close the account of an address that has shown that it receives, or that nothing more is sent to."""
        self._allowed.pop(remote, None)


def _headers(remote: Address) -> int:
    return _IPV6_UDP if ":" in remote.host else _IPV4_UDP


class UnprovenEndpoint(ForwardingEndpoint):
    """An endpoint as it is to who has not shown that it receives: what would be too much is not sent, and counted."""

    def __init__(self, endpoint: IDatagramEndpoint, limit: AmplificationLimit) -> None:
        super().__init__(endpoint)
        self._limit = limit

    @property
    def segment_limit(self) -> int:
        """1: each datagram is looked at on its own."""
        return 1

    def segment_limit_to(self, remote: Address) -> int:
        """1."""
        return 1

    async def send(self, remote: Address, header: Header, payload: bytes | memoryview = b"") -> int:
        """Send one datagram, or let it be: to the sender that is as if it were lost on the way."""
        size = len(header) + len(payload)
        return await super().send(remote, header, payload) if self._limit.spend(remote, size) else size

    async def send_train(self, remote: Address, header: Header, payloads: Sequence[memoryview]) -> int:
        """Send each by itself, or let it be."""
        return await IDatagramEndpoint.send_train(self, remote, header, payloads)

    def send_now(self, messages: Sequence[Message]) -> int:
        """Hand over none: each datagram is looked at on its own."""
        return 0

    def try_send(self, remote: Address, datagram: bytes) -> bool:
        """Send one datagram now, if it may be sent and can."""
        return self._limit.spend(remote, len(datagram)) and super().try_send(remote, datagram)
