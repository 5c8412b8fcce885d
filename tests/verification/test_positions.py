"""Where what is missing of a frame belongs, by the truth: the same as who received it says, whatever its peer sent."""

from __future__ import annotations

import pytest

from cts.protocol.distinct import Arrived
from cts.protocol.positions import missing_of
from cts.verification.came import Came

SIZES = (1400, 1400, 1400, 1333)


@pytest.mark.parametrize(
    ("size", "missing"),
    [(1400, ((1, 3),)), (1333, ((0, 2),)), (1133, ((0, 2),)), (1350, ((1, 3),))],
    ids=["the first", "the last", "a last one of other settings", "one of other settings"],
)
def test_a_datagram_alone_has_its_place_by_its_size(size: int, missing: tuple[tuple[int, int], ...]) -> None:
    came, arrived = Came(SIZES, sum(SIZES)), Arrived()
    came.take(0, size, (7, 10_000_000))
    arrived.take(7, 1, size, sum(SIZES), len(SIZES))
    assert came.missing() == missing_of(arrived, SIZES) == missing
