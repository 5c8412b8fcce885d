"""The one task that reads many sockets: over an epoll set, and where there is none with a task for each."""

from __future__ import annotations

import select
import socket
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from itertools import pairwise

import pytest
import trio
import trio.testing

from cts.net.readers import Readable, SocketReader

PATIENCE_S = 30


class Ear(Readable):
    """One end of a socket pair, and what was heard on it. ``speak`` makes it readable."""

    def __init__(self) -> None:
        self._mouth, self._ear = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._ear.setblocking(False)
        self.on_heard: Callable[[], None] = lambda: None
        self._news = trio.Event()
        self.heard: deque[bytes] = deque()
        self.limits: list[int] = []

    def fileno(self) -> int:
        return self._ear.fileno()

    def read(self, limit: int) -> None:
        self.limits.append(limit)
        for _ in range(limit):
            try:
                self.heard.append(self._ear.recv(100))
            except BlockingIOError:
                break
        self._news.set()
        self._news = trio.Event()
        self.on_heard()

    def speak(self, *words: bytes) -> None:
        for word in words:
            self._mouth.send(word)

    async def wait_for(self, count: int) -> list[bytes]:
        with trio.fail_after(PATIENCE_S):
            while len(self.heard) < count:
                await self._news.wait()
        return list(self.heard)

    def close(self) -> None:
        self._mouth.close()
        self._ear.close()


@contextmanager
def ears(count: int) -> Iterator[list[Ear]]:
    made = [Ear() for _ in range(count)]
    try:
        yield made
    finally:
        for ear in made:
            ear.close()


@pytest.fixture(params=["epoll", "a task each"])
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> SocketReader:
    if request.param == "epoll" and not hasattr(select, "epoll"):
        pytest.skip("no epoll here")
    with monkeypatch.context() as without:
        if request.param == "a task each":
            without.delattr(select, "epoll", raising=False)
        return SocketReader()


@asynccontextmanager
async def running(reader: SocketReader) -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery:
        await nursery.start(reader.run)
        yield
        nursery.cancel_scope.cancel()


async def test_a_socket_is_read_when_something_has_come(reader: SocketReader) -> None:
    with ears(1) as (ear,):
        async with running(reader):
            reader.add(ear)
            ear.speak(b"one")
            assert await ear.wait_for(1) == [b"one"]
            ear.speak(b"two")
            assert await ear.wait_for(2) == [b"one", b"two"]
            reader.remove(ear)


async def test_a_socket_that_was_added_before_it_ran_is_read(reader: SocketReader) -> None:
    with ears(1) as (ear,):
        reader.add(ear)
        ear.speak(b"early")
        async with running(reader):
            assert await ear.wait_for(1) == [b"early"]
            reader.remove(ear)


async def test_of_many_sockets_each_is_read(reader: SocketReader) -> None:
    with ears(50) as many:
        async with running(reader):
            for ear in many:
                reader.add(ear)
            for number, ear in enumerate(many):
                ear.speak(b"%d" % number)
            for number, ear in enumerate(many):
                assert await ear.wait_for(1) == [b"%d" % number]
            for ear in many:
                reader.remove(ear)


async def test_a_socket_with_nothing_to_read_is_left_alone(reader: SocketReader) -> None:
    with ears(2) as (quiet, busy):
        async with running(reader):
            reader.add(quiet)
            reader.add(busy)
            busy.speak(b"one")
            await busy.wait_for(1)
            assert quiet.limits == []
            reader.remove(quiet)
            reader.remove(busy)


async def test_a_removed_socket_is_read_no_more(reader: SocketReader) -> None:
    with ears(2) as (gone, other):
        async with running(reader):
            reader.add(gone)
            reader.add(other)
            await trio.testing.wait_all_tasks_blocked()
            reader.remove(gone)
            gone.speak(b"nobody hears this")
            other.speak(b"this comes later")
            await other.wait_for(1)
            await trio.testing.wait_all_tasks_blocked()
            assert gone.limits == []
            reader.remove(other)


async def test_a_socket_may_come_back(reader: SocketReader) -> None:
    with ears(1) as (ear,):
        async with running(reader):
            reader.add(ear)
            await trio.testing.wait_all_tasks_blocked()
            reader.remove(ear)
            reader.add(ear)
            ear.speak(b"again")
            assert await ear.wait_for(1) == [b"again"]
            reader.remove(ear)


async def test_a_socket_that_was_never_added_may_be_removed(reader: SocketReader) -> None:
    with ears(1) as (ear,):
        async with running(reader):
            reader.remove(ear)
        reader.remove(ear)


async def test_a_socket_may_be_removed_twice_and_after_it_was_closed(reader: SocketReader) -> None:
    with ears(1) as (ear,):
        async with running(reader):
            reader.add(ear)
            reader.remove(ear)
            ear.close()
            reader.remove(ear)


async def test_what_one_reading_removes_the_same_turn_does_not_read(reader: SocketReader) -> None:
    """Two are ready at once, and whichever is read first removes and closes the other."""
    with ears(2) as both:
        heard: list[Ear] = []

        def silence(ear: Ear) -> None:
            heard.append(ear)
            for other in both:
                if other is not ear:
                    reader.remove(other)
                    other.close()

        async with running(reader):
            for ear in both:
                ear.on_heard = partial(silence, ear)
                reader.add(ear)
            await trio.testing.wait_all_tasks_blocked()
            for ear in both:
                ear.speak(b"me first")
            with trio.fail_after(PATIENCE_S):
                while not heard:
                    await trio.lowlevel.checkpoint()
            await trio.testing.wait_all_tasks_blocked()
            assert len(heard) == 1
            reader.remove(heard[0])


async def test_a_socket_that_is_removed_and_closed_at_once_does_no_harm(reader: SocketReader) -> None:
    with ears(2) as (brief, other):
        async with running(reader):
            reader.add(brief)
            reader.remove(brief)
            brief.close()
            reader.add(other)
            other.speak(b"still here")
            assert await other.wait_for(1) == [b"still here"]
            reader.remove(other)


async def test_a_descriptor_that_is_used_again_reads_the_new_socket(reader: SocketReader) -> None:
    with ears(1) as (first,):
        async with running(reader):
            reader.add(first)
            await trio.testing.wait_all_tasks_blocked()
            number = first.fileno()
            reader.remove(first)
            first.close()
            with ears(4) as others:
                reused = [ear for ear in others if ear.fileno() == number]
                for ear in others:
                    reader.add(ear)
                for ear in others:
                    ear.speak(b"mine")
                for ear in others:
                    assert await ear.wait_for(1) == [b"mine"]
                assert len(reused) == 1
                for ear in others:
                    reader.remove(ear)
            assert list(first.heard) == []


async def test_a_socket_that_always_has_more_does_not_keep_the_others_waiting(reader: SocketReader) -> None:
    with ears(2) as (endless, other):
        endless.on_heard = lambda: endless.speak(b"and")
        async with running(reader):
            reader.add(endless)
            reader.add(other)
            endless.speak(b"once")
            await endless.wait_for(10)
            other.speak(b"may I")
            assert await other.wait_for(1) == [b"may I"]
            reader.remove(endless)
            reader.remove(other)


async def test_every_reading_has_a_limit(reader: SocketReader) -> None:
    with ears(1) as (ear,):
        async with running(reader):
            reader.add(ear)
            ear.speak(b"one")
            await ear.wait_for(1)
            assert all(0 < limit <= 1000 for limit in ear.limits)
            reader.remove(ear)


async def test_a_socket_may_be_removed_when_nobody_reads_any_more(reader: SocketReader) -> None:
    # A run that comes down stops reading first; its endpoints close while it unwinds.
    with ears(1) as (ear,):
        async with running(reader):
            reader.add(ear)
        reader.remove(ear)


@pytest.mark.skipif(not hasattr(select, "epoll"), reason="with a task for each socket there is nothing to share out")
async def test_other_tasks_have_their_turn_while_many_sockets_are_ready() -> None:
    reader = SocketReader()
    with ears(200) as many:
        read: list[int] = []
        turns: list[int] = []

        async def take_turns() -> None:
            while True:
                turns.append(len(read))
                await trio.lowlevel.checkpoint()

        for number, ear in enumerate(many):
            ear.on_heard = partial(read.append, number)
            ear.speak(b"at once")
        async with running(reader), trio.open_nursery() as nursery:
            for ear in many:
                reader.add(ear)
            nursery.start_soon(take_turns)
            for ear in many:
                await ear.wait_for(1)
            nursery.cancel_scope.cancel()
            for ear in many:
                reader.remove(ear)
        assert sorted(read) == list(range(200))
        # A turn may come first in its round and last in the next one.
        assert max(later - before for before, later in pairwise(turns)) <= 2 * 64
