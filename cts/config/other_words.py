"""What a key is called elsewhere: words of other tools, for the hint at an unknown key."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["OTHER_WORDS"]


def _words(table: str, **keys: str) -> dict[tuple[str, str], str]:
    """Return the key, dotted, for each of the other words, which are given by key; a key with no table is of this one."""
    return {
        (table, word): key.replace("__", ".") if "__" in key else f"{table}.{key}"
        for key, words in keys.items()
        for word in words.split()
    }


OTHER_WORDS: Final[Mapping[tuple[str, str], str]] = MappingProxyType(
    {
        **_words(
            "run",
            ttl="hop_limit hops hoplimit hlim",
            interface="device dev nic",
            receive_buffer="sockbuf socket_buffer so_rcvbuf buffer",
            time_limit="duration timeout",
            processes="workers threads cores",
            cpu_affinity="cpus",
            stream__dscp="tos qos traffic_class diffserv",
        ),
        **_words(
            "stream",
            bits_per_second="bitrate bit_rate rate bandwidth bps",
            frame_rate="fps",
            stream_length="duration time",
            datagram_max_size="size packet_size mtu payload",
            dscp="tos qos diffserv traffic_class",
            run__ttl="hop_limit hops",
        ),
        **_words(
            "server",
            listen="address host port bind bind_address",
            connection_limit="max_streams max_connections connections",
            allow="allowed whitelist allowlist acl",
            deny="denied blacklist blocklist",
        ),
        **_words(
            "client",
            target="server host address port remote",
            connections="streams parallel count",
            bind="source source_address source_port local local_address local_port bind_address bind_port",
        ),
        **_words(
            "network",
            latency="delay rtt",
            bandwidth="rate bitrate bit_rate",
            loss="drop packet_loss",
            queue="buffer limit",
            outages="down",
        ),
    }
)
"""By table and word."""
