"""The keys of a run, out of their files. A key goes no further than into its own value: no message has one.

A file that others may read is refused, as OpenSSH refuses a private key. What systemd hands over (``LoadCredential=``) is in a
directory that the service alone may enter, whatever the modes of its files say.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from cts.config import Config
from cts.config.key_sources import credential_of
from cts.engine.shared_keys import SharedKeys
from cts.errors import UserError, system_reason
from cts.protocol.control.key_file import read_keys
from cts.protocol.control.keys import Key, KeyRing

__all__ = ["KeySources", "keys_text", "read_key_ring", "shared_keys"]

_LONGEST = 1 << 22
"""Bytes of a file: as many keys as there may be, each with a name, and as much again of comments."""
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_DIRECTORY = "CREDENTIALS_DIRECTORY"


@frozen
class KeySources:
    """Where the keys of a run's sides are; what other processes of the run are told in place of them.

    Attributes:
        server, client: as ``psk_file`` of either; None for a side that has none, or is not here.
        client_name: which of its file's keys the client uses; None for the first.
    """

    server: str | None = None
    client: str | None = None
    client_name: str | None = None

    @classmethod
    def of(cls, config: Config) -> KeySources:
        """Return those of a configuration."""
        role, server, client = config.run.role, config.server, config.client
        ring = None if role == "client" else server.psk_file
        return cls(ring) if role == "server" else cls(ring, client.psk_file, client.psk_name)

    def of_side(self, *, is_server: bool) -> KeySources:
        """Return those of one side alone."""
        return KeySources(self.server) if is_server else KeySources(None, self.client, self.client_name)


def shared_keys(sources: KeySources, environment: Mapping[str, str] = os.environ) -> SharedKeys:
    """Return the keys.

    Raises:
        UserError: a file cannot be used; the text has no part of a key.
    """
    ring = own = None
    if sources.server is not None:
        ring = read_key_ring(sources.server, "server.psk_file", environment)
    if sources.client is not None:
        of_client = read_key_ring(sources.client, "client.psk_file", environment)
        own = _own(of_client, sources.client_name, sources.client)
    return SharedKeys(ring, own)


def read_key_ring(source: str, what: str, environment: Mapping[str, str] = os.environ) -> KeyRing:
    """Return the keys of a file.

    Args:
        source: its path, or ``credential:NAME``.
        what: the configuration's key that names it.
        environment: where systemd says which directory credentials are in.

    Raises:
        UserError: it is not there, others may read it, or it has no keys.
    """
    name = credential_of(source)
    path = Path(source)
    if name is not None:
        directory = environment.get(_DIRECTORY)
        if not directory:
            raise UserError(
                f"{what}: {source!r} and {_DIRECTORY} is not set; allowed: a file, or a service of systemd with "
                f"LoadCredential={name}:FILE"
            )
        path = Path(directory) / name
    try:
        text = _read(path, check_mode=name is None)
        return read_keys(text.decode())
    except OSError as error:
        raise UserError(f"{what}: cannot read {str(path)!r}: {system_reason(error)}") from error
    except UnicodeDecodeError:
        # What it holds is not for anybody's eyes, also not as the cause of this.
        raise UserError(f"{what}: {str(path)!r} is not text; allowed: a name and a key a line") from None
    except ValueError as error:
        raise UserError(f"{what}: {str(path)!r}: {error}") from None


def keys_text(keys: SharedKeys) -> list[str]:
    """Return whose keys are there, as lines for a person: names, never a key."""
    lines = []
    if keys.ring is not None:
        named = [name for name in keys.ring.names if name is not None]
        nameless = len(keys.ring) > len(named)
        shown = ", ".join(named[:8]) + (f" and {len(named) - 8:,} more" if len(named) > 8 else "")
        whose = " and ".join(filter(None, [shown, "one for all without a name" if nameless else ""]))
        lines.append(f"keys of the server: {whose}")
    if keys.own is not None:
        lines.append(f"key of the client: {'one without a name' if keys.own.name is None else keys.own.name}")
    return lines


def _own(ring: KeyRing, name: str | None, source: str) -> Key:
    key = ring.first if name is None else ring.find(name)
    if key is None:
        raise UserError(f"client.psk_name: {source!r} has no key called {name!r}")
    return key


def _read(path: Path, *, check_mode: bool) -> bytes:
    # A FIFO must not make it wait.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("is no regular file")
        if check_mode and status.st_mode & _OTHERS:
            mode = stat.S_IMODE(status.st_mode)
            raise ValueError(f"others may use it (mode {mode:04o}); allowed: its owner alone, as after 'chmod 600'")
        if check_mode and status.st_uid not in (0, os.geteuid()):
            raise ValueError(f"belongs to user {status.st_uid}, who can change it; allowed: this user's, or root's")
        data = file.read(_LONGEST + 1)
    if len(data) > _LONGEST:
        raise ValueError(f"has more than {_LONGEST:,} bytes")
    return data
