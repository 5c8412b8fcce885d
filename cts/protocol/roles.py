"""Who plays which part in a stream."""

from __future__ import annotations

from enum import Enum

__all__ = ["Direction", "Role"]


class Role(Enum):
    """Which part one side plays in a stream, whoever asked for it."""

    SENDER = "sender"
    RECEIVER = "receiver"


class Direction(Enum):
    """Which way a stream's frames go, by what its client does."""

    PULL = "pull"
    """The server sends, the client receives."""
    PUSH = "push"
    """The client sends, the server receives."""

    @property
    def server_role(self) -> Role:
        """The part that servers play."""
        return Role.SENDER if self is Direction.PULL else Role.RECEIVER

    @property
    def client_role(self) -> Role:
        """The part that clients play."""
        return Role.RECEIVER if self is Direction.PULL else Role.SENDER
