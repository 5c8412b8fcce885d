"""The command line: its commands, and what becomes of their errors.

Light to import: what a command needs is imported inside it. A command is a file of its own, and a line in :data:`_COMMANDS`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from difflib import get_close_matches
from io import StringIO

import click

from cts import __version__
from cts.cli.bench_command import bench
from cts.cli.check_command import check
from cts.cli.compare_command import compare
from cts.cli.explain_command import explain
from cts.cli.impair_command import impair
from cts.cli.init_command import init
from cts.cli.plugins_command import plugins
from cts.cli.printing import CannotPrintError, print_text, say
from cts.cli.quick_commands import serve, test
from cts.cli.replay_command import replay
from cts.cli.report_command import report
from cts.cli.run_command import run
from cts.cli.schema_command import schema
from cts.cli.sim_command import sim
from cts.cli.verify_run_command import verify_run
from cts.errors import UserError, exhausted

__all__ = ["main"]

_COMMANDS: tuple[click.Command, ...] = (
    serve,
    test,
    init,
    run,
    sim,
    check,
    plugins,
    impair,
    verify_run,
    replay,
    explain,
    compare,
    report,
    bench,
    schema,
)
_WRONG_INPUT = 2


def _print_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    lines = [f"cts, version {__version__}"]
    if ctx.params["verbose"]:
        from cts.runs.host_facts import host_facts

        lines += [f"{name:<10} {fact}" for name, fact in host_facts().items()]
    print_text("\n".join(lines))
    ctx.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-v", "--verbose", is_flag=True, is_eager=True, help="With --version: what a report of a bug needs, too.")
@click.option("--version", is_flag=True, expose_value=False, callback=_print_version, help="Show the version and exit.")
def cli(verbose: bool) -> None:
    """Measure how a network carries media streams.

    A server and a client exchange frames over UDP at a fixed bit rate and frame rate; the receiver buffers, renders on a
    timer, and gives each frame a verdict.

    \b
    Example:
      cts serve                             # on the one machine
      cts test 192.0.2.1 --as call-720p     # on the other
      cts --version -v                      # what a report of a bug needs
    """
    if verbose:
        raise click.UsageError("-v goes with --version")


for _command in _COMMANDS:
    cli.add_command(_command)


def _near(option: str, possibilities: Iterable[str]) -> list[str]:
    """Return the options that may have been meant: the dashes, which all have, make none of them near."""
    names = {each.lstrip("-"): each for each in possibilities}
    return [names[name] for name in get_close_matches(option.lstrip("-"), names)]


def main() -> None:
    """Entry point: a user's mistake is one message and status 2; a bug is a traceback."""
    try:
        cli.main(prog_name="cts", standalone_mode=False)
    except click.ClickException as wrong:
        told_error = wrong
        if isinstance(told_error, click.NoSuchOption):
            near = _near(told_error.option_name, told_error.possibilities or ())
            told_error = click.NoSuchOption(told_error.option_name, possibilities=near, ctx=told_error.ctx)
        told_error.show(told := StringIO())
        say(told.getvalue().rstrip("\n"))
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
