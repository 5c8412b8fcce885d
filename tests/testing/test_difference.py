"""What two values differ in first."""

from __future__ import annotations

import pytest
from attrs import evolve, field, frozen

from cts.testing import first_difference, simulate
from cts.testing.difference import ComparedInOrder

pytest_plugins = ["pytester"]


@frozen(eq=False)
class Whole(ComparedInOrder):
    number: int
    parts: tuple[object, ...] = ()
    aside: str = field(default="", eq=False)


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        (Whole(1), Whole(1), None),
        (Whole(1, aside="a"), Whole(1, aside="b"), None),
        (Whole(1), Whole(2), "it.number: 1 != 2"),
        (Whole(1, (Whole(3), Whole(4))), Whole(1, (Whole(3), Whole(5))), "it.parts[1].number: 4 != 5"),
        (Whole(1, (1, 2)), Whole(1, (1,)), "it.parts: 2 items != 1 items"),
        (Whole(1, (1,)), Whole(1, ("1",)), "it.parts[0]: 1 != '1'"),
        ({"a": [1, 2]}, {"a": [1, 3]}, "it['a'][1]: 2 != 3"),
        ({"a": 1}, {"a": 1, "b": 2}, "it: {'a': 1} != {'a': 1, 'b': 2}"),
        ([1, 2], (1, 2), "it: 2 items != 2 items"),
        ("ab", "ac", "it: 'ab' != 'ac'"),
        ("a" * 500, "b", f"it: {repr('a' * 500)[:200]}… != 'b'"),
    ],
)
def test_it_is_named_with_its_place(one: object, other: object, said: str | None) -> None:
    assert first_difference(one, other, "it") == said
    assert (one == other) is (said is None)


def test_values_of_two_classes_are_not_equal() -> None:
    assert Whole(1) != 1


def test_what_counts_of_a_simulated_run_is_all_but_its_exceptions() -> None:
    run = simulate({"stream": {"stream_length": "100ms"}}, seed=3)
    assert evolve(run, errors=(LookupError(),)) == run
    assert first_difference(evolve(run, exit_status=1), run, "run") == "run.exit_status: 1 != 0"


def test_pytest_names_the_first_difference_of_two_runs_where_it_is_asked_for_every_detail(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    pytester.makepyfile(
        """
        from cts.testing import simulate

        def test_it():
            one, other = (simulate({"stream": {"stream_length": "2s"}}, seed=seed) for seed in (1, 2))
            assert one == other
        """
    )
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-vv")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*two SimulatedRun that differ", "*first in SimulatedRun.seed: 1 != 2"])
