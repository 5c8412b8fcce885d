"""The fuzzer's corpus, replayed, and that the fuzzer sees what it is there to see. ``python -m fuzz`` goes on from here."""

from __future__ import annotations

import random
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cts.protocol import receiver
from cts.records.json_lines import LineReader
from fuzz.__main__ import CORPUS, Finished, Watched, mutated, seeds_of
from fuzz.receive_path import VECTORS, play
from fuzz.script import STEP_SIZE, steps_of
from fuzz.targets import RECEIVE_PATH, TARGETS

INPUTS = [
    pytest.param(path.parent.name, path, id=f"{path.parent.name}-{path.name}") for path in sorted(CORPUS.glob("*/*"))
]


@pytest.mark.parametrize(("target", "path"), INPUTS)
def test_an_input_of_the_corpus_lets_out_no_error_and_keeps_every_promise(target: str, path: Path) -> None:
    TARGETS[target](path.read_bytes())


@pytest.mark.parametrize("target", TARGETS)
def test_the_corpus_mutated_lets_out_no_error_and_keeps_every_promise(target: str) -> None:
    few, longest = (10, 400) if target == RECEIVE_PATH else (200, 4096)
    for data in islice(mutated(seeds_of(target), random.Random(target), longest), few):
        TARGETS[target](data)


def test_every_target_has_a_corpus_and_all_of_it_is_small() -> None:
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)
    assert sum(path.stat().st_size for path in CORPUS.glob("*/*")) < 300_000


@settings(deadline=None)
@given(data=st.binary(max_size=20 * STEP_SIZE))
def test_any_bytes_are_an_attack_of_a_step_for_each_eight_of_them(data: bytes) -> None:
    steps = list(steps_of(data, VECTORS))
    assert len(steps) == max(0, len(data) - 1) // STEP_SIZE
    assert all(1 <= len(step.datagrams) <= 32 for step in steps)


def test_an_attack_s_datagrams_reach_the_sessions_and_are_counted() -> None:
    # 300 ms on, just before it is rendered, frame 1 comes again, three datagrams at a time, from the first client.
    again = bytes([4, 0, 0, 0, 0, 2])
    played = play(b"\x01" + bytes([0, 255]) + again + (bytes([0, 0]) + again) * 2)
    assert played.datagrams == 9
    frames = sorted((result.counts.frames.completed, result.counts.frames.repeated) for result in played.server.results)
    assert frames == [(9, 1), (10, 0)]


def test_an_error_in_the_receive_path_comes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(datagram: object) -> None:
        raise KeyError(datagram)

    monkeypatch.setattr(receiver, "decode_untrusted", breaks)
    with pytest.raises(BaseExceptionGroup) as caught:
        play(seeds_of(RECEIVE_PATH)[0])
    assert caught.value.split(KeyError)[1] is None


def test_an_error_in_a_decoder_comes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(self: LineReader, line: str) -> None:
        raise KeyError(line)

    monkeypatch.setattr(LineReader, "fields", breaks)
    with pytest.raises(KeyError):
        TARGETS["events"](seeds_of("events")[0])


def test_fuzzing_ends_when_as_many_datagrams_were_played_as_it_was_told() -> None:
    watched = Watched(lambda data: len(data), datagrams=10, seconds=0)
    watched(b"12345")
    with pytest.raises(Finished):
        watched(b"12345")
    assert (watched.inputs, watched.datagrams) == (2, 10)
