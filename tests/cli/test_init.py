"""``cts init``: a file to begin from, and nobody's file overwritten."""

from __future__ import annotations

from pathlib import Path

import pytest

from cts.config.examples import example_names
from tests.cli.running_cts import run_here


@pytest.mark.parametrize("role", ["loopback", "server", "client"])
def test_a_configuration_of_each_role_is_written_and_is_valid(
    role: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    written = run_here("init", role)
    assert (written.status, written.stdout) == (0, f"wrote {role}.toml\n")
    shown = run_here("check", f"{role}.toml")
    assert shown.stdout.startswith(f"role     {role},")
    assert f"cts run {role}.toml" in Path(f"{role}.toml").read_text(encoding="utf-8")


def test_a_file_that_is_there_is_overwritten_only_by_force(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("mine", encoding="utf-8")
    assert run_here("init", "server", "-o", file).message == (
        f"cts: {file}: exists; allowed: another name (-o FILE), or --force to overwrite it\n"
    )
    assert file.read_text(encoding="utf-8") == "mine"
    assert run_here("init", "server", "-o", file, "--force").status == 0
    assert file.read_text(encoding="utf-8").startswith("# The server of a pair")


def test_every_example_is_listed_with_what_it_is_for() -> None:
    lines = run_here("init", "--list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == example_names()
    assert all(len(line.split()) > 4 for line in lines)


def test_what_is_no_example_is_told(tmp_path: Path) -> None:
    assert "cts: ROLE: 'sever' is no example; allowed: loopback, " in run_here("init", "sever").message


def test_a_file_that_cannot_be_written_is_told_with_the_reason(tmp_path: Path) -> None:
    for file, reason in ((tmp_path / "no" / "x.toml", "there is no directory"), (tmp_path, "it is a directory")):
        message = run_here("init", "-o", file, "--force").message
        assert message.startswith(f"cts: -o: cannot write '{file}': {reason}")
