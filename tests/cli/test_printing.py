"""What is for people is cut between words on a terminal, and as it is elsewhere."""

from __future__ import annotations

import io

import pytest

from cts.cli.commands import main
from cts.cli.printing import print_report, say


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


def test_what_is_said_beside_the_result_is_cut_between_words_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("COLUMNS", "22")
    say("cts: one two three four five six")
    assert terminal.getvalue() == "cts: one two three\n  four five six\n"


def test_a_mistake_on_the_command_line_is_cut_between_words_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr("sys.argv", ["cts", "explain", "--no-such-option-that-anybody-knows"])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert max(map(len, terminal.getvalue().splitlines())) <= 40
    assert "No such option" in terminal.getvalue()
