"""Loss by place in whole simulated runs, against what the network is known to have done."""

from __future__ import annotations

import errno
import os
from random import Random
from typing import Any

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from cts.api import Address, Frame, IDatagramEndpoint, IPacer
from cts.testing import OneByOneSender, SimulatedRun, SimulatedStream, simulate
from tests.examples import WHOLE_RUNS

MS = 1_000_000
FRAME, DATAGRAM = 1000, 400


class Troubled(OneByOneSender):
    """Sends some frames late, and is refused some."""

    def use_random(self, random: Random) -> None:
        self._random = random

    async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
        fate = self._random.random()
        if fate < 0.1:
            raise OSError(errno.ENETDOWN, os.strerror(errno.ENETDOWN))
        if fate < 0.3:
            await pacer.wait_until(frame.due_ns + self._random.randrange(90 * MS))
        return await super().send_frame(frame, endpoint, peer, pacer)


STREAM: dict[str, object] = {
    "bits_per_second": 80_000,
    "frame_rate": 10,
    "stream_length": "4s",
    "buffer_depth": "200ms",
    "datagram_max_size": DATAGRAM,
}


def run(seed: int, direction: str = "pull", **network: object) -> SimulatedRun:
    return simulate({"stream": {**STREAM, "direction": direction}, "network": network}, sender=Troubled, seed=seed)


@frozen
class Account:
    """What is known of a stream's frames, bytes."""

    missing: int
    not_sent: int
    late: int


def account(stream: SimulatedStream) -> Account:
    """Say frame by frame what became of it, from what was sent, when it arrived and when it was due."""
    missing = not_sent = late_in_all = 0
    for frame in stream.frames:
        offered = [each for each in stream.offered if each.sequence == frame.sequence]
        first = [
            (min(copy.arrival_ns for copy in each.arrivals), len(each.datagram)) for each in offered if each.arrivals
        ]
        on_time = sum(size for at_ns, size in first if at_ns <= frame.due_ns)
        ended_ns = stream.frames[-1].due_ns
        late = sum(size for at_ns, size in first if frame.due_ns < at_ns <= ended_ns)
        lacking = max(0, FRAME - on_time)
        missing += lacking
        not_sent += 0 if offered else FRAME
        late_in_all += min(lacking, late)
    return Account(missing, not_sent, late_in_all)


def loss_of(run: SimulatedRun) -> Any:
    loss: Any = run.json["loss"]
    return loss


@pytest.mark.parametrize("direction", ["pull", "push"])
@WHOLE_RUNS
@given(
    st.integers(0, 10**6), st.sampled_from([0.0, 0.1, 0.4]), st.sampled_from([0.0, 0.2]), st.sampled_from([0, 150, 400])
)
def test_the_places_are_what_the_network_and_the_sender_did(
    direction: str, seed: int, loss: float, duplicate: float, jitter_ms: int
) -> None:
    finished = run(seed, direction, latency="20ms", jitter=f"{jitter_ms}ms", loss=loss, duplicate=duplicate)
    told, stream = loss_of(finished), finished.stream
    sender, receiver = stream.sender, stream.receiver
    if not stream.frames or sender is None or receiver is None or receiver.result != "Succeeded":
        return
    # What leaves when its receiver has ended goes to nobody, and the account below has nothing of it.
    if sender.ended_ns >= receiver.ended_ns:
        return
    known = account(stream)
    places = [told[name] for name in ("not_sent", "on_the_way", "sent_late", "late", "early")]
    assert told["due"] == FRAME * len(stream.frames) == told["on_time"] + sum(places)
    assert (told["missing"], told["sent_late"] + told["late"], told["early"]) == (known.missing, known.late, 0)
    assert told["not_sent"] == known.not_sent
    assert told["not_sent_or_on_the_way"] == 0


def test_no_duplicate_hides_what_its_frame_lost() -> None:
    finished = run(1, latency="20ms", loss=0.2, duplicate=0.3)
    told, stream = loss_of(finished), finished.stream
    lost = [each for each in stream.offered if each.sequence is not None and not each.arrivals]
    doubled = {each.sequence for each in stream.offered if len(each.arrivals) > 1}
    assert any(each.sequence in doubled for each in lost)
    assert told["on_the_way"] == sum(len(each.datagram) for each in lost)


def test_what_a_sender_made_late_is_not_the_network_s() -> None:
    loss = loss_of(run(1, latency="20ms"))
    assert loss["sent_late"] > 0
    assert loss["on_the_way"] == loss["late"] == 0


def test_what_the_network_made_late_is_not_the_sender_s() -> None:
    finished = simulate({"stream": STREAM, "network": {"latency": "20ms", "jitter": "400ms"}})
    loss = loss_of(finished)
    assert loss["late"] > 0
    assert loss["sent_late"] == loss["not_sent"] == 0


def test_a_simulated_run_is_to_be_trusted() -> None:
    assert run(1).json["trust"] == {
        "verdict": "trusted",
        "reason": "time was virtual, so that no host could hold it up",
        "figures": None,
    }
