"""Addresses as a user writes them: ``host:port``, ``[v6]:port``, ``*:port``, or a host alone."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address

from cts.config.problems import shown

__all__ = ["DEFAULT_PORT", "EVERY_ADDRESS", "bracketed", "parse_endpoint", "parse_target"]

DEFAULT_PORT = 4444
EVERY_ADDRESS = "*"
SYNTAX = '"127.0.0.1:4444", "[::1]:4444" or "name:4444"'


def parse_endpoint(text: str) -> tuple[str, int]:
    """Split an address into host and port; the port is 4444 where none is given.

    The host is a name, an address without brackets, or ``*`` for every address of both families.
    Raises ValueError, whose text says what is allowed.
    """
    return _parse(text, every_address=f"{EVERY_ADDRESS}:")


def _parse(text: str, every_address: str) -> tuple[str, int]:
    """Split an address; ``every_address`` begins what to write for all of them, and is empty where that is not allowed."""
    stripped = text.strip()
    if "://" in stripped:
        raise _refused(text, "is a URL", _meant(_likely(stripped)))
    match = re.fullmatch(r"\[([^\[\]]*)\](?::([^:]*))?|([^:\[\]]*)(?::([^:]*))?", stripped)
    if match is None:
        raise _refused(text, _misshapen(stripped), _meant(_likely(stripped)))
    v6, v6_port, host, port = match.groups()
    digits = v6_port if v6 is not None else port
    number = _port(text, digits) if digits is not None else DEFAULT_PORT
    if v6 is not None:
        if not _is_ipv6(v6):
            likely = [f"{v6}:{number}"] if re.fullmatch("[A-Za-z0-9_.-]+", v6) else []
            raise _refused(text, "has no IPv6 address in its brackets", _meant(likely))
        return _with_zone(text, v6, number), number
    if not host and every_address:
        raise _refused(text, "has no host", f' and "{every_address}{number}" to listen on every address')
    if every_address and re.fullmatch("[0-9]{1,5}", host) and int(host) <= 65_535:
        raise _refused(text, "is a number alone", _meant([f"{every_address}{host}"]))
    _check_host(text, host)
    return host, number


def parse_target(text: str) -> tuple[str, int]:
    """Split an address that can be sent to, which ``*``, an unspecified address, port 0 cannot; raises ValueError."""
    host, port = _parse(text, every_address="")
    if host in (EVERY_ADDRESS, "0.0.0.0") or (":" in host and IPv6Address(host).is_unspecified):
        raise _refused(text, "is every address, and a target is one")
    if port == 0:
        raise _refused(text, "has port 0, which only a listener can have")
    return host, port


def bracketed(text: str, port: int | None = DEFAULT_PORT) -> list[str]:
    """Return how an IPv6 address without brackets can have been meant, the likeliest first; nothing for what is none.

    Args:
        text: what was written, perhaps with a port behind its last colon.
        port: what goes behind an address that was written without one; None for nothing.
    """
    head, _, last = text.rpartition(":")
    whole = [_bracketed(text, port)] if _is_ipv6(text) else []
    if not (_is_ipv6(head) and re.fullmatch("[0-9]{1,5}", last) and int(last) <= 65_535):
        return whole
    with_port = [_bracketed(head, int(last))]
    # A port is seldom shorter, and a group of an address seldom four digits without a letter.
    return with_port + whole if len(last) >= 4 else whole + with_port


def _bracketed(host: str, port: int | None) -> str:
    zone = "%eth0" if "%" not in host and IPv6Address(host).is_link_local else ""
    return f"[{host}{zone}]" + ("" if port is None else f":{port}")


def _likely(text: str) -> list[str]:
    """Return what a text of the wrong shape can have meant."""
    scheme, _, rest = text.partition("://")
    if rest and scheme.isalnum():
        return [rest.rstrip("/")] if re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(:[0-9]{1,5})?/?", rest) else []
    bare = re.fullmatch(r"\[?([^\[\]]+)\]?(?::?([0-9]{1,5}))?", text)
    if bare is not None and re.search(r"[\[\]]", text) and _is_ipv6(bare[1]):
        return [_bracketed(bare[1], int(bare[2] or DEFAULT_PORT))]
    return bracketed(text)


def _misshapen(text: str) -> str:
    if "[" in text or "]" in text:
        return "has brackets that do not enclose an IPv6 address alone, with ':' and a port behind them"
    return "has more than one colon outside brackets"


def _meant(likely: list[str]) -> str:
    return f"; did you mean {', or '.join(map(repr, likely))}?" if likely else ""


def _with_zone(text: str, host: str, port: int) -> str:
    """Return an IPv6 host with its interface as the system writes it; in URLs a % is %25 (RFC 6874)."""
    address, _, zone = host.partition("%")
    if zone.startswith("25") and zone != "25":
        zone = zone.removeprefix("25")
    if IPv6Address(address).is_link_local and not zone:
        raise _refused(text, "is link-local and does not say on which interface", f' and "[{address}%eth0]:{port}"')
    return f"{address}%{zone}" if zone else address


def _port(text: str, digits: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", digits) or int(digits) > 65_535:
        raise _refused(text, f"has port {shown(digits)}, not one of 0 to 65535")
    return int(digits)


def _is_ipv6(text: str) -> bool:
    """Tell whether a text is an IPv6 address, with or without a zone (RFC 4007, section 11)."""
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return re.fullmatch("[0-9A-Fa-f:.]+(%[A-Za-z0-9._-]+)?", text) is not None


def _check_host(text: str, host: str) -> None:
    """Refuse what no resolver could take; whether a name resolves is seen when it is used."""
    if host == EVERY_ADDRESS:
        return
    if not host:
        raise _refused(text, "has no host")
    if re.fullmatch("[0-9.]+", host):
        try:
            IPv4Address(host)
        except ValueError:
            raise _refused(text, "has no IPv4 address of four numbers") from None
    try:
        ascii_host = host.encode("idna").decode("ascii")
    except UnicodeError:
        raise _refused(text, "has no host that a name server could know") from None
    if len(ascii_host) > 253 or not re.fullmatch(r"[A-Za-z0-9_.-]+", ascii_host):
        raise _refused(text, "has no host that a name server could know")


def _refused(text: str, why: str, hint: str = "") -> ValueError:
    return ValueError(f"{shown(text)} {why}; allowed: {SYNTAX}{hint}")
