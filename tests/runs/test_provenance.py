"""What a run was, and what ran it."""

from __future__ import annotations

import json
from pathlib import Path

from cts import __version__
from cts.config import structure_config
from cts.expectations.definitions import short_names
from cts.expectations.json_keys import json_keys
from cts.records.provenance import provenance_written
from cts.runs.provenance import provenance_of
from cts.runs.session_settings import plan_of
from cts.runs.watchers import event_settings

LINE_LIMIT = 65_536


def test_a_real_run_names_what_ran_it_and_no_host() -> None:
    told = provenance_written(
        provenance_of(structure_config({"run": {"title": "one", "tags": ["a"]}}), simulated=False)
    )
    assert list(told) == ["title", "tags", "cts", "python", "kernel", "cpus", "configuration"]
    assert (told["title"], told["tags"], told["cts"]) == ("one", ["a"], __version__)
    assert isinstance(told["cpus"], int)


def test_no_host_has_a_part_in_a_simulation() -> None:
    told = provenance_of(structure_config({}), simulated=True)
    assert (told.kernel, told.cpus, told.configuration) == (None, None, {})


def test_where_logs_went_is_not_told() -> None:
    output = {"events_file": "/home/somebody/e.jsonl", "console": "quiet", "status_update": "2s"}
    told = provenance_of(structure_config({"output": output, "stream": {"frame_rate": 60}}), simulated=True)
    assert told.configuration == {"output": {"status_update": "2s"}, "stream": {"frame_rate": 60}}
    assert provenance_of(structure_config({"output": {"console": "quiet"}}), simulated=True).configuration == {}


def test_where_keys_lie_and_whose_they_are_is_not_told(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f'[keys]\nanna = "{"ab" * 16}"\n')
    keys.chmod(0o600)
    client = {"target": "192.0.2.1:4444", "handshake": "cts", "psk_file": str(keys), "psk_name": "anna"}
    told = provenance_of(structure_config({"run": {"role": "client"}, "client": client}), simulated=True)
    assert told.configuration == {"run": {"role": "client"}, "client": {"target": "192.0.2.1:4444", "handshake": "cts"}}


def test_a_configuration_that_is_too_long_is_left_out() -> None:
    listen = [f"127.0.0.1:{port}" for port in range(5000, 6000)]
    assert provenance_of(structure_config({"server": {"listen": listen}}), simulated=True).configuration is None


def test_the_first_line_of_the_events_holds_as_much_as_is_allowed() -> None:
    longest = max((*short_names(), *(path for path, key in json_keys().items() if key.unit == "share")), key=len)
    config = structure_config(
        {
            "run": {"title": "\U0001d11e" * 200, "tags": ["\U0001d11e" * 64] * 16},
            "expect": {longest: [f">= 0.{number:038}" for number in range(100)]},
            "server": {"listen": [f"127.0.0.1:{port}" for port in range(5000, 5020)]},
        }
    )
    line = json.dumps(event_settings(config, plan_of(config), seed=None, expected=1))
    assert 20_000 < len(line) < LINE_LIMIT - 16_384
