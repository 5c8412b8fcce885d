"""The command line. Light to import: what a command needs is imported inside it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from signal import SIGINT
from typing import TYPE_CHECKING, TextIO, TypeVar

import click

from cts import __version__
from cts.cli.printing import CannotPrintError, as_json_option, json_text, print_result, say
from cts.cli.replay_command import replay
from cts.errors import UserError, exhausted, printable, tell_together
from cts.schemas import SCHEMAS, schema_text
from cts.signals import exit_status_of

if TYPE_CHECKING:
    from cts.api import Address
    from cts.records.buffers import SocketBuffers
    from cts.records.results import RunResult

__all__ = ["main"]

_WRONG_INPUT = 2

_Command = TypeVar("_Command", bound=Callable[..., object])
_Value = TypeVar("_Value")

_config = click.argument("config", type=click.Path(path_type=Path))
_seed = click.option("--seed", type=int, help="All chance follows from it.  [default: run.seed, or 1]")


def _overrides(example: str = "stream.frame_rate=60") -> Callable[[_Command], _Command]:
    text = f"Override a key, for example {example}. May be given several times."
    return click.option("--set", "overrides", metavar="KEY=VALUE", multiple=True, help=text)


def _teller(as_json: bool) -> Callable[[RunResult], None]:
    """Return what prints the summary of a run."""
    from cts.output.console_stream import takes_text
    from cts.output.summary import summary_json, summary_text

    def tell(result: RunResult) -> None:
        # Who stops a run whose terminal is stopped, too, wants it to end.
        if result.signal is None or takes_text(sys.stdout):
            print_result(json_text(summary_json(result.report)) if as_json else summary_text(result.report))

    return tell


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cts")
def cli() -> None:
    """Measure how a network carries media streams.

    A server and a client exchange frames over UDP at a fixed bit rate and frame rate; the receiver buffers, renders on a
    timer, and gives each frame a verdict.
    """


@cli.command(short_help="Run the streams that CONFIG describes.")
@_config
@_overrides()
@as_json_option
def run(config: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Run the streams that CONFIG describes, and print what was measured."""
    from cts.config import load_config
    from cts.runs.real_run import run as run_config

    tell = _teller(as_json)
    settings = load_config(config, overrides)
    result = run_config(settings, str(config), console=sys.stderr, give_up=tell, overrides=overrides)
    tell(result)
    sys.exit(result.exit_status)


@cli.command(short_help="Run CONFIG in virtual time.")
@_config
@_overrides()
@_seed
@as_json_option
def sim(config: Path, overrides: tuple[str, ...], seed: int | None, as_json: bool) -> None:
    """Run CONFIG in virtual time on the network that its [network] table describes.

    The engine, server and clients are those of a real run; the result is a function of CONFIG and the seed alone.
    """
    from cts.config import load_config
    from cts.runs.session_settings import simulated_seed
    from cts.runs.simulated_run import run_simulation

    tell = _teller(as_json)
    settings = load_config(config, overrides)
    result = run_simulation(
        settings,
        str(config),
        seed=simulated_seed(settings, seed),
        console=sys.stderr,
        say=say,
        give_up=tell,
        overrides=overrides,
    )
    tell(result)
    sys.exit(result.exit_status)


@cli.command(short_help="Validate CONFIGs, show what follows.")
@click.argument("configs", metavar="CONFIG...", nargs=-1, required=True, type=click.Path(path_type=Path))
@_overrides()
def check(configs: tuple[Path, ...], overrides: tuple[str, ...]) -> None:
    """Validate each CONFIG and show what follows from it; opens no socket and writes no file."""
    from cts.config import load_config
    from cts.plugin.choice import choose_plugins
    from cts.runs.plan_text import describe_plan
    from cts.runs.session_settings import plan_of

    shown: list[str] = []
    mistakes: list[UserError] = []
    for config in configs:
        try:
            settings = load_config(config, overrides)
            plan = describe_plan(settings, plan_of(settings), choose_plugins(settings, str(config), overrides))
        except UserError as mistake:
            mistakes.append(mistake)
        else:
            shown.append(plan if len(configs) == 1 else f"{config}:\n{plan}")
    if shown:
        print_result("\n\n".join(shown))
    tell_together(mistakes)


@cli.command(short_help="List senders and factories.")
def plugins() -> None:
    """List every sender strategy and connected-socket factory, broken ones with the reason."""
    from cts.plugin.registry import find_plugins
    from cts.plugin.status import describe_plugins

    print_result(describe_plugins(find_plugins()))


@cli.command(short_help="Relay UDP, impaired, between peers.")
@click.option(
    "--listen",
    multiple=True,
    required=True,
    metavar="ADDRESS",
    help="Where clients send to: host:port, *:port for every address. May be given several times.",
)
@click.option("--to", required=True, metavar="ADDRESS", help="The server, host:port.")
@_config
@_overrides("network.loss=0.01")
@_seed
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
    from cts.runs.session_settings import simulated_seed, socket_options

    listening = [_read("--listen", parse_endpoint, address) for address in listen]
    target = _read("--to", parse_target, to)
    limit_ns = _read_ns("--time-limit", time_limit, least_ns=1)
    if truth is not None:
        overrides = (*overrides, f"output.truth_file={json.dumps(str(truth), ensure_ascii=False)}")
    settings = load_config(config, overrides)
    chosen_seed = simulated_seed(settings, seed)
    order = RelayOrder(
        links=lambda ipv6: impairments(settings.network, ipv6=ipv6),
        listen=listening,
        to=target,
        seed=chosen_seed,
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
            print_result(json_text(relay_json(result)) if as_json else relay_text(result))

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


@cli.command("verify-run", short_help="Check a run against the truth.")
@click.argument("events", type=click.Path(path_type=Path))
@click.argument("truth", type=click.Path(path_type=Path))
@as_json_option
@click.option(
    "--tolerance",
    metavar="DURATION",
    help="How far times of the two logs may lie apart; what comes that near a render time is not decided."
    "  [default: 0 for a simulation, else 2ms]",
)
def verify_run(events: Path, truth: Path, as_json: bool, tolerance: str | None) -> None:
    """Recompute every verdict of a run from the ground truth of its network, and list what differs.

    EVENTS is the events file of the receiving side, TRUTH the ground-truth log of `cts sim` or `cts impair`. Leaves with
    status 0 if they agree, 1 if they differ, 2 if a file is not to be used.
    """
    from cts.verification.report import verification_json, verification_text
    from cts.verification.verify import verify_run as verify

    verification = verify(events, truth, tolerance_ns=_read_ns("--tolerance", tolerance))
    print_result(json_text(verification_json(verification)) if as_json else verification_text(verification))
    sys.exit(0 if verification.agrees else 1)


cli.add_command(replay)


@cli.command(short_help="Measure what this host can do.")
@click.option("--datagram-size", type=click.IntRange(53, 65_500), default=1400, show_default=True, help="Bytes.")
@click.option("--offload", type=click.Choice(["auto", "off"]), default="auto", show_default=True)
@click.option("--iperf/--no-iperf", default=True, help="Run iperf3 beside it, where it is installed.")
@as_json_option
def bench(datagram_size: int, offload: str, iperf: bool, as_json: bool) -> None:
    """Measure what this host can do over loopback, and how far its measurements can be trusted.

    Takes a minute and a half, about a minute more with iperf3. Nothing else should run on the host meanwhile.
    """
    from cts.bench.bench import run_bench
    from cts.bench.findings import findings_json, findings_text

    findings, stopped_by = run_bench(say, offload=offload, datagram_max_size=datagram_size, with_iperf=iperf)
    print_result(json_text(findings_json(findings)) if as_json else findings_text(findings))
    if stopped_by is not None:
        sys.exit(exit_status_of(stopped_by))


@cli.command(short_help="Print the JSON Schema of --json.")
@click.argument("command", type=click.Choice(list(SCHEMAS)))
def schema(command: str) -> None:
    """Print the JSON Schema (draft 2020-12) of what COMMAND prints with --json.

    It has every key with its meaning and unit, and says what may be null.
    """
    print_result(schema_text(command).rstrip("\n"))


def _read(option: str, read: Callable[[str], _Value], text: str) -> _Value:
    try:
        return read(text)
    except ValueError as error:
        raise UserError(f"{option}: {error}") from None


def _read_ns(option: str, text: str | None, *, least_ns: int = 0) -> int | None:
    from cts.units import Between, parse_duration_ns

    def read(text: str) -> int:
        duration_ns = parse_duration_ns(text)
        Between(least_ns)(duration_ns)
        return duration_ns

    return None if text is None else _read(option, read, text)


def _show(line: str, console: TextIO) -> None:
    """Write a line for whoever watches a relay; nobody may."""
    try:
        print(printable(line), file=console, flush=True)
    except (OSError, ValueError):
        return


def main() -> None:
    """Entry point: a user's mistake is one message and status 2; a bug is a traceback."""
    try:
        cli.main(prog_name="cts", standalone_mode=False)
    except click.ClickException as error:
        error.message = printable(error.message)  # type: ignore[misc]
        error.show()
        sys.exit(_WRONG_INPUT)
    except click.Abort as error:
        raise KeyboardInterrupt from error
    except CannotPrintError as error:
        say(f"cts: cannot print the result: {error}")
        sys.stdout = None
        sys.exit(1)
    except UserError as error:
        say("\n".join(f"cts: {line}" for line in str(error).splitlines()))
        sys.exit(_WRONG_INPUT)
    except (OSError, RuntimeError, ExceptionGroup) as error:
        if (mistake := exhausted(error)) is None:
            raise
        say(f"cts: {mistake}")
        sys.exit(1)
