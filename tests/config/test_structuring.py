from enum import Enum, StrEnum
from pathlib import Path
from typing import Annotated, Literal

import pytest
from attrs import field, frozen, validators

from cts.config.problems import TOLD_AT_MOST, Problem, dotted, few, shown
from cts.config.structuring import structure, structure_options
from cts.errors import ConfigError, PluginError
from cts.units import Between, Duration, Rate, Size


class Shade(Enum):
    LIGHT = 1
    DARK = 2


class Kind(StrEnum):
    BURST = "burst"


@frozen
class Normal:
    mean: Duration
    deviation: Duration = field(default=Duration(0))


@frozen
class Bernoulli:
    p: Annotated[float, Between(0, 1)]


@frozen
class GilbertElliott:
    p: Annotated[float, Between(0, 1)]
    r: Annotated[float, Between(0, 1)]


@frozen
class Way:
    """Shaped as the network's tables are: numbers, or tables in their place."""

    latency: Duration | Normal | None = None
    loss: Annotated[float, Between(0, 1)] | Bernoulli | GilbertElliott = 0.0
    queue: Size | None = None


@frozen
class Network(Way):
    to_client: Way | None = None


@frozen
class Options:
    gap: Annotated[Duration, Between(1)] = field(default=Duration(1_000_000))
    rate: Rate | None = None
    on: bool = False
    share: float = 0.5
    count: Literal[1, 2] = 1
    shade: Shade = Shade.LIGHT
    kind: Kind = Kind.BURST
    files: list[Path] = field(factory=list)
    ranges: tuple[tuple[int, int], ...] = ()
    weights: dict[str, float] = field(factory=dict)
    either: Literal["auto"] | int = "auto"
    anything: object = None


@frozen
class Validated:
    low: int = 0
    high: int = field(default=1, validator=validators.le(10))

    def __attrs_post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}")


def options_problems(cls: type | None, options: dict[str, object]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        structure_options(cls, options, "sender.options")
    return caught.value.problems


def texts(problems: list[Problem]) -> list[str]:
    return [str(each) for each in problems]


# a number or a table


def test_a_number_stands_where_a_table_may() -> None:
    network, problems = structure({"latency": "20ms", "loss": 0.01, "to_client": {"latency": 1}}, Network)
    assert network == Network(latency=Duration(20_000_000), loss=0.01, to_client=Way(latency=Duration(1_000_000_000)))
    assert not problems


def test_a_table_stands_where_a_number_may() -> None:
    network, problems = structure({"latency": {"mean": "20ms", "deviation": "2ms"}}, Network)
    assert network == Network(latency=Normal(mean=Duration(20_000_000), deviation=Duration(2_000_000)))
    assert not problems


def test_the_model_picks_one_of_several_tables() -> None:
    network, problems = structure({"loss": {"model": "gilbert-elliott", "p": 0.1, "r": 1}}, Network)
    assert network == Network(loss=GilbertElliott(p=0.1, r=1.0))
    assert not problems


@pytest.mark.parametrize("table", [{"p": 0.1}, {"model": "gilbert", "p": 0.1}, {"model": 5}, {"model": []}])
def test_a_table_without_a_known_model_names_those_there_are(table: dict[str, object]) -> None:
    _, (problem,) = structure({"loss": table}, Network)
    assert str(problem).startswith("loss: a table with model ")
    assert str(problem).endswith("; allowed: a table with model = 'bernoulli' or 'gilbert-elliott'")


def test_a_wrong_number_tells_of_the_table_too() -> None:
    _, problems = structure({"latency": "soon", "loss": 2, "queue": {}}, Network)
    latency, loss, queue = texts(problems)
    assert latency.startswith("latency: 'soon' is not a duration; ")
    assert latency.endswith(", or a table with keys of: mean, deviation")
    assert loss.startswith("loss: 2.0 is out of range; allowed: 0 to 1, or a table with model = ")
    assert queue.startswith("queue: a table is not a size; ")


def test_problems_within_a_nested_table_have_the_whole_key() -> None:
    _, problems = structure(
        {"to_client": {"latency": {"mean": "x"}, "loss": {"model": "bernoulli", "p": 5, "q": 1}}}, Network
    )
    assert [each.path for each in problems] == [
        ("to_client", "latency", "mean"),
        ("to_client", "loss", "p"),
        ("to_client", "loss", "q"),
    ]


def test_a_required_key_that_is_missing_is_told() -> None:
    network, problems = structure({"latency": {"deviation": "x"}}, Network)
    assert [text.partition("'x'")[0] for text in texts(problems)] == [
        "latency.mean: required key is missing",
        "latency.deviation: ",
    ]
    assert network is None


def test_what_is_good_is_structured_although_the_rest_is_wrong() -> None:
    network, problems = structure(
        {"latency": "1s", "loss": 7, "to_client": {"queue": "x", "loss": 0.5}, "z": 1}, Network
    )
    assert len(problems) == 3
    assert network == Network(latency=Duration(1_000_000_000), to_client=Way(loss=0.5))


# plugin options


def test_options_become_the_class_that_the_plugin_declares() -> None:
    options = structure_options(
        Options,
        {
            "gap": "2ms",
            "rate": "1M",
            "on": True,
            "share": 1,
            "count": 2,
            "shade": 2,
            "kind": "burst",
            "files": ["a", "b"],
            "ranges": [[1, 2], [3, 4]],
            "weights": {"a": 1},
            "either": 5,
            "anything": {"x": []},
        },
        "sender.options",
    )
    assert options == Options(
        gap=Duration(2_000_000),
        rate=Rate(1_000_000),
        on=True,
        share=1.0,
        count=2,
        shade=Shade.DARK,
        files=[Path("a"), Path("b")],
        ranges=((1, 2), (3, 4)),
        weights={"a": 1.0},
        either=5,
        anything={"x": []},
    )
    assert isinstance(options, Options)
    assert isinstance(options.gap, Duration)
    assert isinstance(options.share, float)
    assert options.kind is Kind.BURST


def test_no_options_give_the_defaults() -> None:
    assert structure_options(Options, {}, "sender.options") == Options()


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("gap", 0, ": 0 s is out of range; allowed: more than 0"),
        ("on", "no", ": 'no' is not a switch; allowed: true or false, without quotes"),
        ("on", 1, ": 1 is not a switch"),
        ("share", True, ": true is not a number"),
        ("share", "1", ": '1' is not a number"),
        ("share", float("nan"), ": nan is not finite"),
        ("share", 10**400, ": a very large number is not finite"),
        ("count", True, ": true is unknown; allowed: 1 or 2"),
        ("shade", 3, ": 3 is unknown; allowed: 1 or 2"),
        ("kind", "brust", ": 'brust' is unknown; allowed: 'burst'; did you mean 'burst'?"),
        ("files", [1], "[0]: 1 is not a file name"),
        ("ranges", [[1, 2], [3]], "[1]: an array of 1; allowed: an array of exactly 2"),
        ("ranges", [[1, "x"]], "[0][1]: 'x' is not a whole number"),
        ("ranges", "x", ": 'x' is not an array"),
        ("weights", {"a": "x"}, ".a: 'x' is not a number"),
        ("weights", [], ": an array is not a table"),
        ("either", "b", ": 'b' is unknown; allowed: 'auto'; or 'b' is not a whole number"),
    ],
)
def test_a_wrong_option_is_refused_at_its_whole_key(key: str, value: object, text: str) -> None:
    (problem,) = options_problems(Options, {key: value})
    assert problem.startswith(f"sender.options.{key}{text}")


def test_every_wrong_option_is_told_at_once() -> None:
    assert len(options_problems(Options, {"gap": "x", "on": 1, "gpa": 2})) == 3


def test_an_unknown_option_names_the_one_that_was_meant() -> None:
    assert options_problems(Options, {"gpa": 2}) == ["sender.options.gpa: unknown key; did you mean 'gap'?"]


def test_the_source_of_wrong_options_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^a\.toml: sender\.options\.gap: "):
        structure_options(Options, {"gap": "x"}, "sender.options", "a.toml")


def test_what_the_options_class_refuses_by_itself_is_told_at_the_table() -> None:
    assert options_problems(Validated, {"low": 5}) == ["sender.options: low 5 is above high 1"]
    (problem,) = options_problems(Validated, {"high": 11})
    assert problem.startswith("sender.options: 'high' must be <= 10")


def test_options_for_a_plugin_that_takes_none_are_refused() -> None:
    structure_options(None, {}, "sender.options")
    assert options_problems(None, {"gap": 1}) == [
        "sender.options: 'gap' given, but what is chosen here takes no options"
    ]


def test_an_options_class_that_is_not_attrs_is_the_plugins_error() -> None:
    with pytest.raises(PluginError, match=r"sender\.options: options class dict is not an attrs class"):
        structure_options(dict, {}, "sender.options")


def test_an_options_class_that_toml_cannot_fill_is_the_plugins_error() -> None:
    @frozen
    class Unreadable:
        value: bytearray

    with pytest.raises(PluginError, match="has a field that cannot be read from TOML"):
        structure_options(Unreadable, {"value": "x"}, "sender.options")


def test_a_type_of_the_plugins_own_is_not_filled_with_what_it_is_not() -> None:
    class Celsius(float):
        pass

    @frozen
    class Warm:
        value: Celsius

    assert options_problems(Warm, {"value": 5.0})[0].startswith("sender.options.value: no way is known to read ")


# keys and values in messages


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("server", "listen", 0), "server.listen[0]"),
        (("a b",), "'a b'"),
        (("x", "a.b", "c"), "x.'a.b'.c"),
        (("",), "''"),
    ],
)
def test_a_key_is_written_as_a_user_does(path: tuple[str | int, ...], text: str) -> None:
    assert dotted(path) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        ("a\nb", "'a\\nb'"),
        ("x" * 1000, "'" + "x" * 56 + "..."),
        ([1], "an array"),
        ({"a": 1}, "a table"),
        (1 << 300, "a very large number"),
        (0.5, "0.5"),
    ],
)
def test_a_value_is_written_on_one_short_line(value: object, text: str) -> None:
    assert shown(value) == text


def test_a_table_in_which_everything_is_wrong_is_refused_with_as_many_problems_as_anybody_reads() -> None:
    structured, problems = structure({f"sigm{number}": 1 for number in range(55_000)}, Normal)
    assert structured is None
    assert len(problems) == 101
    assert str(problems[-1]) == "more is wrong than these 100; is it a configuration?"


LOOKED_AT: list[object] = []


def refuse(value: int) -> None:
    LOOKED_AT.append(value)
    raise ValueError("never allowed")


Refused = Annotated[int, refuse]


@frozen
class Arrays:
    flat: tuple[Refused, ...] = ()
    nested: tuple[tuple[Refused, ...], ...] = ()
    named: dict[str, Refused] = field(factory=dict)


@pytest.mark.parametrize(
    ("key", "items"),
    [("flat", [1] * 20_000), ("nested", [[1]] * 20_000), ("named", {str(number): 1 for number in range(20_000)})],
)
def test_an_array_in_which_everything_is_wrong_is_looked_at_no_further_than_it_is_told_of(
    key: str, items: object
) -> None:
    LOOKED_AT.clear()
    structured, problems = structure({key: items}, Arrays)
    assert structured is None
    assert len(LOOKED_AT) == len(problems) == TOLD_AT_MOST + 1
    assert str(problems[-1]) == "more is wrong than these 100; is it a configuration?"


def test_options_for_a_plugin_that_takes_none_are_named_as_far_as_anybody_reads() -> None:
    with pytest.raises(ConfigError, match="'k9' and 54,990 more given, but what is chosen here takes no options"):
        structure_options(None, {f"k{number}": 1 for number in range(55_000)}, "sender.options")


@pytest.mark.parametrize(("count", "text"), [(1, "a"), (10, "a, a, a, a, a, a, a, a, a, a")])
def test_a_short_list_is_written_whole(count: int, text: str) -> None:
    assert few(["a"] * count) == text
