"""The generator of a stream: the same wherever it is made, and no other stream's."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cts.chance import fresh_seed, stream_random

SEEDS = st.integers(-(1 << 80), 1 << 80)
NUMBERS = st.integers(1, 1 << 40)


def test_a_generator_is_the_same_on_every_machine() -> None:
    assert stream_random(1, 1).getrandbits(64) == 0xA496_D729_FE67_0F61
    assert stream_random(-7, 2).getrandbits(64) == 0x51EA_F93E_BF80_4310


@given(SEEDS, NUMBERS)
def test_seed_and_number_say_what_is_drawn(seed: int, number: int) -> None:
    assert stream_random(seed, number).random() == stream_random(seed, number).random()


@given(st.lists(st.tuples(SEEDS, NUMBERS), min_size=2, max_size=2, unique=True))
def test_another_seed_or_number_draws_something_else(pairs: list[tuple[int, int]]) -> None:
    one, other = (stream_random(*pair).getrandbits(128) for pair in pairs)
    assert one != other


def test_a_fresh_seed_is_short_and_another_each_time() -> None:
    seeds = {fresh_seed() for _ in range(10)}
    assert len(seeds) > 5
    assert all(0 <= seed < 1 << 32 for seed in seeds)
