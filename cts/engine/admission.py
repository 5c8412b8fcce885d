"""The doors of a server: networks, rates and limits that whoever asks for a stream has to pass."""

from __future__ import annotations

from typing import Final

from attrs import define, field

from cts.api import Address, IDatagramEndpoint
from cts.engine.amplification import AmplificationLimit, UnprovenEndpoint
from cts.engine.contracts import IAdmission
from cts.engine.ip_networks import Networks, number_of
from cts.engine.population import Population
from cts.engine.refusals import DENIED, NOT_ALLOWED, beyond
from cts.engine.settings import AdmissionSettings
from cts.engine.token_buckets import TokenBuckets
from cts.protocol.control.limits import Caps
from cts.units import format_rate

__all__ = ["BURST_SECONDS", "REASONS", "Admission"]

BURST_SECONDS = 4
"""A rate of STARTs may be gone beyond at once by what it is in so many seconds: streams are begun together."""

_BUCKETS_AT_MOST = 16_384
"""Addresses whose rate is kept, at about 150 bytes each. One that gave way to others is as one never seen."""

_UNTRUSTED: Final = "START outside server.original_clients"
_KEYLESS: Final = "START without a key"
_TOO_OFTEN: Final = beyond("starts_per_second_per_address")
_TOO_MANY: Final = beyond("starts_per_second")
_BEYOND: Final = {
    name: beyond(name)
    for name in ("streams_per_address", "streams_per_network", "bits_per_second_per_address", "bits_per_second")
}
REASONS: Final = (DENIED, NOT_ALLOWED, _UNTRUSTED, _TOO_OFTEN, _TOO_MANY, *_BEYOND.values(), _KEYLESS)
"""All that :meth:`Admission.refusal` and :meth:`Admission.take` say."""


@define(eq=False)
class Admission(IAdmission):
    """Lets peers in as its settings say. What costs least, and nobody can use up for others, is asked first."""

    _settings: AdmissionSettings
    _own: Networks | None = field(init=False)
    _allowed: Networks | None = field(init=False)
    _denied: Networks | None = field(init=False)
    _trusted: Networks | None = field(init=False)
    _rates: TokenBuckets = field(init=False)
    _rate: TokenBuckets = field(init=False)
    _population: Population = field(init=False)
    _limit: AmplificationLimit = field(factory=AmplificationLimit, init=False)

    def __attrs_post_init__(self) -> None:
        settings = self._settings
        self._own = Networks(settings.own) if settings.own else None
        self._allowed = None if settings.allow is None else Networks(settings.allow)
        self._denied = Networks(settings.deny) if settings.deny else None
        self._trusted = None if settings.original_clients is None else Networks(settings.original_clients)
        each, together = settings.starts_per_second_per_address, settings.starts_per_second
        self._rates = TokenBuckets(each, each * BURST_SECONDS, _BUCKETS_AT_MOST)
        self._rate = TokenBuckets(together, together * BURST_SECONDS, 1)
        self._population = Population(settings.limits)

    def refusal(self, remote: Address, received_ns: int, *, proven: bool = False) -> str | None:
        """Look at where it comes from, then at how often."""
        number = number_of(remote.host)
        if not proven and self._settings.needs_key:
            return _KEYLESS
        if self._own is not None and number in self._own:
            return None
        if self._denied is not None and number in self._denied:
            return DENIED
        if self._allowed is not None and number not in self._allowed:
            return NOT_ALLOWED
        if not proven and self._trusted is not None and number not in self._trusted:
            return _UNTRUSTED
        if not self._rates.take(number, received_ns):
            return _TOO_OFTEN
        return None if self._rate.take(0, received_ns) else _TOO_MANY

    def take(self, remote: Address, bits_per_second: int, *, instead: bool = False) -> str | None:
        """Count a stream, unless it is one too many; those of the run itself are counted and never too many."""
        number = number_of(remote.host)
        if not instead and (self._own is None or number not in self._own):
            beyond = self._population.beyond(number, bits_per_second)
            if beyond is not None:
                return _BEYOND[beyond]
        self._population.add(number, bits_per_second)
        return None

    def give_back(self, remote: Address, bits_per_second: int) -> None:
        """Count it no more."""
        self._population.remove(number_of(remote.host), bits_per_second)
        self._limit.close(remote)

    def toward(self, remote: Address, endpoint: IDatagramEndpoint) -> IDatagramEndpoint:
        """Put the limit in front of it, unless the peer is the run's own."""
        own = self._own is not None and number_of(remote.host) in self._own
        return endpoint if own else UnprovenEndpoint(endpoint, self._limit)

    def came(self, remote: Address, size: int, datagrams: int) -> None:
        """Enter it."""
        self._limit.came(remote, size, datagrams)

    def may_answer(self, remote: Address, size: int) -> bool:
        """Spend it."""
        return self._limit.spend(remote, size)

    def caps_of(self, remote: Address) -> Caps:
        """Return those of the settings; the run's own peers have none."""
        own = self._own is not None and number_of(remote.host) in self._own
        return Caps() if own else self._settings.caps

    def limit(self, name: str) -> str:
        """Look it up in the settings."""
        settings = self._settings
        value: int = getattr(settings.limits if hasattr(settings.limits, name) else settings, name)
        return format_rate(value) if name.startswith("bits") else f"{value:,}"

    @property
    def held_back(self) -> int:
        """What was not sent."""
        return self._limit.held_back
