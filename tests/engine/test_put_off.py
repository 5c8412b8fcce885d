from __future__ import annotations

from functools import partial

import pytest

from cts.engine.put_off import PutOff


def test_what_was_put_off_is_done_in_order_a_piece_in_each_step() -> None:
    done: list[int] = []
    put_off = PutOff()
    for number in range(3):
        put_off.add(partial(done.append, number))
    steps = put_off.steps()
    assert done == []
    next(steps)
    assert done == [0]
    assert len(list(steps)) == 2
    assert done == [0, 1, 2]


def test_what_is_put_off_meanwhile_waits_for_the_next_look() -> None:
    done: list[int] = []
    put_off = PutOff()
    put_off.add(partial(done.append, 0))
    for _ in put_off.steps():
        put_off.add(partial(done.append, 1))
    assert done == [0]
    list(put_off.steps())
    assert done == [0, 1]


@pytest.mark.parametrize("pieces", [0, 1, 15, 16, 17, 100, 256])
def test_however_much_waits_all_of_it_is_done_in_few_steps(pieces: int) -> None:
    done: list[int] = []
    put_off = PutOff()
    for number in range(pieces):
        put_off.add(partial(done.append, number))
    assert len(list(put_off.steps())) <= 16
    assert done == list(range(pieces))


def test_where_too_much_waits_the_oldest_is_done_at_once() -> None:
    done: list[int] = []
    put_off = PutOff()
    for number in range(1000):
        put_off.add(partial(done.append, number))
    assert done == list(range(len(done)))
    assert 500 < len(done) < 1000
