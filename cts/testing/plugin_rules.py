"""What every plugin class must keep to, whichever contract it fulfils. Each check raises :class:`ContractBroken`.

And :func:`complaints`, which runs a whole contract without pytest.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import sys
from collections.abc import Iterator, Mapping
from types import ModuleType

import attrs

from cts.plugin.contract import class_faults, options_faults

__all__ = ["ContractBroken", "check_api", "check_imports", "check_options", "complaints", "make_options"]

_ALLOWED = ("cts.api.", "cts.testing.")


class ContractBroken(AssertionError):
    """A plugin does not keep to its contract; the text says what is wrong, in plain words."""


def check_api(plugin: type, contract: type) -> None:
    """Check that ``plugin`` is a complete ``contract`` of this version of the API."""
    if faults := class_faults(plugin, contract):
        raise ContractBroken("; ".join(faults))


def check_options(plugin: type, values: Mapping[str, object], *, defaults: bool) -> None:
    """Check that the ``options`` of ``plugin`` can be structured from a table, and take ``values``.

    Args:
        plugin: the plugin class.
        values: options to make one from.
        defaults: whether the plugin must also work without any option.
    """
    name = plugin.__name__
    options = getattr(plugin, "options", None)
    if options is None:
        if values:
            raise ContractBroken(f"{name} declares no options, but the test gives it {sorted(values)}")
        return
    if faults := options_faults(plugin):
        raise ContractBroken("; ".join(faults))
    try:
        attrs.resolve_types(options)
    except NameError as error:
        raise ContractBroken(f"{name}.options: a field's type cannot be found: {error}") from error
    for field in attrs.fields(options):
        if field.type is None:
            raise ContractBroken(f"{name}.options.{field.name} has no type, so no value for it can be checked")
        if defaults and field.default is attrs.NOTHING:
            raise ContractBroken(
                f"{name}.options.{field.name} has no default: a sender must work when only its name is configured"
            )
    if defaults:
        _try_options(name, options, {})
    _try_options(name, options, values)


def make_options(plugin: type, values: Mapping[str, object]) -> object:
    """Return an instance of the ``options`` of ``plugin`` with ``values``, or None where it declares none."""
    options = getattr(plugin, "options", None)
    return None if options is None else options(**values)


def check_imports(plugin: type) -> None:
    """Check that the module of ``plugin``, and what it imports of its own package, import nothing of cts but the API.

    A class of cts itself is let pass: its imports are its own affair.
    """
    start = sys.modules[plugin.__module__]
    top = start.__name__.partition(".")[0]
    if top == "cts":
        return
    waiting, seen = [start], {start.__name__}
    while waiting:
        module = waiting.pop()
        for line, imported in _imports(module):
            if imported.partition(".")[0] == "cts" and not f"{imported}.".startswith(_ALLOWED):
                raise ContractBroken(
                    f"{module.__name__}, line {line}, imports {imported}: a plugin may import cts.api and cts.testing only,"
                    " anything else of cts changes without notice"
                )
            found = sys.modules.get(imported)
            if found is not None and imported not in seen and imported.partition(".")[0] == top:
                seen.add(imported)
                waiting.append(found)


def complaints(contract: type, **attributes: object) -> dict[str, str]:
    """Run every test of a contract on a plugin and return what those that fail say, by the test's name.

    For a tool that judges plugins, or a test of a contract itself.

    Args:
        contract: ``SenderContract`` or ``ConnectedSocketFactoryContract``.
        attributes: what a subclass would set: ``sender_class`` or ``factory_class``, ``options``, ``plans``.

    Returns:
        The words of the contract, or ``Type: text`` of what the plugin raised; empty if there is nothing to say.
    """
    tests = type(f"{contract.__name__}Run", (contract,), attributes)
    said = {}
    for name in sorted(name for name in dir(tests) if name.startswith("test_")):
        try:
            getattr(tests(), name)()
        except AssertionError as error:
            said[name] = str(error)
        except Exception as error:
            said[name] = f"{type(error).__name__}: {error}"
    return said


def _try_options(name: str, options: type, values: Mapping[str, object]) -> None:
    try:
        options(**values)
    except Exception as error:
        given = ", ".join(f"{key} = {value!r}" for key, value in values.items()) or "nothing given"
        raise ContractBroken(f"{name}.options, {given}: {type(error).__name__}: {error}") from error


def _imports(module: ModuleType) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted name) of every import statement; of ``from a import b`` the most specific that is a module."""
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            relative = "." * node.level + (node.module or "")
            origin = importlib.util.resolve_name(relative, module.__package__) if node.level else relative
            for alias in node.names:
                name = f"{origin}.{alias.name}"
                # Importing from a module imports that module too, except that a bare "from cts" is how "cts.api" is had.
                if origin != "cts":
                    yield node.lineno, origin
                if origin == "cts" or name in sys.modules:
                    yield node.lineno, name
