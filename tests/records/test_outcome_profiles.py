"""Profiles for Quality of Outcome: what is shipped, and what is no profile."""

from __future__ import annotations

import pytest
import tomli

from cts.errors import ConfigError
from cts.metrics.quality_of_outcome import Requirement, outcome_of
from cts.records.outcome_profiles import chosen_profile, default_profile, profiles_in, shipped_profiles

MS = 1_000_000
GOOD = """
[mine]
loss = { optimal = 0, unacceptable = 0.5 }
latency.95 = { optimal = "20ms", unacceptable = "80ms" }
"""


def test_the_draft_s_examples_are_shipped() -> None:
    profiles = shipped_profiles()
    assert profiles["interactive"] == default_profile()
    interactive = profiles["interactive"]
    assert (interactive.rate, interactive.loss) == (4_000_000, Requirement(0.001, 0.02))
    assert interactive.latency == {
        99: Requirement(100 * MS, 200 * MS),
        99.9: Requirement(200 * MS, 300 * MS),
    }


def test_the_earlier_draft_s_example_scores_what_it_says() -> None:
    measured = {99: 350.0 * MS, 99.9: 375.0 * MS}
    assert outcome_of(shipped_profiles()["streaming"], measured.get, 0.02, 28e6, 32e6).score == 50


def test_a_file_of_one_s_own_has_the_same_tables() -> None:
    profile = profiles_in(tomli.loads(GOOD), "mine.toml")["mine"]
    assert (profile.name, profile.rate, profile.latency) == ("mine", None, {95: Requirement(20 * MS, 80 * MS)})


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("", "holds no profile"),
        ("mine = 3", "mine: 3 is not a table"),
        (GOOD + "jitter = 3", "jitter is not a key"),
        ("[mine]\nloss = { optimal = 0, unacceptable = 0.5 }", "latency has no percentile"),
        (GOOD.replace("latency.95", "latency.101"), "latency.101 is not a percentile"),
        (GOOD.replace("latency.95", "latency.most"), "latency.most is not a percentile"),
        (GOOD.replace("20ms", "20 miles"), "latency.95: '20 miles' is not a duration"),
        (GOOD.replace("80ms", "20ms"), "latency.95: unacceptable .* must be more than optimal"),
        (GOOD.replace("0.5", "5"), "loss: 5 is not a share"),
        (GOOD.replace("0.5", "true"), "loss: True is not a share"),
        (GOOD.replace("unacceptable = 0.5", "bad = 0.5"), "loss needs optimal and unacceptable"),
        (GOOD.replace("loss", "rate"), "loss needs|is not a rate"),
    ],
)
def test_what_is_no_profile_is_refused_and_says_where(wrong: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        profiles_in(tomli.loads(wrong), "mine.toml")
    assert str(refused.value).startswith("mine.toml: ")


def test_one_s_own_come_first_and_shipped_ones_go_by_their_names() -> None:
    own = profiles_in(tomli.loads(GOOD + GOOD.replace("mine", "streaming")), "mine.toml")
    assert chosen_profile(own, None).name == "mine"
    assert chosen_profile(own, "interactive") == default_profile() == chosen_profile(None, None)
    assert chosen_profile(own, "streaming").latency == chosen_profile(own, "mine").latency
    with pytest.raises(ValueError, match="'theirs' is no profile; allowed: 'interactive', 'streaming', 'mine'"):
        chosen_profile(own, "theirs")
