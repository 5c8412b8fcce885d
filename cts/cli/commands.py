"""The command line. Light to import: what a command needs is imported inside it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from cts import __version__
from cts.cli.bench import bench_command
from cts.cli.impair import impair_command
from cts.cli.verify import verify_run_command
from cts.errors import UserError, tell_together

__all__ = ["main"]

_WRONG_INPUT = 2
_INTERRUPTED = 130

_config = click.argument("config", type=click.Path(path_type=Path))
_overrides = click.option(
    "--set",
    "overrides",
    metavar="KEY=VALUE",
    multiple=True,
    help="Override a key, for example stream.frame_rate=60. May be given several times.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cts")
def cli() -> None:
    """Measure how a network carries media streams.

    A server and a client exchange frames over UDP at a fixed bit rate and frame rate; the receiver buffers, renders on a
    timer, and gives each frame a verdict.
    """


@cli.command(short_help="Run the streams that CONFIG describes.")
@_config
@_overrides
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout; all else goes to stderr.")
def run(config: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Run the streams that CONFIG describes, and print what was measured."""
    from cts.config import load_config
    from cts.output.summary import summary_json, summary_text
    from cts.runs.real_run import run as run_config

    result = run_config(load_config(config, overrides), str(config), console=sys.stderr, overrides=overrides)
    click.echo(json.dumps(summary_json(result.report)) if as_json else summary_text(result.report))
    sys.exit(result.exit_status)


@cli.command(short_help="Run CONFIG in virtual time.")
@_config
@_overrides
@click.option("--seed", type=int, default=1, show_default=True, help="All chance follows from it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout; all else goes to stderr.")
def sim(config: Path, overrides: tuple[str, ...], seed: int, as_json: bool) -> None:
    """Run CONFIG in virtual time on the network that its [network] table describes.

    The engine, server and clients are those of a real run; the result is a function of CONFIG and the seed alone.
    """
    from cts.config import load_config
    from cts.output.summary import summary_json, summary_text
    from cts.runs.simulated_run import run_simulation

    settings = load_config(config, overrides)
    report = run_simulation(settings, str(config), seed=seed, console=sys.stderr, say=_say, overrides=overrides)
    click.echo(json.dumps(summary_json(report)) if as_json else summary_text(report))
    sys.exit(1 if report.failed else 0)


@cli.command(short_help="Validate CONFIGs, show what follows.")
@click.argument("configs", metavar="CONFIG...", nargs=-1, required=True, type=click.Path(path_type=Path))
@_overrides
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
        click.echo("\n\n".join(shown))
    tell_together(mistakes)


@cli.command(short_help="List senders and factories.")
def plugins() -> None:
    """List every sender strategy and connected-socket factory, broken ones with the reason."""
    from cts.cli.plugin_text import describe_plugins
    from cts.plugin.registry import find_plugins
    from cts.plugin.status import describe_all

    found = find_plugins()
    click.echo(describe_plugins(describe_all(found), found.unreadable))


cli.add_command(bench_command)
cli.add_command(impair_command)
cli.add_command(verify_run_command)


def _say(line: str) -> None:
    click.echo(line, err=True)


def main() -> None:
    """Entry point: a user's mistake is one message and status 2; a bug is a traceback."""
    try:
        cli.main(prog_name="cts", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(_WRONG_INPUT)
    except (click.Abort, KeyboardInterrupt):
        click.echo("cts: interrupted", err=True)
        sys.exit(_INTERRUPTED)
    except OSError as error:
        # Only what is printed at the end can fail this way: everything else that touches files or sockets says so itself.
        click.echo(f"cts: cannot print the result: {error.strerror}", err=True)
        sys.stdout = None
        sys.exit(1)
    except UserError as error:
        click.echo("\n".join(f"cts: {line}" for line in str(error).splitlines()), err=True)
        sys.exit(_WRONG_INPUT)
