"""The payload pattern and the recognition of it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from cts.protocol.payload import PATTERN, matches_pattern

NUMBERS = b"".join(number.to_bytes(2, "little") for number in range(32_768))


def test_the_pattern_is_the_sixteen_bit_numbers_to_32767_in_order() -> None:
    assert PATTERN == NUMBERS


def test_an_odd_length_ends_in_half_a_number() -> None:
    assert matches_pattern(b"\0\0\1\0\2")
    assert not matches_pattern(b"\0\0\1\0\3")


def test_the_pattern_starts_at_number_0_in_every_datagram() -> None:
    assert not matches_pattern(NUMBERS[2:100])


@settings(deadline=None)
@given(st.integers(1, len(NUMBERS)))
def test_every_prefix_matches_however_it_is_held(length: int) -> None:
    assert matches_pattern(NUMBERS[:length])
    assert matches_pattern(memoryview(NUMBERS)[:length])


@settings(deadline=None)
@given(st.integers(1, 3000), st.data())
def test_one_flipped_bit_anywhere_is_seen(length: int, data: st.DataObject) -> None:
    payload = bytearray(NUMBERS[:length])
    payload[data.draw(st.integers(0, length - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert not matches_pattern(bytes(payload))
    assert not matches_pattern(memoryview(payload))
