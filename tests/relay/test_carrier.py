"""When the carrier says that it sent a datagram: on a clock that a test moves while the carrier is at it."""

from __future__ import annotations

import pytest
import trio

from cts.api import Address, IPacer
from cts.impairment.link import Impairment, Link, link_rng
from cts.relay.carrier import Carrier, Path
from cts.relay.statistics import WayCounts
from tests.net.fake_sockets import FakeSocket

MS = 1_000_000
SOMEWHERE, SERVER = Address("192.0.2.9", 1), Address("192.0.2.1", 4444)


class Clock(IPacer):
    """A clock that stands until somebody waits or a test moves it."""

    def __init__(self) -> None:
        self.at_ns = 0

    def now_ns(self) -> int:
        return self.at_ns

    async def wait_until(self, due_ns: int) -> None:
        self.at_ns = max(self.at_ns, due_ns)
        await trio.lowlevel.checkpoint()


class SlowSocket(FakeSocket):
    """A socket whose send is preempted.

    Args:
        clock: what moves.
        after_ns: for how long once the datagram has been handed over.
    """

    def __init__(self, clock: Clock, after_ns: int) -> None:
        super().__init__(clock, SOMEWHERE)
        self._clock = clock
        self._after_ns = after_ns

    async def send(self, remote: Address, header: bytes | bytearray, payload: bytes | memoryview = b"") -> int:
        sent = await super().send(remote, header, payload)
        self._clock.at_ns += self._after_ns
        return sent


@pytest.mark.parametrize("waits_ns", [0, 3 * MS])
async def test_a_datagram_is_sent_when_it_is_handed_over_not_when_the_carrier_goes_on(waits_ns: int) -> None:
    """Whether or not the send had to wait for room before."""
    clock = Clock()
    socket = SlowSocket(clock, after_ns=5 * MS)
    socket.waits_ns = waits_ns
    told: list[tuple[int, int, int | None]] = []
    carrier = Carrier(clock, 10_000, lambda path, *departed: told.append(departed))
    path = Path(
        client=1,
        address=SOMEWHERE,
        way="to_server",
        link=Link(Impairment(), link_rng(1, "1", "to_server")),
        counts=WayCounts(),
        endpoint=socket,
        remote=SERVER,
        last_ns=0,
    )
    for number in (1, 2):
        carrier.add(MS, path, b"x", number, 0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(carrier.run)
        while len(told) < 2:
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    first_ns, second_ns = (each.at_ns for each in socket.sent)
    assert told == [(1, 0, first_ns), (2, 0, second_ns)]
    assert (first_ns, second_ns) == (MS + waits_ns, 6 * MS + 2 * waits_ns)
    assert path.counts.copy().greatest_lateness_ns == second_ns - MS
