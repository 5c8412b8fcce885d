"""``cts impair``."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from signal import SIGINT
from typing import TYPE_CHECKING, TextIO

import click

from cts.cli.options import config_argument, overrides_option, read_duration_ns, read_option, seed_option
from cts.cli.printing import as_json_option, print_report
from cts.errors import printable
from cts.output.wrapping import for_reader

if TYPE_CHECKING:
    from cts.api import Address
    from cts.records.buffers import SocketBuffers

__all__ = ["impair"]


@click.command(short_help="Relay UDP, impaired, between peers.")
@click.option(
    "--listen",
    multiple=True,
    required=True,
    metavar="ADDRESS",
    help="Where clients send to: host:port, *:port for every address. May be given several times.",
)
@click.option("--to", required=True, metavar="ADDRESS", help="The server, host:port.")
@config_argument
@overrides_option("network.loss=0.01")
@seed_option
@click.option(
    "--truth",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write what became of every datagram; overrides output.truth_file.",
)
@click.option("--time-limit", metavar="TIME", help="End after this, for example 60s.")
@click.option("--clients", type=click.IntRange(1, 60_000), default=1024, show_default=True, help="Clients at once.")
@as_json_option
def impair(
    listen: tuple[str, ...],
    to: str,
    config: Path,
    overrides: tuple[str, ...],
    seed: int | None,
    truth: Path | None,
    time_limit: str | None,
    clients: int,
    as_json: bool,
) -> None:
    """Relay UDP between clients and a server, and do to it what the [network] table of CONFIG says.

    Works in front of any UDP service, for many clients, over IPv4 and IPv6, and from one to the other. Each client has links of
    its own, as in `cts sim`. Counts are shown every second. Ctrl-C or --time-limit ends it and prints the final counts; the
    exit status is 130 after Ctrl-C, 0 after the time limit, 1 if the ground truth is not complete.

    \b
    Example:
      cts impair --listen 127.0.0.1:5555 --to 127.0.0.1:4444 configs/impair.toml
      cts impair --listen '*:5555' --to server.example configs/sim-lte.toml
    """
    from cts.cli.relay_text import relay_banner, relay_json, relay_line, relay_text
    from cts.config import load_config
    from cts.config.endpoint_text import parse_endpoint, parse_target
    from cts.config.network_links import impairments
    from cts.net.addresses import missing_families
    from cts.output.console_stream import console_stream, takes_text
    from cts.relay.relay import RelayLimits
    from cts.relay.run import RelayOrder, RelayResult, run_relay
    from cts.runs.network_text import relay_notes
    from cts.runs.session_settings import plan_of, simulated_seed, socket_options

    listening = [read_option("--listen", parse_endpoint, address) for address in listen]
    target = read_option("--to", parse_target, to)
    limit_ns = read_duration_ns("--time-limit", time_limit, least_ns=1)
    if truth is not None:
        overrides = (*overrides, f"output.truth_file={json.dumps(str(truth), ensure_ascii=False)}")
    settings = load_config(config, overrides)
    chosen_seed = simulated_seed(settings, seed)
    plan = plan_of(settings)
    order = RelayOrder(
        links=lambda ipv6: impairments(settings.network, ipv6=ipv6),
        listen=listening,
        to=target,
        seed=chosen_seed,
        interval_ns=plan.interval_ns,
        buffer_ns=plan.render_offset_ns(1),
        truth_file=settings.output.truth_file,
        time_limit_ns=limit_ns,
        limits=RelayLimits(clients=clients),
        offload=settings.run.offload == "auto",
        sockets=socket_options(settings),
    )

    def begin(bound: Sequence[Address], upstream: Address, buffers: SocketBuffers) -> None:
        _show(relay_banner(bound, upstream, chosen_seed, buffers), console)
        for text in relay_notes(settings, ipv6=":" in upstream.host):
            _show(text, console)
        for text in missing_families(listen, bound):
            _show(f"note: {text}", console)

    def tell(result: RelayResult) -> None:
        if result.failure is not None:
            _show(result.failure, sys.stderr)
        if result.signal is None or takes_text(sys.stdout):
            print_report(result, relay_json, relay_text, as_json=as_json)

    with console_stream(sys.stderr) as console:
        result = run_relay(
            order,
            began=begin,
            watch=lambda statistics: _show(relay_line(statistics), console),
            give_up=tell,
        )
        if result.signal == SIGINT and sys.stderr.isatty():
            # The terminal has echoed ^C, behind which nothing is to stand.
            _show("", console)
    tell(result)
    sys.exit(result.exit_status)


def _show(line: str, console: TextIO) -> None:
    """Write a line for whoever watches a relay; nobody may."""
    try:
        print(for_reader(printable(line), console), file=console, flush=True)
    except (OSError, ValueError):
        return
