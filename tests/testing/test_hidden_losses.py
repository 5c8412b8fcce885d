"""A lost and a doubled datagram in one frame, in whole simulated runs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cts.api import Address, Frame, IDatagramEndpoint, IPacer, Verdict
from cts.output.summary import hidden_losses_text
from cts.testing import OneByOneSender, simulate
from tests.examples import WHOLE_RUNS

STREAM: dict[str, object] = {
    "bits_per_second": 80_000,
    "frame_rate": 10,
    "stream_length": "2s",
    "buffer_depth": "300ms",
    "datagram_max_size": 400,
}


class LosesOneDoublesAnother(OneByOneSender):
    """Sends the first datagram of frame 5 twice, and not the second."""

    async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
        if frame.sequence != 5:
            return await super().send_frame(frame, endpoint, peer, pacer)
        first, _, last = frame.payloads
        header = bytes(frame.stamp(pacer.now_ns(), 3))
        sent = await endpoint.send(peer, header[:26], first)
        sent += await endpoint.send(peer, header[:26], first)
        return sent + await endpoint.send(peer, header[52:], last)


@pytest.mark.parametrize("direction", ["pull", "push"])
def test_the_frame_is_dropped_and_the_summary_says_what_the_original_would_have_called_it(direction: str) -> None:
    run = simulate({"stream": {**STREAM, "direction": direction}}, sender=LosesOneDoublesAnother)
    (frame,) = [each for each in run.stream.frames if each.verdict is not Verdict.COMPLETED]
    assert (frame.sequence, frame.verdict, frame.size) == (5, Verdict.DROPPED, 1000)
    assert frame.record is not None
    assert (frame.record.distinct, frame.record.duplicate, frame.record.missing) == (2, 1, ((1, 1),))
    assert run.json["frames"] == {"completed": 19, "dropped": 1, "repeated": 0, "error": 0, "hidden_losses": 1}
    assert "1 frame that the original's rule would call completed" in run.summary


def test_by_the_original_s_rule_it_is_completed() -> None:
    run = simulate({"stream": {**STREAM, "verdict": "bytes"}}, sender=LosesOneDoublesAnother)
    assert run.json["frames"] == {"completed": 20, "dropped": 0, "repeated": 0, "error": 0, "hidden_losses": 1}


def test_several_frames_are_told_as_several() -> None:
    assert hidden_losses_text(3) == "3 frames that the original's rule would call completed or duplicated"


@WHOLE_RUNS
@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.1]), st.sampled_from([0.0, 0.2]), st.sampled_from([0.0, 0.1]))
def test_what_was_sent_and_arrived_in_time_is_what_the_records_tell(
    seed: int, loss: float, duplicate: float, reorder: float
) -> None:
    network: dict[str, object] = {"latency": "20ms", "jitter": "5ms", "loss": loss, "duplicate": duplicate}
    run = simulate({"stream": STREAM, "network": {**network, "reorder": reorder}}, seed=seed)
    for frame in run.stream.frames:
        offered = [each for each in run.stream.offered if each.sequence == frame.sequence]
        came = [place for place, each in enumerate(offered) if any(a.arrival_ns <= frame.due_ns for a in each.arrivals)]
        copies = sum(a.arrival_ns <= frame.due_ns for each in offered for a in each.arrivals) - len(came)
        record = frame.record
        assert record is not None
        assert (record.due, record.distinct, record.duplicate) == (3, len(came), copies)
        if record.missing is not None and (2 in came or 0 in came):
            missing = [place for first, last in record.missing for place in range(first, last + 1)]
            assert missing == [place for place in range(3) if place not in came]
