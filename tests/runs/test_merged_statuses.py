"""How all workers stand together, told at the end of each status interval and each second to who redraws; their remarks."""

from __future__ import annotations

from cts.api import Address, Outcome, Role
from cts.metrics.recent_delays import DelayTotals
from cts.output.ordering import PromptObserver
from cts.records.snapshots import RunSnapshot, StreamInfo, StreamSnapshot
from cts.records.stream_results import result_of
from cts.runs.session_settings import WorkerSetup, session_settings
from cts.runs.workers.messages import Ended, Noted, Opened, Remarked, Status, WorkerTask
from cts.runs.workers.session import WorkersSession
from cts.runs.workers.worker import Outbox
from cts.runs.workers.worker_process import Worker
from cts.testing import MockPacer
from tests.engine.small_stream import config_of
from tests.output.live_states import live_figures, many_streams
from tests.output.test_intervals import delays


class Told(PromptObserver):
    """Remembers the bytes received of each status, and of each time it was to redraw, and remarks by their streams' numbers."""

    redraws = True

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.open: list[int] = []
        self.redrawn: list[int] = []
        self.remarks: list[tuple[int, str]] = []
        self.delays = DelayTotals()

    def remarked(self, stream: StreamInfo, text: str) -> None:
        self.remarks.append((stream.number, text))

    def status(self, snapshot: RunSnapshot) -> None:
        self.statuses.append(snapshot.counts.bytes_received)
        self.open.append(snapshot.open_streams)
        self.delays = snapshot.delays

    def redraw(self, snapshot: RunSnapshot) -> None:
        self.redrawn.append(snapshot.counts.bytes_received)


def two_workers() -> tuple[Told, WorkersSession, Worker, Worker]:
    told = Told()
    session = WorkersSession(
        session_settings(config_of(run={"role": "client"}, client={"connections": 2})),
        WorkerSetup(processes=2),
        pacer=MockPacer(),
        listen=[],
        targets=[(Address("127.0.0.1", 4444),)],
        say=lambda line: None,
        observer=told,
    )
    _, (first, second) = session._shares()
    return told, session, first, second


def status(size: int, *, whole: bool) -> Status:
    return Status(RunSnapshot(0, 1, StreamSnapshot(bytes_received=size)), whole=whole)


async def test_a_status_is_told_once_every_worker_has_told_its_own() -> None:
    told, session, first, second = two_workers()
    session._take(first, status(1, whole=True))
    assert (told.statuses, told.redrawn) == ([], [])
    session._take(second, status(10, whole=True))
    assert (told.statuses, told.redrawn) == ([11], [])


async def test_between_two_statuses_it_is_redrawn_once_every_worker_has_told_how_it_stands() -> None:
    told, session, first, second = two_workers()
    for worker in (first, second):
        session._take(worker, status(1, whole=True))
    session._take(first, status(2, whole=False))
    assert told.redrawn == []
    session._take(second, status(20, whole=False))
    assert (told.statuses, told.redrawn) == ([2], [22])


async def test_a_worker_that_is_ahead_makes_no_status_of_what_another_has_not_told() -> None:
    told, session, first, second = two_workers()
    for worker in (first, second):
        session._take(worker, status(1, whole=True))
    session._take(first, status(2, whole=False))
    session._take(first, status(3, whole=True))
    session._take(second, status(20, whole=False))
    assert (told.statuses, told.redrawn) == ([2], [23])
    session._take(second, status(30, whole=True))
    assert (told.statuses, told.redrawn) == ([2, 33], [23])


async def test_one_that_has_ended_is_waited_for_no_more_and_its_counts_stay() -> None:
    told, session, first, second = two_workers()
    session._take(first, status(5, whole=True))
    first.over = True
    session._take(second, status(10, whole=True))
    assert told.statuses == [15]


async def test_as_many_streams_are_open_as_have_been_told_of_and_have_not_ended_whatever_a_worker_told_last() -> None:
    told, session, first, second = two_workers()
    for worker in (first, second):
        session._take(worker, Opened(stream_of(1)))
        session._take(worker, status(1, whole=True))
    session._take(first, given_up(1))
    session._take(second, status(2, whole=True))
    session._take(first, status(2, whole=True))
    assert told.open == [2, 1]


async def test_the_delays_of_all_workers_are_told_together() -> None:
    told, session, first, second = two_workers()
    for worker, transits in ((first, (0, 3_000_000)), (second, (5_000_000, 5_000_000, 6_000_000))):
        snapshot = RunSnapshot(0, 1, StreamSnapshot(), delays=delays(*transits).totals())
        session._take(worker, Status(snapshot, whole=True))
    assert (told.delays.frames, told.delays.variation_ns) == (5, 4_000_000)


def stream_of(number: int) -> StreamInfo:
    return StreamInfo(number, Address("127.0.0.1", number), Address("127.0.0.1", 4444), Role.RECEIVER, 0)


def given_up(number: int) -> Ended:
    """Return the end of a worker's stream to which nothing came."""
    info = stream_of(number)
    outcome = Outcome.PROTOCOL_ERROR, "ErrorNotAllDataTransferred"
    result = result_of(
        info.local, info.remote, info.role, connection_id=None, outcome=outcome, life_ns=(0, 1), counts=StreamSnapshot()
    )
    return Ended(number, result)


async def test_what_a_worker_remarks_is_told_of_the_stream_by_its_number_in_the_run() -> None:
    told, session, first, second = two_workers()
    session._take(first, Opened(stream_of(1)))
    session._take(second, Opened(stream_of(1)))
    session._take(second, Remarked(1, "it rains"))
    assert told.remarks == [(2, "it rains")]


async def test_what_comes_late_is_told_of_a_stream_that_had_been_given_up() -> None:
    told, session, first, second = two_workers()
    session._take(first, Opened(stream_of(1)))
    session._take(second, Opened(stream_of(1)))
    session._take(second, given_up(1))
    session._take(second, Remarked(1, "it came late"))
    assert told.remarks == [(2, "it came late")]


async def test_so_many_streams_that_were_given_up_are_remembered_and_no_more() -> None:
    told, session, first, _ = two_workers()
    for number in range(1, 5001):
        session._take(first, Opened(stream_of(number)))
        session._take(first, given_up(number))
    for number in range(1, 5001):
        session._take(first, Remarked(number, "it came late"))
    assert [number for number, _ in told.remarks] == list(range(905, 5001))


def test_a_worker_leaves_the_status_of_the_end_to_its_report() -> None:
    settings = session_settings(config_of(run={"role": "client"}))
    outbox = Outbox(WorkerTask(settings=settings, source="here", offload=False, began_ns=0, listen=(), targets=()))
    snapshot = RunSnapshot(0, 1, StreamSnapshot())
    for _ in range(2):
        outbox.status(snapshot)
    outbox.last_status_is_in_the_report()
    outbox.put(Noted("over"))
    outbox.last_status_is_in_the_report()
    assert list(outbox.held) == [Status(snapshot, whole=True), Noted("over")]


async def test_what_a_live_view_shows_is_of_all_workers_under_the_run_s_numbers_of_streams() -> None:
    _, session, first, second = two_workers()
    for at, worker in enumerate((first, second)):
        address = Address("127.0.0.1", 50000 + at)
        session._take(worker, Opened(StreamInfo(1, address, Address("127.0.0.1", 4444), Role.RECEIVER, 0)))
        live = live_figures(many_streams(2))
        session._take(worker, Status(RunSnapshot(0, 1, StreamSnapshot(), live=live), whole=True))
    live_of_all = session._snapshot().live
    assert live_of_all is not None
    # The second stream of each has ended meanwhile.
    assert [stream.number for stream in live_of_all.streams] == [1, 2]
    assert live_of_all.media is not None
    assert (live_of_all.media.streams, live_of_all.media.freezes) == (4, 4)
    assert live_of_all.playout is not None
    assert live_of_all.playout.frames == 1400
    assert [host.name for host in live_of_all.hosts] == [first.name, second.name]
