"""A connected-socket factory for cts that writes every datagram of the streams to a pcap file."""

from __future__ import annotations

from cts_pcap.factory import PcapFactory, PcapOptions

__all__ = ["PcapFactory", "PcapOptions"]
