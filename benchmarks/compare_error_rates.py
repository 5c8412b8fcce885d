"""How often ``cts compare`` calls one network two, and how often it tells two apart: seeded synthetic runs by the hundred.

Runs are made frame by frame, without the engine: datagrams are lost in bursts (two states), delay is a queue that wanders
(AR(1)) with spikes, and frames that come later than the buffer do not play. Prints, of each pair of networks, the share of
comparisons in which anything was called better or worse, and how often each metric was.

    python -m benchmarks.compare_error_rates --comparisons 300 --seconds 60
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping
from multiprocessing import Pool
from typing import Final

from cts.comparison.compare import Outcome, compare
from tests.comparison.synthetic import NETWORKS, WORSE, synthetic_run

_TOLD: Final = (Outcome.BETTER, Outcome.WORSE)


def told(name: str, worse: bool, seconds: int, seed: int, resamples: int) -> list[str]:
    """Return which metrics were called different of a run of a network and one of the same, or of a worse one."""
    networks = NETWORKS[name], WORSE[name] if worse else NETWORKS[name]
    a, b = (synthetic_run(each, seconds=seconds, seed=2 * seed + place) for place, each in enumerate(networks))
    found = compare([a], [b], seed=1, resamples=resamples)
    return [row.metric.name for row in found.rows if row.outcome in _TOLD]


def main() -> None:
    """Compare, count, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--comparisons", type=int, default=300)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--resamples", type=int, default=300)
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    with Pool(options.processes) as pool:
        for name, worse in [*((name, False) for name in NETWORKS), *((name, True) for name in WORSE)]:
            jobs = [(name, worse, options.seconds, seed, options.resamples) for seed in range(options.comparisons)]
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
