"""The two ways of the path between a client and a server, each with a link of its own."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

__all__ = ["TO_CLIENT", "TO_SERVER", "WAYS", "Way"]

Way: TypeAlias = Literal["to_client", "to_server"]
TO_CLIENT: Final = "to_client"
TO_SERVER: Final = "to_server"
WAYS: tuple[Way, ...] = (TO_CLIENT, TO_SERVER)
