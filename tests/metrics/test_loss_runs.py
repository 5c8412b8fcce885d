"""Loss runs by hand (RFC 3357), and the two-state model against chains that it fits and that it does not."""

from __future__ import annotations

import random

import pytest

from cts.metrics.distribution import Lengths
from cts.metrics.frame_record import Ranges
from cts.metrics.loss_runs import WAITING, LossRuns, LossRunTotals


def runs_of(row: str) -> LossRunTotals:
    """Return the runs of a row in which an ``x`` is lost, each datagram a frame."""
    runs = LossRuns()
    for position, each in enumerate(row):
        if each == "x":
            runs.lack(position, position, 1, ((0, 0),))
    return runs.totals(len(row))


def of(*values: int) -> Lengths:
    return Lengths(values)


def test_the_example_of_rfc_3357_by_hand() -> None:
    totals = runs_of("..x..xx...x.")
    assert totals.runs == of(1, 2, 1)
    assert totals.gaps == of(2, 3)
    assert totals.distances == of(3, 1, 4)


def test_a_run_goes_on_from_one_frame_into_the_next() -> None:
    runs = LossRuns()
    runs.lack(1, 0, 4, ((0, 0), (3, 3)))
    runs.lack(2, 4, 4, ((0, 3),))
    runs.lack(3, 8, 4, ((0, 0),))
    assert runs.totals(12).runs == of(1, 6)


def test_two_states_by_hand() -> None:
    # Of 6 that came and have a neighbour behind 2 are followed by a lost one; of 3 lost 2 by one that came.
    model = runs_of("..x..xx..").model
    assert model is not None
    assert (model.p, model.r) == (2 / 5, 2 / 3)
    assert (model.run_error, model.gap_error) == (None, None)


@pytest.mark.parametrize("row", ["", "....", "xxxx", "..xx", "xx.."])
def test_without_a_change_in_both_directions_there_is_no_model(row: str) -> None:
    assert runs_of(row).model is None


def test_what_comes_late_is_not_lost() -> None:
    runs = LossRuns()
    runs.lack(1, 0, 4, ((0, 3),))
    runs.came_late(1, ((1, 1),))
    assert (runs.totals(4).lost, runs.totals(4).runs) == (1, of(1))
    runs.came_late(1, ())
    assert runs.totals(4).lost == 0


def test_after_many_frames_that_lack_something_it_stays_lost() -> None:
    runs = LossRuns()
    for sequence in range(WAITING + 1):
        runs.lack(sequence, 10 * sequence, 10, ((0, 0),))
    runs.came_late(0, ())
    runs.came_late(1, ())
    assert runs.totals(1000).lost == WAITING


@pytest.mark.parametrize("missing", [None, ((0, 0),)])
def test_what_is_unknown_parts_neighbours(missing: Ranges | None) -> None:
    runs = LossRuns()
    runs.lack(1, 0, 1, ((0, 0),))
    runs.lack(2, 1, 1, missing)
    runs.lack(3, 2, 1, ((0, 0),))
    totals = runs.totals(3)
    assert (totals.known, totals.runs) == ((2, of(1, 1)) if missing is None else (3, of(3)))
    assert totals.gaps == of()


def test_totals_add_up_row_by_row() -> None:
    one, two = runs_of(".x."), runs_of("xx.")
    assert (one + two).runs == of(1, 2)
    assert (one + two).gaps == of()
    assert (one + two).distances == of(1)
    model = (one + two).model
    assert model is not None
    assert (model.p, model.r) == (1 / 1, 2 / 3)


def chain(p: float, r: float, length: int) -> str:
    chance, lost, row = random.Random(7), False, []
    for _ in range(length):
        lost = chance.random() >= r if lost else chance.random() < p
        row.append("x" if lost else ".")
    return "".join(row)


def test_the_model_of_a_two_state_chain_is_found_and_fits() -> None:
    model = runs_of(chain(0.02, 0.3, 60_000)).model
    assert model is not None
    assert model.p == pytest.approx(0.02, rel=0.1)
    assert model.r == pytest.approx(0.3, rel=0.1)
    assert model.run_error is not None
    assert model.gap_error is not None
    # Kolmogorov's 95 % bound is 1.36 / sqrt(n), and n is about 1100.
    assert model.run_error < 0.041
    assert model.gap_error < 0.041


def test_losses_that_come_as_a_clock_strikes_do_not_fit() -> None:
    model = runs_of(("." * 40 + "xxxxx") * 50).model
    assert model is not None
    assert model.run_error == pytest.approx((1 - 1 / 5) ** 5, abs=0.35)
    assert model.run_error is not None
    assert model.gap_error is not None
    assert min(model.run_error, model.gap_error) > 0.3
