"""The presenter as its run sees it: a process that is told how the run stands, and asked for drawings."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import trio

from cts.api import IPacer
from cts.config import Config
from cts.errors import UserError, exhausted, system_error
from cts.output.attended import Attended, Layout
from cts.output.ordering import PromptObserver
from cts.records.observer import Observer
from cts.records.snapshots import RunSnapshot
from cts.runs.own_processes import MessageReader, command_of, how_it_ended, packed
from cts.runs.presenter.messages import Draw, Drawn, PresenterTask, Ready, Scrapes, Told

if TYPE_CHECKING:
    from cts.output.metrics_server import MetricsServer  # brings in prometheus_client

__all__ = ["PresenterProcess", "presenter_for"]

_HELD_AT_MOST = 8
"""Statuses for a presenter that does not keep up; of more the oldest are lost, and with them a second of the view's past."""
_STARTING_SECONDS = 2.0
"""How long the run waits for it: what it loads should not take time from the first frames."""
_DRAWING_SECONDS = 0.5
"""How long a view, and the lines above it, wait for a drawing before the run itself makes one: others run first."""
_ERRORS_KEPT = 8192
"""Bytes of what it had to say when it failed, the last ones."""


def presenter_for(
    config: Config, watchers: Sequence[Observer], pacer: IPacer, say: Callable[[str], None], processors: tuple[int, ...]
) -> PresenterProcess | None:
    """Return who presents what a configuration asks for, not started yet; None where there is nothing.

    Args:
        config: it.
        watchers: who watches the run, of whom the live view and the metrics are presented.
        pacer, say, processors: as :class:`PresenterProcess` has them.
    """
    view = next((each for each in watchers if isinstance(each, Attended) and each.is_on_terminal), None)
    metrics = None
    if config.output.prometheus is not None:
        from cts.output.metrics_server import MetricsServer

        metrics = next((each for each in watchers if isinstance(each, MetricsServer)), None)
    if view is None and metrics is None:
        return None
    return PresenterProcess(pacer, say, view=view, metrics=metrics, processors=processors)


class PresenterProcess(PromptObserver):
    """Has a process of its own make drawings and answer scrapes until it is gone; then its run's own process does it.

    Args:
        pacer: the run's clock, which knows when nothing is due.
        say: takes a line for the person who watches.
        view: whose drawings; None for none.
        metrics: bound and not serving yet, from which scrapes are answered; None for none.
        processors: which ones that process may run on; empty for those that this one may.
    """

    def __init__(
        self,
        pacer: IPacer,
        say: Callable[[str], None],
        *,
        view: Attended | None = None,
        metrics: MetricsServer | None = None,
        processors: tuple[int, ...] = (),
    ) -> None:
        self.redraws = view is not None
        self._pacer = pacer
        self._say = say
        self._view = view
        self._metrics = metrics
        self._processors = processors
        self._held: list[Told] = []
        self._draw: Draw | None = None
        self._drawings = 0
        self._drawing: str | None = None
        self._news, self._ready, self._answered = trio.Event(), trio.Event(), trio.Event()
        self._errors = bytearray()
        self._process: trio.Process | None = None
        self._is_over = False
        does = [
            *(["draws the live view"] if view is not None else []),
            *(["serves metrics"] if metrics is not None else []),
        ]
        self._name = f"the process that {' and '.join(does)}"

    @property
    def pid(self) -> int | None:
        """Which process it is; None for none yet."""
        return None if self._process is None else self._process.pid

    def status(self, snapshot: RunSnapshot) -> None:
        """Tell it."""
        self._hold(Told(snapshot, whole=True))

    def redraw(self, snapshot: RunSnapshot) -> None:
        """Tell it."""
        self._hold(Told(snapshot, whole=False))

    async def draw(self, layout: Layout) -> str | None:
        """Return a drawing of what it was told last; None if that process has not begun, has no time for it, or is gone.

        For one task at a time.
        """
        if self._is_over or not self._ready.is_set():
            await trio.lowlevel.checkpoint()
            return None
        self._drawing, self._answered = None, trio.Event()
        self._drawings += 1
        self._draw = Draw(self._drawings, layout)
        self._news.set()
        with trio.move_on_after(_DRAWING_SECONDS):
            await self._answered.wait()
        return self._drawing

    def end(self) -> None:
        """End the process, and do nothing in its place, since the run is over; from whatever thread."""
        self._is_over = True
        if self._process is not None:
            self._process.kill()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Start the process and talk with it until it ends or this is cancelled, which ends it.

        Calls ``started()`` once it has what it needs, or the run had better begin without it.
        """
        if (failed := await self._start()) is not None:
            self._stand_in(f"cannot start {self._name} ({failed})")
            task_status.started()
            return
        assert self._process is not None
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._hear, self._process, nursery.cancel_scope)
                nursery.start_soon(self._gather_errors, self._process)
                nursery.start_soon(self._tell, self._process)
                with trio.move_on_after(_STARTING_SECONDS):
                    await self._ready.wait()
                task_status.started()
        finally:
            with trio.CancelScope(shield=True):
                await self._close(self._process)
        # Nobody has cancelled this: it ended by itself.
        how = how_it_ended(self._process.returncode or 0)
        self._stand_in(f"{self._name} (pid {self._process.pid}) {how}")

    async def _start(self) -> str | None:
        """Start the process; return why that failed, if it did."""
        fds = () if self._metrics is None else (self._metrics.listening.fileno(),)
        # In a process group of its own, since keys are for the run. In the run's session, within which niceness counts
        # (sched(7), "The autogroup feature"), and by which one that is stopped goes on when the run dies, and sees it.
        try:
            self._process = await trio.lowlevel.open_process(
                command_of("cts.runs.presenter.presenter"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                process_group=0,
                pass_fds=fds,
            )
        except OSError as error:
            return system_error(error)
        except RuntimeError as error:
            if (mistake := exhausted(error)) is None:
                raise
            return str(mistake)
        return None

    async def _tell(self, process: trio.Process) -> None:
        assert process.stdin is not None
        metrics = self._metrics
        task = PresenterTask(
            view=None if self._view is None else self._view.settings,
            scrapes=None if metrics is None else Scrapes(metrics.listening.fileno(), metrics.about),
            processors=self._processors,
        )
        pieces = [packed(task)]

        def pack() -> Iterator[None]:
            # In one step: how to draw is packed in a moment.
            pieces.extend(map(packed, self._held))
            self._held.clear()
            if self._draw is not None:
                pieces.append(packed(self._draw))
                self._draw = None
            yield

        try:
            while True:
                await process.stdin.send_all(b"".join(pieces))
                await self._news.wait()
                self._news = trio.Event()
                pieces.clear()
                await self._pacer.run_in_gaps(pack())
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            # It has ended; whoever reads its answers will see that.
            return

    async def _hear(self, process: trio.Process, over: trio.CancelScope) -> None:
        assert process.stdout is not None
        reader = MessageReader()
        try:
            async for data in process.stdout:
                for message in reader.feed(data):
                    if isinstance(message, Ready):
                        self._ready.set()
                    elif isinstance(message, Drawn) and message.number == self._drawings:
                        self._drawing = message.drawing
                        self._answered.set()
        except UserError as mistake:
            self._errors += str(mistake).encode()
        # Who waits for it to begin goes on.
        self._ready.set()
        over.cancel()

    async def _gather_errors(self, process: trio.Process) -> None:
        assert process.stderr is not None
        async for data in process.stderr:
            self._errors += data
            del self._errors[:-_ERRORS_KEPT]

    async def _close(self, process: trio.Process) -> None:
        """End the process, which has nothing to lose."""
        process.kill()
        await process.wait()
        # All there is, unless somebody else still has the pipe.
        with trio.move_on_after(_STARTING_SECONDS):
            await self._gather_errors(process)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                await pipe.aclose()

    def _stand_in(self, why: str) -> None:
        if self._is_over:
            return
        self._is_over = True
        self._answered.set()
        for line in self._errors.decode(errors="replace").splitlines():
            self._say(f"note: {line}")
        self._say(f"note: {why}; the run's own does it from now on, beside its streams")
        if self._metrics is not None:
            try:
                self._metrics.serve()
            except UserError as mistake:
                self._say(f"note: {mistake}")

    def _hold(self, told: Told) -> None:
        if self._is_over:
            return
        if len(self._held) >= _HELD_AT_MOST:
            # The oldest, but metrics are of whole ones, of which the last one stays.
            del self._held[next((at for at, each in enumerate(self._held) if not each.whole), 0)]
        self._held.append(told)
        self._news.set()
