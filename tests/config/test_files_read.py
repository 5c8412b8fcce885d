"""All files of a run are known by what names them, so that nothing is written over one of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cts.config.files_read import files_of_run, refuse_same
from cts.errors import UserError

WRITTEN = {
    "run": {"outcome_profiles": "p.toml"},
    "server": {"psk_file": "/keys"},
    "client": {"psk_file": "credential:keys"},
    "network": {"to_client": {"latency": {"model": "trace", "file": "d.txt"}}},
}


def test_what_is_read_lies_beside_the_configuration_and_what_is_written_where_it_is_told_to() -> None:
    assert files_of_run("folder/run.toml", WRITTEN, {"events_file": Path("e.jsonl")}) == {
        "CONFIG": Path("folder/run.toml"),
        "run.outcome_profiles": Path("folder/p.toml"),
        "server.psk_file": Path("/keys"),
        "network.to_client.latency.file": Path("folder/d.txt"),
        "output.events_file": Path("e.jsonl"),
    }


def test_another_name_of_a_file_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "keys")
    with pytest.raises(UserError, match=r"^--junit: '.*link' is the file of server\.psk_file; allowed: another one$"):
        refuse_same("--junit", tmp_path / "link", {"server.psk_file": tmp_path / "keys"})


def test_nothing_may_be_written_as_often_as_one_likes() -> None:
    refuse_same("--junit", Path(os.devnull), {"--report": Path(os.devnull)})
