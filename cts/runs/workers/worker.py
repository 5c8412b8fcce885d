"""A worker: one session in a process of its own, told what to do on standard input and telling what happens on standard output.

Run as ``python -m cts.runs.workers.worker`` by :mod:`cts.runs.workers.parent`, never by hand.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import uuid
from collections import deque

import trio

from cts.api import Address
from cts.config import structure_config
from cts.engine.session import Session
from cts.errors import UserError, mistake_in
from cts.net.surroundings import real_surroundings, running
from cts.plugin.choice import choose_plugins
from cts.protocol.frames import RenderedFrame
from cts.records.observer import Observer
from cts.records.results import StreamResult
from cts.records.snapshots import RunSnapshot, StreamInfo
from cts.runs.workers.messages import (
    STOP,
    STOP_ACCEPTING,
    STOP_NOW,
    Bound,
    Ended,
    Failed,
    Frames,
    Message,
    MessageReader,
    Noted,
    Opened,
    Ready,
    Reported,
    Status,
    WorkerTask,
    packed,
)

__all__ = ["main"]

_FRAMES_TOGETHER = 256
_HELD_AT_MOST = 10_000
"""Messages held for a parent that does not keep up; frames beyond are not told of, and counted."""


class _Outbox(Observer):
    """Holds messages to the parent until the pipe takes them; frames of one stream travel together."""

    def __init__(self, task: WorkerTask) -> None:
        self.wants_frames = task.wants_frames
        self.redraws = task.redraws
        self._frames: dict[int, list[RenderedFrame]] = {}
        self._messages: deque[Message] = deque()
        self._filled = trio.Event()
        self.frames_lost = 0

    def stream_opened(self, stream: StreamInfo) -> None:
        """Tell it."""
        self.put(Opened(stream))

    def frame_rendered(self, stream: StreamInfo, frame: RenderedFrame) -> None:
        frames = self._frames.setdefault(stream.number, [])
        frames.append(frame)
        if len(frames) >= _FRAMES_TOGETHER:
            self._put_frames(stream.number)

    def stream_ended(self, stream: StreamInfo, result: StreamResult) -> None:
        self._put_frames(stream.number)
        self.put(Ended(stream.number, result))

    def status(self, snapshot: RunSnapshot) -> None:
        for number in list(self._frames):
            self._put_frames(number)
        self.put(Status(snapshot, whole=True))

    def redraw(self, snapshot: RunSnapshot) -> None:
        self.put(Status(snapshot, whole=False))

    def put(self, message: Message) -> None:
        """Hold a message to be sent."""
        self._messages.append(message)
        self._filled.set()

    async def send_all(self, pipe: trio.lowlevel.FdStream) -> None:
        """Send what is held."""
        while self._messages:
            await pipe.send_all(packed(self._messages.popleft()))

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
        if frames and len(self._messages) < _HELD_AT_MOST:
            self.put(Frames(number, tuple(frames)))
        elif frames:
            self.frames_lost += len(frames)


async def _run(
    task: WorkerTask, early: bytes, commands: trio.lowlevel.FdStream, reports: trio.lowlevel.FdStream
) -> None:
    outbox = _Outbox(task)
    plugins = choose_plugins(structure_config({"sender": task.sender}, task.source), task.source)
    pacer, network = real_surroundings(offload=task.offload, shared=True)
    session = Session(
        task.settings,
        network=network,
        pacer=pacer,
        listen=task.listen,
        targets=task.targets,
        make_sender=plugins.make_sender,
        factory=plugins.make_factory(),
        new_connection_id=lambda remote: str(uuid.uuid4()),
        observer=outbox,
        began_ns=task.began_ns,
    )

    async def run_session(*, task_status: trio.TaskStatus[list[Address]]) -> None:
        outbox.put(Reported(await session.run(task_status=task_status)))

    async with running(pacer, network) as services:
        services.start_soon(outbox.keep_sending, reports)
        services.start_soon(_obey, early, commands, session)
        gc.freeze()
        async with trio.open_nursery() as runner:
            bound = await runner.start(run_session)
            outbox.put(Bound(tuple(bound)))
    for note in network.notes():
        outbox.put(Noted(note))
    if outbox.frames_lost:
        outbox.put(
            Noted(f"{outbox.frames_lost} frames are missing from the logs: the process that writes them fell behind")
        )
    await outbox.send_all(reports)


async def _obey(early: bytes, commands: trio.lowlevel.FdStream, session: Session) -> None:
    _carry_out(early, session)
    async for data in commands:
        _carry_out(data, session)
    # The parent is gone.
    session.stop_now()


def _carry_out(commands: bytes | bytearray, session: Session) -> None:
    if STOP_NOW in commands:
        session.stop_now()
    elif STOP in commands:
        session.stop()
    elif STOP_ACCEPTING in commands:
        session.stop_accepting()


def main() -> None:
    """Read the task from standard input and run it."""
    # Ctrl-C goes to every process of the terminal; the parent tells its workers what to make of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    reports_fd = os.dup(1)
    # What a plugin prints is not for the parent to read as a message.
    os.dup2(2, 1)
    os.write(reports_fd, packed(Ready()))
    reader = MessageReader()
    task: Message | None = None
    while task is None:
        data = os.read(0, 65_536)
        if not data:
            return
        task = next(reader.feed(data), None)
    assert isinstance(task, WorkerTask)
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
                mistake = mistake_in(group)
                if mistake is None:
                    raise
                await reports.send_all(packed(Failed(str(mistake))))
            except UserError as error:
                await reports.send_all(packed(Failed(str(error))))

    trio.run(run)


if __name__ == "__main__":
    main()
    sys.exit(0)
