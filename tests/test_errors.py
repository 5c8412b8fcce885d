"""Texts for people: what strangers put into them, and what the operating system said."""

from __future__ import annotations

import errno
import os

import pytest

from cts.errors import exhausted, explained, printable, system_error, system_reason


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\0b\rc\x7f\x9b", "a\\x00b\\rc\\x7f\\x9b"),
        ("safe\u202egpj.exe \u2066x\u2069", "safe\\u202egpj.exe \\u2066x\\u2069"),
        ("\udcff", "\\udcff"),
        ("one\ttwo\nthree, naïve 中文", "one\ttwo\nthree, naïve 中文"),
    ],
)
def test_what_a_terminal_would_act_on_is_written_as_an_escape(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_file_that_is_not_there_is_named() -> None:
    assert system_error(FileNotFoundError(errno.ENOENT, "No such file or directory", "/a/b")).endswith(": '/a/b'")


def test_what_ran_out_is_said_with_the_cure_wherever_it_was_raised() -> None:
    error = ExceptionGroup("nursery", [OSError(errno.EMFILE, "Too many open files")])
    assert "Too many open files; raise the limit (ulimit -n)" in str(exhausted(error))
    assert exhausted(ExceptionGroup("nursery", [ValueError()])) is None


def test_that_no_thread_can_be_started_is_told_apart_from_a_bug() -> None:
    assert "no thread can be started" in str(exhausted(RuntimeError("can't start new thread")))
    assert exhausted(RuntimeError("the pacer runs already")) is None


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOENT])
def test_a_reason_says_what_to_do_where_something_can_be_done(number: int) -> None:
    reason = system_reason(OSError(number, "It says", "/a/b"))
    assert reason == "It says" + ("; raise the limit (ulimit -n)" if number == errno.EMFILE else "")


def test_what_the_operating_system_refused_is_explained_where_it_is_known() -> None:
    assert "blackhole" in str(explained(OSError(errno.EINVAL, os.strerror(errno.EINVAL))))
    assert "ulimit -n" in str(explained(OSError(errno.EMFILE, os.strerror(errno.EMFILE))))
    assert explained(OSError(errno.EPIPE, os.strerror(errno.EPIPE))) is None
    assert explained(ValueError("Invalid argument")) is None
