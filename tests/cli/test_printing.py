"""What is for people is cut between words on a terminal, and as it is elsewhere."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cts.cli.printing import print_report, wrapped

ROWS = """\
streams           1 successful
jitter            1.02 us median, 99 % within 30 ms, at most 30 ms: how much longer
                  below it
failed: the log cannot be written any more"""


def test_a_row_goes_on_below_its_text() -> None:
    assert wrapped(ROWS, 44).splitlines() == [
        "streams           1 successful",
        "jitter            1.02 us median, 99 %",
        "                  within 30 ms, at most 30",
        "                  ms: how much longer",
        "                  below it",
        "failed: the log cannot be written any more",
    ]
    assert wrapped(ROWS, 30).splitlines()[-2:] == ["failed: the log cannot be", "  written any more"]


def test_what_a_word_has_is_never_torn() -> None:
    path = "/a/very-long/path/that/has/no/blank/in/it.toml"
    assert path in wrapped(f"note  {path} is not there at all, it seems", 30)


@given(st.text("ab -", max_size=200), st.integers(0, 100))
def test_no_word_is_lost_and_no_line_is_longer_than_it_need_be(text: str, width: int) -> None:
    lines = wrapped(f"name  {text}", width).splitlines()
    assert " ".join(lines).split() == f"name  {text}".split()
    if width >= 40:
        assert all(len(line) <= width or " " not in line[6:].strip() for line in lines)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("as_json", "printed"), [(False, "name  one two three\n      four five\n"), (True, '"one"\n')])
def test_json_is_one_line_on_a_terminal_too(monkeypatch: pytest.MonkeyPatch, as_json: bool, printed: str) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("COLUMNS", "22")
    print_report("one", lambda report: report, lambda report: f"name  {report} two three four five", as_json=as_json)
    assert terminal.getvalue() == printed
