"""Trains: what a frame's datagrams may be cut into, and what is no train."""

from __future__ import annotations

import re
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cts.protocol.trains import TRAIN_MAX_BYTES, Train, cut_trains, fault_of_trains
from cts.protocol.wire import HEADER_SIZE

LONG, SHORT = memoryview(bytes(374)), memoryview(bytes(174))
SIZES = [400, 400, 200]


@given(st.integers(1, 30), st.integers(1, 374), st.integers(1, 64))
def test_what_a_frame_is_cut_into_has_no_fault(full: int, last: int, limit: int) -> None:
    payloads = [*[LONG] * full, memoryview(bytes(last))]
    sizes = [HEADER_SIZE + len(payload) for payload in payloads]
    assert fault_of_trains(cut_trains(payloads, limit), sizes, limit) is None


@pytest.mark.parametrize(
    ("trains", "fault"),
    [
        ([(bytes(374), LONG, SHORT)], "a payload is not a memoryview of bytes"),
        ([(memoryview(array("I", [0] * 374)), LONG, SHORT)], "a payload is not a memoryview of bytes"),
        ([(LONG, LONG, SHORT), ()], "a train of 0 datagrams, 3 are allowed"),
        ([(LONG, LONG, SHORT, SHORT)], "a train of 4 datagrams, 3 are allowed"),
        ([(SHORT, LONG, LONG)], "the payloads of a train differ in length; only the last may, and be shorter"),
        ([(SHORT, LONG), (LONG,)], "the payloads of a train differ in length; only the last may, and be shorter"),
        ([(LONG, LONG)], "they are not the frame's datagrams"),
        ([(LONG, LONG), (SHORT, SHORT)], "they are not the frame's datagrams"),
        ([(memoryview(bytes(40_000)),) * 2], f"a train of 80052 bytes, {TRAIN_MAX_BYTES} are allowed"),
    ],
)
def test_a_fault_is_said(trains: list[Train], fault: str) -> None:
    assert re.fullmatch(re.escape(fault), fault_of_trains(trains, SIZES, 3) or "")
