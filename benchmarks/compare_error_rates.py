"""How often ``cts compare`` calls one network two, and how often it tells two apart: seeded synthetic runs by the hundred.

Runs are made frame by frame, without the engine: datagrams are lost in bursts (two states), delay is a queue that wanders
(AR(1)) with spikes, and frames that come later than the buffer do not play. Prints, of each pair of networks, the share of
comparisons in which anything was told from chance, and how often each metric was.

    python -m benchmarks.compare_error_rates --comparisons 300 --seconds 60
    python -m benchmarks.compare_error_rates --comparisons 50 --seconds 15 --runs 3 --apart 0.7
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping
from multiprocessing import Pool
from random import Random
from typing import Final

from attrs import evolve

from cts.comparison.compare import Outcome, compare
from tests.comparison.synthetic import NETWORKS, WORSE, Network, synthetic_run

_TOLD: Final = (Outcome.BETTER, Outcome.WORSE, Outcome.SLIGHT)
"""What is told from chance, whether it matters or not."""


def told(
    name: str, worse: bool, seconds: int, seed: int, resamples: int, runs: int = 1, apart: float = 0.0
) -> list[str]:
    """Return which metrics were called different of runs of a network and as many of the same, or of a worse one.

    ``apart`` is by how many powers of two loss and wander of a side's runs differ from each other (standard deviation).
    """
    networks = NETWORKS[name], WORSE[name] if worse else NETWORKS[name]
    seeds = [[2 * runs * seed + place * runs + each for each in range(runs)] for place in range(2)]
    a, b = (
        [synthetic_run(of_a_run(network, each, apart), seconds=seconds, seed=each) for each in side]
        for network, side in zip(networks, seeds, strict=True)
    )
    found = compare(a, b, seed=1, resamples=resamples)
    return [row.metric.name for row in found.rows if row.outcome in _TOLD]


def of_a_run(network: Network, seed: int, apart: float) -> Network:
    """Return a network as it is during one run."""
    chance = Random(f"{network} {seed} {apart}")
    loss, wander_ms = network.loss * 2 ** chance.gauss(0, apart), network.wander_ms * 2 ** chance.gauss(0, apart)
    return evolve(network, loss=min(loss, 0.2), wander_ms=wander_ms)


def main() -> None:
    """Compare, count, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--comparisons", type=int, default=300)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--resamples", type=int, default=300)
    parser.add_argument("--runs", type=int, default=1, help="of each side")
    parser.add_argument(
        "--apart", type=float, default=0.0, help="powers of two by which loss and wander of runs differ"
    )
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    with Pool(options.processes) as pool:
        for name, worse in [*((name, False) for name in NETWORKS), *((name, True) for name in WORSE)]:
            settings = options.resamples, options.runs, options.apart
            jobs = [(name, worse, options.seconds, seed, *settings) for seed in range(options.comparisons)]
            found = pool.starmap(told, jobs, chunksize=4)
            print(line_of(f"{name}, {'worse' if worse else 'the same'}", found), flush=True)


def line_of(what: str, found: list[list[str]]) -> str:
    """Say how often anything was told, and what."""
    metrics: Mapping[str, int] = Counter(name for names in found for name in names)
    some = sum(map(bool, found))
    named = ", ".join(f"{name} {count}" for name, count in sorted(metrics.items(), key=lambda each: -each[1]))
    return f"{what:<22} {some:4} of {len(found)} ({some / len(found):.1%})  {named}"


if __name__ == "__main__":
    main()
