"""Plugins: what is found in metadata alone, what loading makes of a broken one, what a class must be to pass."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path

import pytest
from attrs import frozen

from cts.api import (
    API_VERSION,
    Address,
    Frame,
    IConnectedSocket,
    IConnectedSocketFactory,
    IDatagramEndpoint,
    IPacer,
    ISender,
    StreamPlan,
    StreamRequest,
)
from cts.errors import PluginError
from cts.plugin.registry import (
    BrokenPlugin,
    FoundPlugin,
    PluginGroup,
    Plugins,
    check,
    find_plugins,
    load,
    load_connected_socket_factory,
    load_sender,
)
from cts.plugin.status import OptionStatus, describe_all

SENDERS = PluginGroup.SENDERS
FACTORIES = PluginGroup.CONNECTED_SOCKET_FACTORIES

SENDER_MODULE = """
from cts.api import ISender

class Sender(ISender):
    api = 1

    def __init__(self, options, plan):
        pass

    async def send_frame(self, frame, endpoint, peer, pacer):
        return 0
"""

FACTORY_MODULE = """
from cts.api import IConnectedSocketFactory

class Factory(IConnectedSocketFactory):
    api = 1

    def __init__(self, options):
        pass

    def make(self, request, default):
        return default(request)

    def close(self):
        pass
"""


OPTIONS_MODULE = """
from enum import Enum
from typing import Optional
from attrs import field, frozen

class Shape(Enum):
    FLAT = "flat"

@frozen
class Options:
    share: float
    names: list[str]
    limit: int | None = None
    old: Optional[int] = 3
    quoted: "int" = 5
    label: str = 'a"b'
    eager: bool = True
    shape: Shape = Shape.FLAT
    extra: list[int] = field(factory=list)
    later: int = field(factory=lambda: 1)
    derived: int = field(init=False, default=0)

class SenderWithOptions(Sender):
    options = Options
"""


class GoodSender(ISender):
    api = 1

    def __init__(self, options: object, plan: StreamPlan) -> None:
        pass

    async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
        return 0


class GoodFactory(IConnectedSocketFactory):
    api = 1

    def __init__(self, options: object) -> None:
        pass

    def make(self, request: StreamRequest, default: Callable[[StreamRequest], IConnectedSocket]) -> IConnectedSocket:
        return default(request)

    def close(self) -> None:
        pass


@frozen
class Options:
    share: float = 0.5


def install(
    folder: Path,
    name: str,
    version: str = "1.0",
    *,
    senders: str = "",
    factories: str = "",
    metadata: str | None = None,
) -> None:
    """Lay down a dist-info folder as pip would; ``senders`` and ``factories`` are lines of entry points."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" if metadata is None else metadata
    (info / "METADATA").write_text(text, encoding="utf-8")
    entry_points = f"[cts.senders]\n{senders}\n[cts.connected_socket_factories]\n{factories}\n[other]\nx = y:z\n"
    (info / "entry_points.txt").write_text(entry_points, encoding="utf-8")


def installed(*folders: Path) -> Iterator[Distribution]:
    return iter(distributions(path=[str(folder) for folder in folders]))


def stranger(
    name: str = "x",
    value: str = "pkg:Class",
    *,
    group: PluginGroup = SENDERS,
    distribution: str = "stranger",
    version: str = "2.1",
) -> FoundPlugin:
    return FoundPlugin(group, name, distribution, version, value)


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Write an importable module, given its name and its source; forget it afterwards."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)

    def write(name: str, source: str) -> None:
        (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")

    yield write
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) == str(tmp_path / f"{name}.py"):
            del sys.modules[name]


def test_the_built_in_plugins_are_found_through_cts_own_metadata() -> None:
    built_in = {(plugin.group, plugin.name) for plugin in find_plugins().found if plugin.is_builtin}
    assert built_in == {(SENDERS, "plain"), (SENDERS, "auto"), (FACTORIES, "default")}


def test_importing_the_registry_imports_neither_trio_nor_importlib_metadata() -> None:
    program = (
        "import sys, cts.plugin.registry; print(*{'trio', 'importlib.metadata', 'cts.api'}.intersection(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_finding_imports_no_plugin(tmp_path: Path, module: Callable[[str, str], None]) -> None:
    module("cts_test_untouched", "raise RuntimeError")
    install(tmp_path, "stranger", senders="x = cts_test_untouched:Sender")
    found = find_plugins(installed(tmp_path)).found
    assert [plugin.name for plugin in found] == ["x"]
    assert "cts_test_untouched" not in sys.modules


def test_plugins_come_sorted_whatever_the_order_of_distributions(tmp_path: Path) -> None:
    install(tmp_path, "zeta", senders="b = z:B\na = z:A", factories="c = z:C")
    install(tmp_path, "alpha", senders="d = a:D")
    forward = find_plugins(sorted(installed(tmp_path), key=lambda distribution: distribution.name))
    backward = find_plugins(sorted(installed(tmp_path), key=lambda distribution: distribution.name, reverse=True))
    assert forward == backward
    assert [plugin.name for plugin in forward.found] == ["c", "a", "b", "d"]
    assert forward.names(SENDERS) == ["a", "b", "d"]


def test_a_found_plugin_carries_its_distribution_and_version(tmp_path: Path) -> None:
    install(tmp_path, "cts-media-spread", "0.3", senders="spread = spread:Spread")
    expected = FoundPlugin(SENDERS, "spread", "cts-media-spread", "0.3", "spread:Spread")
    assert find_plugins(installed(tmp_path)).found == (expected,)
    assert not expected.is_builtin


def test_a_distribution_without_our_groups_is_passed_over_however_damaged(tmp_path: Path) -> None:
    info = tmp_path / "other-1.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text("[console_scripts]\nno equals sign\n", encoding="utf-8")
    assert find_plugins(installed(tmp_path)) == Plugins(())


def test_a_distribution_found_twice_on_the_path_counts_once_and_the_first_wins(tmp_path: Path) -> None:
    install(tmp_path / "first", "My-Plugin", "2.0", senders="x = new:Sender")
    install(tmp_path / "second", "my_plugin", "1.0", senders="x = old:Sender\ny = old:Other")
    plugins = find_plugins(installed(tmp_path / "first", tmp_path / "second"))
    assert plugins.named(SENDERS, "x").version == "2.0"
    assert plugins.names(SENDERS) == ["x"]


def test_the_same_folder_twice_on_the_path_makes_no_clash(tmp_path: Path) -> None:
    install(tmp_path, "stranger", senders="x = pkg:Class")
    twice = [*installed(tmp_path), *installed(tmp_path)]
    assert find_plugins(twice).named(SENDERS, "x").value == "pkg:Class"


def test_a_damaged_entry_points_file_is_noted_and_hides_no_other_plugin(tmp_path: Path) -> None:
    install(tmp_path, "damaged", senders="no equals sign")
    install(tmp_path, "sound", senders="x = pkg:Class")
    plugins = find_plugins(installed(tmp_path))
    assert plugins.names(SENDERS) == ["x"]
    assert [line.partition(":")[0] for line in plugins.unreadable] == ["damaged 1.0"]


def test_a_distribution_without_a_name_is_noted_with_its_folder(tmp_path: Path) -> None:
    install(tmp_path, "nameless", senders="x = pkg:Class", metadata="Metadata-Version: 2.1\n")
    plugins = find_plugins(installed(tmp_path))
    assert plugins.found == ()
    assert len(plugins.unreadable) == 1
    assert str(tmp_path) in plugins.unreadable[0]
    assert "lacks a name" in plugins.unreadable[0]


def test_an_unknown_name_gets_a_suggestion_and_the_names_there_are() -> None:
    plugins = Plugins((stranger("plain"), stranger("spread"), stranger("sprout", group=FACTORIES)))
    with pytest.raises(PluginError) as caught:
        plugins.named(SENDERS, "spraed")
    text = str(caught.value)
    assert text.startswith("no sender is called 'spraed' (sender.strategy); did you mean 'spread'?")
    assert "installed: plain, spread;" in text
    assert "sprout" not in text


def test_a_name_in_the_wrong_case_is_suggested_as_it_is_spelt() -> None:
    with pytest.raises(PluginError, match=r"did you mean 'Spread'\?"):
        Plugins((stranger("Spread"),)).named(SENDERS, "SPREAD")


def test_a_far_off_name_gets_no_suggestion() -> None:
    with pytest.raises(PluginError) as caught:
        Plugins((stranger("spread"),)).named(SENDERS, "qq")
    assert "did you mean" not in str(caught.value)


def test_where_nothing_is_installed_the_error_says_to_install_cts() -> None:
    with pytest.raises(PluginError, match=r"no connected-socket factory .* 'pip install cts-media-stream'"):
        Plugins(()).named(FACTORIES, "default")


def test_an_unknown_name_tells_of_distributions_that_could_not_be_searched() -> None:
    with pytest.raises(PluginError, match=r"could not be searched: damaged 1\.0: TypeError"):
        Plugins((), ("damaged 1.0: TypeError",)).named(SENDERS, "x")


def test_two_distributions_with_one_name_are_refused_naming_both() -> None:
    plugins = Plugins((stranger(distribution="one"), stranger(value="other:Sender", distribution="two", version="3.0")))
    with pytest.raises(PluginError) as caught:
        plugins.named(SENDERS, "x")
    text = str(caught.value)
    assert "entry point x = pkg:Class of one 2.1 and by entry point x = other:Sender of two 3.0" in text
    assert "'pip uninstall one' or 'pip uninstall two'" in text


def test_a_clash_with_a_built_in_advises_to_remove_the_stranger_only() -> None:
    plugins = Plugins((stranger("plain", distribution="cts-media-stream"), stranger("plain", distribution="rogue")))
    with pytest.raises(PluginError) as caught:
        plugins.named(SENDERS, "plain")
    assert "'pip uninstall rogue'" in str(caught.value)
    assert "'pip uninstall cts-media-stream'" not in str(caught.value)


def test_one_distribution_that_claims_a_name_twice_is_a_clash_too(tmp_path: Path) -> None:
    install(tmp_path, "twice", senders="x = pkg:One\nx = pkg:Two")
    with pytest.raises(PluginError, match=r"claimed more than once: .*pkg:One.*pkg:Two"):
        find_plugins(installed(tmp_path)).named(SENDERS, "x")


def test_a_clash_hurts_no_other_name_and_no_other_group() -> None:
    clash = (stranger(distribution="one"), stranger(distribution="two"))
    plugins = Plugins((*clash, stranger("y"), stranger("x", group=FACTORIES)))
    assert plugins.named(SENDERS, "y").name == "y"
    assert plugins.named(FACTORIES, "x").group is FACTORIES


def test_a_missing_module_is_reported_with_entry_point_distribution_and_cure() -> None:
    with pytest.raises(BrokenPlugin) as caught:
        load(stranger("x", "cts_test_absent:Sender"))
    assert str(caught.value) == (
        "sender 'x' (entry point x = cts_test_absent:Sender of stranger 2.1) could not be loaded: "
        "ModuleNotFoundError: No module named 'cts_test_absent'; to cure it, "
        "upgrade it with 'pip install --upgrade stranger', remove it with 'pip uninstall stranger', "
        "or choose another sender"
    )


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise RuntimeError('first line\\nsecond')", "RuntimeError: first line second"),
        ("raise ValueError", "ValueError"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("class Stop(BaseException): pass\nraise Stop('no')", "Stop: no"),
        ("def (", "SyntaxError: "),
    ],
)
def test_a_module_that_fails_in_any_way_is_a_broken_plugin(
    module: Callable[[str, str], None], source: str, reason: str
) -> None:
    module("cts_test_failing", source)
    with pytest.raises(BrokenPlugin) as caught:
        load(stranger("x", "cts_test_failing:Sender"))
    assert caught.value.reason.startswith(reason)
    assert not caught.value.reason.endswith(":")
    assert caught.value.__cause__ is not None


def test_ctrl_c_while_a_plugin_is_imported_stays_ctrl_c(module: Callable[[str, str], None]) -> None:
    module("cts_test_interrupted", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        load(stranger("x", "cts_test_interrupted:Sender"))


def test_an_entry_point_whose_attribute_is_missing_names_the_attribute(module: Callable[[str, str], None]) -> None:
    module("cts_test_empty", "")
    with pytest.raises(BrokenPlugin, match=r"AttributeError: .*'Sender'"):
        load(stranger("x", "cts_test_empty:Sender"))


@pytest.mark.parametrize("value", ["pkg", "pkg:", ":Class", "a-b:Class", "pkg:Class:more", ""])
def test_an_entry_point_that_names_no_object_says_the_form_it_needs(value: str) -> None:
    with pytest.raises(BrokenPlugin, match=r"is not of the form package\.module:Class"):
        load(stranger("x", value))


def test_a_broken_built_in_advises_to_install_cts_again() -> None:
    with pytest.raises(BrokenPlugin) as caught:
        load(stranger("plain", "cts_test_absent:Sender", distribution="CTS_Media.Stream"))
    assert caught.value.cure == "install cts again with 'pip install --force-reinstall cts-media-stream'"


def test_a_sender_is_loaded_with_its_class_and_where_it_comes_from(
    tmp_path: Path, module: Callable[[str, str], None]
) -> None:
    module("cts_test_sender", SENDER_MODULE)
    install(tmp_path, "stranger", "2.1", senders="x = cts_test_sender:Sender")
    loaded = load_sender(find_plugins(installed(tmp_path)), "x")
    assert (loaded.name, loaded.group, loaded.distribution, loaded.version) == ("x", SENDERS, "stranger", "2.1")
    assert issubclass(loaded.cls, ISender)
    assert not loaded.is_builtin


def test_a_connected_socket_factory_is_loaded_with_its_class(
    tmp_path: Path, module: Callable[[str, str], None]
) -> None:
    module("cts_test_factory", FACTORY_MODULE)
    install(tmp_path, "stranger", factories="tee = cts_test_factory:Factory")
    loaded = load_connected_socket_factory(find_plugins(installed(tmp_path)), "tee")
    assert loaded.group is FACTORIES
    assert issubclass(loaded.cls, IConnectedSocketFactory)


def test_a_good_class_passes_in_either_group() -> None:
    assert check(stranger(), GoodSender).cls is GoodSender
    assert check(stranger(group=FACTORIES), GoodFactory).cls is GoodFactory


@pytest.mark.parametrize(
    ("target", "what"),
    [
        (dict, "class dict"),
        (GoodFactory, "class GoodFactory"),
        (install, "a function"),
        (sys, "a module"),
        (list[int], "a GenericAlias"),
        (None, "a NoneType"),
    ],
)
def test_what_is_no_sender_class_is_refused(target: object, what: str) -> None:
    with pytest.raises(BrokenPlugin, match=f"cannot be used: it is {what}, not a subclass of cts.api.ISender;"):
        check(stranger(), target)


def test_a_sender_among_the_factories_is_refused() -> None:
    with pytest.raises(BrokenPlugin, match=r"class GoodSender, not a subclass of cts\.api\.IConnectedSocketFactory"):
        check(stranger(group=FACTORIES), GoodSender)


def test_an_instance_instead_of_the_class_is_refused() -> None:
    with pytest.raises(BrokenPlugin, match="it is a GoodFactory"):
        check(stranger(group=FACTORIES), GoodFactory(None))


def test_an_abstract_class_is_refused_with_the_methods_it_lacks() -> None:
    class Half(IConnectedSocketFactory):
        api = 1

        def close(self) -> None:
            pass

    with pytest.raises(BrokenPlugin, match=r"Half does not define __init__, make;"):
        check(stranger(group=FACTORIES), Half)


def test_a_plugin_for_a_later_api_is_refused_and_cured_by_upgrading_cts() -> None:
    class Later(GoodSender):
        api = API_VERSION + 1

    with pytest.raises(
        BrokenPlugin, match=f"written for api {API_VERSION + 1}, and this cts has api {API_VERSION}"
    ) as caught:
        check(stranger(), Later)
    assert caught.value.cure == "upgrade cts with 'pip install --upgrade cts-media-stream'"


def test_a_plugin_for_an_earlier_api_is_cured_by_upgrading_the_plugin() -> None:
    class Earlier(GoodSender):
        api = API_VERSION - 1

    with pytest.raises(BrokenPlugin) as caught:
        check(stranger(), Earlier)
    assert "'pip install --upgrade stranger'" in caught.value.cure


@pytest.mark.parametrize("options", [dict, Options()])
def test_options_that_are_no_attrs_class_are_refused(options: type | None) -> None:
    wrong = type("Wrong", (GoodSender,), {"options": options})
    with pytest.raises(BrokenPlugin, match="options must be an attrs class or None"):
        check(stranger(), wrong)


def test_all_that_is_wrong_with_a_class_is_said_at_once() -> None:
    class Wrong(ISender):
        api = 0
        options = dict

    with pytest.raises(BrokenPlugin) as caught:
        check(stranger(), Wrong)
    for part in ("api 0", "does not define __init__, send_frame", "options must be an attrs class"):
        assert part in caught.value.reason


def test_every_plugin_is_described_broken_ones_with_the_reason(module: Callable[[str, str], None]) -> None:
    module("cts_test_sender", SENDER_MODULE)
    module("cts_test_factory", FACTORY_MODULE)
    factory = stranger("tee", "cts_test_factory:Factory", group=FACTORIES)
    broken = stranger("bad", "cts_test_absent:Sender")
    wrong = stranger("wrong", "cts_test_factory:Factory")
    good = stranger("good", "cts_test_sender:Sender", distribution="cts-media-stream")
    statuses = describe_all(Plugins((factory, broken, good, wrong)))
    assert [status.found for status in statuses] == [factory, broken, good, wrong]
    assert [status.broken is None for status in statuses] == [True, False, True, False]
    assert [status.found.is_builtin for status in statuses] == [False, False, True, False]
    assert statuses[1].broken == "ModuleNotFoundError: No module named 'cts_test_absent'"
    assert statuses[1].cure is not None
    assert statuses[3].broken == "it is class Factory, not a subclass of cts.api.ISender"


def test_a_clash_is_flagged_on_both_sides_with_the_other_entry_point(module: Callable[[str, str], None]) -> None:
    module("cts_test_sender", SENDER_MODULE)
    one = stranger(value="cts_test_sender:Sender", distribution="one")
    two = stranger(value="cts_test_sender:Sender", distribution="two")
    alone = stranger("y", "cts_test_sender:Sender")
    statuses = describe_all(Plugins((one, two, alone)))
    assert [status.clashes for status in statuses] == [(two.entry_point,), (one.entry_point,), ()]
    assert [status.broken for status in statuses] == [None, None, None]


def test_the_options_of_a_plugin_are_described_as_a_configuration_writes_them(
    module: Callable[[str, str], None],
) -> None:
    module("cts_test_options", SENDER_MODULE + OPTIONS_MODULE)
    (status,) = describe_all(Plugins((stranger(value="cts_test_options:SenderWithOptions"),)))
    assert status.options == (
        OptionStatus("share", "float", None),
        OptionStatus("names", "list[str]", None),
        OptionStatus("limit", "int | None", "None"),
        OptionStatus("old", "Optional[int]", "3"),
        OptionStatus("quoted", "int", "5"),
        OptionStatus("label", "str", r'"a\"b"'),
        OptionStatus("eager", "bool", "true"),
        OptionStatus("shape", "Shape", '"flat"'),
        OptionStatus("extra", "list[int]", "list()"),
        OptionStatus("later", "int", "(computed)"),
    )
