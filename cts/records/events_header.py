"""What an events log says of its run before anything happens: its first line. ``docs/events.md`` defines it."""

from __future__ import annotations

from attrs import frozen

from cts.metrics.quality_of_outcome import Profile
from cts.protocol.frames import VerdictRule
from cts.protocol.plan import PlanError, StreamPlan
from cts.protocol.roles import Direction, Role
from cts.protocol.task import Verify
from cts.records.event_values import profile_read
from cts.records.json_lines import Fields, LineReader
from cts.records.log_file import Encoding
from cts.records.outcome_profiles import default_profile
from cts.records.provenance import Provenance, read_provenance

__all__ = ["RunHeader", "is_torn", "plan_written", "read_header", "read_plan", "read_plan_of_stream"]

_SCHEMAS = (1, 2)
_RULES = tuple(each.value for each in VerdictRule)
_ROLES = ("loopback", "server", "client")
_ENCODINGS: tuple[Encoding, ...] = ("utf-8", "utf-16")


@frozen(kw_only=True)
class RunHeader:
    """What a run was told.

    Attributes:
        schema: of its events.
        role: ``loopback``, ``server`` or ``client``.
        direction: which way frames went.
        verify: what its receivers did about wrong payloads.
        verdict: by what they judged frames; by their bytes where the log does not tell.
        plan: its streams' arithmetic.
        began_unix_ns: when it began, Unix time; 0 in a simulation.
        began_ns: the same in the run's clock; 0 where the log does not tell.
        status_interval_ns: how often it told its status; None where the log does not tell.
        seed: what was left to chance followed from it; None where the log does not tell.
        expected_streams: how many there were to be; 0 for no end.
        encoding: that of its logs.
        profile: what it was scored by; the default one where the log does not tell.
        provenance: what it was, and what ran it; None where the log does not tell.
        expected: what was expected of it, each as a user writes it.
    """

    schema: int
    role: str
    direction: Direction
    verify: Verify
    verdict: VerdictRule
    plan: StreamPlan
    began_unix_ns: int
    began_ns: int
    status_interval_ns: int | None
    seed: int | None
    expected_streams: int
    encoding: Encoding
    profile: Profile
    provenance: Provenance | None = None
    expected: tuple[str, ...] = ()

    @property
    def here(self) -> Role | None:
        """The part that its only side played; None where both were there."""
        return {"client": self.direction.client_role, "server": self.direction.server_role}.get(self.role)

    @property
    def measured(self) -> Role:
        """The part whose ends are measured, and by which a status is told."""
        return self.here or Role.RECEIVER

    def measures(self, role: Role) -> bool:
        """Tell whether ends of that part are measured: where one side is here, which may play both, all are."""
        return self.here is not None or role is Role.RECEIVER


def is_torn(line: str) -> bool:
    """Tell whether a line is what is left of one: the end of a log that was cut short."""
    return line[-1] != "\n" and not ('"run_ended"' in line and line.endswith("}"))


def read_header(reader: LineReader, fields: Fields) -> RunHeader:
    """Return what the first line says.

    Args:
        reader: has read it.
        fields: what it holds.

    Raises:
        UserError: it begins no events log of a schema that is known.
    """
    fields.one_of("event", ("run_began",))
    if fields.instant("time_ns"):
        raise reader.refused("has a 'time_ns' that is not 0")
    if (schema := fields.integer("schema")) not in _SCHEMAS:
        raise reader.refused(f"says schema {schema}")
    encoding = fields.text("encoding") if "encoding" in fields else _ENCODINGS[0]
    profile = fields.within_or_none("outcome_profile")
    return RunHeader(
        schema=schema,
        role=fields.one_of("role", _ROLES),
        direction=Direction(fields.one_of("direction", tuple(each.value for each in Direction))),
        verify=Verify(fields.one_of("verify", tuple(each.value for each in Verify))),
        verdict=VerdictRule(fields.one_of("verdict", _RULES)) if "verdict" in fields else VerdictRule.BYTES,
        plan=read_plan(fields),
        began_unix_ns=fields.unix_time("began_unix_ns"),
        began_ns=fields.instant("began_ns") if "began_ns" in fields else 0,
        status_interval_ns=fields.integer_or_none("status_interval_ns"),
        seed=fields.integer_or_none("seed"),
        expected_streams=fields.integer_or_none("expected_streams") or 0,
        encoding=next((each for each in _ENCODINGS if each == encoding), _ENCODINGS[0]),
        profile=default_profile() if profile is None else profile_read(profile),
        provenance=read_provenance(fields),
        expected=fields.texts("expect"),
    )


def plan_written(plan: StreamPlan) -> dict[str, object]:
    """Write a stream's arithmetic."""
    return {
        "bits_per_second": plan.bits_per_second,
        "frame_rate": plan.frame_rate.plain,
        "stream_length_ns": plan.stream_length_ns,
        "buffer_depth_ns": plan.buffer_depth_ns,
        "datagram_max_size": plan.datagram_max_size,
    }


def read_plan(fields: Fields) -> StreamPlan:
    """Read it.

    Raises:
        UserError: the numbers make no stream.
    """
    bits_per_second, frame_rate = fields.integer("bits_per_second"), fields.frame_rate("frame_rate")
    rest = [fields.integer(key) for key in ("stream_length_ns", "buffer_depth_ns", "datagram_max_size")]
    try:
        return StreamPlan(bits_per_second, frame_rate, *rest)
    except PlanError as error:
        raise fields.refused(f"describes no stream ({error})") from error


def read_plan_of_stream(fields: Fields) -> StreamPlan | None:
    """Read the arithmetic of a stream that begins; None for the run's."""
    inner = fields.within_or_none("plan")
    return None if inner is None else read_plan(inner)
