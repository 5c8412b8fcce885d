"""The states of both ends, and what leads from one to the next.

::

    client                                              server
    ASKING      HELLO, every 250 ms         ────────►   keeps nothing of it
                                            ◄────────   CHALLENGE
    CHALLENGED  HELLO with the cookie,      ────────►   decides, once for each nonce
                every 250 ms                ◄────────   WELCOME or REFUSED, again for each repeated HELLO
    WELCOMED    PING, media as ever         ────────►   WELCOMED; confirmed by the first sealed datagram or data
    CONFIRMED                               ◄────────   PONG, media
                                                        CONFIRMED

Rules that the table rests on:

- An event that a state has no row for changes nothing: a network repeats, delays and reorders, and strangers make things up.
- A state without rows is an end. Nothing leads out of it, so that what was told is never taken back.
- What does not have the nonce of the attempt, or in a stream the tag, is no event.
- A server has no state of a peer before its cookie was right. Then its decision is kept for as long as the cookie is good, so
  that a HELLO which comes again, however late, is answered by the same bytes and begins nothing; of very many the oldest are
  forgotten, and a copy of such a HELLO is decided anew.
- A client that is welcomed may have a server that never hears of it, and the other way round: no exchange can rule that out.
  An end that hears nothing more says so (UNCONFIRMED). What is ruled out, while decisions are kept, is that both are welcomed
  to different streams, and that one is refused while the other streams.
"""

from __future__ import annotations

from enum import Enum

__all__ = ["TRANSITIONS", "Event", "State", "is_final", "next_state"]


class State(Enum):
    """Where one end of an attempt is."""

    ASKING = "asking"
    """A client's: HELLO is sent until something comes back."""
    CHALLENGED = "challenged"
    """A client's: HELLO is sent with the cookie."""
    WELCOMED = "welcomed"
    """Either's: the stream has begun, and the peer has not yet shown that it knows."""
    CONFIRMED = "confirmed"
    """Either's: it has."""
    REFUSED = "refused"
    """A client's: the server says why it does not serve it."""
    ALTERED = "altered"
    """A client's: the server has accepted another stream than the one that was asked for."""
    ORIGINAL = "original"
    """A client's: to be begun by START, as the original does."""
    UNANSWERED = "unanswered"
    """A client's: nothing came back, or nothing more."""
    UNCONFIRMED = "unconfirmed"
    """Either's: welcomed, and then nothing of the peer."""


class Event(Enum):
    """What happens to it."""

    CHALLENGE = "CHALLENGE"
    WELCOME = "WELCOME"
    WELCOME_TO_ANOTHER = "WELCOME to another stream"
    REFUSED = "REFUSED"
    HEARD = "a sealed datagram, or data"
    NONE_ANSWERED = "no HELLO answered within a second, where it may fall back"
    TIME_OUT = "time out"


TRANSITIONS: dict[State, dict[Event, State]] = {
    State.ASKING: {
        Event.CHALLENGE: State.CHALLENGED,
        Event.REFUSED: State.REFUSED,
        Event.NONE_ANSWERED: State.ORIGINAL,
        Event.TIME_OUT: State.UNANSWERED,
    },
    State.CHALLENGED: {
        Event.CHALLENGE: State.CHALLENGED,
        Event.WELCOME: State.WELCOMED,
        Event.WELCOME_TO_ANOTHER: State.ALTERED,
        Event.REFUSED: State.REFUSED,
        Event.TIME_OUT: State.UNANSWERED,
    },
    State.WELCOMED: {
        Event.HEARD: State.CONFIRMED,
        Event.TIME_OUT: State.UNCONFIRMED,
    },
}


def next_state(state: State, event: Event) -> State | None:
    """Return the state that an event leads to; None where it changes nothing."""
    return TRANSITIONS.get(state, {}).get(event)


def is_final(state: State) -> bool:
    """Tell whether nothing leads out of a state."""
    return state not in TRANSITIONS
