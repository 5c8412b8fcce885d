"""Lines for a program on standard output: whole, flushed, and in nobody's way."""

from __future__ import annotations

import io
import json
import os
import select
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TextIO

import pytest
from attrs import evolve

from cts.errors import UserError
from cts.output.feed import Feed, FeedForm, IntervalFeed
from cts.protocol.roles import Role
from cts.records import writers
from tests.output.test_intervals import FIRST, SECOND_ONE
from tests.schemas.validating import complaint


class Pipe:
    """A pipe as standard output, whose reader reads when it is told to."""

    def __init__(self) -> None:
        self.reading, writing = os.pipe()
        self.stdout: TextIO = os.fdopen(writing, "w", encoding="utf-8")

    def read(self) -> str:
        """Return what it holds now."""
        text = b""
        while select.select([self.reading], [], [], 0)[0] and (more := os.read(self.reading, 1 << 20)):
            text += more
        return text.decode()

    def hang_up(self) -> None:
        os.close(self.reading)
        self.reading = -1


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipe]:
    monkeypatch.setattr(writers, "PATIENCE_SECONDS", 0.2)
    pipe = Pipe()
    yield pipe
    pipe.stdout.close()
    if pipe.reading >= 0:
        os.close(pipe.reading)


def lines(form: FeedForm) -> list[str]:
    """Return what is written of a run of two intervals."""
    text = io.StringIO()
    feed = IntervalFeed(Feed(text, form), Role.RECEIVER)
    feed.run_began(0)
    for snapshot in (FIRST, SECOND_ONE):
        feed.status(snapshot)
    feed.closing()
    assert feed.failures() == ()
    return text.getvalue().splitlines()


def test_each_interval_is_an_object_that_its_schema_describes() -> None:
    intervals = [json.loads(line) for line in lines("jsonl")]
    assert [complaint("interval", each) for each in intervals] == [None, None]
    assert [each["frames_completed"] for each in intervals] == [10, 5]


def test_csv_has_the_same_values_under_the_same_names_told_once() -> None:
    names, *rows = (line.split(",") for line in lines("csv"))
    for row, line in zip(rows, lines("jsonl"), strict=True):
        told = json.loads(line)
        assert names == list(told)[2:]
        assert row == ["" if value is None else str(value) for value in list(told.values())[2:]]


def test_a_line_is_there_as_soon_as_it_is_told(pipe: Pipe) -> None:
    feed = Feed(pipe.stdout, "jsonl")
    IntervalFeed(feed, Role.RECEIVER).status(FIRST)
    assert select.select([pipe.reading], [], [], 60)[0]
    assert json.loads(pipe.read())["until_seconds"] == 1.0
    feed.end()


def test_a_reader_that_goes_ends_the_writing_and_is_told_as_a_failure(pipe: Pipe) -> None:
    feed = Feed(pipe.stdout, "jsonl")
    intervals = IntervalFeed(feed, Role.RECEIVER)
    pipe.hang_up()
    for number in range(100):
        intervals.status(evolve(FIRST, elapsed_ns=number * 10**9))
    feed.end()
    assert intervals.failures() == ("--jsonl: cannot write to stdout any more: Broken pipe",)


def test_a_reader_that_stops_holds_up_nothing_and_what_it_missed_is_counted(pipe: Pipe) -> None:
    feed = Feed(pipe.stdout, "csv")
    long = "x" * 1000
    for _ in range(100):
        feed.write(long)
    feed.end()
    taken = pipe.read().count("x") // 1000
    assert 0 < taken < 100
    assert feed.failure is not None
    assert feed.failure.startswith(f"--csv: {100 - taken} lines are missing on stdout")


def test_of_too_many_lines_the_last_are_kept(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cts.output.feed.LOG_LIMIT", 2000)
    feed = Feed(pipe.stdout, "jsonl")
    # More than the pipe and what may wait have room for.
    for number in range(200):
        feed.write(f"{number:999}")
    feed.write("the result")
    read = ""
    while "the result" not in read:
        assert select.select([pipe.reading], [], [], 60)[0]
        read += pipe.read()
    feed.end()
    assert (
        feed.failure == f"--jsonl: {201 - read.count(chr(10))} lines are missing on stdout: the reader did not keep up"
    )


def test_the_last_line_comes_whole_however_long_it_is(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cts.output.feed.LOG_LIMIT", 2000)
    feed = Feed(pipe.stdout, "jsonl")
    feed.write("first")
    with ThreadPoolExecutor(1) as pool:
        ending = pool.submit(feed.end, "x" * 300_000)
        read = ""
        while not read.endswith("x\n"):
            assert select.select([pipe.reading], [], [], 60)[0]
            read += pipe.read()
        ending.result()
    assert read == f"first\n{'x' * 300_000}\n"
    assert feed.failure is None


def test_a_closed_stdout_is_refused() -> None:
    with pytest.raises(UserError, match="--jsonl: stdout is closed; allowed: a file, a pipe or a terminal"):
        Feed(None, "jsonl")
