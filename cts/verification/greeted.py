"""What a client's receiving stream must report that began by HELLO: when its schedule begins is for the server to say.

It begins with WELCOME; with data where that is lost or late, as if the frame had taken no time; with START where nothing
answers HELLO. Until then nothing is due. A truth keeps too little of a control datagram to know more of it than what it
is, and which HELLO it answers: one that was altered on its way leaves all open.
"""

from __future__ import annotations

from attrs import define, field

from cts.protocol.task import StreamError
from cts.verification.came import Stamp
from cts.verification.expected import ExpectedStream
from cts.verification.status import CLOCKS_NS

__all__ = ["GIVES_UP_NS", "GreetedStream", "speaks"]

GIVES_UP_NS = 5_000_000_000
"""How long a client repeats HELLO, and how long a server that receives waits for the first data."""
_JUST_AFTER_NS = 1


def speaks(stream: ExpectedStream | None) -> bool:
    """Tell whether the two ends of a stream exchange control datagrams and results, as of one that HELLO began."""
    return isinstance(stream, GreetedStream) or (stream is not None and stream.patience_ns > 0)


@define(eq=False, kw_only=True)
class GreetedStream(ExpectedStream):
    """One such stream.

    Args:
        nonce: which HELLO it began with, hexadecimal.

    Attributes:
        named_by_welcome: whether its name came with WELCOME, which the truth does not keep.
    """

    nonce: str
    named_by_welcome: bool = field(default=False, init=False)
    _began: bool = field(default=False, init=False)
    _challenged: bool = field(default=False, init=False)
    _by_start: bool = field(default=False, init=False)

    def over(self, at_ns: int) -> bool:
        """Tell whether the stream ended before ``at_ns``."""
        if self._began:
            return super().over(at_ns)
        if self.ended_ns is None:
            self._tell_before(at_ns)
            gives_up_ns = self.opened_ns + GIVES_UP_NS + _JUST_AFTER_NS
            if at_ns > min(self._cut_ns, gives_up_ns) + self._tolerance_ns:
                cut = self._cut_ns < gives_up_ns
                self._end(min(self._cut_ns, gives_up_ns), None if cut else StreamError.NO_ANSWER.value)
        return self.ended_ns is not None

    def data(self, at_ns: int, sequence: int, size: int, intact: bool, stamp: Stamp) -> None:
        """A data datagram came, with which the stream may begin."""
        if not self._began and not self.over(at_ns):
            if not self._challenged or not 1 <= sequence <= self._plan.final_frame:
                self._error("unexpected", True)
                return
            self._begin(at_ns - self._plan.send_offset_ns(sequence))
        super().data(at_ns, sequence, size, intact, stamp)

    def control(self, at_ns: int, what: str, nonce: str) -> None:
        """A control datagram came: ``challenge``, ``welcome``, ``refused``, ``altered``, or another one."""
        if self.over(at_ns) or (self.named_by_welcome and not self._by_start):
            # Once both have agreed on it control datagrams count for nothing.
            return
        certain = self._surely_open(at_ns)
        self.arrivals["handshake"].add(1, certain)
        if what == "altered":
            self.doubt = "a control datagram was altered on its way"
        if nonce != self.nonce or self._by_start or self.named_by_welcome:
            return
        if what == "challenge":
            self._challenged = True
        elif what == "welcome":
            self.named_by_welcome = True
            if not certain:
                self.doubt = "it was welcomed within the tolerance of its end"
            if not self._began:
                self._begin(at_ns)
        elif what == "refused":
            self._end(at_ns, StreamError.REFUSED.value)

    def _wrong(self, at_ns: int) -> None:
        if not self._by_start and at_ns < self.base_ns + CLOCKS_NS:
            self.doubt = "a wrong payload came before it knew its peer's clock"
        super()._wrong(at_ns)

    def asked_by_start(self, at_ns: int) -> None:
        """The client sent START, for nothing had answered HELLO."""
        if not self._began and not self.over(at_ns):
            self._by_start = True
            self._begin(at_ns)

    def _begin(self, base_ns: int) -> None:
        self._began = True
        self._anchor(base_ns)

    def _end_ns(self) -> int:
        return super()._end_ns() if self._began else min(self._cut_ns, self.opened_ns + GIVES_UP_NS)
