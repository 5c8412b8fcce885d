"""Where bytes were lost, as JSON and in words."""

from __future__ import annotations

from attrs import asdict

from cts.metrics.loss import LossByPlace
from cts.output.figures import percentage
from cts.protocol.roles import Role
from cts.records.results import RunReport
from cts.records.stream_results import StreamEnds

__all__ = ["loss_json", "loss_rows", "loss_texts", "places_json", "stream_loss_json"]

_PLACES = {
    "not_sent": "not sent",
    "sent_late": "sent too late",
    "on_the_way": "lost on the way",
    "not_sent_or_on_the_way": "not sent or lost on the way",
    "early": "too early for the buffer",
    "late": "too late",
}


def loss_json(report: RunReport) -> dict[str, int | None]:
    """Return the bytes of a run by place; None for what is not known where only one side is here."""
    loss = report.loss
    if Role.RECEIVER not in report.roles:
        return {
            **dict.fromkeys(places_json(loss, both=True)),
            "due": loss.due,
            "not_sent": loss.not_sent,
            "kernel_at_most": None,
        }
    received = [stream for stream in report.streams if stream.end.role is Role.RECEIVER]
    all_here = report.role == "loopback" and all(stream.counted for stream in received)
    both = all_here or any(stream.knows_both for stream in received)
    return {**places_json(loss, both=both), "kernel_at_most": loss.kernel_at_most(report.snapshot.overflowed)}


def stream_loss_json(stream: StreamEnds) -> dict[str, int | None] | None:
    """Return the bytes of a stream by place; None where no end received them."""
    loss = stream.loss
    return None if loss is None else places_json(loss, both=stream.knows_both)


def places_json(loss: LossByPlace, *, both: bool) -> dict[str, int | None]:
    """Return bytes by place; None for what is not known unless both ends are."""
    figures: dict[str, int | None] = {"due": loss.due, "on_time": loss.on_time, "missing": loss.missing}
    unknown = () if both else ("not_sent", "on_the_way")
    counts = asdict(loss)
    return figures | {place: None if place in unknown else counts[place] for place in _PLACES}


def loss_rows(report: RunReport) -> list[tuple[str, str]]:
    """Return where bytes were lost, as a row; none where nothing was missing, or this run received nothing."""
    loss = report.loss
    if Role.RECEIVER not in report.roles or not loss.missing:
        return []
    text = loss_texts(loss)
    if in_kernel := loss.kernel_at_most(report.snapshot.overflowed):
        text += f", up to {percentage(in_kernel, loss.due)} of it dropped by this host's kernel"
    if report.streams_omitted and {Role.SENDER, Role.RECEIVER} <= report.roles and report.role == "server":
        # What was due of those that were forgotten is told together with what was sent.
        text += f" (of the {len(report.streams):,} streams that ended last)"
    return [("missing", text)]


def loss_texts(loss: LossByPlace) -> str:
    """Write how much is missing, and where it was lost."""
    counts = asdict(loss)
    texts = [f"{percentage(counts[place], loss.due)} {text}" for place, text in _PLACES.items() if counts[place]]
    return f"{percentage(loss.missing, loss.due)} of the bytes due: {', '.join(texts)}"
