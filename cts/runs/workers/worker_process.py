"""A worker as its parent sees it: a share of the run, a process, and what it has told so far."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from typing import cast

import attrs
import trio

from cts.api import Outcome, StreamResult, StreamSnapshot
from cts.engine.settings import SessionSettings
from cts.errors import UserError, system_error
from cts.metrics.host import HostFigures
from cts.records.results import RunReport
from cts.records.snapshots import RunSnapshot, StreamInfo
from cts.records.stream_results import result_of
from cts.runs.own_processes import MessageReader, command_of, how_it_ended, packed
from cts.runs.workers.messages import Message, WorkerTask

__all__ = ["Worker", "lost_with_its_worker", "shares_of"]

_GIVEN_UP_KEPT = 4096


class Worker:
    """A process and what it has told so far.

    Attributes:
        name: what a person is told of it.
        settings: its side and its share of the connections.
        first_connection: the number of its first connection among those of all workers.
        infos: its open streams, by the numbers that it gave them.
        given_up: likewise the last that it gave up with nothing received, of which something may come late.
        snapshot: how it stood when it last told.
        told, statuses: how often it has told, and how often at the end of a status interval.
        killed: whether its parent has killed it.
        over: whether it has ended.
        report: its last word.
    """

    def __init__(self, name: str, settings: SessionSettings, first_connection: int = 0) -> None:
        self.name = name
        self.settings = settings
        self.first_connection = first_connection
        self.infos: dict[int, StreamInfo] = {}
        self.given_up: dict[int, StreamInfo] = {}
        self.snapshot = RunSnapshot(0, 0, StreamSnapshot())
        self.told = 0
        self.statuses = 0
        self.killed = False
        self.over = False
        self.report: RunReport | None = None
        self.process: trio.Process | None = None
        self._reader = MessageReader()
        self._speaking = trio.StrictFIFOLock()
        self._tasked = False
        self._early = b""

    @property
    def host(self) -> HostFigures:
        """How the host served it, under its name, as far as it has told."""
        if self.report is None or not self.report.hosts:
            return HostFigures(name=self.name, told=False)
        return attrs.evolve(self.report.hosts[0], name=self.name)

    def how_it_died(self) -> str:
        """Return what to tell a person of a process that ended without a last word."""
        assert self.process is not None
        how = how_it_ended(self.process.returncode or 0)
        return f"{self.name} (pid {self.process.pid}) {'did not stop and was killed' if self.killed else how}"

    def ended(self, number: int, *, given_up: bool) -> StreamInfo:
        """Return the stream of that number, which is open no more."""
        info = self.infos.pop(number)
        if given_up:
            if len(self.given_up) >= _GIVEN_UP_KEPT:
                del self.given_up[next(iter(self.given_up))]
            self.given_up[number] = info
        return info

    async def start(self) -> None:
        """Start the process and wait until it can take its task, or has died."""
        # A session of its own: Ctrl-C and a terminal that goes are for the parent, also while the worker is still being loaded.
        try:
            self.process = await trio.lowlevel.open_process(
                command_of("cts.runs.workers.worker"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise UserError(f"run.processes: cannot start {self.name}: {system_error(error)}") from error
        if self.killed:
            self.process.kill()
        assert self.process.stdout is not None
        data = await self.process.stdout.receive_some()
        list(self._reader.feed(data))

    async def messages(self) -> AsyncIterator[Message]:
        """Yield what the process tells, until it has ended."""
        assert self.process is not None
        assert self.process.stdout is not None
        async for data in self.process.stdout:
            for message in self._reader.feed(data):
                yield cast("Message", message)
        await self.process.wait()
        self.over = True

    async def give(self, task: WorkerTask) -> None:
        """Give it its task, and the commands that came before."""
        self._tasked = True
        await self._send(packed(task) + self._early)

    async def tell(self, command: bytes) -> None:
        """Give it a command; one that has no task yet gets it with the task, one that is over hears nothing."""
        if self._tasked:
            await self._send(command)
        else:
            self._early += command

    async def _send(self, data: bytes) -> None:
        if self.process is None or self.process.stdin is None or self.over:
            return
        async with self._speaking:
            try:
                await self.process.stdin.send_all(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                # It has ended; whoever reads its messages will see that.
                return

    def kill(self) -> None:
        """End the process at once; one that has not been started yet will be when it is."""
        self.killed = True
        if self.process is not None:
            self.process.kill()

    async def close(self) -> None:
        """End the process at once if it still runs; no child and no pipe is left behind."""
        process = self.process
        if process is None:
            return
        if process.returncode is None:
            process.kill()
        await process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                await pipe.aclose()


def shares_of(settings: SessionSettings, processes: int) -> tuple[list[Worker], list[Worker]]:
    """Return so many workers a side, servers and clients, each with its share of a run; no client without a connection."""
    servers, clients = [], []
    if settings.server is not None:
        for number in range(1, processes + 1):
            serving = attrs.evolve(settings, client=None, first_number=number, number_step=processes)
            servers.append(Worker(f"server worker {number}", serving))
    if settings.client is not None:
        share, rest = divmod(settings.client.connections, processes)
        first = 0
        for number in range(1, min(processes, settings.client.connections) + 1):
            connections = share + (number <= rest)
            client = attrs.evolve(settings.client, connections=connections)
            asking = attrs.evolve(settings, server=None, client=client, first_number=number, number_step=processes)
            clients.append(Worker(f"client worker {number}", asking, first))
            first += connections
    return servers, clients


def lost_with_its_worker(info: StreamInfo, run_began_ns: int, now_ns: int) -> StreamResult:
    """Return what became of a stream whose worker died: it failed, and nobody knows what it had counted."""
    result = result_of(
        info.local,
        info.remote,
        info.role,
        connection_id=None,
        outcome=(Outcome.PROTOCOL_ERROR, "ErrorProcessDied"),
        life_ns=(run_began_ns + info.opened_ns, now_ns),
        counts=StreamSnapshot(),
        remark="the process that ran it died: what it had counted is not known; the run's totals are of the last status",
    )
    return attrs.evolve(result, counted=False)
