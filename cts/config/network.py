"""``[network]``: what the path between client and server does to datagrams, as a user writes it.

The keys stand in ``[network]`` for both ways, and in ``[network.to_client]`` and ``[network.to_server]`` for one, where they
override key by key. Each may be left out; None says that it was. ``docs/impairments.md`` defines what they mean,
``cts.config.network_rules`` which of them go together, ``cts.config.network_links`` what a link makes of them.
A table that takes the place of a number is a class here, whose name is the table's ``model``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from attrs import Factory, field, frozen
from cattrs.errors import AttributeValidationNote, ClassValidationError

from cts.config.delay_trace import DelayTrace
from cts.config.problems import KeyPath, Problem, shown
from cts.config.strict_hooks import CONVERTER
from cts.impairment.delay import MIN_SHAPE, PARETO_CAP_NS
from cts.impairment.link import MIN_MTU
from cts.impairment.profiles import profile as find_profile
from cts.units import Between, Duration, Rate, Size

__all__ = [
    "Bernoulli",
    "EveryNth",
    "GilbertElliott",
    "Latency",
    "LinkConfig",
    "Loss",
    "NetworkConfig",
    "Normal",
    "Outage",
    "Pareto",
    "Ranges",
    "Trace",
    "Uniform",
    "without_wrong_models",
]

Probability = Annotated[float, Between(0, 1)]
AtLeastOne = Annotated[int, Between(1)]
SomeTime = Annotated[Duration, Between(1)]


def _profile(name: str) -> None:
    """Refuse, with UnknownProfile, a name that no profile has; of a long one the beginning is told."""
    find_profile(name[:24])


def _ends(probability: float) -> None:
    if probability == 0.0:
        raise ValueError("0: a bad state that never ends; allowed: more than 0, and outages for a link that stays down")


ProfileName = Annotated[str, _profile]


@frozen
class Uniform:
    """``latency``: each nanosecond from low to high is as likely."""

    low: Duration
    high: Duration


@frozen
class Normal:
    """``latency``: Gaussian, what falls below 0 becoming 0; the same as latency and jitter."""

    mean: Duration
    sigma: Duration


@frozen
class Pareto:
    """``latency``: a heavy tail from a minimum on; ``scale`` is the minimum unless given."""

    minimum: Duration
    shape: Annotated[float, Between(MIN_SHAPE)]
    scale: SomeTime | None = None
    cap: Duration = field(default=Duration(PARETO_CAP_NS))


@frozen
class Trace:
    """``latency``: the delays of a file, one for each datagram, over and over."""

    file: DelayTrace


@frozen
class Bernoulli:
    """``loss``: each datagram by itself; the same as a number."""

    p: Probability


@frozen
class GilbertElliott:
    """``loss``: bursts. ``h`` and ``k`` are 1 - loss_bad and 1 - loss_good, as the literature has them."""

    p: Probability
    r: Annotated[Probability, _ends]
    loss_bad: Probability | None = None
    loss_good: Probability | None = None
    h: Probability | None = None
    k: Probability | None = None


@frozen
class EveryNth:
    """``loss``: datagrams n, 2n, 3n …"""

    n: AtLeastOne


@frozen
class Ranges:
    """``loss``: datagrams first to last of each range, both included, counted from 1."""

    ranges: tuple[tuple[AtLeastOne, AtLeastOne], ...]


@frozen
class Outage:
    """An item of ``outages``, with the keys ``from`` and ``to``: what is sent at from <= t < to is dropped."""

    begin: Duration
    end: Duration


Latency: TypeAlias = Duration | Uniform | Normal | Pareto | Trace
Loss: TypeAlias = Probability | Bernoulli | GilbertElliott | EveryNth | Ranges


@frozen
class LinkConfig:
    """The keys of one way, ``[network.to_client]`` or ``[network.to_server]``."""

    profile: ProfileName | None = None
    latency: Latency | None = None
    jitter: Duration | None = None
    keep_order: bool | None = None
    delay_hold: Duration | None = None
    loss: Loss | None = None
    duplicate: Probability | None = None
    reorder: Probability | None = None
    reorder_delay: SomeTime | None = None
    corrupt: Probability | None = None
    bandwidth: Annotated[Rate, Between(1)] | Literal["unlimited"] | None = None
    queue: Size | None = None
    mtu: Annotated[Size, Between(MIN_MTU)] | None = None
    outages: tuple[Outage, ...] | None = None


@frozen
class NetworkConfig(LinkConfig):
    """``[network]``: the keys of both ways, and what differs in one of them."""

    to_client: LinkConfig = Factory(LinkConfig)
    to_server: LinkConfig = Factory(LinkConfig)

    @property
    def is_set(self) -> bool:
        """Say whether any key is given; without one, the network does nothing to datagrams."""
        return self != NetworkConfig()

    def files(self) -> dict[str, Path]:
        """Return every file that was read, by its key in ``[network]``."""
        ways = (("", self), ("to_client.", self.to_client), ("to_server.", self.to_server))
        traces = ((table, keys.latency) for table, keys in ways)
        return {f"{table}latency.file": latency.file.path for table, latency in traces if isinstance(latency, Trace)}


def without_wrong_models(raw: Mapping[str, object], problems: Iterable[Problem]) -> Mapping[str, object]:
    """Copy what a TOML file held, leaving out the tables in place of a number in which something is wrong.

    They have keys that they need, so that with one of those wrong there would be no configuration to check the rest of.
    """
    for problem in problems:
        for at in (1, 2):
            if problem.path[0] == "network" and problem.path[at : at + 1] in (("latency",), ("loss",)):
                raw = _left_out(raw, problem.path[: at + 1])
    return raw


def _left_out(table: Mapping[str, object], path: KeyPath) -> Mapping[str, object]:
    head = str(path[0])
    inner = table.get(head)
    if len(path) > 1 and isinstance(inner, Mapping):
        return {**table, head: _left_out(inner, path[1:])}
    return {key: value for key, value in table.items() if key != head}


_OUTAGE_KEYS = 'a table of two times, such as {from = "10s", to = "12s"}'


def _structure_outage(value: object, _: object) -> Outage:
    """Read an outage; by hand, since ``from`` cannot be an attribute's name."""
    if not isinstance(value, Mapping):
        raise ValueError(f"{shown(value)} is not a table; allowed: {_OUTAGE_KEYS}")  # noqa: TRY004
    times: list[Duration] = []
    wrong: list[Exception] = []
    for key in ("from", "to", *sorted(value.keys() - {"from", "to"})):
        try:
            if key not in ("from", "to"):
                raise ValueError(f"unknown key; allowed: {_OUTAGE_KEYS}")
            if key not in value:
                raise ValueError("required key is missing")
            times.append(CONVERTER.structure(value[key], Duration))
        except ValueError as exc:
            exc.add_note(AttributeValidationNote(f"key {key}", key, Duration))
            wrong.append(exc)
    if wrong:
        raise ClassValidationError("bad outage", wrong, Outage)
    return Outage(*times)


CONVERTER.register_structure_hook(Outage, _structure_outage)
