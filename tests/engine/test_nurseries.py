"""The live tree of a running session's nurseries: no task is in it that is not drawn here, and it stands and falls as one."""

from __future__ import annotations

import trio

from cts.api import (
    Address,
    BackgroundTask,
    Frame,
    IConnectedSocket,
    IConnectedSocketFactory,
    IDatagramEndpoint,
    IPacer,
    ISender,
    StreamPlan,
    StreamRequest,
)
from cts.engine.senders import PlainSender
from tests.engine.small_stream import END, FIRST_RENDER, LATENCY, MS, SECOND, config_of
from tests.engine.virtual_world import World, in_world


class Accompanied(PlainSender):
    """A sender with a task beside its stream."""

    def background(self, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> BackgroundTask:
        return trio.sleep_forever


def lines_of(task: trio.lowlevel.Task, depth: int = 0) -> list[str]:
    """Return a line for each nursery that a task has open, below it one for each child, and what that has open in turn."""
    lines = []
    for nursery in task.child_nurseries:
        lines.append("  " * depth + "nursery")
        for child in sorted(nursery.child_tasks, key=lambda child: short(child.name)):
            lines.append("  " * depth + f"- {short(child.name)}")
            lines += lines_of(child, depth + 1)
    return lines


def short(name: str) -> str:
    """Return a task's name without where it was defined."""
    return name if name.startswith(("stream ", "listening ")) else name.rpartition(".")[2]


def running_tree(direction: str) -> str:
    """Return the tree of a session's task while a stream of a server and its client runs."""

    async def main(world: World) -> str:
        session = world.session(
            config_of(direction, run={"role": "loopback", "time_limit": "10s"}),
            make_sender=lambda plan: Accompanied(None, plan),
        )
        running = await world.serve(session)
        await world.until(SECOND)
        (task,) = [each for each in world.nursery.child_tasks if len(each.child_nurseries) == 3]
        lines = lines_of(task)
        await running.report()
        assert not task.child_nurseries
        return "\n".join(lines)

    return in_world(main)


SESSION = """\
nursery
- _limit_time
- _report_status
- run
nursery
nursery
- _run_client
  nursery
  - stream 192.0.2.1:4444
    nursery{client}
- serve
  nursery
  - stream 10.0.0.1:49152
    nursery{server}"""
BESIDE = "\n    - sleep_forever"


def test_the_task_tree_of_a_running_session_is_the_one_that_is_drawn_here() -> None:
    assert running_tree("pull") == SESSION.format(client="", server=BESIDE)
    assert running_tree("push") == SESSION.format(client=BESIDE, server="")


def test_a_client_whose_stream_was_given_up_has_a_task_that_listens_on_and_nothing_else() -> None:
    async def main(world: World) -> str:
        running = await world.serve(world.session(config_of(run={"role": "client"})))
        await world.until(FIRST_RENDER + 100 * MS)
        (task,) = [each for each in world.nursery.child_tasks if len(each.child_nurseries) == 2]
        lines = lines_of(task)
        await running.report()
        return "\n".join(lines[lines.index("nursery", 1) :])

    assert in_world(main) == "nursery\n- listening on to 192.0.2.1:4444"


def test_what_runs_beside_a_stream_is_cancelled_when_the_stream_ends() -> None:
    ended_ns: list[int] = []

    async def main(world: World) -> None:
        class Watched(PlainSender):
            def background(self, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> BackgroundTask:
                async def watch() -> None:
                    try:
                        await trio.sleep_forever()
                    finally:
                        ended_ns.append(pacer.now_ns())

                return watch

        report = await world.session(config_of(), make_sender=lambda plan: Watched(None, plan)).run()
        assert report.snapshot.counts.frames.completed > 0

    in_world(main)
    assert len(ended_ns) == 1
    assert 0 < ended_ns[0] < END


def test_a_factory_s_task_runs_in_the_stream_s_nursery_and_what_it_raises_ends_the_stream() -> None:
    class Impatient(IConnectedSocketFactory):
        api = 1

        def __init__(self) -> None: ...

        def make(self, request: StreamRequest, default: object) -> IConnectedSocket:
            async def give_up() -> None:
                await request.pacer.wait_until(LATENCY + 70 * MS)
                raise OSError(5, "Input/output error")

            request.background.append(give_up)
            assert callable(default)
            made: IConnectedSocket = default(request)
            return made

        def close(self) -> None: ...

    async def main(world: World) -> list[tuple[str, int]]:
        report = await world.session(config_of(), factory=Impatient()).run()
        return [(result.result, result.ended_ns) for result in report.results]

    assert in_world(main) == [("5: Input/output error", LATENCY + 70 * MS)]


def test_a_background_task_that_ends_leaves_its_stream_alone() -> None:
    class Brief(PlainSender):
        def background(self, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> BackgroundTask:
            return trio.lowlevel.checkpoint

    async def main(world: World) -> list[str]:
        report = await world.session(config_of(), make_sender=lambda plan: Brief(None, plan)).run()
        return [result.result for result in report.results]

    assert in_world(main) == ["Succeeded"]


class Offering(ISender):
    """A stranger's sender that hands over whole frames, and says so."""

    api = 1

    def __init__(self, options: object, plan: StreamPlan) -> None:
        self._plan = plan
        self.asked = 0

    async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
        self.asked += 1
        sent = 0
        for train in frame.trains(endpoint.segment_limit):
            sent += await endpoint.send_train(peer, frame.stamp(pacer.now_ns()), train)
        return sent

    def trains(self, segment_limit: int) -> tuple[tuple[memoryview, ...], ...]:
        return self._plan.trains(segment_limit)


def test_a_sender_that_offers_trains_has_its_frames_dispatched_whoever_wrote_it() -> None:
    made: list[Offering] = []

    def make(plan: StreamPlan) -> ISender:
        made.append(Offering(None, plan))
        return made[-1]

    async def main(world: World) -> int:
        report = await world.session(config_of(), make_sender=make).run()
        return report.snapshot.counts.frames.completed

    assert in_world(main) > 0
    assert [sender.asked for sender in made if sender.asked] == []
