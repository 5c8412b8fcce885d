"""Makes the README's picture of the live view, of a simulated run: ``python -m tests.docs.live_picture``."""

from __future__ import annotations

import io
import re
from pathlib import Path

from rich.console import Console

from cts.config import structure_config
from cts.config.network_links import impairments
from cts.output.live_history import LiveHistory
from cts.output.live_state import LiveState
from cts.output.ordering import PromptObserver
from cts.plugin.choice import choose_plugins
from cts.protocol.roles import Role
from cts.records.snapshots import RunSnapshot
from cts.runs.session_settings import plan_of
from cts.runs.simulated_run import simulate
from cts.runs.watchers import expected_end_ns
from cts.units import SECOND
from tests.output.live_states import view

__all__ = ["main", "picture"]

PATH = Path(__file__).resolve().parents[2] / "docs" / "live.svg"
AT_S = 24
COLUMNS, ROWS = 80, 23
CONFIG = {
    "stream": {"bits_per_second": "4 Mbit/s", "frame_rate": 30, "stream_length": "60s", "buffer_depth": "250ms"},
    "server": {"listen": ["192.0.2.7:4444"]},
    "client": {"connections": 4, "target": ["192.0.2.7:4444"], "start_spread": "2s"},
    "network": {
        "latency": {"model": "pareto", "minimum": "20ms", "shape": 2.5, "scale": "8ms", "cap": "400ms"},
        "loss": {"model": "gilbert-elliott", "p": 0.0003, "r": 0.1},
        "outages": [{"from": "14s", "to": "14600ms"}],
    },
    "run": {"time_limit": f"{AT_S}s"},
}
_FONT = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)
"""Asked for from elsewhere: a picture opens offline."""


class _Photographer(PromptObserver):
    redraws = True

    def __init__(self) -> None:
        self.history = LiveHistory()
        self.taken: RunSnapshot | None = None

    def status(self, snapshot: RunSnapshot) -> None:
        if snapshot.elapsed_ns < AT_S * SECOND:
            self.history.add(snapshot)
            self.taken = snapshot


def picture() -> str:
    """Return the view of a run in simulated time, as SVG."""
    config = structure_config(CONFIG)
    plugins = choose_plugins(config, "the picture")
    to_client, to_server = impairments(config.network, ipv6=False)
    photographer = _Photographer()
    simulate(
        config,
        seed=1,
        to_client=to_client,
        to_server=to_server,
        make_sender=plugins.make_sender,
        factory=plugins.make_factory(),
        observers=[photographer],
        give_up=lambda result: None,
        close=lambda report: (),
    )
    assert photographer.taken is not None
    plan = plan_of(config)
    state = LiveState(
        snapshot=photographer.taken,
        measure=Role.RECEIVER,
        seconds=photographer.history.seconds,
        still_ns=photographer.history.still_ns,
        plan=plan,
        expected_ns=expected_end_ns(config, plan),
        hears_keys=True,
    )
    console = Console(
        file=io.TextIOWrapper(io.BytesIO(), "utf-8"), record=True, width=COLUMNS, height=ROWS, force_terminal=True
    )
    for line in view(state, console=console, columns=COLUMNS, rows=ROWS):
        console.print(line, no_wrap=True)
    return _FONT.sub("", console.export_svg(title="cts test 192.0.2.7 --streams 4", unique_id="live"))


def main() -> None:
    """Write it."""
    PATH.write_text(picture(), encoding="utf-8")


if __name__ == "__main__":
    main()
