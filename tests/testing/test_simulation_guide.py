"""The test that plugins/README.md gives authors to copy runs as it stands there, and fails where its sender is wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

GUIDE = Path(__file__).parents[2] / "plugins" / "README.md"
TESTS_OF_ITS_OWN = 4


def sender_and_test() -> tuple[str, str]:
    """Return the Python blocks of the section about whole streams."""
    section = GUIDE.read_text().partition("## A whole stream in a test\n")[2].partition("\n## ")[0]
    sender, test = re.findall(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return sender, test


def run_copied(pytester: pytest.Pytester, sender: str, *, only: str = "") -> pytest.RunResult:
    pytester.syspathinsert()
    pytester.makepyfile(cts_hesitant=sender, test_hesitant=sender_and_test()[1])
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", "-o", "trio_mode=true", "-k", only)


def failed_of(result: pytest.RunResult) -> set[str]:
    """Return the names of the tests that failed."""
    return {line.split("::")[-1].split(" - ")[0] for line in result.outlines if line.startswith("FAILED")}


def test_the_test_to_copy_passes(pytester: pytest.Pytester) -> None:
    outcomes = run_copied(pytester, sender_and_test()[0]).parseoutcomes()
    assert outcomes.keys() == {"passed"}
    assert outcomes["passed"] > TESTS_OF_ITS_OWN


@pytest.mark.parametrize("every_detail", ["", "true"], ids=["in short", "in every detail, as in CI"])
def test_it_fails_where_the_sender_draws_from_elsewhere(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, every_detail: str
) -> None:
    monkeypatch.setenv("CI", every_detail)
    sender = sender_and_test()[0].replace("self._random = random", "self._random = Random()")
    assert failed_of(run_copied(pytester, sender, only="seed or repeats")) >= {
        "test_the_same_seed_sends_the_same",
        "test_a_run_repeats_with_its_seed",
        "test_on_trios_clock_a_run_repeats_to_the_nanosecond",
    }


def test_it_fails_where_the_sender_is_later_than_it_says(pytester: pytest.Pytester) -> None:
    sender = sender_and_test()[0].replace("randrange(MOST_NS)", "randrange(2 * MOST_NS)")
    result = run_copied(pytester, sender, only="not TestHesitantSender")
    assert failed_of(result) == {"test_frames_leave_at_most_five_milliseconds_late"}
