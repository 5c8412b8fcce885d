"""What can be fuzzed, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fuzz.decoders import DECODERS
from fuzz.receive_path import play

__all__ = ["RECEIVE_PATH", "TARGETS", "datagrams_in"]

RECEIVE_PATH = "receive_path"


def datagrams_in(data: bytes) -> int:
    """Play an attack; return how many datagrams it was."""
    return play(data).datagrams


TARGETS: Mapping[str, Callable[[bytes], object]] = {**DECODERS, RECEIVE_PATH: datagrams_in}
