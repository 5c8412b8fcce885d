"""Profiles are held to what their sources say and to the table in the documentation, figure by figure."""

import re
from decimal import Decimal
from pathlib import Path

import pytest
from attrs import evolve

from cts.impairment.delay import Delay, Normal, Pareto
from cts.impairment.link import Impairment
from cts.impairment.loss import Bernoulli, GilbertElliott, Loss
from cts.impairment.profiles import PROFILES
from cts.units import parse_duration_ns, parse_rate, parse_size

PAGE = (Path(__file__).parents[2] / "docs" / "impairments.md").read_text(encoding="utf-8")
HEAD = "| profile | towards the client | towards the server |"
TABLE = PAGE.partition(HEAD)[2].partition("\n\n")[0]
CELLS = re.findall(r"^\| `([\w-]+)` \|" + r" (.+?) \|" * 5 + "$", TABLE, re.MULTILINE)
ROWS = {name: (down, up) for name, down, up, *_ in CELLS}
CITED = {name: re.findall(r"\[(\d+)\]", sourced) for name, _, _, sourced, _, _ in CELLS}
SOURCES = {
    number: " ".join(text.split()) for number, text in re.findall(r"^(\d+)\. (.+(?:\n   .+)*)", PAGE, re.MULTILINE)
}
"""The publications below the table, by their number."""


def found(pattern: str, cell: str) -> str:
    match = re.search(pattern, cell)
    return match[1] if match else ""


def share(percent: str) -> float:
    return float(Decimal(percent or 0) / 100)


def delay_in(cell: str) -> Delay:
    if minimum := found("Pareto (.+?),", cell):
        shape, cap = float(found("shape ([0-9.]+)", cell)), parse_duration_ns(found("cap (.+? ms)", cell))
        return Pareto(parse_duration_ns(minimum), shape, cap_ns=cap)
    mean, sigma = found("normal ([0-9.]+) ±", cell), found("± ([0-9.]+)", cell)
    return Normal(parse_duration_ns(f"{mean} ms"), parse_duration_ns(f"{sigma} ms"))


def loss_in(cell: str) -> Loss | None:
    if percent := found("loss ([0-9.]+) %", cell):
        return Bernoulli(share(percent))
    if p := found("Gilbert p ([0-9.]+)", cell):
        return GilbertElliott(float(p), float(found(", r ([0-9.]+)", cell)))
    return None


def link_in(cell: str, other: Impairment | None = None) -> Impairment:
    """Return the link that a cell of the table describes; ``other`` is that of the cell before, for "the same"."""
    rate, queue = found("([0-9.]+ [kM]bit/s)", cell), found("([0-9.]+ [KM]iB)", cell)
    if cell.startswith("the same"):
        assert other is not None
        return evolve(other, bandwidth_bits_per_second=int(parse_rate(rate))) if rate else other
    return Impairment(
        delay=delay_in(cell),
        loss=other.loss if other is not None and "the same loss" in cell else loss_in(cell),
        reorder=share(found("reorder ([0-9.]+) %", cell)),
        bandwidth_bits_per_second=parse_rate(rate) if rate else None,
        queue_bytes=parse_size(queue) if queue else None,
    )


def test_the_documentation_has_a_row_for_every_profile_in_their_order() -> None:
    assert list(ROWS) == list(PROFILES)


@pytest.mark.parametrize(("name", "down", "up", "sourced", "chosen", "stands_for"), CELLS, ids=ROWS)
def test_every_profile_cites_its_sources_and_says_what_is_chosen_and_what_it_stands_for(
    name: str, down: str, up: str, sourced: str, chosen: str, stands_for: str
) -> None:
    assert CITED[name]
    assert set(CITED[name]) <= SOURCES.keys()
    assert len(chosen) > len("queues")
    assert len(stands_for) > len("broadband")


def test_every_source_is_a_publication_that_can_be_found_and_is_cited() -> None:
    assert sorted({each for cited in CITED.values() for each in cited}, key=int) == list(SOURCES)
    addresses = {number: re.findall("<https://[^ >]+>", text) for number, text in SOURCES.items()}
    in_print = {"5": "3GPP TS 23.203", "6": "Rohde & Schwarz, stories and insights, article 255963 (2022)"}
    assert [number for number, found in addresses.items() if not found] == list(in_print)
    assert all(text in SOURCES[number] for number, text in in_print.items())


@pytest.mark.parametrize("name", ROWS)
def test_a_profile_is_what_the_documentation_says(name: str) -> None:
    down, up = ROWS[name]
    to_client = link_in(down)
    assert (PROFILES[name].to_client, PROFILES[name].to_server) == (to_client, link_in(up, to_client))


@pytest.mark.parametrize(
    ("name", "percent", "burst"), [("congested-wifi", Decimal("1.3"), 3.3), ("satellite-leo", Decimal(1), 4.0)]
)
def test_losses_in_bursts_come_to_the_share_and_the_length_that_are_documented(
    name: str, percent: Decimal, burst: float
) -> None:
    loss = PROFILES[name].to_client.loss
    assert isinstance(loss, GilbertElliott)
    assert f"({percent} % in bursts of {burst:g})" in ROWS[name][0]
    assert round(rate_of(loss), 3) == share(str(percent))
    assert round(1 / loss.r, 1) == burst


def rate_of(loss: Loss | None) -> float:
    """Return the share of datagrams that a profile's loss takes in the long run."""
    if isinstance(loss, GilbertElliott):
        return (loss.p * loss.loss_bad + loss.r * loss.loss_good) / (loss.p + loss.r)
    return loss.p if isinstance(loss, Bernoulli) else 0


MBIT = 1e6


@pytest.mark.parametrize(
    ("name", "down", "up"),
    [
        ("lte", (21, 21.3), (6.3, 6.3)),
        ("5g", (71, 186), (12.1, 17.9)),
        ("3g", (1.6, 1.6), (0.75, 0.75)),
        ("satellite-geo", (18, 20), (2.4, 3.4)),
        ("satellite-leo", (97, 97.23), (13.89, 13.9)),
        ("adsl", (11.32, 11.32), (1, 1)),
        ("ftth", (55.41, 55.41), (62.9, 62.9)),
    ],
)
def test_a_profile_has_the_rates_that_its_source_measured(
    name: str, down: tuple[float, float], up: tuple[float, float]
) -> None:
    entry = PROFILES[name]
    for link, (low, high) in ((entry.to_client, down), (entry.to_server, up)):
        assert link.bandwidth_bits_per_second is not None
        assert low <= link.bandwidth_bits_per_second / MBIT <= high


@pytest.mark.parametrize(
    ("name", "low", "high", "source", "says"),
    [
        ("lte", 0.001, 0.001, "5", "3GPP TS 23.203, table 6.1.7, QCI 7: packet error loss rate 10⁻³"),
        ("5g", 0.0005, 0.0005, "5", "QCI 7: packet error loss rate 10⁻³"),  # half of it, by our choice
        ("3g", 0, 0, "8", "no loss"),
        ("satellite-leo", 0.0095, 0.02, "12", "1 to 2 % loss unrelated to congestion"),
    ],
)
def test_a_profile_loses_what_its_source_says(name: str, low: float, high: float, source: str, says: str) -> None:
    entry = PROFILES[name]
    assert f"[{source}]" in next(line for line in TABLE.splitlines() if f"`{name}`" in line)
    assert says in SOURCES[source]
    for link in (entry.to_client, entry.to_server):
        assert low <= rate_of(link.loss) <= high
