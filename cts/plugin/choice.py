"""The plugins that a configuration names, loaded, with their options, ready to make what a run needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias, TypeVar

from attrs import frozen

from cts.api import IConnectedSocketFactory, ISender, StreamPlan
from cts.config import Config, structure_options
from cts.config.toml_source import origin_text, origins_of
from cts.errors import ConfigError, PluginError, UserError, tell_together
from cts.plugin.guard import GuardedFactory, GuardedSender
from cts.plugin.registry import LoadedPlugin, Plugins, find_plugins, load_connected_socket_factory, load_sender

__all__ = ["ChosenPlugins", "choose_plugins"]

PluginT = TypeVar("PluginT", bound=ISender | IConnectedSocketFactory)
_Load: TypeAlias = Callable[[Plugins, str], LoadedPlugin[PluginT]]
_Chosen: TypeAlias = tuple[LoadedPlugin[PluginT], object] | None
"""A plugin with its options; None where something is wrong with it."""


@frozen
class ChosenPlugins:
    """What ``sender.strategy`` and ``connected_socket.factory`` name.

    Attributes:
        sender, sender_options: the strategy, and its options structured.
        factory_plugin, factory_options: the factory, and its options structured.
    """

    sender: LoadedPlugin[ISender]
    sender_options: object
    factory_plugin: LoadedPlugin[IConnectedSocketFactory]
    factory_options: object

    @property
    def uses_chance(self) -> bool:
        """Whether the sender takes the generator that each stream is given."""
        return self.sender.cls.use_random is not ISender.use_random

    def make_sender(self, plan: StreamPlan) -> ISender:
        """Return a sender for one stream.

        Raises:
            PluginFailure: the plugin raised.
        """
        if self.sender.is_builtin:
            return self.sender.cls(self.sender_options, plan)
        label = f"sender {self.sender.name!r} of {self.sender.distribution} {self.sender.version}"
        return GuardedSender(self.sender_options, plan, cls=self.sender.cls, label=label)

    def make_factory(self) -> IConnectedSocketFactory:
        """Return the factory of a run.

        Raises:
            PluginError: the plugin raised; for instance it cannot write its file.
        """
        plugin = self.factory_plugin
        if plugin.is_builtin:
            return plugin.cls(self.factory_options)
        label = f"connected-socket factory {plugin.name!r} of {plugin.distribution} {plugin.version}"
        try:
            factory = plugin.cls(self.factory_options)
        except Exception as error:
            raise PluginError(f"{label} could not be set up: {type(error).__name__}: {error}") from error
        return GuardedFactory(factory, label)


def choose_plugins(config: Config, source: str, overrides: Sequence[str] = ()) -> ChosenPlugins:
    """Find, load and check the plugins that a configuration names, and structure their options.

    Args:
        config: names them.
        source: where it came from, for messages.
        overrides: the ``--set KEY=VALUE`` texts that are in it, for messages.

    Raises:
        UserError: everything that is wrong: plugins that are missing, broken, ambiguous or of the wrong shape, options that
            they do not take.
    """
    plugins = find_plugins()
    origins = origins_of(overrides)
    mistakes: list[UserError] = []

    def choose(load: _Load[PluginT], table: str, key: str, name: str, options: dict[str, object]) -> _Chosen[PluginT]:
        try:
            plugin = load(plugins, name)
        except PluginError as error:
            mistakes.append(ConfigError(source, [f"{error}{origin_text([(table, key)], origins)}"]))
            return None
        try:
            return plugin, structure_options(plugin.cls.options, options, f"{table}.options", source, origins)
        except UserError as error:
            mistakes.append(error)
            return None

    sender = choose(load_sender, "sender", "strategy", config.sender.strategy, config.sender.options)
    sockets = config.connected_socket
    factory = choose(load_connected_socket_factory, "connected_socket", "factory", sockets.factory, sockets.options)
    tell_together(mistakes)
    assert sender is not None
    assert factory is not None
    return ChosenPlugins(*sender, *factory)
