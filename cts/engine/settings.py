"""What a session is told to run, as values."""

from __future__ import annotations

from random import Random

from attrs import field, frozen

from cts.api import Role, StreamPlan, VerdictRule, Verify
from cts.chance import stream_random
from cts.engine.ip_networks import LOCAL_NETWORKS
from cts.engine.population import PopulationLimits
from cts.metrics.quality_of_outcome import Profile
from cts.protocol.control.client import HandshakeMode
from cts.protocol.control.limits import Caps
from cts.protocol.control.pinging import PING_INTERVAL_NS, Pace
from cts.protocol.roles import Direction
from cts.records.outcome_profiles import default_profile
from cts.units import MILLISECOND

__all__ = ["AdmissionSettings", "ClientSettings", "ServerSettings", "SessionSettings"]

_PER_STREAM_NS = 2 * MILLISECOND
"""From one PING to the next, of all streams of a process together: 500 a second, each some 0.1 ms of either end's time."""


@frozen(kw_only=True)
class AdmissionSettings:
    """Who may ask a server for a stream, and how much anybody may have. Networks are numeric, in the usual notation.

    Attributes:
        own: where the run's own clients are, to whom nothing of this applies.
        allow: who may ask; None for everybody.
        deny: who may not, allowed or not.
        original_clients: whose START is answered, which shows nothing of who sent it; None for everybody's.
        starts_per_second_per_address, starts_per_second: how often one may ask, of an address and in all.
        limits: how much they may have.
        caps: what one stream that is asked for by HELLO may be; START asks for the run's own.
        needs_key: whether nobody is served who shows no key, as START cannot.
    """

    own: tuple[str, ...] = ()
    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()
    original_clients: tuple[str, ...] | None = LOCAL_NETWORKS
    starts_per_second_per_address: int = 1000
    starts_per_second: int = 10_000
    limits: PopulationLimits = field(factory=PopulationLimits)
    caps: Caps = field(factory=Caps)
    needs_key: bool = False


@frozen(kw_only=True)
class ServerSettings:
    """A server's population.

    Attributes:
        accept_limit: accepting slots kept open.
        connection_limit: streams at once.
        exit_limit: streams to serve before leaving; 0 for no end.
        peer_gone_after_ns: how long the network may say that a peer cannot be reached, until the stream that is sent to it
            ends; None for as long as it lasts.
        admission: who may ask.
    """

    accept_limit: int = 100
    connection_limit: int = 4096
    exit_limit: int = 0
    peer_gone_after_ns: int | None = None
    admission: AdmissionSettings = field(factory=AdmissionSettings)


@frozen(kw_only=True)
class ClientSettings:
    """A client's population.

    Attributes:
        connections: streams at once.
        iterations: how often each place is filled; 0 for no end.
        start_spread_ns: over how long the first streams begin, evenly.
        handshake: how they begin.
    """

    connections: int = 1
    iterations: int = 1
    start_spread_ns: int = 0
    handshake: HandshakeMode = HandshakeMode.ORIGINAL


@frozen(kw_only=True)
class SessionSettings:
    """What one session runs: a server, a client, or both.

    Attributes:
        direction: which way frames go.
        plan: the streams' arithmetic.
        verify: what receivers do about wrong payloads.
        verdict: by what they judge frames.
        measured_at_once: how many of those that run at the same time have media metrics.
        profile: what those are scored by.
        server, client: the sides that are here, and their populations.
        status_interval_ns: how often the observer is told a status.
        grace_ns: how long streams may go on after a stop.
        time_limit_ns: when the session ends at the latest; None for no limit.
        is_closed: whether all peers are of the same run, and so have its settings.
        seed: what senders leave to chance follows from it.
        first_number, number_step: how streams are numbered over all processes of the run, for their chance.
    """

    direction: Direction
    plan: StreamPlan
    verify: Verify = Verify.DATA
    verdict: VerdictRule = VerdictRule.DISTINCT
    measured_at_once: int = 256
    profile: Profile = field(factory=default_profile)
    server: ServerSettings | None = None
    client: ClientSettings | None = None
    status_interval_ns: int
    grace_ns: int
    time_limit_ns: int | None = None
    is_closed: bool = False
    seed: int = 0
    first_number: int = 1
    number_step: int = 1

    def random_of(self, number: int) -> Random:
        """Return the generator of the session's own stream ``number``, from 1."""
        return stream_random(self.seed, self.first_number + (number - 1) * self.number_step)

    def pace_of(self, role: Role, number: int, open_now: int) -> Pace:
        """Return how often the end of the session's own stream ``number`` with that role says what to its peer.

        Args:
            role: of the end.
            number: of the stream, from 1.
            open_now: how many streams run beside it: of many, each asks less often.
        """
        of_run = self.first_number + (number - 1) * self.number_step
        return Pace(
            jitter=stream_random(self.seed, of_run, f"talk of {role.value}").random,
            ping_interval_ns=max(PING_INTERVAL_NS, open_now * _PER_STREAM_NS),
            counts_interval_ns=max(self.status_interval_ns, open_now * _PER_STREAM_NS),
        )

    @property
    def role(self) -> str:
        """The run's role, by the name that configurations and reports have for it."""
        if self.server is not None and self.client is not None:
            return "loopback"
        return "client" if self.server is None else "server"

    @property
    def measured_role(self) -> Role:
        """The part whose streams are reported: the receiver's where both sides are here."""
        if self.role == "loopback":
            return Role.RECEIVER
        return self.direction.client_role if self.server is None else self.direction.server_role
