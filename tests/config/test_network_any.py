"""Whatever stands in ``[network]`` is either refused in words or makes links that work."""

from collections.abc import Callable
from random import Random

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cts.config import structure_config
from cts.config.network_links import impairments
from cts.errors import ConfigError
from cts.impairment.link import Link
from cts.impairment.profiles import PROFILES

Table = dict[str, object]

NUMBERS = st.integers(-1, 3) | st.floats(0, 1.5) | st.floats() | st.integers()
TIMES = st.sampled_from([0, 1, 0.5, "2ms", "20ms", "12s"])
SCALARS = st.booleans() | NUMBERS | TIMES | st.sampled_from(["unlimited", "1M", *PROFILES]) | st.text()
MODELS = st.sampled_from(
    ["uniform", "normal", "pareto", "trace", "bernoulli", "gilbert-elliott", "every-nth", "ranges"]
)
PAIRS = st.lists(st.lists(st.integers(-1, 9), max_size=3), max_size=4)
MODEL_KEYS = ["low", "high", "mean", "sigma", "shape", "cap", "p", "r", "h", "k", "loss_bad", "n", "ranges", "file"]


def mostly(good: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.integers(0, 15).flatmap(lambda chance: good if chance else SCALARS)


def table_of(model: str, **keys: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.fixed_dictionaries({"model": st.just(model), **{key: mostly(value) for key, value in keys.items()}})


SHARES: st.SearchStrategy[object] = st.floats(0, 1)
GARBAGE_TABLE: st.SearchStrategy[object] = st.dictionaries(
    st.just("model") | st.sampled_from(MODEL_KEYS) | st.text(), MODELS | SCALARS | PAIRS, max_size=5
)
LATENCY_TABLES = st.one_of(
    table_of("uniform", low=TIMES, high=TIMES),
    table_of("normal", mean=TIMES, sigma=TIMES),
    table_of("pareto", minimum=TIMES, shape=st.floats(0.1, 5), scale=TIMES, cap=TIMES),
    GARBAGE_TABLE,
)
LOSS_TABLES = st.one_of(
    table_of("bernoulli", p=SHARES),
    table_of("gilbert-elliott", p=SHARES, r=SHARES, h=SHARES, loss_good=SHARES),
    table_of("every-nth", n=st.integers(1, 9)),
    table_of("ranges", ranges=PAIRS),
    GARBAGE_TABLE,
)
OUTAGES = st.lists(st.fixed_dictionaries({"from": TIMES, "to": mostly(TIMES)}) | GARBAGE_TABLE, max_size=3)
SIZES = st.sampled_from([0, 100, 1500, "64 KiB"])
KEYS: dict[str, st.SearchStrategy[object]] = {
    "profile": st.sampled_from(list(PROFILES)),
    "latency": TIMES | LATENCY_TABLES,
    "jitter": TIMES,
    "keep_order": st.booleans(),
    "delay_hold": TIMES,
    "loss": SHARES | LOSS_TABLES,
    "duplicate": SHARES,
    "reorder": SHARES,
    "reorder_delay": TIMES,
    "corrupt": SHARES,
    "bandwidth": st.sampled_from(["unlimited", "1M", 8]),
    "queue": SIZES,
    "mtu": SIZES,
    "outages": OUTAGES,
}
LINKS = st.fixed_dictionaries({}, optional={key: mostly(value) for key, value in KEYS.items()})
NETWORKS = st.builds(
    lambda both_ways, ways, more: {**both_ways, **ways, **more},
    LINKS,
    st.fixed_dictionaries({}, optional={"to_client": mostly(LINKS), "to_server": mostly(LINKS)}),
    st.just({}) | st.dictionaries(st.text(), SCALARS, max_size=1),
)


def one_key(draw: Callable[[st.SearchStrategy[object]], object], key: str) -> Table:
    return {key: draw(mostly(KEYS[key]))}


def told_or_made(network: Table) -> None:
    """Structure a network; either it is refused in words, or it makes links that work."""
    try:
        config = structure_config({"network": network})
    except ConfigError as refused:
        told = refused.problems
    else:
        told = []
    if told:
        assert all(problem.isprintable() and len(problem) < 600 for problem in told)
        assert len(set(told)) == len(told)
        return
    for impairment in impairments(config.network):
        link = Link(impairment, Random(1))
        assert len(link.transmit_many(0, [0, 1400]) + link.transmit_many(1_500_000_000, [1400])) == 3


@given(NETWORKS)
@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow])
@example({"profile": "\U0010ffff" * 200})
def test_any_network_is_refused_in_words_or_makes_links(network: Table) -> None:
    told_or_made(network)


@given(st.data(), st.lists(st.sampled_from(sorted(KEYS)), min_size=1, max_size=4, unique=True), st.booleans())
@settings(deadline=None, max_examples=50)
def test_any_few_keys_are_refused_in_words_or_make_links(data: st.DataObject, keys: list[str], twice: bool) -> None:
    network: Table = {key: value for each in keys for key, value in one_key(data.draw, each).items()}
    told_or_made({**network, "to_server": one_key(data.draw, keys[0])} if twice else network)
