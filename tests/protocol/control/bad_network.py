"""A network that loses, doubles and delays control datagrams, and two ends on it, from one seed."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from random import Random

from attrs import define, field

from cts.protocol.control.acceptor import Acceptor, Incoming, Repeated, Unfit
from cts.protocol.control.channel import StreamChannel
from cts.protocol.control.client import ClientHandshake, HandshakeMode
from cts.protocol.control.datagrams import HelloDatagram, decode_control_untrusted
from cts.protocol.control.limits import Refusal
from tests.protocol.control.ends import ADDRESS, MS, PORT, SECRET, accept, channel_of, client_of


@define
class BadNetwork:
    """Both ends of one attempt.

    Args:
        seed: what chance follows from.
        loss, doubled: probabilities.
        delay_ms: the longest delay.
        refusal: what the server says to it; None for WELCOME.
        mode: how the client begins.
    """

    seed: int
    loss: float = 0.3
    doubled: float = 0.2
    delay_ms: int = 200
    refusal: Refusal | None = None
    mode: HandshakeMode = HandshakeMode.CTS
    now_ns: int = 0
    client: ClientHandshake = field(init=False)
    acceptor: Acceptor = field(init=False)
    client_channel: StreamChannel | None = None
    server_channels: list[StreamChannel] = field(factory=list)
    _random: Random = field(init=False)
    _flying: list[tuple[int, int, bool, bytes]] = field(factory=list)
    _number: int = 0

    def __attrs_post_init__(self) -> None:
        self._random = Random(self.seed)
        self.client = client_of(mode=self.mode)
        self.acceptor = Acceptor(SECRET)

    def send(self, datagram: bytes, *, to_server: bool) -> None:
        for _ in range(2 if self._random.random() < self.doubled else 1):
            if self._random.random() >= self.loss:
                self._number += 1
                arrives_ns = self.now_ns + self._random.randrange(self.delay_ms * MS)
                heapq.heappush(self._flying, (arrives_ns, self._number, to_server, datagram))

    def run(self, until_ns: int, is_done: Callable[[], bool] = lambda: False) -> None:
        """Let time pass to an instant, or until something holds."""
        while not is_done():
            self._speak()
            due = [channel.due_ns for channel in self._channels()] + [self.client.due_ns]
            next_ns = min([*due, *(flying[0] for flying in self._flying[:1])])
            if next_ns > until_ns:
                self.now_ns = until_ns
                return
            self.now_ns = max(self.now_ns, next_ns)
            while self._flying and self._flying[0][0] <= self.now_ns:
                _, _, to_server, datagram = heapq.heappop(self._flying)
                (self._server_hears if to_server else self._client_hears)(datagram)

    def _channels(self) -> list[StreamChannel]:
        return [*self.server_channels, *([self.client_channel] if self.client_channel else [])]

    def _speak(self) -> None:
        hello = self.client.poll(self.now_ns)
        if hello is not None:
            self.send(hello, to_server=True)
        for channel in self._channels():
            while (datagram := channel.poll(self.now_ns)) is not None:
                self.send(datagram, to_server=channel is self.client_channel)

    def _client_hears(self, datagram: bytes) -> None:
        control = decode_control_untrusted(datagram)
        if self.client_channel is not None:
            self.client_channel.hear(control, self.now_ns)
        elif self.client.hear(control, self.now_ns) and self.client.session is not None:
            self.client_channel = channel_of(self.client.session, self.now_ns)

    def _server_hears(self, datagram: bytes) -> None:
        control = decode_control_untrusted(datagram)
        if (hello := HelloDatagram.of(control)) is None:
            for channel in self.server_channels:
                channel.hear(control, self.now_ns)
            return
        answer = self.acceptor.hear(hello, ADDRESS, PORT, self.now_ns)
        if isinstance(answer, Incoming):
            if self.refusal is not None:
                answer = self.acceptor.refuse(answer, self.refusal)
            else:
                accepted = accept(self.acceptor, answer, self.now_ns)
                self.server_channels.append(channel_of(accepted.session, self.now_ns))
                answer = accepted.answer
        if isinstance(answer, Repeated | Unfit):
            answer = answer.answer
        if answer is not None:
            self.send(answer, to_server=False)
