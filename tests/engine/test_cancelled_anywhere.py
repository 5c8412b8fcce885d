"""A run that is cut off at any of its tasks' steps leaves nothing behind, and tells what became of every stream."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio
from attrs import frozen

from cts.api import Address, IDatagramEndpoint, Outcome
from cts.engine.contracts import INetwork
from cts.records.observer import Observer
from cts.records.results import RunReport
from cts.records.snapshots import EndpointStatistics, RunSnapshot, StreamInfo
from cts.records.stream_results import StreamResult
from tests.engine.small_stream import config_of
from tests.engine.virtual_world import World, in_world

CLIENTS = 2


class Watching(Observer):
    """Keeps what begins and ends, on both sides."""

    def __init__(self) -> None:
        self.opened: list[StreamInfo] = []
        self.ended: list[tuple[StreamInfo, StreamResult]] = []
        self.last: RunSnapshot | None = None
        self.closed = 0

    def stream_opened(self, stream: StreamInfo) -> None:
        self.opened.append(stream)

    def stream_ended(self, stream: StreamInfo, result: StreamResult) -> None:
        self.ended.append((stream, result))

    def status(self, snapshot: RunSnapshot) -> None:
        self.last = snapshot

    def closing(self) -> None:
        self.closed += 1


class Counted(INetwork):
    """A network that knows which of its endpoints are open."""

    def __init__(self, network: INetwork) -> None:
        self._network = network
        self.open: list[IDatagramEndpoint] = []

    async def listen(self, local: Address) -> IDatagramEndpoint:
        return self._counted(await self._network.listen(local))

    async def connect(self, remote: Address) -> IDatagramEndpoint:
        return self._counted(await self._network.connect(remote))

    def statistics(self) -> EndpointStatistics:
        return self._network.statistics()

    def _counted(self, endpoint: IDatagramEndpoint) -> IDatagramEndpoint:
        self.open.append(endpoint)
        close = endpoint.close

        def closes() -> None:
            if endpoint in self.open:
                self.open.remove(endpoint)
            close()

        object.__setattr__(endpoint, "close", closes)
        return endpoint


class AtStep(trio.abc.Instrument):
    """Calls ``act`` before the n-th step that any task makes."""

    def __init__(self, number: int, act: Callable[[], object]) -> None:
        self._number = number
        self._act = act
        self.steps = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.steps += 1
        if self.steps == self._number:
            self._act()


@frozen
class CutOff:
    """What a run left that was cut off."""

    reached: bool
    report: RunReport | None
    watching: Watching
    endpoints_left: int
    tasks_left: int


def cut_off(direction: str, number: int, how: str) -> CutOff:
    """Cut a run of two streams off before a step: it is stopped, at once or with a grace period, or cancelled from outside."""

    async def main(world: World) -> CutOff:
        watching = Watching()
        network = Counted(world.network)
        run = {"role": "loopback", "grace": "50ms"}
        stream = {"stream_length": "800ms", "buffer_depth": "200ms"}
        config = config_of(direction, run=run, stream=stream, client={"connections": CLIENTS, "start_spread": "10ms"})
        session = world.session(config, network=network, observer=watching, targets=())
        outside = trio.CancelScope()
        acts: dict[str, Callable[[], object]] = {
            "stopped now": session.stop_now,
            "stopped": session.stop,
            "cancelled": outside.cancel,
        }
        before = trio.lowlevel.current_statistics().tasks_living
        report: RunReport | None = None
        at_step = AtStep(number, acts[how])
        trio.lowlevel.add_instrument(at_step)
        try:
            with outside:
                report = await session.run()
        finally:
            trio.lowlevel.remove_instrument(at_step)
        tasks = trio.lowlevel.current_statistics().tasks_living - before
        return CutOff(at_step.steps >= number, report, watching, len(network.open), tasks)

    return in_world(main)


@pytest.mark.parametrize("direction", ["pull", "push"])
@pytest.mark.parametrize("how", ["stopped now", "stopped", "cancelled"])
def test_a_run_cut_off_at_any_step_leaves_nothing_open_and_tells_every_stream_s_end(direction: str, how: str) -> None:
    number, outcomes = 0, set()
    while True:
        number += 1
        left = cut_off(direction, number, how)
        watching = left.watching
        where = f"{how} at step {number} of a {direction}"
        assert left.endpoints_left == 0, where
        assert left.tasks_left == 0, where
        assert watching.closed == 1, where
        assert [each.number for each in watching.opened] == sorted(each.number for each, _ in watching.ended), where
        outcomes |= {result.outcome for _, result in watching.ended}
        if left.report is not None:
            report = left.report
            assert report.snapshot.open_streams == 0, where
            assert sum(report.snapshot.outcomes.values()) == len(report.streams) >= len(watching.ended), where
            assert watching.last is not None, where
        else:
            assert how == "cancelled", where
        if not left.reached:
            break
    assert number > 60
    assert outcomes == {Outcome.SUCCESSFUL, Outcome.CANCELLED}
