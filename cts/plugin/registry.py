"""Plugins: found through entry points, then loaded, then checked: three steps that can be taken and tested apart.

*Find* reads what installed distributions say of themselves and imports nothing. *Load* imports the one plugin that is asked
for. *Check* holds what was imported against its contract in :mod:`cts.api`. The built-in plugins take the same way.

``importlib.metadata`` and ``cts.api`` (hence trio) are imported only where needed, so that importing this module is cheap.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from attrs import frozen

from cts.errors import PluginError
from cts.plugin.contract import class_faults, options_faults

if TYPE_CHECKING:
    from importlib.metadata import Distribution

    from cts.api import IConnectedSocketFactory, ISender

__all__ = [
    "BrokenPlugin",
    "FoundPlugin",
    "LoadedPlugin",
    "PluginGroup",
    "Plugins",
    "check",
    "find_plugins",
    "load",
    "load_connected_socket_factory",
    "load_sender",
]

OWN_DISTRIBUTION = "cts-media-stream"
OBJECT_REFERENCE = re.compile(r"[\w.]+\s*:\s*[\w.]+\s*(\[.*\])?\s*")
"""``package.module:Class``, optionally with the extras that entry points once had (PyPA entry points specification)."""

PluginT = TypeVar("PluginT", bound="ISender | IConnectedSocketFactory")


class PluginGroup(StrEnum):
    """The entry-point groups that cts reads."""

    SENDERS = "cts.senders"
    CONNECTED_SOCKET_FACTORIES = "cts.connected_socket_factories"

    @property
    def word(self) -> str:
        """What one plugin of the group is called."""
        return "sender" if self is PluginGroup.SENDERS else "connected-socket factory"

    @property
    def key(self) -> str:
        """The configuration key that names one."""
        return "sender.strategy" if self is PluginGroup.SENDERS else "connected_socket.factory"


@frozen(order=True)
class FoundPlugin:
    """One line of a distribution's entry points; nothing of it has been imported."""

    group: PluginGroup
    name: str
    distribution: str
    version: str
    value: str

    @property
    def is_builtin(self) -> bool:
        """Whether cts itself brings it."""
        return _normalized(self.distribution) == OWN_DISTRIBUTION

    @property
    def entry_point(self) -> str:
        """The entry point and whose it is, for messages."""
        return f"{self.name} = {self.value} of {self.distribution} {self.version}"


@frozen
class LoadedPlugin(FoundPlugin, Generic[PluginT]):
    """A plugin that was imported and is what its group's contract asks for."""

    cls: type[PluginT]


class BrokenPlugin(PluginError):
    """A plugin that was found cannot be used; ``reason`` and ``cure`` are the message's parts."""

    def __init__(self, found: FoundPlugin, what: str, reason: str, cure: str | None = None) -> None:
        self.found = found
        self.reason = reason
        self.cure = cure or _usual_cure(found)
        plugin = f"{found.group.word} {found.name!r} (entry point {found.entry_point})"
        super().__init__(f"{plugin} {what}: {reason}; to cure it, {self.cure}")


@frozen
class Plugins:
    """All that was found.

    Attributes:
        found: every plugin, sorted.
        unreadable: a line for each distribution whose metadata is damaged: its plugins are unknown.
    """

    found: tuple[FoundPlugin, ...]
    unreadable: tuple[str, ...] = ()

    def names(self, group: PluginGroup) -> list[str]:
        """Return the names in that group, sorted, each once."""
        return sorted({plugin.name for plugin in self.found if plugin.group is group})

    def claimants(self, group: PluginGroup, name: str) -> list[FoundPlugin]:
        """Return every plugin that goes by that name."""
        return [plugin for plugin in self.found if plugin.group is group and plugin.name == name]

    def named(self, group: PluginGroup, name: str) -> FoundPlugin:
        """Return the one plugin of that name; raises PluginError if there is none, or if there are several."""
        claimants = self.claimants(group, name)
        if not claimants:
            raise PluginError(self._unknown(group, name))
        if len(claimants) > 1:
            strangers = sorted({plugin.distribution for plugin in claimants if not plugin.is_builtin})
            raise PluginError(
                f"{group.word} {name!r} ({group.key}) is claimed more than once: by entry point "
                + " and by entry point ".join(plugin.entry_point for plugin in claimants)
                + "; keep one and remove the rest, with "
                + " or ".join(f"'pip uninstall {distribution}'" for distribution in strangers or [OWN_DISTRIBUTION])
            )
        return claimants[0]

    def _unknown(self, group: PluginGroup, name: str) -> str:
        from difflib import get_close_matches

        text = f"no {group.word} is called {name!r} ({group.key})"
        by_folded = {known.casefold(): known for known in self.names(group)}
        for likely in get_close_matches(name.casefold(), by_folded, n=1):
            text += f"; did you mean {by_folded[likely]!r}?"
        if by_folded:
            text += f"; installed: {', '.join(self.names(group))}; for another, install the distribution that has it"
        else:
            text += f"; none is installed at all, not even those of cts: 'pip install {OWN_DISTRIBUTION}'"
        return "; could not be searched: ".join([text, *self.unreadable])


def find_plugins(distributions: Iterable[Distribution] | None = None) -> Plugins:
    """Return the plugins of ``distributions`` (default: all installed); reads metadata and imports no plugin.

    Of distributions with one name the first counts, as it does for ``import``. Damaged metadata is noted, not raised.
    """
    from importlib.metadata import distributions as installed

    first: dict[str, Distribution] = {}
    found: set[FoundPlugin] = set()
    unreadable = []
    for distribution in installed() if distributions is None else distributions:
        where = f"a distribution in {distribution.locate_file('')}"
        try:
            text = distribution.read_text("entry_points.txt") or ""
            if not any(group in text for group in PluginGroup):
                continue  # to read the other metadata of every distribution would take ten times as long
            metadata = distribution.metadata
            if "Name" not in metadata or "Version" not in metadata:
                raise ValueError("its metadata lacks a name or a version")
            name, version = metadata["Name"], metadata["Version"]
            where = f"{name} {version}"
            if first.setdefault(_normalized(name), distribution) is not distribution:
                continue
            found.update(
                FoundPlugin(group, entry_point.name, name, version, entry_point.value)
                for group in PluginGroup
                for entry_point in distribution.entry_points.select(group=group)
            )
        except Exception as error:  # importlib.metadata answers a damaged file with whatever it stumbles over
            unreadable.append(f"{where}: {_error_text(error)}")
    return Plugins(tuple(sorted(found)), tuple(sorted(unreadable)))


def load(found: FoundPlugin) -> object:
    """Import what the entry point names, which may be anything yet; runs the plugin's module.

    Raises:
        BrokenPlugin: that failed, in whichever way (also by asking the interpreter to exit).
    """
    from importlib.metadata import EntryPoint

    if not OBJECT_REFERENCE.fullmatch(found.value):
        raise BrokenPlugin(found, "could not be loaded", f"{found.value!r} is not of the form package.module:Class")
    try:
        return EntryPoint(found.name, found.value, found.group).load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # also SystemExit: a script's module calls sys.exit() when it is imported
        raise BrokenPlugin(found, "could not be loaded", _error_text(error)) from error


def check(found: FoundPlugin, cls: object) -> LoadedPlugin[Any]:
    """Return what was loaded as what its group says it is; raises BrokenPlugin, with all that is wrong, if it is not that."""
    from cts.api import API_VERSION, IConnectedSocketFactory, ISender

    faults = class_faults(cls, ISender if found.group is PluginGroup.SENDERS else IConnectedSocketFactory)
    if isinstance(cls, type):
        faults += options_faults(cls)
        if not faults:
            return LoadedPlugin(found.group, found.name, found.distribution, found.version, found.value, cls)
    api = getattr(cls, "api", None)
    is_newer = isinstance(api, int) and api > API_VERSION
    cure = f"upgrade cts with 'pip install --upgrade {OWN_DISTRIBUTION}'" if is_newer else None
    raise BrokenPlugin(found, "cannot be used", "; ".join(faults), cure)


def load_sender(plugins: Plugins, name: str) -> LoadedPlugin[ISender]:
    """Return the sender of that name, loaded and checked; raises PluginError if unknown, claimed twice or broken."""
    found = plugins.named(PluginGroup.SENDERS, name)
    return check(found, load(found))


def load_connected_socket_factory(plugins: Plugins, name: str) -> LoadedPlugin[IConnectedSocketFactory]:
    """Return the factory of that name, loaded and checked; raises PluginError if unknown, claimed twice or broken."""
    found = plugins.named(PluginGroup.CONNECTED_SOCKET_FACTORIES, name)
    return check(found, load(found))


def _usual_cure(found: FoundPlugin) -> str:
    if found.is_builtin:
        return f"install cts again with 'pip install --force-reinstall {OWN_DISTRIBUTION}'"
    upgrade, remove = (f"'pip {verb} {found.distribution}'" for verb in ("install --upgrade", "uninstall"))
    return f"upgrade it with {upgrade}, remove it with {remove}, or choose another {found.group.word}"


def _error_text(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
