"""The command line: its commands, and what becomes of their errors.

Light to import: what a command needs is imported inside it. A command is a file of its own, and a line in :data:`_COMMANDS`.
"""

from __future__ import annotations

import sys

import click

from cts import __version__
from cts.cli.bench_command import bench
from cts.cli.check_command import check
from cts.cli.impair_command import impair
from cts.cli.plugins_command import plugins
from cts.cli.printing import CannotPrintError, say
from cts.cli.replay_command import replay
from cts.cli.run_command import run
from cts.cli.schema_command import schema
from cts.cli.sim_command import sim
from cts.cli.verify_run_command import verify_run
from cts.errors import UserError, exhausted, printable

__all__ = ["main"]

_COMMANDS: tuple[click.Command, ...] = (
    run,
    sim,
    check,
    plugins,
    impair,
    verify_run,
    replay,
    bench,
    schema,
)
_WRONG_INPUT = 2


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cts")
def cli() -> None:
    """Measure how a network carries media streams.

    A server and a client exchange frames over UDP at a fixed bit rate and frame rate; the receiver buffers, renders on a
    timer, and gives each frame a verdict.
    """


for _command in _COMMANDS:
    cli.add_command(_command)


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
