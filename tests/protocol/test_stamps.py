"""Stamps of a whole batch, looked at in place."""

from __future__ import annotations

import pytest

from cts.protocol.stamps import STEP_LIMIT, differ_in_stamp_only, flatten_stamps, header_block, headers_of, put_back
from cts.protocol.task import DatagramBatch

SIZE = 40


def batch(first: int, count: int) -> bytearray:
    headers = headers_of(header_block(3, first, count), [b"x"] * count)
    return bytearray(b"".join(bytes(header) + b"p" * (SIZE - 26) for header in headers))


@pytest.mark.parametrize("first", [0, 200, 250, 65_530, 2**24 - 3, 2**56 - 2, 2**63 - 40])
def test_consecutive_stamps_become_the_first_one_and_come_back(first: int) -> None:
    memory = batch(first, 30)
    before = bytes(memory)
    kept = flatten_stamps(memory, len(memory), SIZE)
    assert kept is not None
    assert bytes(memory) == before[:SIZE] * 30
    put_back(memory, len(memory), SIZE, kept)
    assert bytes(memory) == before


def test_stamps_that_wrap_around_are_consecutive_in_no_sense_that_matters() -> None:
    memory = bytearray(batch(0, 2))
    memory[10:18], memory[SIZE + 10 : SIZE + 18] = b"\xff" * 8, b"\0" * 8
    assert flatten_stamps(memory, len(memory), SIZE) is not None


@pytest.mark.parametrize(("first", "at"), [(7, 10), (250, 10), (250, 11), (65_530, 12)])
def test_where_a_stamp_is_another_nothing_is_changed(first: int, at: int) -> None:
    memory = batch(first, 30)
    memory[20 * SIZE + at] ^= 4
    before = bytes(memory)
    assert flatten_stamps(memory, len(memory), SIZE) is None
    assert bytes(memory) == before


@pytest.mark.parametrize("length", [SIZE, SIZE - 5])
def test_two_that_differ_in_their_stamps_alone_are_told_from_two_that_differ_elsewhere(length: int) -> None:
    two = batch(7, 2)[: SIZE + length]
    assert differ_in_stamp_only(two, len(two), SIZE)
    assert DatagramBatch(bytes(two), SIZE, 0).stamp_step() == 1
    for at in (0, 30):
        other = bytearray(two)
        other[SIZE + at] ^= 4
        assert not differ_in_stamp_only(other, len(other), SIZE)
        assert DatagramBatch(bytes(other), SIZE, 0).stamp_step() is None


def test_a_batch_of_more_than_the_limit_is_not_looked_at() -> None:
    memory = batch(7, STEP_LIMIT + 1)
    assert flatten_stamps(memory, len(memory), SIZE) is None
