"""Media by name: each is a stream that can be run, and a name that is none is told."""

from __future__ import annotations

import pytest

from cts.config import structure_config
from cts.config.presets import preset, presets
from cts.config.quick_config import DEFAULT_STREAM
from cts.runs.plan_text import warnings_of
from cts.runs.session_settings import plan_of

PROMISED = {"voip", "call-720p", "stream-1080p", "stream-4k", "cloud-game"}


def test_the_promised_media_are_there() -> None:
    assert presets().keys() >= PROMISED


@pytest.mark.parametrize("name", presets())
def test_every_preset_makes_a_stream_of_which_nothing_is_to_be_warned(name: str) -> None:
    stream = presets()[name].stream
    plan = plan_of(structure_config({"stream": {**DEFAULT_STREAM, **stream}}))
    assert warnings_of(plan) == []
    assert plan.buffered_frames >= 3


@pytest.mark.parametrize("name", presets())
def test_no_preset_says_how_long_to_stream(name: str) -> None:
    assert "stream_length" not in presets()[name].stream


def test_a_name_that_is_none_is_told_with_those_that_are_and_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"'call-702p' is no preset; allowed: voip, .*; did you mean 'call-720p'\?"):
        preset("call-702p")
