"""One client of a truth, and the streams that it has had so far."""

from __future__ import annotations

from attrs import define, field

from cts.verification.arithmetic import Arithmetic
from cts.verification.arrivals import Kind
from cts.verification.came import Stamp
from cts.verification.compare import Comparison
from cts.verification.expected import ExpectedStream
from cts.verification.senders import Sending

__all__ = ["MAKING_NS", "READ_AT_ONCE", "Happening", "Link"]

READ_AT_ONCE = 64
"""A simulated server reads larger datagrams when it reads the next time, which may be never."""

MAKING_NS = 100_000_000
"""How long a real machine may take to make a stream and to send its first datagram."""

Happening = tuple[int, int, Kind, bool, int, int, str, Stamp]
"""Time, order among what happens at one time, what, whether it was sent rather than received, sequence, size, text, stamp."""


@define(eq=False)
class Link:
    """One client, and the streams that it has had so far."""

    client: int
    address: str
    plan: Arithmetic
    """Of its present stream; of the run's before there is one."""
    sending: Sending
    pending: list[Happening] = field(factory=list)
    stream: ExpectedStream | None = None
    comparison: Comparison | None = None
    streams: int = 0
    ended_ns: int = 0
    asked_ns: int | None = None
    """When a START came last that has no answer yet."""
    asked_first_ns: int = 0
    """When the first of those came, if there is one."""
    nonce: str | None = None
    """Of the HELLO with its cookie that the server heard last; of its present stream, unless it has no answer yet."""
    challenged_ns: int | None = None
    """When CHALLENGE reached it first, since it had its last stream: HELLO has its cookie from then on."""
    altered: bool = False
    """Whether a control datagram was altered on its way, so that it is not known what came of it."""
    data_ns: int | None = None
    """When data came last to its present stream."""
    disagreed: bool = False
    """Whether the events say that its client had other settings, of which a truth knows nothing."""
    sender_failed: bool = False
    """Whether the events say that a sender of its streams failed, after which a server takes its STARTs for others."""

    def done(self, at_ns: int) -> bool:
        """Tell whether a push's client has shown to be done with its last stream."""
        if self.stream is None or self.data_ns is None:
            return False
        last_ns = self.stream.base_ns + self.plan.send_offset_ns(self.plan.final_frame)
        silent_ns = self.data_ns + self.plan.retry_ns
        return self.stream.measured_until_ns is not None or at_ns > min(last_ns, silent_ns)

    def free(self, at_ns: int, tolerance_ns: int) -> bool:
        """Tell whether the last stream, if there was one, has ended for certain."""
        stream = self.stream
        if stream is None or not stream.over(at_ns):
            return stream is None
        return stream.ended_ns is not None and at_ns > stream.ended_ns + tolerance_ns
