"""Senders that draw from something else than the generator that they are given, and what the contract says of them."""

from __future__ import annotations

import os
import random
import re
import secrets
import sys
import time
import uuid
from collections.abc import Callable
from datetime import datetime
from random import Random
from types import ModuleType, SimpleNamespace

import pytest

from cts.api import Address, Frame, IDatagramEndpoint, IPacer, StreamPlan
from cts.testing import OneByOneSender, SenderContract, complaints, plan_of, record_frames
from cts.testing.chance_contract import ChanceContract

PLANS = {"three datagrams": plan_of(2 * 1400 + 200, frames=9, frame_rate=25)}
MOST_NS = 10_000_000
REPEATS, ALONE = "test_the_same_seed_sends_the_same", "test_it_leaves_the_chance_of_others_alone"


def said_of(sender_class: type) -> dict[str, str]:
    return complaints(ChanceContract, sender_class=sender_class, plans=PLANS, options={})


class Hesitates(OneByOneSender):
    """Waits by chance before each frame; a subclass says where that comes from, as a number from 0 to below 1."""

    async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
        await pacer.wait_until(frame.due_ns + int(self.draw() * MOST_NS))
        return await super().send_frame(frame, endpoint, peer, pacer)

    def draw(self) -> float:
        raise NotImplementedError


class DrawsAsItShould(Hesitates):
    def use_random(self, random: Random) -> None:
        self.draw = random.random  # type: ignore[method-assign]


def test_a_sender_that_draws_from_its_own_generator_is_right() -> None:
    assert complaints(SenderContract, sender_class=DrawsAsItShould) == {}


def test_the_contract_of_senders_asks_for_repeatable_chance() -> None:
    assert complaints(SenderContract, sender_class=hesitating(lambda sender: random.random())).keys() >= {
        REPEATS,
        ALONE,
    }


def test_a_sender_that_draws_from_its_own_generator_sends_otherwise_with_another_seed() -> None:
    first, again, other = (record_frames(DrawsAsItShould, PLANS["three datagrams"], seed=seed) for seed in (5, 5, 6))
    assert first == again
    assert first.datagrams != other.datagrams


def hesitating(draw: Callable[[Hesitates], float]) -> type[Hesitates]:
    return type("Draws", (Hesitates,), {"draw": draw})


def seconds_seeded(sender: Hesitates) -> float:
    return Random(int(time.time())).random()


WRONG: dict[str, Callable[[Hesitates], float]] = {
    "os.urandom": lambda sender: os.urandom(1)[0] / 256,
    "secrets": lambda sender: secrets.randbelow(1000) / 1000,
    "SystemRandom": lambda sender: random.SystemRandom().random(),
    "a generator without a seed": lambda sender: Random().random(),
    "uuid4": lambda sender: uuid.uuid4().int / (1 << 128),
    "the time to the second": seconds_seeded,
    "the time in nanoseconds": lambda sender: Random(time.time_ns()).random(),
    "datetime": lambda sender: datetime.now().microsecond / 1e6,
    "an address in memory": lambda sender: Random(id(object.__new__(type("Fresh", (), {})))).random(),
}


@pytest.mark.parametrize("source", [pytest.param(draw, id=name) for name, draw in WRONG.items()])
def test_a_sender_that_draws_from_elsewhere(source: Callable[[Hesitates], float]) -> None:
    said = said_of(hesitating(source))[REPEATS]
    # Of few values that it may draw, the first ones may be the same by chance.
    assert re.match(r"Draws, three datagrams: two streams with the same generator differ: datagram \d+ left ", said)
    assert "use_random" in said


def test_a_sender_that_draws_from_the_module_random() -> None:
    said = said_of(hesitating(lambda sender: random.random()))
    assert said.keys() == {REPEATS, ALONE}
    assert said[ALONE].startswith("Draws, three datagrams: it uses the generator of the module random; ")


def test_a_sender_that_seeds_the_module_random() -> None:
    class Seeds(OneByOneSender):
        def __init__(self, options: object, plan: StreamPlan) -> None:
            random.seed(5)

    assert said_of(Seeds).keys() == {ALONE}


def test_a_sender_whose_streams_share_a_generator() -> None:
    shared = Random(5)
    assert said_of(hesitating(lambda sender: shared.random())).keys() == {REPEATS}


def test_a_sender_that_draws_from_a_generator_like_numpys(monkeypatch: pytest.MonkeyPatch) -> None:
    everybodys = Random()
    numpy = ModuleType("numpy")
    numpy.random = SimpleNamespace(  # type: ignore[attr-defined]
        seed=everybodys.seed, get_state=everybodys.getstate, set_state=everybodys.setstate
    )
    monkeypatch.setitem(sys.modules, "numpy", numpy)
    before = everybodys.getstate()
    assert said_of(hesitating(lambda sender: everybodys.random())).keys() == {REPEATS}
    assert everybodys.getstate() == before


def test_a_sender_that_sends_other_bytes_by_chance_is_told_so() -> None:
    class Shuffles(OneByOneSender):
        async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
            payloads = secrets.SystemRandom().sample(frame.payloads, len(frame.payloads))
            return sum([await endpoint.send(peer, frame.stamp(pacer.now_ns()), each) for each in payloads])

    assert " bytes once, " in said_of(Shuffles)[REPEATS]


def test_the_contract_leaves_chance_and_time_as_they_were() -> None:
    before, clocks = random.getstate(), (time.time, time.time_ns)
    said_of(hesitating(lambda sender: random.random()))
    assert random.getstate() == before
    assert (time.time, time.time_ns) == clocks
