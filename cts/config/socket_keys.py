"""The types of the keys that say how sockets are opened, and what of them does not go together with the rest."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from typing import Annotated

from cts.config.client_bind import parse_bind
from cts.config.dscp import parse_dscp
from cts.config.problems import Problem, shown
from cts.units import Between, Size

__all__ = ["BindAddress", "BufferSize", "Dscp", "InterfaceName", "Ttl", "interface_problems"]


def _interface(text: str) -> None:
    if not re.fullmatch(r"[^\s/:\0]{1,15}", text) or len(text.encode()) > 15:
        raise ValueError(f"{shown(text)} is no interface's name; allowed: one that `ip link` lists, such as 'eth0'")


BindAddress = Annotated[int | str, parse_bind]
BufferSize = Annotated[Size, Between(Size(1), Size(1 << 30))]
Dscp = Annotated[int | str, parse_dscp]
InterfaceName = Annotated[str, _interface]
Ttl = Annotated[int, Between(1, 255)]


def interface_problems(interface: str | None) -> Iterable[Problem]:
    """Refuse an interface where the system binds no sockets to one."""
    if interface is not None and not hasattr(socket, "SO_BINDTODEVICE"):
        yield Problem(("run", "interface"), "this system does not bind sockets to interfaces; leave it out")
