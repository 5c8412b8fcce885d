"""What the contracts say of classes that are no plugins, of their options and imports, and what pytest shows of it.

What senders and factories do wrong is in test_contracts_catch_wrong_senders.py and test_contracts_catch_wrong_factories.py.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
from attrs import field, frozen, make_class

from cts.api import Address, Frame, IDatagramEndpoint, IPacer, ISender, StreamPlan
from cts.testing import ConnectedSocketFactoryContract, OneByOneSender, SenderContract, complaints, plan_of

pytest_plugins = ["pytester"]

PLANS = {"two datagrams": plan_of(2000, frames=3)}
OPTIONS_TEST = "test_its_options_have_defaults_and_take_these_values"


def said_of(sender_class: type, options: Mapping[str, object] | None = None) -> dict[str, str]:
    return complaints(SenderContract, sender_class=sender_class, options=options or {}, plans=PLANS)


# What it is


def test_a_class_that_is_no_sender() -> None:
    class NotASender:
        api = 1

        def __init__(self, options: object, plan: StreamPlan) -> None:
            self.inner = OneByOneSender(options, plan)

        async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
            return await self.inner.send_frame(frame, endpoint, peer, pacer)

    assert said_of(NotASender) == {
        "test_it_is_a_sender_of_this_api": "it is class NotASender, not a subclass of cts.api.ISender"
    }


def test_a_sender_given_as_a_factory() -> None:
    said = complaints(ConnectedSocketFactoryContract, factory_class=OneByOneSender)["test_it_is_a_factory_of_this_api"]
    assert said == "it is class OneByOneSender, not a subclass of cts.api.IConnectedSocketFactory"


def test_a_sender_that_defines_nothing() -> None:
    class Empty(ISender): ...

    assert said_of(Empty)["test_it_is_a_sender_of_this_api"] == (
        "Empty does not say which api it was written for, as in 'api = 1'; Empty does not define __init__, send_frame"
    )


def test_a_sender_of_another_api_version() -> None:
    class FromTheFuture(OneByOneSender):
        api = 7

    assert said_of(FromTheFuture) == {
        "test_it_is_a_sender_of_this_api": "FromTheFuture was written for api 7, and this cts has api 1"
    }


def test_a_sender_that_does_not_wait() -> None:
    def send_frame(self: ISender, frame: Frame, endpoint: object, peer: object, pacer: object) -> int:
        return frame.size

    said = said_of(type("Sync", (OneByOneSender,), {"send_frame": send_frame}))
    assert said["test_it_is_a_sender_of_this_api"] == "Sync.send_frame must be `async def`"


def test_a_sender_that_raises() -> None:
    class Raises(OneByOneSender):
        async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
            raise LookupError("no such frame")

    assert said_of(Raises)["test_it_returns_the_bytes_that_it_sent"] == "LookupError: no such frame"


# Its options


def test_options_that_are_no_attrs_class() -> None:
    class AnyOptions(OneByOneSender):
        options = dict

    assert said_of(AnyOptions)[OPTIONS_TEST] == "AnyOptions.options must be an attrs class or None, not <class 'dict'>"


def test_an_option_without_a_default() -> None:
    @frozen
    class Options:
        colour: str

    class NeedsColour(OneByOneSender):
        options = Options

    assert said_of(NeedsColour, {"colour": "blue"}) == {
        OPTIONS_TEST: "NeedsColour.options.colour has no default: a sender must work when only its name is configured"
    }


def test_an_option_without_a_type() -> None:
    class Untyped(OneByOneSender):
        options = make_class("Options", {"colour": field(default="blue")})

    assert said_of(Untyped) == {OPTIONS_TEST: "Untyped.options.colour has no type, so no value for it can be checked"}


def test_a_value_that_is_refused() -> None:
    @frozen
    class Options:
        colour: str = "blue"

        def __attrs_post_init__(self) -> None:
            if self.colour != "blue":
                raise ValueError("colour must be blue")

    class Blue(OneByOneSender):
        options = Options

    assert said_of(Blue, {"colour": "red"})[OPTIONS_TEST] == (
        "Blue.options, colour = 'red': ValueError: colour must be blue"
    )


def test_options_for_a_sender_that_has_none() -> None:
    said = said_of(OneByOneSender, {"colour": "blue"})[OPTIONS_TEST]
    assert said == "OneByOneSender declares no options, but the test gives it ['colour']"


# What it imports

Load = Callable[[str, str], ModuleType]
PLUGIN = "from cts.testing import OneByOneSender\n{line}\nclass Stranger(OneByOneSender): ...\n"
LOST_OPTIONS = """
from __future__ import annotations
from attrs import frozen
from cts.testing import OneByOneSender

@frozen
class Options:
    colour: Colour = None

class Lost(OneByOneSender):
    options = Options
"""


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Load]:
    """Import source as a module, and forget it after the test."""
    loaded = []

    def load(name: str, source: str) -> ModuleType:
        path = tmp_path / f"{name}.py"
        path.write_text(source)
        spec = spec_from_file_location(name, path, submodule_search_locations=[] if "." not in name else None)
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[name] = module_from_spec(spec)
        loaded.append(name)
        spec.loader.exec_module(module)
        return module

    yield load
    for name in loaded:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("line", "imported"),
    [
        ("import cts.protocol.wire", "cts.protocol.wire"),
        ("import cts", "cts"),
        ("from cts import errors", "cts.errors"),
        ("from cts.engine.senders import AutoSender", "cts.engine.senders"),
        ("from cts.protocol import wire", "cts.protocol"),
    ],
)
def test_a_plugin_that_imports_the_inside_of_cts(load: Load, line: str, imported: str) -> None:
    assert said_of(load("stranger", PLUGIN.format(line=line)).Stranger) == {
        "test_it_imports_nothing_of_cts_but_the_api": f"stranger, line 2, imports {imported}: a plugin may import cts.api and"
        " cts.testing only, anything else of cts changes without notice"
    }


@pytest.mark.parametrize("line", ["from stranger import wiring", "from . import wiring", "from .wiring import wire"])
def test_a_plugin_whose_other_module_imports_the_inside_of_cts(load: Load, line: str) -> None:
    load("stranger", "")
    load("stranger.wiring", "\n\nfrom cts.protocol import wire\n")
    said = said_of(load("stranger.sender", PLUGIN.format(line=line)).Stranger)
    assert said["test_it_imports_nothing_of_cts_but_the_api"].startswith(
        "stranger.wiring, line 3, imports cts.protocol: a plugin may import"
    )


@pytest.mark.parametrize("line", ["import cts.api", "from cts import api", "from cts.testing.pacers import MockPacer"])
def test_a_plugin_that_imports_the_api_is_right(load: Load, line: str) -> None:
    assert said_of(load("stranger", PLUGIN.format(line=line)).Stranger) == {}


def test_an_option_whose_type_cannot_be_found(load: Load) -> None:
    module = load("stranger", LOST_OPTIONS)
    assert said_of(module.Lost)[OPTIONS_TEST] == (
        "Lost.options: a field's type cannot be found: name 'Colour' is not defined"
    )


# What its author sees


def test_pytest_shows_the_complaint_and_nothing_of_a_right_sender(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from cts.testing import OneByOneSender, SenderContract

        class Forgets(OneByOneSender):
            async def send_frame(self, frame, endpoint, peer, pacer):
                await endpoint.send(peer, frame.stamp(pacer.now_ns()), frame.payloads[0])
                return frame.size

        class TestForgets(SenderContract):
            sender_class = Forgets

        class TestRight(SenderContract):
            sender_class = OneByOneSender
        """
    )
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    said = (
        "*ContractBroken: Forgets, equal datagrams (segment limit 1), frame 1: 1 datagram left, the frame has 3;"
        " sizes missing: [[]1400, 1400], sent too often: *"
    )
    result.stdout.fnmatch_lines([said])
    outcomes = result.parseoutcomes()
    tests = sum(name.startswith("test_") for name in dir(SenderContract))
    assert (outcomes["failed"], outcomes["passed"]) == (2, 2 * tests - 2)
