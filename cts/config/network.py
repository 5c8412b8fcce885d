"""``[network]``: what the path between client and server does to datagrams, as a user writes it.

The keys stand in ``[network]`` for both ways, and in ``[network.to_client]`` and ``[network.to_server]`` for one, where they
override key by key. Each may be left out; None says that it was. ``docs/impairments.md`` defines what they mean,
``cts.config.network_rules`` which of them go together, ``cts.config.network_links`` what a link makes of them.
A table that takes the place of a number is read into a class of ``cts.impairment``, whose name is the table's ``model``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from attrs import Factory, frozen

from cts.config.delay_trace import read_delays
from cts.config.problems import Problem, without
from cts.config.table_keys import Key, write_keys
from cts.impairment.delay import Normal, Pareto, Trace, Uniform
from cts.impairment.description import Probability
from cts.impairment.link import MIN_MTU
from cts.impairment.loss import Bernoulli, EveryNth, GilbertElliott, Ranges
from cts.impairment.profiles import profile as profile_named
from cts.units import Between, Duration, Rate, Size

__all__ = ["LinkConfig", "NetworkConfig", "Outage", "without_wrong_models"]

SomeTime = Annotated[Duration, Between(1)]


@frozen
class Outage:
    """An item of ``outages``, with the keys ``from`` and ``to``: what is sent at from <= t < to is dropped."""

    begin: Duration
    end: Duration


write_keys(Outage, **{"from": Key("begin", Duration, required=True), "to": Key("end", Duration, required=True)})
write_keys(Trace, file=Key("delays_ns", Path, read_delays, required=True))
write_keys(  # the letters of the literature
    GilbertElliott,
    h=Key("loss_bad", Probability, lambda h: 1 - h),
    k=Key("loss_good", Probability, lambda k: 1 - k),
)
Latency: TypeAlias = Duration | Uniform | Normal | Pareto | Trace
Loss: TypeAlias = Probability | Bernoulli | GilbertElliott | EveryNth | Ranges


@frozen
class LinkConfig:
    """The keys of one way, ``[network.to_client]`` or ``[network.to_server]``."""

    profile: Annotated[str, profile_named] | None = None
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
        """Tell whether any key is given; without one, the network does nothing to datagrams."""
        return self != NetworkConfig()


def without_wrong_models(raw: Mapping[str, object], problems: Iterable[Problem]) -> Mapping[str, object]:
    """Copy what a TOML file held, leaving out the tables in place of a number in which something is wrong.

    They have keys that they need, so that with one of those wrong there would be no configuration to check the rest of.
    """
    for problem in problems:
        for at in (1, 2):
            if problem.path[:1] == ("network",) and problem.path[at : at + 1] in (("latency",), ("loss",)):
                raw = without(raw, problem.path[: at + 1])
    return raw
