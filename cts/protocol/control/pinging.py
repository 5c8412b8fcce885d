"""The other end's clock, asked for: when PING goes out, and what a PONG tells (RFC 5905, section 8)."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from cts.metrics.peer_clock import ClockSample
from cts.protocol.control.messages import Ping, Pong
from cts.units import MILLISECOND, SECOND

__all__ = ["PING_INTERVAL_NS", "SILENT_AFTER_NS", "SILENT_AFTER_PINGS", "Allowance", "Pace", "Pinger"]

PING_INTERVAL_NS = 200 * MILLISECOND
"""From one PING to the next at least: five a second."""
SILENT_AFTER_NS = 30 * SECOND
"""For how long at least nothing has come of a peer that has fallen silent: longer than a way takes to be found anew."""
SILENT_AFTER_PINGS = 40
"""How often at least it was asked meanwhile. Where 30 % is lost each way, of two PINGs one is answered, and of 40 in a row
none once in 5e11, if each is lost by itself. An end that stood still, or asks seldom, waits until it has asked as often."""
_OUTSTANDING_AT_MOST = 16


@frozen(kw_only=True)
class Pace:
    """How often one end of a stream says what.

    Attributes:
        jitter: draws from 0 (included) to 1, from the stream's own chance.
        ping_interval_ns: from one PING to the next at least.
        counts_interval_ns: from COUNTS to COUNTS.
    """

    jitter: Callable[[], float] = lambda: 0.0
    ping_interval_ns: int = PING_INTERVAL_NS
    counts_interval_ns: int = SECOND


class Pinger:
    """Sends PING at intervals, and takes each PONG once.

    Args:
        now_ns: this instant; the first is due.
        jitter: draws from 0 (included) to 1, so that ends do not fall into step.
        interval_ns: the least time from one to the next; half as long again at most is added.

    Attributes:
        due_ns: when the next is due.
        implausible: PONGs that answer no PING of these, or whose stamps cannot be.
        in_vain: PINGs since anything came of the peer.
    """

    def __init__(self, now_ns: int, *, jitter: Callable[[], float], interval_ns: int = PING_INTERVAL_NS) -> None:
        self.due_ns = now_ns
        self.implausible = 0
        self.in_vain = 0
        self._heard_ns = now_ns
        self._jitter = jitter
        self._interval_ns = interval_ns
        self._outstanding: dict[int, None] = {}

    def ping(self, now_ns: int) -> Ping:
        """Return the PING that leaves now."""
        self.due_ns = now_ns + self._interval_ns + int(self._interval_ns / 2 * self._jitter())
        if len(self._outstanding) == _OUTSTANDING_AT_MOST:
            del self._outstanding[next(iter(self._outstanding))]
        self._outstanding[now_ns] = None
        self.in_vain += 1
        return Ping(now_ns)

    def peer_heard(self, now_ns: int) -> None:
        """Take note that something of the peer's has come, whatever it says."""
        self.in_vain = 0
        self._heard_ns = now_ns

    def silence_ns(self, now_ns: int) -> int | None:
        """Return for how many nanoseconds the peer has been silent; None while that may be chance."""
        silence_ns = now_ns - self._heard_ns
        return silence_ns if silence_ns >= SILENT_AFTER_NS and self.in_vain >= SILENT_AFTER_PINGS else None

    def heard(self, pong: Pong, received_ns: int) -> ClockSample | None:
        """Take a PONG that came then; None where it says nothing."""
        sample = ClockSample(pong.ping_ns, pong.received_ns, pong.sent_ns, received_ns)
        is_possible = pong.sent_ns >= pong.received_ns and sample.round_trip_ns >= 0
        if pong.ping_ns not in self._outstanding or not is_possible:
            self.implausible += 1
            return None
        del self._outstanding[pong.ping_ns]
        return sample


class Allowance:
    """Answers that one end gives for nothing: so many at once, and one more after each interval (RFC 2697 has such buckets).

    Args:
        burst: at once.
        interval_ns: nanoseconds for one more.
    """

    def __init__(self, burst: int, interval_ns: int) -> None:
        self._interval_ns = interval_ns
        self._room_ns = (burst - 1) * interval_ns
        self._used_until_ns = -(2**63)

    def take(self, now_ns: int) -> bool:
        """Tell whether one is left, and use it."""
        until_ns = max(self._used_until_ns, now_ns)
        if until_ns - now_ns > self._room_ns:
            return False
        self._used_until_ns = until_ns + self._interval_ns
        return True
