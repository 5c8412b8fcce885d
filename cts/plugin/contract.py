"""What every plugin class must be, whether it is loaded for a run or tested by its author; each fault is a clause of its own.

``cts.api`` (hence trio) is imported only where needed, so that importing this module is cheap.
"""

from __future__ import annotations

from attrs import has

__all__ = ["class_faults", "options_faults"]


def class_faults(plugin: object, contract: type) -> list[str]:
    """Return what keeps ``plugin`` from being a complete subclass of ``contract`` for this version of the API."""
    from cts.api import API_VERSION

    if not isinstance(plugin, type) or not issubclass(plugin, contract):
        what = f"class {plugin.__name__}" if isinstance(plugin, type) else f"a {type(plugin).__name__}"
        return [f"it is {what}, not a subclass of cts.api.{contract.__name__}"]
    faults = []
    api: object = getattr(plugin, "api", None)
    if api is None:
        faults.append(f"{plugin.__name__} does not say which api it was written for, as in 'api = {API_VERSION}'")
    elif api != API_VERSION:
        faults.append(f"{plugin.__name__} was written for api {api!r}, and this cts has api {API_VERSION}")
    if missing := sorted(getattr(plugin, "__abstractmethods__", ())):
        faults.append(f"{plugin.__name__} does not define {', '.join(missing)}")
    return faults


def options_faults(plugin: type) -> list[str]:
    """Return what keeps the ``options`` of ``plugin`` from being declared as a contract asks."""
    options: object = getattr(plugin, "options", None)
    if options is None or (isinstance(options, type) and has(options)):
        return []
    return [f"{plugin.__name__}.options must be an attrs class or None, not {options!r}"]
