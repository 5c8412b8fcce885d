"""What a person hears of those who are refused: enough to act on, and not a line for each."""

from __future__ import annotations

from cts.engine.turned_away import TurnedAway
from cts.testing import PEER
from cts.units import SECOND


def test_the_first_of_each_reason_is_told_at_once_and_kept() -> None:
    told: list[str] = []
    away = TurnedAway(told.append)
    for reason in ("one", "other", "one", "other"):
        away.refused(PEER, reason, 1, 0)
    assert told == away.notes
    assert [PEER.host in text and reason in text for text, reason in zip(told, ("one", "other"), strict=True)] == [
        True
    ] * 2


def test_of_a_million_a_line_a_minute_is_told_with_how_many_they_were() -> None:
    told: list[str] = []
    away = TurnedAway(told.append)
    for number in range(121 * 1000):
        away.refused(PEER, "one", 10, number * SECOND // 1000)
    assert len(told) == 3
    assert "600,000 questions more" in told[1]
    assert len(away.notes) == 1
