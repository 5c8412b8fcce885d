"""Why datagrams are turned away, by the names that they are counted under, and what HELLO is told of it."""

from __future__ import annotations

from typing import Final

from cts.engine.contracts import IAdmission
from cts.protocol.control.limits import Reason, Refusal

__all__ = [
    "CLOSED_TO_HELLO",
    "CLOSED_TO_START",
    "DENIED",
    "FULL",
    "LEAVING",
    "NOT_ALLOWED",
    "NOT_MADE",
    "NO_PLAN",
    "NO_ROOM",
    "NO_STREAM",
    "OTHER_WAY",
    "SERVED_OUT",
    "STRANGE",
    "TOO_LATE",
    "TOO_MUCH",
    "UNFIT",
    "WAITED_IN_VAIN",
    "beyond",
    "full",
    "refusal_for",
    "served_out",
]

DENIED: Final = "in server.deny"
NOT_ALLOWED: Final = "outside server.allow"
OTHER_WAY: Final = "HELLO for a direction that is not served"
NO_PLAN: Final = "HELLO whose numbers make no stream"
CLOSED_TO_START: Final = "START while not accepting"
CLOSED_TO_HELLO: Final = "HELLO while not accepting"
FULL: Final = "beyond server.connection_limit"
SERVED_OUT: Final = "beyond server.server_exit_limit"
NO_STREAM: Final = "control datagram of no stream"
STRANGE: Final = "not START from a stranger"
TOO_LATE: Final = "too late for its stream"
TOO_MUCH: Final = "START whose answer was too much for what came"
WAITED_IN_VAIN: Final = "START that waited in vain"
UNFIT: Final = {Reason.KEY: "HELLO without the right key", Reason.UNSUPPORTED: "HELLO that asks for what is not known"}
LEAVING: Final = Refusal(Reason.LEAVING, "it is about to end and takes no more streams: ask again when it is back")
NOT_MADE: Final = Refusal(Reason.OTHER, "it could not make the stream: its own output says why")

_BEYOND: Final = "beyond server.limits."
_REASONS: Final = {"starts": Reason.RATE, "streams": Reason.BUSY, "bits": Reason.CAP}
_ADVICE: Final = {
    Reason.RATE: "ask less often, or raise it",
    Reason.BUSY: "ask again when others have ended, or raise it",
    Reason.CAP: "ask for less, or again when others have ended, or raise it",
}
NO_ROOM: Final = Refusal(Reason.BUSY, "as many clients wait as may: ask again when others have ended")
_DENIED: Final = Refusal(Reason.DENIED, "this address is not served there: see its server.allow and server.deny")


def beyond(limit: str) -> str:
    """Return the reason of who is beyond a limit of that name."""
    return _BEYOND + limit


def refusal_for(reason: str, admission: IAdmission | None) -> Refusal:
    """Return what a client is told that is turned away for a reason of admission."""
    if not reason.startswith(_BEYOND):
        return _DENIED
    name = reason.removeprefix(_BEYOND)
    kind = _REASONS[name.partition("_")[0]]
    limit = "" if admission is None else admission.limit(name)
    return Refusal(kind, f"its server.limits.{name} is {limit}: {_ADVICE[kind]}", name, limit)


def full(at_once: int) -> Refusal:
    """Return what a client is told that has waited for one of so many streams to end."""
    text = f"its server.connection_limit is {at_once:,}: {_ADVICE[Reason.BUSY]}"
    return Refusal(Reason.BUSY, text, "connection_limit", f"{at_once:,}")


def served_out(in_all: int) -> Refusal:
    """Return what a client is told that has waited at a server which has begun all of so many streams."""
    text = f"its server.server_exit_limit is {in_all:,}, and so many have begun: raise it"
    return Refusal(Reason.BUSY, text, "server_exit_limit", f"{in_all:,}")
