"""``cts impair``: the command. Light to import, as all of the command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import click

from cts.errors import UserError

__all__ = ["impair_command"]


@click.command("impair", short_help="Relay UDP, impaired, between peers.")
@click.option(
    "--listen",
    multiple=True,
    required=True,
    metavar="ADDRESS",
    help="Where clients send to: host:port, *:port for every address. May be given several times.",
)
@click.option("--to", required=True, metavar="ADDRESS", help="The server, host:port.")
@click.argument("config", type=click.Path(path_type=Path))
@click.option(
    "--set",
    "overrides",
    metavar="KEY=VALUE",
    multiple=True,
    help="Override a key, for example network.loss=0.01. May be given several times.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="All chance follows from it.")
@click.option(
    "--truth",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write what became of every datagram; overrides output.truth_file.",
)
@click.option("--time-limit", metavar="TIME", help="End after this, for example 60s.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout; all else goes to stderr.")
def impair_command(
    listen: tuple[str, ...],
    to: str,
    config: Path,
    overrides: tuple[str, ...],
    seed: int,
    truth: Path | None,
    time_limit: str | None,
    as_json: bool,
) -> None:
    """Relay UDP between clients and a server, and do to it what the [network] table of CONFIG says.

    Works in front of any UDP service, for many clients, over IPv4 and IPv6, and from one to the other. Each client has links of
    its own, as in `cts sim`. Counts are shown every second. Ctrl-C ends it and prints the final counts; that is how a relay is
    ended, so the exit status is 0.
    """
    from cts.cli.relay_text import relay_banner, relay_json, relay_line, relay_text
    from cts.config import load_config
    from cts.config.endpoint_text import check_listen, check_target, parse_endpoint
    from cts.config.network_links import impairments
    from cts.relay.run import RelayOrder, run_relay
    from cts.units import Between, parse_duration_ns

    for address in listen:
        _check("--listen", check_listen, address)
    _check("--to", check_target, to)
    limit_ns = None
    if time_limit is not None:
        _check("--time-limit", lambda text: Between(1)(parse_duration_ns(text)), time_limit)
        limit_ns = int(parse_duration_ns(time_limit))
    if truth is not None:
        overrides = (*overrides, f"output.truth_file={json.dumps(str(truth), ensure_ascii=False)}")
    settings = load_config(config, overrides)
    result = run_relay(
        RelayOrder(
            links=lambda ipv6: impairments(settings.network, ipv6=ipv6),
            listen=[parse_endpoint(each) for each in listen],
            to=parse_endpoint(to),
            seed=seed,
            truth_file=settings.output.truth_file,
            time_limit_ns=limit_ns,
            offload=settings.run.offload == "auto",
        ),
        began=lambda bound, upstream: _say(relay_banner(bound, upstream, seed)),
        watch=lambda statistics: _say(relay_line(statistics)),
    )
    if result.failure is not None:
        _say(result.failure)
    click.echo(json.dumps(relay_json(result)) if as_json else relay_text(result))
    sys.exit(result.exit_status)


def _check(option: str, check: Callable[[str], object], text: str) -> None:
    try:
        check(text)
    except ValueError as error:
        raise UserError(f"{option}: {error}") from None


def _say(line: str) -> None:
    """Write a line for whoever watches; nobody may."""
    try:
        click.echo(line, err=True)
    except (OSError, ValueError):
        return
