"""The verification's own stream arithmetic: by hand, and that a wrong one of the product is found out."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cts.errors import UserError
from cts.protocol.handshake import retry_ns
from cts.protocol.plan import PlanError, StreamPlan
from cts.units import FrameRate
from cts.verification.arithmetic import Arithmetic
from cts.verification.verify import verify_run
from tests.verification.simulated_logs import MS, PATH, config_of, simulated_logs, without_records

NTSC = Fraction(30_000, 1001)


def test_the_definitions_by_hand() -> None:
    stream = Arithmetic(8_000_000, Fraction(30), 5_000 * MS, 1_000 * MS, 1400)
    assert (stream.frame_size, stream.final_frame, stream.buffered_frames, stream.window_frames) == (
        33_333,
        150,
        30,
        60,
    )
    assert (stream.send_offset_ns(1), stream.send_offset_ns(150)) == (33_333_333, 5_000 * MS)
    assert (stream.render_offset_ns(1), stream.render_offset_ns(150)) == (1_000 * MS, 5_966_666_666)
    assert stream.datagram_sizes == (*[1400] * 23, 33_333 - 23 * 1400)


def test_a_rate_that_is_no_whole_number_is_exact() -> None:
    stream = Arithmetic(8_000_000, NTSC, 5_000 * MS, 1_000 * MS, 1400)
    assert (stream.frame_size, stream.final_frame, stream.buffered_frames) == (33_366, 149, 29)
    assert stream.render_offset_ns(149) == (29 + 148) * 1001 * 10**9 // 30_000


def test_a_length_of_no_whole_number_of_frames_does_not_change_them() -> None:
    stream = Arithmetic(8_000_000, Fraction(7), 400 * MS, 300 * MS, 1400)
    assert (stream.frame_size, stream.final_frame) == (142_857, 2)


def test_a_buffer_holds_no_more_than_the_stream() -> None:
    assert Arithmetic(80_000, Fraction(10), 500 * MS, 60_000 * MS, 1400).buffered_frames == 5


@pytest.mark.parametrize(
    ("size", "sizes"),
    [(800, (400, 400)), (826, (400, 399, 27)), (827, (400, 400, 27)), (801, (400, 374, 27)), (390, (390,))],
)
def test_no_datagram_is_a_header_alone(size: int, sizes: tuple[int, ...]) -> None:
    assert Arithmetic(80 * size, Fraction(10), 500 * MS, 200 * MS, 400).datagram_sizes == sizes


@given(
    bits=st.integers(40, 10**7).map(lambda each: 8 * each),
    rate=st.fractions(Fraction(1, 10), 240, max_denominator=1001),
    length_ns=st.integers(1, 10**11),
    depth_ns=st.integers(1, 10**10),
    datagram=st.integers(53, 65_500),
)
def test_it_comes_to_the_same_as_the_products(
    bits: int, rate: Fraction, length_ns: int, depth_ns: int, datagram: int
) -> None:
    try:
        plan = StreamPlan(bits, FrameRate(rate), length_ns, depth_ns, datagram)
    except PlanError:
        return
    own = Arithmetic(bits, rate, length_ns, depth_ns, datagram)
    for name in ("frame_size", "final_frame", "buffered_frames", "window_frames"):
        assert getattr(own, name) == getattr(plan, name)
    assert own.retry_ns == retry_ns(plan)
    for sequence in (1, 2, plan.final_frame):
        assert own.send_offset_ns(sequence) == plan.send_offset_ns(sequence)
        assert own.render_offset_ns(sequence) == plan.render_offset_ns(sequence)
    if plan.frame_size < 10**6:
        assert own.datagram_sizes == tuple(plan.datagram_sizes)


SEND_OFFSET, RENDER_OFFSET = StreamPlan.send_offset_ns, StreamPlan.render_offset_ns
WRONG: dict[str, object] = {
    "frame_size": property(lambda plan: plan.bits_per_second // 8 // plan.frame_rate - 1),
    "window_frames": property(lambda plan: plan.buffered_frames),
    "buffered_frames": property(lambda plan: 9),
    "final_frame": property(lambda plan: 19),
    "render_offset_ns": lambda plan, sequence: RENDER_OFFSET(plan, sequence) + 1,
    "send_offset_ns": lambda plan, sequence: SEND_OFFSET(plan, sequence) + 1,
    "datagram_sizes": property(lambda plan: (500, 500)),
}


@pytest.mark.parametrize("direction", ["pull", "push"])
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_arithmetic_of_the_product_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, direction: str, name: str
) -> None:
    # Sequences with a flipped bit come beyond half a window.
    small = {"buffer_depth": "300ms", "stream_length": "20s", "datagram_max_size": 60, "verify": "connection"}
    config = config_of(direction, stream=small if name == "window_frames" else {}, client={"connections": 4})
    path = attrs.evolve(PATH, corrupt=0.5) if name == "window_frames" else PATH
    with monkeypatch.context() as wrong:
        wrong.setattr(StreamPlan, name, WRONG[name])
        logs = simulated_logs(tmp_path, config, to_client=path, to_server=path)
    if name == "datagram_sizes":
        with pytest.raises(UserError, match="has a 'due' that is not 3"):
            verify_run(logs.events, logs.truth)
        without_records(logs)
    assert not verify_run(logs.events, logs.truth).agrees


@pytest.mark.parametrize("direction", ["pull", "push"])
def test_a_fractional_frame_rate_agrees(tmp_path: Path, direction: str) -> None:
    config = config_of(direction, stream={"frame_rate": "30000/1001"})
    verification = verify_run(*(lambda logs: (logs.events, logs.truth))(simulated_logs(tmp_path, config)))
    assert (verification.agrees, verification.frames) == (True, 59)
