"""Where keys come from: ``server.psk_file``, ``client.psk_file`` and ``psk_name``, and what they rule out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Final, Protocol

from cts.config.peer_networks import OriginalClients
from cts.config.problems import Problem, dotted, shown
from cts.protocol.control.client import HandshakeMode

__all__ = ["KeyName", "KeySource", "credential_of", "psk_problems"]

_CREDENTIAL = "credential:"
_NAME = re.compile(r"[A-Za-z0-9._@-]{1,64}")
_SERVER: Final = ("server", "psk_file")
_CLIENT: Final = ("client", "psk_file")


def credential_of(source: str) -> str | None:
    """Return the name of the credential that a source is, of a service of systemd; None for a file."""
    return source.removeprefix(_CREDENTIAL) if source.startswith(_CREDENTIAL) else None


def _source(text: str) -> None:
    name = credential_of(text)
    if not text.strip() or "\0" in text or (name is not None and (not _NAME.fullmatch(name) or set(name) == {"."})):
        raise ValueError(
            f"{shown(text)} is no file of keys; allowed: a path, or credential:NAME for a systemd credential"
        )


def _name(text: str) -> None:
    if not _NAME.fullmatch(text):
        raise ValueError(f"{shown(text)} is no key's name; allowed: 1 to 64 letters, digits or ._@-")


KeySource = Annotated[str, _source]
KeyName = Annotated[str, _name]


class _Server(Protocol):
    @property
    def psk_file(self) -> str | None: ...
    @property
    def original_clients(self) -> OriginalClients: ...


class _Client(Protocol):
    @property
    def psk_file(self) -> str | None: ...
    @property
    def psk_name(self) -> str | None: ...
    @property
    def handshake(self) -> HandshakeMode: ...


def psk_problems(role: str, server: _Server, client: _Client) -> Iterable[Problem]:
    """Refuse keys that could not be used, or would not keep out whom they are to."""
    ring, own, name = server.psk_file, client.psk_file, client.psk_name
    if name is not None and own is None:
        text = f"{shown(name)}, and client.psk_file is not set, which would hold it"
        yield Problem(("client", "psk_name"), text, (_CLIENT,))
    if own is not None and client.handshake is HandshakeMode.ORIGINAL and role != "server":
        text = "START has no room for a key, and client.handshake is 'original'; allowed: 'auto' or 'cts'"
        yield Problem(_CLIENT, text, (("client", "handshake"),))
    if role == "loopback" and (ring is None) is not (own is None):
        lacking, other = (_SERVER, _CLIENT) if ring is None else (_CLIENT, _SERVER)
        text = f"not set, and {dotted(other)} is: the run's own {lacking[0]} has no key then"
        yield Problem(lacking, text, (other,))
    if ring is not None and role != "client" and server.original_clients not in ("local", "none"):
        text = "would serve who shows no key, and server.psk_file is set; allowed: 'none'"
        yield Problem(("server", "original_clients"), text, (_SERVER,))
