"""Named network profiles: paths that people recognise, each with the publication its figures come from.

A figure is one-way. Where a source gives a round-trip time it is divided between the directions; where it
gives a range, or nothing, the choice is ours and ``source`` says so. Profiles describe one flow's share of a
path, not the worst or the best of its kind: override what you know better.
"""

from __future__ import annotations

from difflib import get_close_matches
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from attrs import frozen

from cts.errors import UserError
from cts.impairment.delay import Normal, Pareto
from cts.impairment.link import Impairment
from cts.impairment.loss import Bernoulli, GilbertElliott

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PROFILES", "Profile", "UnknownProfile", "profile"]

MS: Final = 1_000_000
MBIT: Final = 1_000_000
KIB: Final = 1024


@frozen(kw_only=True)
class Profile:
    """A path by name: what it does towards the client and towards the server."""

    name: str
    summary: str
    to_client: Impairment
    to_server: Impairment
    source: str
    """Publications with addresses, and which figures are our own choice."""


class UnknownProfile(UserError, ValueError):
    """There is no profile of that name; the text names those that there are."""


GOOD_WIFI: Final = Impairment(
    delay=Pareto(MS, 2.0, cap_ns=10 * MS),
    loss=Bernoulli(0.0005),
    bandwidth_bits_per_second=100 * MBIT,
    queue_bytes=512 * KIB,
)
CONGESTED_WIFI: Final = Impairment(
    delay=Pareto(5 * MS, 1.3, cap_ns=100 * MS),
    loss=GilbertElliott(p=0.004, r=0.3),
    bandwidth_bits_per_second=25 * MBIT,
    queue_bytes=512 * KIB,
)
TRANSATLANTIC: Final = Impairment(delay=Normal(45 * MS, MS), loss=Bernoulli(0.0005), reorder=0.0002)
INTERCONTINENTAL: Final = Impairment(delay=Normal(80 * MS, 2 * MS), loss=Bernoulli(0.001), reorder=0.0005)

VERIZON_SLA: Final = "https://www.verizon.com/business/terms/asiapac/sg/colocation/"
FCC_2016: Final = (
    "FCC, 2016 Measuring Broadband America, as tabled at https://www.verizon.com/about/our-company/network-performance"
)

ALL: Final = (
    Profile(
        name="good-wifi",
        summary="home or office Wi-Fi near its access point",
        to_client=GOOD_WIFI,
        to_server=GOOD_WIFI,
        source="K. Sui et al., Characterizing and Improving WiFi Latency in Large-Scale Operational Networks, "
        "MobiSys 2016, https://doi.org/10.1145/2906388.2906393: median 3 ms, 90th percentile about 20 ms. Half of the "
        "median each way; capped at half of the 90th percentile. Loss, rate and queue are our choice.",
    ),
    Profile(
        name="congested-wifi",
        summary="Wi-Fi with busy air: heavy-tailed delay, losses in bursts",
        to_client=CONGESTED_WIFI,
        to_server=CONGESTED_WIFI,
        source="C. Pei et al., WiFi can be the weakest link of round trip network latency in the wild, INFOCOM 2016 "
        "(abstract: https://paperexplained.cn/articles/paper/detail/aadd9fa14b6597dd00f5d77157bad602709f7d33): more "
        "than half of the packets above 20 ms, a tenth above 100 ms; the tail is fitted to half of each. Losses in "
        "bursts: 802.11g packet-loss behavior at high sustained bit rates in the home "
        "(https://paperexplained.cn/articles/paper/detail/cdc2da1b79d2fc8d020b8482d9035cebaa77a133). Loss of 1.3 % in "
        "bursts of 3.3, cap, rate and queue are our choice.",
    ),
    Profile(
        name="lte",
        summary="4G mobile broadband",
        to_client=Impairment(
            delay=Normal(22 * MS, 4 * MS),
            loss=Bernoulli(0.001),
            bandwidth_bits_per_second=21 * MBIT,
            queue_bytes=1024 * KIB,
        ),
        to_server=Impairment(
            delay=Normal(32 * MS, 6 * MS),
            loss=Bernoulli(0.001),
            bandwidth_bits_per_second=6_300_000,
            queue_bytes=512 * KIB,
        ),
        source="Opensignal, State of Mobile Networks: USA, July 2018, "
        "https://www.opensignal.com/reports/2018/07/usa/state-of-the-mobile-network: 54.1 ms round trip on the best "
        "network; State of Mobile: USA, May 2019, "
        "https://www.opensignal.com/2019/05/31/state-of-mobile-usa-quantifying-the-bar-for-5g-to-beat: 21.3 Mbit/s "
        "down, 6.3 Mbit/s up, 44 to 66 ms. Loss is the bound of 3GPP TS 23.203, table 6.1.7, QCI 7: 10^-3. The uneven "
        "division of the round trip, jitter and queues are our choice.",
    ),
    Profile(
        name="5g",
        summary="5G mid-band, non-standalone",
        to_client=Impairment(
            delay=Normal(8 * MS, 2 * MS),
            loss=Bernoulli(0.0005),
            bandwidth_bits_per_second=100 * MBIT,
            queue_bytes=2048 * KIB,
        ),
        to_server=Impairment(
            delay=Normal(14 * MS, 3 * MS),
            loss=Bernoulli(0.0005),
            bandwidth_bits_per_second=16 * MBIT,
            queue_bytes=1024 * KIB,
        ),
        source="M. Kottkamp, 5G NR and LTE latency analysis in a public network, Rohde & Schwarz stories and insights, "
        "article 255963, 2022: one way under 7 ms down at best, about 18 ms up at worst. Opensignal, USA 5G Experience, "
        "January 2023, https://rcrwireless.com/20230130/featured/opensignal-declares-t-mo-us-fastest-5g-carrier-again: "
        "71 to 186 Mbit/s down, 12.1 to 17.9 Mbit/s up. Delays and rates are our choice within these; jitter, loss "
        "(half the 10^-3 of QCI 7) and queues are our choice.",
    ),
    Profile(
        name="3g",
        summary="the preset of web tools: fast 3G, slow 4G",
        to_client=Impairment(
            delay=Normal(75 * MS, 10 * MS), bandwidth_bits_per_second=1_600_000, queue_bytes=128 * KIB
        ),
        to_server=Impairment(delay=Normal(75 * MS, 10 * MS), bandwidth_bits_per_second=750_000, queue_bytes=64 * KIB),
        source="Lighthouse, docs/throttling.md, "
        "https://github.com/GoogleChrome/lighthouse/blob/main/docs/throttling.md: 150 ms, 1.6 Mbit/s down, 750 kbit/s "
        "up, no loss. Jitter and queues are our choice.",
    ),
    Profile(
        name="satellite-geo",
        summary="consumer Internet over a geostationary satellite",
        to_client=Impairment(
            delay=Normal(320 * MS, 10 * MS),
            loss=Bernoulli(0.001),
            bandwidth_bits_per_second=19 * MBIT,
            queue_bytes=1024 * KIB,
        ),
        to_server=Impairment(
            delay=Normal(350 * MS, 20 * MS),
            loss=Bernoulli(0.001),
            bandwidth_bits_per_second=3 * MBIT,
            queue_bytes=256 * KIB,
        ),
        source="RFC 2488, section 2, https://www.rfc-editor.org/rfc/rfc2488: 239.6 to 279.0 ms of propagation one way. "
        "Ookla, Q2 2021, https://www.ookla.com/articles/starlink-hughesnet-viasat-performance-q2-2021: medians of 18 "
        "and 20 Mbit/s down, 2.4 and 3.4 Mbit/s up; 630 and 724 ms round trip, https://rcrwireless.com/20210804/"
        "carriers/nice-link-if-you-can-get-it-starlink-outpaces-other-satellite-providers-and-sometimes-even-fixed-"
        "broadband. Division of the round trip, jitter, loss and queues are our choice.",
    ),
    Profile(
        name="satellite-leo",
        summary="consumer Internet over a low-orbit constellation",
        to_client=Impairment(
            delay=Normal(20 * MS, 4 * MS),
            loss=GilbertElliott(p=0.0025, r=0.25),
            bandwidth_bits_per_second=97 * MBIT,
            queue_bytes=1024 * KIB,
        ),
        to_server=Impairment(
            delay=Normal(25 * MS, 4 * MS),
            loss=GilbertElliott(p=0.0025, r=0.25),
            bandwidth_bits_per_second=13_900_000,
            queue_bytes=512 * KIB,
        ),
        source="Ookla, Q2 2021 (address above, satellite-geo): medians of 97.23 Mbit/s down, 13.89 Mbit/s up, 45 ms "
        "round trip. G. Huston, A transport protocol's view of Starlink, 2024, "
        "https://blog.apnic.net/2024/05/17/a-transport-protocols-view-of-starlink/: 6.7 ms between successive round "
        "trips (two directions of 4 ms each give 6.4 ms), 1 to 2 % loss without congestion. Bursts of 4, "
        "the division of the round trip and queues are our choice; the jump at each 15 s handover is not modelled.",
    ),
    Profile(
        name="adsl",
        summary="ADSL of the 7 to 15 Mbit/s tier, with its slow and deep uplink",
        to_client=Impairment(
            delay=Normal(19 * MS, MS),
            loss=Bernoulli(0.001),
            bandwidth_bits_per_second=11_320_000,
            queue_bytes=256 * KIB,
        ),
        to_server=Impairment(
            delay=Normal(19 * MS, MS), loss=Bernoulli(0.001), bandwidth_bits_per_second=MBIT, queue_bytes=80 * KIB
        ),
        source=f"{FCC_2016}: 11.32 Mbit/s down in the tier with 1 Mbit/s up; 37 to 40 ms round trip over the DSL tiers. "
        "M. Dischinger et al., Characterizing Residential Broadband Networks, IMC 2007, "
        "https://conferences.sigcomm.org/imc/2007/papers/imc137.pdf: upstream queues of 600 ms and more, as here. "
        "Jitter, loss and the downstream queue are our choice.",
    ),
    Profile(
        name="ftth",
        summary="fibre to the home, 50/50 Mbit/s",
        to_client=Impairment(
            delay=Normal(5_780_000, 300_000),
            loss=Bernoulli(0.0001),
            bandwidth_bits_per_second=55_410_000,
            queue_bytes=512 * KIB,
        ),
        to_server=Impairment(
            delay=Normal(5_780_000, 300_000),
            loss=Bernoulli(0.0001),
            bandwidth_bits_per_second=62_900_000,
            queue_bytes=512 * KIB,
        ),
        source=f"{FCC_2016}: 55.41 Mbit/s down, 62.90 Mbit/s up, 11.56 ms round trip. Jitter, loss and queues are our "
        "choice.",
    ),
    Profile(
        name="transatlantic",
        summary="backbone between New York and London",
        to_client=TRANSATLANTIC,
        to_server=TRANSATLANTIC,
        source=f"Verizon's service level, {VERIZON_SLA}: 90 ms round trip or less, half of it each way. Jitter, loss "
        "and reordering are our choice.",
    ),
    Profile(
        name="intercontinental",
        summary="backbone across the Pacific, Los Angeles to Tokyo",
        to_client=INTERCONTINENTAL,
        to_server=INTERCONTINENTAL,
        source=f"Verizon's service level, {VERIZON_SLA}: 160 ms round trip or less, half of it each way. Jitter, loss "
        "and reordering are our choice.",
    ),
)

PROFILES: Final[Mapping[str, Profile]] = MappingProxyType({entry.name: entry for entry in ALL})
"""Every profile by name, in the order in which they are listed to users."""


def profile(name: str) -> Profile:
    """Return the profile called ``name``.

    Raises UnknownProfile with the likely one and all that there are.
    """
    found = PROFILES.get(name)
    if found is not None:
        return found
    close = get_close_matches(name.lower().replace("_", "-").replace(" ", "-"), PROFILES, n=1, cutoff=0.5)
    meant = f" (did you mean {close[0]!r}?)" if close else ""
    raise UnknownProfile(f"no network profile is called {name!r}{meant}; there are {', '.join(PROFILES)}")
