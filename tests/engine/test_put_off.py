from __future__ import annotations

from functools import partial

from cts.engine.put_off import PutOff, for_a_while
from cts.units import MILLISECOND


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


def test_what_is_not_done_in_a_look_is_done_in_the_next_one() -> None:
    done: list[int] = []
    put_off = PutOff()
    for number in range(3):
        put_off.add(partial(done.append, number))
    next(put_off.steps())
    assert done == [0]
    list(put_off.steps())
    assert done == [0, 1, 2]


def test_where_too_much_waits_the_oldest_is_done_at_once() -> None:
    done: list[int] = []
    put_off = PutOff()
    for number in range(1000):
        put_off.add(partial(done.append, number))
    assert done == list(range(len(done)))
    assert 500 < len(done) < 1000


def test_steps_that_take_their_time_are_taken_for_a_while_and_the_rest_is_left() -> None:
    done: list[int] = []
    put_off = PutOff()
    for number in range(100):
        put_off.add(partial(done.append, number))
    taken = list(for_a_while(put_off.steps(), lambda: 10 * MILLISECOND * len(done)))
    assert len(taken) == 5
    assert done == list(range(6))


def test_steps_that_take_no_time_are_all_taken() -> None:
    assert len(list(for_a_while(iter([None] * 100), lambda: 0))) == 100
