"""``run.outcome_profiles`` and ``run.outcome_profile``: what a run is scored by."""

from __future__ import annotations

from pathlib import Path

import pytest

from cts.config import load_config
from cts.errors import ConfigError
from cts.runs.session_settings import profile_of, session_settings

MINE = """
[mine]
rate = "2 Mbit/s"
loss = { optimal = 0, unacceptable = 0.5 }
latency.95 = { optimal = "20ms", unacceptable = "80ms" }

[theirs]
loss = { optimal = 0, unacceptable = 0.1 }
latency.99_9 = { optimal = "2ms", unacceptable = "8ms" }
"""


def written(folder: Path, *, profiles: str | bytes = MINE, keys: str = "") -> Path:
    (folder / "profiles.toml").write_bytes(profiles if isinstance(profiles, bytes) else profiles.encode())
    config = folder / "run.toml"
    config.write_text(f'[run]\noutcome_profiles = "profiles.toml"\n{keys}\n')
    return config


def refused(folder: Path, **given: str | bytes) -> str:
    with pytest.raises(ConfigError) as error:
        load_config(written(folder, **given))  # type: ignore[arg-type]
    return str(error.value)


def test_the_first_one_of_a_file_beside_the_configuration_is_what_a_run_is_scored_by(tmp_path: Path) -> None:
    profile = profile_of(load_config(written(tmp_path)))
    assert (profile.name, profile.rate) == ("mine", 2_000_000)


def test_another_one_is_chosen_by_its_name(tmp_path: Path) -> None:
    assert profile_of(load_config(written(tmp_path, keys='outcome_profile = "theirs"'))).name == "theirs"
    assert profile_of(load_config(written(tmp_path, keys='outcome_profile = "streaming"'))).name == "streaming"


def test_what_the_session_runs_has_it(tmp_path: Path) -> None:
    config = load_config(written(tmp_path))
    assert session_settings(config).profile == profile_of(config)


@pytest.mark.parametrize(
    ("profiles", "said"),
    [
        (b"[mine", "line 1, column 6: not TOML"),
        (b"", "holds no profile; allowed: at least one table"),
        (b"mine = 3\ntheirs = 4", "mine: 3 is not a table"),
        (b"\xff", "not UTF-8"),
    ],
)
def test_a_file_that_is_none_is_refused_with_its_key_and_what_is_wrong(
    tmp_path: Path, profiles: bytes, said: str
) -> None:
    told = refused(tmp_path, profiles=profiles).splitlines()
    assert all("run.outcome_profiles: " in line and "profiles.toml" in line for line in told)
    assert said in told[0]


def test_every_wrong_profile_is_told(tmp_path: Path) -> None:
    assert len(refused(tmp_path, profiles="mine = 3\ntheirs = 4").splitlines()) == 2


def test_a_file_that_is_missing_or_is_a_folder_is_refused(tmp_path: Path) -> None:
    config = written(tmp_path)
    for name, said in (("nowhere.toml", "no such file"), (".", "is not a file; allowed: a TOML file")):
        with pytest.raises(ConfigError, match=said):
            load_config(config, [f"run.outcome_profiles={name}"])


def test_a_name_that_is_no_profile_s_is_refused_with_those_that_are(tmp_path: Path) -> None:
    told = refused(tmp_path, keys='outcome_profile = "hers"')
    assert "run.outcome_profile: 'hers' is no profile; allowed: 'interactive', 'streaming', 'mine', 'theirs'" in told


def test_no_output_may_be_the_file(tmp_path: Path) -> None:
    output = f"output.events_file={tmp_path / 'profiles.toml'}"
    with pytest.raises(ConfigError, match=r"output\.events_file: .* is run\.outcome_profiles, which is read"):
        load_config(written(tmp_path), [output])
