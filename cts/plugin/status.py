"""What there is to say of each plugin that was found: whether it can be used, what options it takes, why it cannot."""

from __future__ import annotations

import json
from enum import Enum

from attrs import NOTHING, fields, frozen

from cts.plugin.registry import BrokenPlugin, FoundPlugin, Plugins, check, load

__all__ = ["OptionStatus", "PluginStatus", "describe_all", "describe_plugins"]


@frozen
class OptionStatus:
    """One key that a plugin's options take; ``default`` is written as in TOML where TOML can, and None if it is required."""

    name: str
    type: str
    default: str | None


@frozen
class PluginStatus:
    """What ``cts plugins`` says of one plugin.

    Attributes:
        found: its name, entry point, distribution and version.
        options: the keys that its options take; empty if it is broken.
        broken: why it cannot be used, or None.
        cure: what to do about that, or None.
        clashes: the other entry points of the same name: nobody can choose it while there are any.
    """

    found: FoundPlugin
    options: tuple[OptionStatus, ...] = ()
    broken: str | None = None
    cure: str | None = None
    clashes: tuple[str, ...] = ()


def describe_all(plugins: Plugins) -> list[PluginStatus]:
    """Load every plugin and return what became of each, in the order of ``plugins.found``; a broken one raises nothing."""
    statuses = []
    for found in plugins.found:
        clashes = tuple(other.entry_point for other in plugins.claimants(found.group, found.name) if other != found)
        try:
            options = _describe_options(check(found, load(found)).cls.options)
            statuses.append(PluginStatus(found, options, clashes=clashes))
        except BrokenPlugin as error:
            statuses.append(PluginStatus(found, broken=error.reason, cure=error.cure, clashes=clashes))
    return statuses


def describe_plugins(plugins: Plugins) -> str:
    """Return what ``cts plugins`` prints: of each plugin where it comes from, its options, why it cannot be used if so."""
    lines: list[str] = []
    group = None
    for plugin in describe_all(plugins):
        found = plugin.found
        if found.group is not group:
            group = found.group
            lines += ([""] if lines else []) + [f"{group.key}:"]
        origin = "built in" if found.is_builtin else f"{found.distribution} {found.version}"
        lines.append(f"  {found.name}  ({origin})")
        if plugin.broken is not None:
            lines += [f"      BROKEN: {plugin.broken}", f"      to cure it, {plugin.cure}"]
        if plugin.clashes:
            lines.append("      CLASH: claimed by more than one distribution; uninstall all but one to use the name")
        for option in plugin.options:
            default = "required" if option.default is None else f"default {option.default}"
            lines.append(f"      option {option.name}: {option.type} ({default})")
    return "\n".join([*lines, *(f"unreadable: {line}" for line in plugins.unreadable)])


def _describe_options(options: type | None) -> tuple[OptionStatus, ...]:
    keys = [field for field in fields(options) if field.init] if options else []
    return tuple(OptionStatus(key.name, _type_text(key.type), _default_text(key.default)) for key in keys)


def _type_text(annotation: object) -> str:
    return annotation.__qualname__ if isinstance(annotation, type) else str(annotation or "any").replace("typing.", "")


def _default_text(default: object) -> str | None:
    if default is NOTHING:
        return None
    factory: object = getattr(default, "factory", None)  # of an attrs.Factory, which attrs types as what it makes
    if factory is not None:
        return f"{factory.__qualname__}()" if isinstance(factory, type) else "(computed)"
    if isinstance(default, Enum):
        return _default_text(default.value)
    return json.dumps(default, ensure_ascii=False) if isinstance(default, bool | str) else repr(default)
