"""What ``cts check`` says of the commands that a configuration is for."""

import pytest

from cts.config import structure_config
from cts.plugin.choice import choose_plugins
from cts.runs.plan_text import describe_plan
from cts.runs.session_settings import plan_of

NETWORK: dict[str, object] = {"network": {"loss": 0.1}}
TRUTH: dict[str, object] = {"output": {"truth_file": "t.jsonl"}}


def row_of_commands(raw: dict[str, object]) -> str | None:
    """Return the row that says which commands a configuration is for, if there is one."""
    config = structure_config(raw)
    rows = describe_plan(config, plan_of(config), choose_plugins(config, "configuration")).splitlines()
    return {name: text.strip() for name, _, text in (row.partition(" ") for row in rows)}.get("for")


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (NETWORK, "cts sim and cts impair; cts run refuses network"),
        (TRUTH, "cts sim and cts impair; cts run refuses output.truth_file"),
        (NETWORK | TRUTH, "cts sim and cts impair; cts run refuses network and output.truth_file"),
        (NETWORK | {"run": {"role": "server"}}, "cts impair; cts run refuses network"),
    ],
)
def test_a_plan_says_which_commands_it_is_for_where_a_real_run_refuses_it(raw: dict[str, object], text: str) -> None:
    assert row_of_commands(raw) == text


def test_a_plan_for_a_real_run_says_nothing_of_commands() -> None:
    assert row_of_commands({}) is None
