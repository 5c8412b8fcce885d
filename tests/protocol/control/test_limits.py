from __future__ import annotations

import pytest
from attrs import evolve, fields
from hypothesis import given, settings

from cts.protocol.control.limits import Caps, Reason, Refusal, WantedPlan, admit
from cts.protocol.plan import StreamPlan
from cts.units import SECOND, FrameRate
from tests.protocol.control.ends import ALL_CAPS, PLAN, PLANS

WANTED = WantedPlan.of(PLAN)


def test_a_plan_survives_being_told() -> None:
    assert WANTED.plan() == PLAN


def test_without_caps_a_plan_is_served_as_it_is_asked_for() -> None:
    assert admit(WANTED, Caps()) == PLAN


def test_what_is_as_much_as_a_cap_is_within_it() -> None:
    caps = Caps(
        PLAN.bits_per_second,
        PLAN.frame_rate,
        PLAN.stream_length_ns,
        PLAN.buffer_depth_ns,
        PLAN.datagram_max_size,
        PLAN.frame_size,
    )
    assert admit(WANTED, caps) == PLAN


@pytest.mark.parametrize(
    ("caps", "name", "asked", "allowed"),
    [
        (Caps(bits_per_second=7_999_999), "bits_per_second_per_stream", "8 Mbit/s", "7.999999 Mbit/s"),
        (Caps(frame_rate=29), "frame_rate", "30000/1001/s", "29/s"),
        (Caps(stream_length_ns=5 * SECOND - 1), "stream_length", "5 s", "4.999999999 s"),
        (Caps(buffer_depth_ns=SECOND // 2), "buffer_depth", "1 s", "500 ms"),
        (Caps(datagram_max_size=1399), "datagram_max_size", "1400 B", "1399 B"),
        (Caps(frame_size=1000), "frame_size", "33366 B", "1000 B"),
    ],
)
def test_a_plan_beyond_a_cap_is_refused_with_its_name_what_was_asked_and_what_is_allowed(
    caps: Caps, name: str, asked: str, allowed: str
) -> None:
    refusal = admit(WANTED, caps)
    assert isinstance(refusal, Refusal)
    assert (refusal.reason, refusal.cap, refusal.limit) == (Reason.CAP, name, allowed)
    assert f"{asked} is asked for, and its server.limits.{name} is {allowed}" in refusal.text


def test_every_cap_has_its_refusal() -> None:
    tiny = {field.name: FrameRate(1) if field.name == "frame_rate" else 1 for field in fields(Caps)}
    refusals = [admit(WANTED, Caps(**{name: value})) for name, value in tiny.items()]  # type: ignore[arg-type]
    caps = [refusal.cap for refusal in refusals if isinstance(refusal, Refusal)]
    names = {"bits_per_second": "bits_per_second_per_stream"}
    assert caps == [names.get(name, name.removesuffix("_ns")) for name in tiny]


def test_numbers_that_make_no_stream_are_refused_with_what_is_wrong() -> None:
    refusal = admit(evolve(WANTED, bits_per_second=7), Caps())
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.PLAN
    assert "bits_per_second: must be a multiple of 8 bits, got 7" in refusal.text


@settings(deadline=None)
@given(PLANS, ALL_CAPS)
def test_whatever_is_asked_for_is_served_as_it_is_or_refused(wanted: WantedPlan, caps: Caps) -> None:
    admitted = admit(wanted, caps)
    if isinstance(admitted, StreamPlan):
        assert WantedPlan.of(admitted) == wanted
        assert caps.frame_rate is None or admitted.frame_rate <= caps.frame_rate
        assert caps.bits_per_second is None or admitted.bits_per_second <= caps.bits_per_second
    else:
        assert (admitted.cap is None) == (admitted.reason is Reason.PLAN)
