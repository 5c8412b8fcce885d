"""The command line: ``cts run``, ``sim``, ``impair``, ``verify-run``, ``bench``, ``check``, ``plugins``, ``schema``."""

import os
import signal
import sys

from cts.signals import as_interrupts, exit_status_of

__all__ = ["main"]


def main() -> None:
    """Entry point; a signal that ends the command is no bug at any moment, not even while the rest is being imported."""
    with as_interrupts() as came:
        try:
            _open_standard_streams()
            from cts.cli.commands import main as run_command

            run_command()
        except (KeyboardInterrupt, BaseExceptionGroup, RuntimeError) as error:
            if not _is_interrupt(error):
                raise
            number = came[0] if came else signal.SIGINT
            print("cts: interrupted", file=sys.stderr)
            sys.exit(exit_status_of(number))


def _open_standard_streams() -> None:
    """Put /dev/null in the place of standard streams that are closed, lest a log or a socket gets their number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # The lowest number that is free, and those below it are taken by now.
            try:
                number = os.open(os.devnull, os.O_RDWR)
            except OSError as error:
                sys.exit(f"cts: {name} is closed, and {os.devnull} cannot take its place: {error.strerror}")
            os.set_inheritable(number, True)
            setattr(sys, name, os.fdopen(number, mode))


def _is_interrupt(error: BaseException) -> bool:
    """Tell whether a signal, and nothing else, is what an error is about; nurseries may have wrapped it, or Python has."""
    if isinstance(error, BaseExceptionGroup):
        interrupts, rest = error.split(KeyboardInterrupt)
        return interrupts is not None and rest is None
    if isinstance(error, RuntimeError):  # up to 3.11, of what __set_name__ raises
        return isinstance(error.__cause__, KeyboardInterrupt)
    return isinstance(error, KeyboardInterrupt)
