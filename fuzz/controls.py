"""Control datagrams of an attack: made up, made right, or those of the run again.

====  ==============================================================================================================
kind  what
====  ==============================================================================================================
0     HELLO for a stream, without a cookie
1, 2  the same with the right cookie, as of one who receives at that address: a stream that may be had; numbers at random
3     one that was seen in this run, from its beginning on
4     one of the last that were seen
5     CHALLENGE, WELCOME or REFUSED for a client that was seen to ask
6     a message of a stream that was seen, with that one's token and a number of its own
7     a header and fields that mean nothing
====  ==============================================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import blake2b

from attrs import define, evolve, field

from cts.api import Address
from cts.errors import DecodeError
from cts.protocol.control.cookie import cookie_of, slot_of
from cts.protocol.control.counts import ReceiverCounts, SenderCounts
from cts.protocol.control.datagrams import (
    HEADER,
    VERSION,
    Control,
    decode_control_untrusted,
    encode_control,
    with_tag,
)
from cts.protocol.control.fields import TAG_SIZE, Field, pack_field
from cts.protocol.control.limits import Caps, Reason, Refusal, WantedPlan
from cts.protocol.control.messages import (
    ALL_FEATURES,
    Challenge,
    Counts,
    Hello,
    Message,
    Ping,
    Pong,
    Refused,
    Results,
    ResultsAck,
    StreamMessage,
    Welcome,
)
from cts.protocol.roles import Direction
from cts.protocol.wire import CONTROL_FLAG, is_control
from cts.records.truth_writer import Transmission
from cts.units import MILLISECOND, SECOND, FrameRate

__all__ = ["Controls", "chance_of"]

_SEEN_AT_MOST = 512
_PLAN = WantedPlan(80_000, FrameRate(10), SECOND, 300 * MILLISECOND, 400)
_NUMBERS = (0, 1, 2, 10, 400, 80_000, 10**6, 10**9, 2**31, 2**53, 2**63 - 1)


def chance_of(purpose: str) -> bytes:
    """Return 32 bytes for a purpose: the run's secrets, which an attack that is where it says it is may as well know."""
    return blake2b(purpose.encode(), digest_size=32).digest()


def _field_of(number: int) -> Field:
    fields = list(Field)
    return fields[number % len(fields)]


def _altered(number: int) -> WantedPlan:
    """Return the plan with another number in one place."""
    chosen = number >> 6 & 15
    value = _NUMBERS[chosen] if chosen < len(_NUMBERS) else number
    plans = (
        evolve(_PLAN, bits_per_second=value),
        evolve(_PLAN, stream_length_ns=value),
        evolve(_PLAN, buffer_depth_ns=value),
        evolve(_PLAN, datagram_max_size=value % 2**32),
        evolve(_PLAN, frame_rate=FrameRate(max(1, value), 1 + number % 3)),
    )
    return plans[(number >> 3) % len(plans)]


@define(eq=False)
class Controls:
    """Makes them, from what it has seen.

    Args:
        now_ns: the run's clock.

    Attributes:
        made: how many were made.
    """

    _now_ns: Callable[[], int]
    _seen: list[bytes] = field(factory=list, init=False)
    made: int = field(default=0, init=False)

    def saw(self, transmission: Transmission) -> None:
        """Keep the control datagrams that an end has sent, up to a number."""
        for payload in transmission.payloads:
            datagram = transmission.header + bytes(payload)
            if is_control(datagram) and len(self._seen) < _SEEN_AT_MOST:
                self._seen.append(datagram)

    def make(self, kind: int, number: int, source: Address) -> bytes:
        """Return a datagram; any numbers make one.

        Args:
            kind: which (see above).
            number: 16 bits that choose.
            source: the address that it will bear.
        """
        self.made += 1
        kind &= 7
        if kind <= 2:
            return self._hello(kind, number, source)
        if kind <= 4 and self._seen:
            back = number % min(8, len(self._seen))
            return self._seen[-1 - back if kind == 4 else number % len(self._seen)]
        if kind == 5:
            return self._opening(number)
        if kind == 6:
            return self._of_stream(number)
        return HEADER.pack(CONTROL_FLAG, VERSION, number & 31) + pack_field(_field_of(number >> 8), bytes(number % 64))

    def _hello(self, kind: int, number: int, source: Address) -> bytes:
        nonce = bytes([number & 3]) * 16
        direction = list(Direction)[number >> 2 & 1]
        hello = Hello(nonce, _PLAN, direction)
        if kind == 2:
            hello = evolve(hello, plan=_altered(number))
        if kind:
            host = source.host.encode()
            cookie = cookie_of(chance_of("cookies"), host, source.port, nonce, slot_of(self._now_ns()))
            hello = evolve(hello, cookie=cookie)
        return encode_control(hello)

    def _opening(self, number: int) -> bytes:
        asked = self._messages(Hello)
        nonce = asked[number % len(asked)].nonce if asked else bytes(16)
        plan = asked[0].plan if asked and number & 8 else _PLAN
        direction = asked[0].direction if asked else Direction.PULL
        name = "27a22e1f-549a-4e0c-a6f9-89c72ab6bc09"
        messages: Sequence[Message] = (
            Challenge(nonce, bytes([number & 255]) * 16),
            Welcome(nonce, bytes(16), name, plan, direction, ALL_FEATURES, Caps(), number),
            Refused(nonce, Refusal(list(Reason)[number % len(Reason)], "no" * (number & 15), "cap", "1")),
        )
        return encode_control(messages[number >> 4 & 3 if number >> 4 & 3 < len(messages) else 0])

    def _of_stream(self, number: int) -> bytes:
        sealed = [control for control in self._controls() if control.token is not None]
        if not sealed:
            return self._opening(number)
        one = sealed[-1 - number % min(16, len(sealed))]
        value = _NUMBERS[number >> 4 & 15 if number >> 4 & 15 < len(_NUMBERS) else 3]
        messages: Sequence[StreamMessage] = (
            Ping(value),
            Pong(value, -value, value),
            Counts(ReceiverCounts(*[value] * 22), SenderCounts(*[value] * 10)),
            Results("Succeeded", ReceiverCounts(*[value] * 22)),
            Results("Cancelled", None, SenderCounts(*[value] * 10)),
            ResultsAck(),
        )
        message = messages[number % len(messages)]
        sequence = (one.sequence or 0) + (number >> 8)
        made = encode_control(message, token=one.token or b"", sequence=sequence)
        return with_tag(made, one.tag or bytes(TAG_SIZE)) if number & 128 else made

    def _messages(self, kind: type[Hello]) -> list[Hello]:
        return [control.message for control in self._controls() if isinstance(control.message, kind)]

    def _controls(self) -> list[Control]:
        controls = []
        for datagram in self._seen[-32:]:
            with suppress(DecodeError):
                controls.append(decode_control_untrusted(datagram))
        return controls
