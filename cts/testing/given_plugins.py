"""The plugins of a simulation in process: installed ones by name, or classes and functions that a test has at hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from attrs import evolve, frozen

from cts.api import IConnectedSocketFactory, ISender, StreamPlan
from cts.config import Config, structure_options
from cts.config.tables import ConnectedSocketConfig, SenderConfig
from cts.plugin.choice import choose_plugins
from cts.plugin.contract import class_faults, options_faults
from cts.plugin.guard import GuardedFactory, GuardedSender

__all__ = ["FactoryGiven", "GivenPlugins", "SenderGiven"]

SenderGiven: TypeAlias = str | type[ISender] | Callable[[StreamPlan], ISender] | None
"""An installed sender's name, a class, or a function that makes one from a plan; None for what the configuration names."""
FactoryGiven: TypeAlias = (
    str | type[IConnectedSocketFactory] | Callable[[], IConnectedSocketFactory] | IConnectedSocketFactory | None
)
"""An installed factory's name, a class, what makes one, or one that is made; None for what the configuration names."""


@frozen
class GivenPlugins:
    """What a simulation is run with.

    Attributes:
        make_sender: makes the sender of a stream.
        factory: the factory of the run, to be closed at its end.
    """

    make_sender: Callable[[StreamPlan], ISender]
    factory: IConnectedSocketFactory

    @classmethod
    def of(cls, config: Config, source: str, sender: SenderGiven, factory: FactoryGiven) -> GivenPlugins:
        """Load, check and guard the plugins; a class is given the options that the configuration has for it.

        Raises:
            TypeError: something that was given is neither a plugin nor makes one.
            UserError: a name or an option is wrong.
        """
        wanted = config
        if isinstance(sender, str):
            wanted = evolve(wanted, sender=evolve(config.sender, strategy=sender))
        elif sender is not None:
            wanted = evolve(wanted, sender=SenderConfig())
        if isinstance(factory, str):
            wanted = evolve(wanted, connected_socket=evolve(config.connected_socket, factory=factory))
        elif factory is not None:
            wanted = evolve(wanted, connected_socket=ConnectedSocketConfig())
        chosen = choose_plugins(wanted, source)
        make_sender: Callable[[StreamPlan], ISender] = chosen.make_sender
        if sender is not None and not isinstance(sender, str):
            make_sender = _maker_of(sender, config.sender.options, source)
        if factory is None or isinstance(factory, str):
            return cls(make_sender, chosen.make_factory())
        return cls(make_sender, _factory_of(factory, config.connected_socket.options, source))


def _maker_of(
    sender: type[ISender] | Callable[[StreamPlan], ISender], values: dict[str, object], source: str
) -> Callable[[StreamPlan], ISender]:
    make: Callable[[object, StreamPlan], ISender]
    options = None
    if isinstance(sender, type):
        options = _options_of(sender, ISender, values, "sender.options", source)
        make = sender
    elif isinstance(sender, ISender) or not callable(sender):
        raise TypeError(f"sender is {sender!r}; each stream has a sender of its own: give the class, or what makes one")
    else:
        make = _checking(sender)
    label = f"sender {getattr(sender, '__name__', repr(sender))!r}"
    return lambda plan: GuardedSender(options, plan, cls=make, label=label)


def _checking(function: Callable[[StreamPlan], ISender]) -> Callable[[object, StreamPlan], ISender]:
    def make(_options: object, plan: StreamPlan) -> ISender:
        made = function(plan)
        if not isinstance(made, ISender):
            raise TypeError(f"{made!r} was made, which is no ISender")
        return made

    return make


def _factory_of(
    factory: type[IConnectedSocketFactory] | Callable[[], IConnectedSocketFactory] | IConnectedSocketFactory,
    values: dict[str, object],
    source: str,
) -> IConnectedSocketFactory:
    made: object = factory
    if isinstance(factory, type):
        made = factory(_options_of(factory, IConnectedSocketFactory, values, "connected_socket.options", source))
    elif not isinstance(factory, IConnectedSocketFactory) and callable(factory):
        made = factory()
    if not isinstance(made, IConnectedSocketFactory):
        raise TypeError(f"factory is {made!r}; an IConnectedSocketFactory is wanted, its class, or what makes one")
    return GuardedFactory(made, f"connected-socket factory {type(made).__name__!r}")


def _options_of(plugin: type, contract: type, values: dict[str, object], table: str, source: str) -> object:
    if faults := class_faults(plugin, contract) or options_faults(plugin):
        raise TypeError("; ".join(faults))
    return structure_options(getattr(plugin, "options", None), values, table, source, {})
