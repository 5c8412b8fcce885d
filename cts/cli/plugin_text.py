"""What ``cts plugins`` prints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cts.plugin.status import PluginStatus

__all__ = ["describe_plugins"]


def describe_plugins(plugins: Iterable[PluginStatus], unreadable: Sequence[str]) -> str:
    """Return a block for each plugin: where it comes from, its options, and why it cannot be used if it cannot."""
    lines: list[str] = []
    group = None
    for plugin in plugins:
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
    return "\n".join([*lines, *(f"unreadable: {line}" for line in unreadable)])
