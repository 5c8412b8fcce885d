"""What a run leaves to chance: each sender gets a generator by the run's seed and its stream's number, and no other."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import ClassVar, cast

import attrs
import pytest

from cts.api import Address, Frame, IDatagramEndpoint, IPacer, Outcome, StreamPlan, Train
from cts.chance import stream_random
from cts.engine.senders import AutoSender
from cts.engine.settings import SessionSettings
from cts.runs.session_settings import WorkerSetup, session_settings, with_seed
from cts.runs.simulated_session import simulated_connection_id
from cts.runs.workers.session import WorkersSession
from tests.engine.simulated_runs import both_sides, simulated
from tests.engine.small_stream import config_of
from tests.plugin.plugins_that_fail import guarded_sender

BOTH = pytest.mark.parametrize("direction", ["pull", "push"])


class Drawing(AutoSender):
    """Takes down the first number of each generator that a sender was given, if it sent anything."""

    drawn: ClassVar[list[int]]

    def use_random(self, random: Random) -> None:
        self._first = random.getrandbits(64)

    def trains(self, segment_limit: int) -> Sequence[Train]:
        """Be asked for each frame."""
        return ()

    async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
        if frame.sequence == 1:
            self.drawn.append(self._first)
        return await super().send_frame(frame, endpoint, peer, pacer)


def first_of(seed: int, number: int) -> int:
    return stream_random(seed, number).getrandbits(64)


def drawing() -> type[Drawing]:
    return type("Drawing", (Drawing,), {"drawn": []})


@BOTH
def test_every_stream_draws_from_a_generator_of_its_own_number(direction: str) -> None:
    sender = drawing()
    config = config_of(direction, client={"connections": 3, "iterations": 2})
    simulated(config, seed=9, make_sender=lambda plan: sender(None, plan))
    assert sorted(sender.drawn) == sorted(first_of(9, number) for number in range(1, 7))


@BOTH
def test_a_run_of_one_side_draws_from_the_seed_of_its_configuration(direction: str) -> None:
    sender = drawing()
    both_sides(direction, make_sender=lambda plan: sender(None, plan), run={"seed": 5})
    assert sender.drawn == [first_of(5, 1)]


def test_a_sender_is_given_its_generator_before_anything_is_asked_of_it() -> None:
    asked: list[str] = []

    class Noting(AutoSender):
        def __getattribute__(self, name: str) -> object:
            if name in ("use_random", "trains", "background", "send_frame"):
                asked.append(name)
            return super().__getattribute__(name)

    simulated(config_of(), make_sender=lambda plan: Noting(None, plan))
    assert asked[:2] == ["use_random", "use_random"]
    assert asked.count("use_random") == 2


def test_the_report_says_what_all_chance_followed_from() -> None:
    assert simulated(config_of(run={"seed": 3}), seed=4).seed == 4


def test_a_configuration_without_a_seed_is_given_a_fresh_one() -> None:
    seeds = {with_seed(config_of()).run.seed for _ in range(5)}
    assert len(seeds) > 1
    assert None not in seeds


@pytest.mark.parametrize(("own", "given", "seed"), [(3, None, 3), (3, 4, 4), (None, 4, 4), (0, None, 0)])
def test_a_given_seed_goes_before_the_configurations(own: int | None, given: int | None, seed: int) -> None:
    tables: dict[str, dict[str, object]] = {} if own is None else {"run": {"seed": own}}
    assert with_seed(config_of("pull", **tables), given).run.seed == seed


def test_streams_of_many_processes_draw_as_streams_of_one_would() -> None:
    settings = session_settings(config_of(run={"seed": 7, "processes": 3}, client={"connections": 5}))
    sides = workers_of(settings, processes=3)
    for workers in sides:
        drawn = {each.random_of(number).getrandbits(64) for each in workers for number in range(1, 5)}
        assert drawn == {first_of(7, number) for number in range(1, 13)}


def test_more_processes_than_connections_still_draw_apart() -> None:
    settings = session_settings(config_of(run={"seed": 7}, client={"connections": 2}))
    _, clients = workers_of(settings, processes=4)
    drawn = [each.random_of(number).getrandbits(64) for each in clients for number in range(1, 4)]
    assert len(drawn) == len(set(drawn)) == 6


def test_what_use_random_raises_fails_the_stream_in_the_plugins_name() -> None:
    class Refuses(AutoSender):
        def use_random(self, random: Random) -> None:
            raise OSError(5, "no dice")

    report = simulated(config_of("pull"), make_sender=guarded_sender(Refuses))
    (result,) = report.results
    assert result.outcome is Outcome.PROTOCOL_ERROR
    assert "OSError" in result.result
    assert "no dice" in result.result


def workers_of(settings: SessionSettings, *, processes: int) -> list[list[SessionSettings]]:
    """Return what the workers of each side are told to run."""
    session = WorkersSession(
        settings, WorkerSetup(processes=processes), pacer=cast(IPacer, None), listen=[], targets=[], say=print
    )
    return [[worker.settings for worker in side] for side in session._shares()]


def test_the_names_of_simulated_streams_follow_from_the_seed_as_well() -> None:
    config = config_of(client={"connections": 2})
    names = {result.connection_id for result in simulated(config, seed=8).results}
    assert names == {simulated_connection_id(8, result.local) for result in simulated(config, seed=8).results}


def test_a_plan_is_all_that_a_sender_is_made_from() -> None:
    """Senders written before there was chance for them are made and run as ever."""

    class Old(AutoSender):
        def __init__(self, options: object, plan: StreamPlan) -> None:
            super().__init__(options, plan)

    report = simulated(config_of(), make_sender=lambda plan: Old(None, plan))
    assert attrs.astuple(report.snapshot.counts.frames)[0] == 20
