"""A worker: one session in a process of its own, told what to do on standard input and telling what happens on standard output.

Run as ``python -m cts.runs.workers.worker`` by :mod:`cts.runs.workers.worker_process`, never by hand.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import sys
import threading
import time
from collections import deque
from functools import partial

import attrs
import trio

from cts.api import Address
from cts.config import structure_config
from cts.engine.session import Session
from cts.errors import UserError, exhausted, mistake_in
from cts.metrics.frame_record import MissedRecord
from cts.net.host_watch import HostWatch
from cts.net.surroundings import real_surroundings, running
from cts.plugin.choice import choose_plugins
from cts.protocol.frames import RenderedFrame
from cts.records.observer import Observer
from cts.records.snapshots import RunSnapshot, StreamInfo
from cts.records.stream_results import StreamResult
from cts.runs.key_files import shared_keys
from cts.runs.own_processes import MessageReader, packed
from cts.runs.session_settings import random_connection_id
from cts.runs.workers import messages

__all__ = ["Outbox", "main"]

_FRAMES_TOGETHER = 256
_HELD_AT_MOST = 10_000
"""Messages held for a parent that does not keep up; frames beyond are not told of, and counted."""
_ORPHAN_PATIENCE_S = 2.0


class Outbox(Observer):
    """Holds messages to the parent until the pipe takes them; frames of one stream travel together.

    Attributes:
        held: those messages.
        frames_lost, missed_lost: frames, and late data, that there was no room to hold.
    """

    def __init__(self, task: messages.WorkerTask) -> None:
        self.wants_frames = task.wants_frames
        self.wants_delays = task.wants_delays
        self.redraws = task.redraws
        self._frames: dict[int, list[RenderedFrame]] = {}
        self.held: deque[messages.Message] = deque()
        self._filled = trio.Event()
        self.frames_lost = self.missed_lost = 0

    def stream_opened(self, stream: StreamInfo) -> None:
        """Tell it."""
        self.put(messages.Opened(stream))

    def frame_rendered(self, stream: StreamInfo, frame: RenderedFrame) -> None:
        """Hold it until others of its stream have come, or something else is told."""
        frames = self._frames.setdefault(stream.number, [])
        frames.append(frame)
        if len(frames) >= _FRAMES_TOGETHER:
            self._put_frames(stream.number)

    def data_missed(self, stream: StreamInfo, record: MissedRecord) -> None:
        """Tell it, behind the stream's frames."""
        self._put_frames(stream.number)
        if len(self.held) < _HELD_AT_MOST:
            self.put(messages.Missed(stream.number, record))
        else:
            self.missed_lost += 1

    def remarked(self, stream: StreamInfo, text: str) -> None:
        """Tell it."""
        self.put(messages.Remarked(stream.number, text))

    def noted(self, text: str) -> None:
        """Tell it."""
        self.put(messages.Noted(text))

    def stream_ended(self, stream: StreamInfo, result: StreamResult) -> None:
        """Tell it, behind its frames."""
        self._put_frames(stream.number)
        self.put(messages.Ended(stream.number, result))

    def status(self, snapshot: RunSnapshot) -> None:
        """Tell it, behind the frames of all streams."""
        for number in list(self._frames):
            self._put_frames(number)
        self.put(messages.Status(snapshot, whole=True))

    def redraw(self, snapshot: RunSnapshot) -> None:
        """Tell it."""
        self.put(messages.Status(snapshot, whole=False))

    def last_status_is_in_the_report(self) -> None:
        """Do not tell the status of the end: the parent's own, of all workers, comes right after."""
        if self.held and isinstance(self.held[-1], messages.Status):
            self.held.pop()

    def put(self, message: messages.Message) -> None:
        """Hold a message to be sent."""
        self.held.append(message)
        self._filled.set()

    async def send_all(self, pipe: trio.lowlevel.FdStream) -> None:
        """Send what is held."""
        while self.held:
            await pipe.send_all(packed(self.held.popleft()))

    async def keep_sending(self, pipe: trio.lowlevel.FdStream) -> None:
        """Send what is held and what will be, until cancelled."""
        while True:
            await self._filled.wait()
            self._filled = trio.Event()
            with trio.CancelScope(shield=True):
                # Half a message would be the end of the conversation.
                await self.send_all(pipe)

    def _put_frames(self, number: int) -> None:
        frames = self._frames.pop(number, None)
        if frames and len(self.held) < _HELD_AT_MOST:
            self.put(messages.Frames(number, tuple(frames)))
        elif frames:
            self.frames_lost += len(frames)


async def _run(
    task: messages.WorkerTask, early: bytes, commands: trio.lowlevel.FdStream, reports: trio.lowlevel.FdStream
) -> None:
    outbox = Outbox(task)
    plugins = choose_plugins(structure_config({"sender": task.sender}, task.source), task.source)
    pacer, network = real_surroundings(offload=task.offload, shared=True, sockets=task.sockets)
    network.say = lambda note: outbox.put(messages.Noted(note))
    session = Session(
        task.settings,
        network=network,
        pacer=pacer,
        listen=task.listen,
        targets=task.targets,
        make_sender=plugins.make_sender,
        factory=plugins.make_factory(),
        new_connection_id=random_connection_id,
        observer=outbox,
        began_ns=task.began_ns,
        keys=shared_keys(task.keys),
    )

    watch = HostWatch(pacer, network, lambda: session.open_streams)
    session.look.at_host = partial(watch.glance, sends_when_due=plugins.sender.is_builtin)

    async def run_session(*, task_status: trio.TaskStatus[list[Address]]) -> None:
        report = await session.run(task_status=task_status)
        report = watch.seen_in(report, sends_when_due=plugins.sender.is_builtin)
        lost = f"{outbox.frames_lost} frames are missing from the logs: the process that writes them fell behind"
        failures = [lost] if outbox.frames_lost else []
        if outbox.missed_lost:
            failures.append(
                f"late data is missing from the logs ({outbox.missed_lost} times): their writer fell behind"
            )
        # The parent has been told of every stream.
        told = attrs.evolve(report, streams=())
        outbox.last_status_is_in_the_report()
        outbox.put(messages.Reported(told.with_failures((*failures, *network.failures))))
        # What the network had to tell, it told when it happened.
        for text in failures:
            outbox.put(messages.Noted(text))

    async with running(pacer, network) as services:
        services.start_soon(outbox.keep_sending, reports)
        services.start_soon(_obey, early, commands, session)
        services.start_soon(watch.run)
        gc.freeze()
        async with trio.open_nursery() as runner:
            bound = await runner.start(run_session)
            outbox.put(messages.Bound(tuple(bound)))
    await outbox.send_all(reports)


async def _obey(early: bytes, commands: trio.lowlevel.FdStream, session: Session) -> None:
    _carry_out(early, session)
    async for data in commands:
        _carry_out(data, session)
    # The parent is gone.
    session.stop_now()


def _carry_out(commands: bytes | bytearray, session: Session) -> None:
    if messages.STOP_NOW in commands:
        session.stop_now()
    elif messages.STOP in commands:
        session.stop()
    elif messages.STOP_ACCEPTING in commands:
        session.stop_accepting()


def main() -> None:
    """Read the task from standard input and run it."""
    # A signal to all processes of a run reaches the workers, too; the parent tells them what to make of it.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    try:
        threading.Thread(target=_leave_with_parent, name="cts parent watchdog", daemon=True).start()
    except RuntimeError as error:
        sys.exit(f"cts: {exhausted(error) or error}")
    reports_fd = os.dup(1)
    # What a plugin prints is not for the parent to read as a message.
    os.dup2(2, 1)
    try:
        os.write(reports_fd, packed(messages.Ready()))
    except BrokenPipeError:
        return
    reader = MessageReader()
    task: object = None
    while task is None:
        data = os.read(0, 65_536)
        if not data:
            return
        try:
            task = next(reader.feed(data), None)
        except UserError as mistake:
            os.write(reports_fd, packed(messages.Failed(str(mistake))))
            return
    assert isinstance(task, messages.WorkerTask)
    worker_task = task
    # A command may have come in the same read as the task.
    early = reader.rest()
    if task.cpu is not None:
        os.sched_setaffinity(0, {task.cpu})

    async def run() -> None:
        async with trio.lowlevel.FdStream(os.dup(0)) as commands, trio.lowlevel.FdStream(reports_fd) as reports:
            try:
                await _run(worker_task, early, commands, reports)
            except BaseExceptionGroup as group:
                mistake = mistake_in(group) or exhausted(group)
                if mistake is None:
                    raise
                await reports.send_all(packed(messages.Failed(str(mistake))))
            except (UserError, OSError, RuntimeError) as error:
                if (mistake := error if isinstance(error, UserError) else exhausted(error)) is None:
                    raise
                await reports.send_all(packed(messages.Failed(str(mistake))))

    try:
        trio.run(run)
    except BaseExceptionGroup as group:
        if group.split(trio.BrokenResourceError)[1] is not None:
            raise
    except trio.BrokenResourceError:
        # The parent is gone: there is nobody to tell.
        return


def _leave_with_parent() -> None:
    """End this process some time after its parent, whatever keeps it: a plugin that loops reads no command."""
    hung_up = select.poll()
    hung_up.register(0, 0)
    hung_up.poll()
    time.sleep(_ORPHAN_PATIENCE_S)
    os._exit(1)


if __name__ == "__main__":
    main()
    sys.exit(0)
