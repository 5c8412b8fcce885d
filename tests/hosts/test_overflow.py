"""What a host drops because its receiver does not read is counted to the last datagram."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from tests.hosts.namespaces import SERVER_HOST, Host, needs_namespaces, two_hosts

STREAM = ("stream.stream_length=2s", "stream.bits_per_second=200 Mbit/s", "stream.buffer_depth=1s")


def kernel_drops(host: Host) -> int:
    """Return what the host's kernel found no room for (RcvbufErrors of /proc/net/snmp)."""
    command = ["ip", "netns", "exec", host.name, "cat", "/proc/net/snmp"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    names, values = (line.split() for line in lines if line.startswith("Udp:"))
    return int(values[names.index("RcvbufErrors")])


@needs_namespaces
@pytest.mark.parametrize("offload", ["auto", "off"])
def test_a_receiver_that_stood_still_over_the_end_of_a_stream_tells_what_was_dropped(offload: str) -> None:
    with two_hosts() as (host, client_host):
        sets = (*STREAM, f"run.offload={offload}")
        host.cts("server.toml", (*sets, f"server.listen={SERVER_HOST}:4444"), console="lines").wait_for("offload")
        client = client_host.cts("client.toml", (*sets, f"client.target={SERVER_HOST}:4444"), console="lines")
        client.wait_for_data()
        os.kill(client.running.pid, signal.SIGSTOP)
        client_host.run("sleep", "2.5")
        os.kill(client.running.pid, signal.SIGCONT)
        overflowed = client.left().report["overflowed"]
        dropped = kernel_drops(client_host)
    assert overflowed == dropped > 0
