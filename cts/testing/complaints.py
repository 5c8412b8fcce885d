"""Runs a contract's tests without pytest, for a tool that judges plugins, or for a test of a contract itself."""

from __future__ import annotations

__all__ = ["complaints"]


def complaints(contract: type, **attributes: object) -> dict[str, str]:
    """Run every test of a contract on a plugin and return what those that fail say, by the test's name.

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
