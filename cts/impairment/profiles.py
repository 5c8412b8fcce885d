"""Named network profiles: paths that people recognise, with figures from publications.

``docs/impairments.md`` cites what each figure comes from, and says which ones are our own choice. A figure is one-way: where
a source gives a round-trip time it is divided between the two ways. Profiles describe one flow's share of a path, not the
worst or the best of its kind: override what you know better.
"""

from __future__ import annotations

from difflib import get_close_matches
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from attrs import frozen

from cts.impairment.delay import Delay, Normal, Pareto
from cts.impairment.link import Impairment
from cts.impairment.loss import Bernoulli, GilbertElliott, Loss

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PROFILES", "Profile", "profile"]

MS: Final = 1_000_000
KBIT: Final = 1_000
MBIT: Final = 1_000_000
KIB: Final = 1024


@frozen
class Profile:
    """A path: what it does towards the client and towards the server."""

    to_client: Impairment
    to_server: Impairment


def _access(delay: Delay, loss: Loss | None, bits_per_second: int, queue_bytes: int) -> Impairment:
    """Return a link whose rate is limited, as that of every access to the Internet is."""
    return Impairment(delay=delay, loss=loss, bandwidth_bits_per_second=bits_per_second, queue_bytes=queue_bytes)


def _both_ways(link: Impairment) -> Profile:
    return Profile(to_client=link, to_server=link)


PROFILES: Final[Mapping[str, Profile]] = MappingProxyType(
    {
        # Home or office Wi-Fi near its access point.
        "good-wifi": _both_ways(_access(Pareto(MS, 2.0, cap_ns=10 * MS), Bernoulli(0.0005), 100 * MBIT, 512 * KIB)),
        # Wi-Fi with busy air: heavy-tailed delay, losses in bursts.
        "congested-wifi": _both_ways(
            _access(Pareto(5 * MS, 1.3, cap_ns=100 * MS), GilbertElliott(p=0.004, r=0.3), 25 * MBIT, 512 * KIB)
        ),
        # 4G mobile broadband.
        "lte": Profile(
            _access(Normal(22 * MS, 4 * MS), Bernoulli(0.001), 21 * MBIT, 1024 * KIB),
            _access(Normal(32 * MS, 6 * MS), Bernoulli(0.001), 6_300 * KBIT, 512 * KIB),
        ),
        # 5G mid-band, non-standalone.
        "5g": Profile(
            _access(Normal(8 * MS, 2 * MS), Bernoulli(0.0005), 100 * MBIT, 2048 * KIB),
            _access(Normal(14 * MS, 3 * MS), Bernoulli(0.0005), 16 * MBIT, 1024 * KIB),
        ),
        # The preset of web tools: fast 3G, slow 4G.
        "3g": Profile(
            _access(Normal(75 * MS, 10 * MS), None, 1_600 * KBIT, 128 * KIB),
            _access(Normal(75 * MS, 10 * MS), None, 750 * KBIT, 64 * KIB),
        ),
        # Consumer Internet over a geostationary satellite.
        "satellite-geo": Profile(
            _access(Normal(320 * MS, 10 * MS), Bernoulli(0.001), 19 * MBIT, 1024 * KIB),
            _access(Normal(350 * MS, 20 * MS), Bernoulli(0.001), 3 * MBIT, 256 * KIB),
        ),
        # Consumer Internet over a low-orbit constellation.
        "satellite-leo": Profile(
            _access(Normal(20 * MS, 4 * MS), GilbertElliott(p=0.0025, r=0.25), 97 * MBIT, 1024 * KIB),
            _access(Normal(25 * MS, 4 * MS), GilbertElliott(p=0.0025, r=0.25), 13_900 * KBIT, 512 * KIB),
        ),
        # ADSL of the 7 to 15 Mbit/s tier, with its slow and deep uplink.
        "adsl": Profile(
            _access(Normal(19 * MS, MS), Bernoulli(0.001), 11_320 * KBIT, 256 * KIB),
            _access(Normal(19 * MS, MS), Bernoulli(0.001), MBIT, 80 * KIB),
        ),
        # Fibre to the home, 50/50 Mbit/s.
        "ftth": Profile(
            _access(Normal(5_780_000, 300_000), Bernoulli(0.0001), 55_410 * KBIT, 512 * KIB),
            _access(Normal(5_780_000, 300_000), Bernoulli(0.0001), 62_900 * KBIT, 512 * KIB),
        ),
        # Backbone between New York and London.
        "transatlantic": _both_ways(Impairment(delay=Normal(45 * MS, MS), loss=Bernoulli(0.0005), reorder=0.0002)),
        # Backbone across the Pacific, Los Angeles to Tokyo.
        "intercontinental": _both_ways(
            Impairment(delay=Normal(80 * MS, 2 * MS), loss=Bernoulli(0.001), reorder=0.0005)
        ),
    }
)
"""Every profile by name, in the order in which they are listed to users."""


def profile(name: str) -> Profile:
    """Return the profile called ``name``; raises ValueError with the likely one and all that there are."""
    found = PROFILES.get(name)
    if found is not None:
        return found
    close = get_close_matches(name[:24].lower().replace("_", "-").replace(" ", "-"), PROFILES, n=1, cutoff=0.5)
    meant = f" (did you mean {close[0]!r}?)" if close else ""
    raise ValueError(f"no network profile is called {name[:24]!r}{meant}; allowed: {', '.join(PROFILES)}")
