from __future__ import annotations

import pytest

from cts.protocol.control.states import TRANSITIONS, Event, State, is_final, next_state

FINAL = {
    State.CONFIRMED,
    State.REFUSED,
    State.ALTERED,
    State.ORIGINAL,
    State.UNANSWERED,
    State.UNCONFIRMED,
}


def test_the_ends_are_these() -> None:
    assert {state for state in State if is_final(state)} == FINAL


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("event", Event)
def test_an_event_leads_on_as_the_table_says_and_nothing_leads_out_of_an_end(state: State, event: Event) -> None:
    assert next_state(state, event) == TRANSITIONS.get(state, {}).get(event)
    if state in FINAL:
        assert next_state(state, event) is None


def test_every_state_is_reached_and_every_state_that_is_no_end_times_out() -> None:
    reached, new = set[State](), {State.ASKING}
    while new:
        reached |= new
        new = {after for state in new for after in TRANSITIONS.get(state, {}).values()} - reached
    assert reached == set(State)
    assert all(is_final(row[Event.TIME_OUT]) for row in TRANSITIONS.values())


def test_nobody_falls_back_who_has_been_answered() -> None:
    rows = [state for state, row in TRANSITIONS.items() if State.ORIGINAL in row.values()]
    assert rows == [State.ASKING]
