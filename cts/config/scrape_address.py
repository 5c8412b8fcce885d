"""Where metrics are served: an address of this host, as a key has it."""

from __future__ import annotations

import re
from typing import Annotated

from cts.config.endpoint_text import EVERY_ADDRESS, parse_endpoint
from cts.config.problems import shown

__all__ = ["ScrapeAddress", "parse_scrape_address"]

_SYNTAX = 'an address and a port, such as "127.0.0.1:9464", "[::1]:9464" or "*:9464"'


def parse_scrape_address(text: str) -> tuple[str, int]:
    """Split a numeric address, or ``*`` for every one, and a port to serve HTTP on.

    Raises ValueError, whose text says what is allowed.
    """
    try:
        host, port = parse_endpoint(text)
    except ValueError:
        host, port = "", 0
    # A name would have to be looked up while sockets are bound already.
    is_numeric = host == EVERY_ADDRESS or ":" in host or re.fullmatch("[0-9.]+", host) is not None
    if not is_numeric or ":" not in text.rpartition("]")[2]:
        raise ValueError(f"{shown(text)} is not where to serve metrics; allowed: {_SYNTAX}")
    return host, port


ScrapeAddress = Annotated[str, parse_scrape_address]
