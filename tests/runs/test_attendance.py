"""Who draws a live view and hears its keys, on a terminal in this process."""

from __future__ import annotations

import os
import pty
import signal
import termios
from collections.abc import Callable, Iterator

import pytest
import trio
from attrs import define, field

from cts.clock.system_pacer import SystemPacer
from cts.output.attended import Attended, Layout, LiveSettings
from cts.output.keyboard import Keyboard, keyboard_of
from cts.protocol.roles import Role
from cts.records.live import StreamOrder
from cts.runs.attendance import Attendance

PATIENCE_S = 30
SETTINGS = LiveSettings(measure=Role.RECEIVER)
LAYOUT = Layout(columns=80, rows=24, order=StreamOrder.DROPPED)


@define(eq=False)
class View(Attended):
    is_on_terminal: bool = True
    asks: Callable[[], None] | None = None
    hears_keys: bool = False
    pressed: str = ""
    drawn: int = 0
    shown: list[tuple[Layout, str]] = field(factory=list)
    settings: LiveSettings = SETTINGS
    news: trio.Event = field(factory=trio.Event)

    def attend(self, wanted: Callable[[], None] | None, *, hears_keys: bool = False) -> None:
        self.asks, self.hears_keys = wanted, hears_keys
        self._tell()

    def press(self, key: str) -> None:
        self.pressed += key
        self._tell()

    def refresh(self, *, lines_alone: bool = False) -> Iterator[None]:
        yield
        self.drawn += 1
        self._tell()

    def wanted(self, *, lines_alone: bool = False) -> Layout | None:
        return LAYOUT

    def show(self, layout: Layout, drawing: str) -> None:
        self.shown.append((layout, drawing))
        self._tell()

    def suspend(self) -> None: ...

    def _tell(self) -> None:
        self.news.set()
        self.news = trio.Event()

    async def until(self, condition: Callable[[], bool]) -> None:
        with trio.fail_after(PATIENCE_S):
            while not condition():
                await self.news.wait()


@define
class Terminal:
    """A terminal: its other end, and this one."""

    hands: int
    keyboard: Keyboard

    def press(self, keys: str) -> None:
        os.write(self.hands, keys.encode())

    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self.hands)[3] & (termios.ECHO | termios.ICANON))


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    hands, screen = pty.openpty()
    yield Terminal(hands, Keyboard(screen))
    os.close(hands)
    os.close(screen)


async def test_keys_reach_the_view_one_by_one_and_no_others(terminal: Terminal) -> None:
    view = View()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Attendance(view, SystemPacer(), None, terminal.keyboard).run)
        await view.until(lambda: view.hears_keys)
        assert not terminal.echoes()
        terminal.press("xp\nS1é")
        await view.until(lambda: view.pressed == "p")
        # An arrow and a function key.
        terminal.press("\x1b[A\x1bOs")
        await trio.testing.wait_all_tasks_blocked(0.01)
        terminal.press("s")
        await view.until(lambda: view.pressed == "ps")
        nursery.cancel_scope.cancel()
    assert terminal.echoes()
    assert view.asks is None


async def test_q_is_one_ctrl_c_however_long_it_is_held_down(terminal: Terminal) -> None:
    view, came = View(), []
    with trio.open_signal_receiver(signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Attendance(view, SystemPacer(), None, terminal.keyboard).run)
            await view.until(lambda: view.hears_keys)
            terminal.press("qqq")
            came.append(await anext(signals))
            await view.until(lambda: view.pressed == "qqq")
            nursery.cancel_scope.cancel()
    assert came == [signal.SIGINT]


async def test_the_terminal_is_as_it_was_after_a_bug(terminal: Terminal) -> None:
    class Buggy(View):
        def refresh(self, *, lines_alone: bool = False) -> Iterator[None]:
            raise ZeroDivisionError

    view = Buggy()
    with pytest.RaisesGroup(ZeroDivisionError, flatten_subgroups=True):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Attendance(view, SystemPacer(), None, terminal.keyboard).run)
            await view.until(lambda: view.hears_keys)
            assert view.asks is not None
            view.asks()
    assert terminal.echoes()


async def test_what_comes_at_once_is_drawn_once(autojump_clock: trio.testing.MockClock) -> None:
    view = View()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Attendance(view, SystemPacer()).run)
        await view.until(lambda: view.asks is not None)
        for _ in range(100):
            assert view.asks is not None
            view.asks()
            await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    assert 3 <= view.drawn <= 5


async def test_a_view_that_is_no_terminal_s_is_left_alone() -> None:
    view = View(is_on_terminal=False)
    await Attendance(view, SystemPacer()).run()
    assert view.asks is None


async def test_without_keys_it_is_drawn_all_the_same() -> None:
    view = View()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Attendance(view, SystemPacer()).run)
        await view.until(lambda: view.asks is not None)
        assert view.asks is not None
        view.asks()
        await view.until(lambda: view.drawn == 1)
        assert not view.hears_keys
        nursery.cancel_scope.cancel()


async def test_drawings_are_made_elsewhere_where_they_are_to_be_had(autojump_clock: trio.testing.MockClock) -> None:
    view, drawings = View(), iter(["first", None, "second", None])

    async def draw(layout: Layout) -> str | None:
        assert layout is LAYOUT
        await trio.sleep(1)
        return next(drawings)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(Attendance(view, SystemPacer(), draw_elsewhere=draw).run)
        await view.until(lambda: view.asks is not None)
        assert view.asks is not None
        for number in range(1, 5):
            view.asks()
            await view.until(lambda number=number: len(view.shown) + view.drawn == number)  # type: ignore[misc]
        nursery.cancel_scope.cancel()
    assert view.shown == [(LAYOUT, "first"), (LAYOUT, "second")]
    assert view.drawn == 2


def test_a_terminal_given_back_twice_is_as_it_was(terminal: Terminal) -> None:
    assert terminal.keyboard.listen()
    assert terminal.keyboard.listen()
    terminal.keyboard.restore()
    terminal.keyboard.restore()
    assert terminal.echoes()


def test_a_terminal_stopped_by_ctrl_s_is_set_and_given_back_at_once(terminal: Terminal) -> None:
    os.write(terminal.keyboard.fd, b"unseen")
    terminal.press("\x13")
    assert terminal.keyboard.listen()
    terminal.keyboard.restore()
    assert terminal.echoes()


def test_a_terminal_that_is_gone_has_no_keys() -> None:
    hands, screen = pty.openpty()
    keyboard = Keyboard(screen)
    assert keyboard.listen()
    os.close(hands)
    assert keyboard.read() is None
    keyboard.restore()
    os.close(screen)


def test_what_is_no_terminal_has_no_keys_and_a_pager_has_them_for_itself(terminal: Terminal) -> None:
    reading, writing = os.pipe()
    with (
        os.fdopen(reading) as pipe,
        os.fdopen(writing, "w") as to_pager,
        open(terminal.keyboard.fd, closefd=False) as tty,
    ):
        assert keyboard_of(pipe, None) is None
        assert keyboard_of(None, None) is None
        assert keyboard_of(tty, to_pager) is None
        assert keyboard_of(tty, None) is not None
    assert keyboard_of(pipe, None) is None
