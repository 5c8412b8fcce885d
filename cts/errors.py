"""Errors that cts itself raises, one root for all of them.

A user's mistake is a :class:`UserError`: the command line prints its text and leaves with status 2.
A stream's failure is not an exception but that stream's result (see ``cts.protocol.pattern``).
Anything else that escapes is a bug and ends in a traceback.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Sequence
from typing import Final

__all__ = [
    "ConfigError",
    "CtsError",
    "DecodeError",
    "PluginError",
    "PluginFailure",
    "UserError",
    "exhausted",
    "explained",
    "first_of",
    "is_exhausted",
    "meaning_of",
    "mistake_in",
    "printable",
    "system_error",
    "system_reason",
    "tell_together",
]


class CtsError(Exception):
    """Root of all errors of this package."""


class UserError(CtsError):
    """Something the user can put right: says what is wrong, where, and what is allowed."""


class ConfigError(UserError):
    """A configuration was refused; carries every problem found, each as ``dotted.key: text``."""

    def __init__(self, source: str, problems: list[str]) -> None:
        self.source = source
        self.problems = problems
        super().__init__("\n".join(f"{source}: {problem}" for problem in problems))


class PluginError(UserError):
    """A plugin is missing, broken, ambiguous or of the wrong shape; names the distribution, the entry point, the cure."""


class PluginFailure(CtsError):
    """A plugin raised an exception, which ends its stream; the text names the plugin and tells what it raised."""


class DecodeError(CtsError):
    """A received datagram is none of the protocol's (the only error that decoding raises)."""


def tell_together(mistakes: Sequence[UserError]) -> None:
    """Raise several mistakes as one error that tells each of them; a single one as it is; nothing where there is none."""
    if len(mistakes) == 1:
        raise mistakes[0]
    if mistakes:
        raise UserError("\n".join(map(str, mistakes)))


def mistake_in(group: BaseExceptionGroup[BaseException]) -> UserError | None:
    """Return the user's mistake that nurseries wrapped in groups; None if anything else went wrong as well."""
    mistakes, rest = group.split(UserError)
    error = None if mistakes is None or rest is not None else first_of(mistakes)
    return error if isinstance(error, UserError) else None


def first_of(error: BaseException) -> BaseException:
    """Return the first error inside nested exception groups, which is what a person needs to see; or the error itself."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


_NO_THREAD: Final = "can't start new thread"
"""All by which Python tells this RuntimeError from others."""

_UNPRINTABLE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Control characters but for tab and line feed, those that turn the direction of writing, halves of characters."""


def printable(text: str) -> str:
    """Return a stranger's text (a plugin's, a path, a name) with what a terminal would act on written as an escape."""
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def system_error(error: OSError) -> str:
    """Return what the operating system said, with the file that it said it of, and what to do where descriptors ran out."""
    return _system_said(error, "" if error.filename is None else f": {str(error.filename)!r}")


def system_reason(error: OSError) -> str:
    """Return the same without the file, for a message that names it."""
    return _system_said(error, "")


def _system_said(error: OSError, of_what: str) -> str:
    text = error.strerror or str(error) or type(error).__name__
    return f"{text}{of_what}{'; raise the limit (ulimit -n)' if error.errno == errno.EMFILE else ''}"


_MEANINGS: Final = {
    os.strerror(number): text
    for number, text in (
        (errno.EINVAL, "a route of this host discards what goes there (blackhole), or client.bind cannot reach it"),
        (errno.EACCES, "a route of this host or a firewall prohibits it, or it is a broadcast address"),
        (errno.EPERM, "a firewall of this host refuses it"),
        (errno.EHOSTUNREACH, "a route of this host says unreachable, or no neighbour has that address"),
        (errno.ENETUNREACH, "this host has no route there: see 'ip route get'"),
        (errno.EADDRNOTAVAIL, "an address to send from is not this host's, or no port is left"),
        (errno.EAFNOSUPPORT, "the address to send from is of another family than the target"),
        (errno.ENETDOWN, "the interface on the way there is down"),
        (errno.EMSGSIZE, "datagrams are larger than the way there takes: lower stream.datagram_max_size"),
        (errno.ENOBUFS, "this host has no memory for more: fewer streams, or a lower rate"),
        (
            errno.EMFILE,
            "this process may open no more sockets: raise the limit (ulimit -n), or fewer client.connections",
        ),
        (errno.ENFILE, "this host may open no more files: raise fs.file-max"),
        (errno.ECONNREFUSED, "the network says that nobody listens there"),
    )
}


def meaning_of(refusal: str | None) -> str | None:
    """Return what it may mean here, and what to do, that the operating system refused a socket or a send; None for unknown.

    Args:
        refusal: its words, as in ``OSError.strerror``.
    """
    return None if refusal is None else _MEANINGS.get(refusal)


def explained(error: BaseException) -> str | None:
    """Return what the operating system said and what that may mean here; None for other errors, and where that is unknown."""
    meaning = meaning_of(error.strerror) if isinstance(error, OSError) else None
    return None if meaning is None else f"{error.strerror}: {meaning}"  # type: ignore[attr-defined]


def is_exhausted(error: BaseException) -> bool:
    """Tell whether the operating system had nothing left for this process, or for any."""
    return isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS)


def exhausted(error: BaseException) -> UserError | None:
    """Return the message of an error by which the operating system had nothing left for this process; None for others."""
    refusal = first_of(error)
    if isinstance(refusal, OSError) and is_exhausted(refusal):
        what = system_error(refusal)
    elif isinstance(refusal, RuntimeError) and str(refusal) == _NO_THREAD:
        what = "no thread can be started; raise the limit of processes or of memory (ulimit -u, ulimit -v)"
    else:
        return None
    return UserError(f"the operating system lets this run have no more of what it needs: {what}")
