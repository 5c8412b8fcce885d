"""The plugins that a configuration names, loaded, with their options, ready to make what a run needs."""

from __future__ import annotations

from attrs import frozen

from cts.api import IConnectedSocketFactory, ISender, StreamPlan
from cts.config import Config, structure_options
from cts.engine.plugin_guard import GuardedFactory, GuardedSender
from cts.errors import PluginError
from cts.registry import LoadedPlugin, find_plugins, load_connected_socket_factory, load_sender

__all__ = ["ChosenPlugins", "choose_plugins"]


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


def choose_plugins(config: Config, source: str) -> ChosenPlugins:
    """Find, load and check the plugins that a configuration names, and structure their options.

    Raises:
        PluginError: one is missing, broken, ambiguous or of the wrong shape.
        ConfigError: options that the plugin does not take.
    """
    plugins = find_plugins()
    sender = load_sender(plugins, config.sender.strategy)
    factory = load_connected_socket_factory(plugins, config.connected_socket.factory)
    return ChosenPlugins(
        sender,
        structure_options(sender.cls.options, config.sender.options, "sender.options", source),
        factory,
        structure_options(factory.cls.options, config.connected_socket.options, "connected_socket.options", source),
    )
