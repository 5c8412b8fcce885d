"""iperf3 beside it: the same datagram size over the same loopback, one datagram per system call."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess

import trio

__all__ = ["iperf_goodput", "iperf_path"]


def iperf_path() -> str | None:
    """Return where iperf3 is installed, None if it is not."""
    return shutil.which("iperf3")


async def iperf_goodput(path: str, datagram_size: int, seconds: int) -> int:
    """Return the bits per second that an iperf3 server received from an unlimited UDP client; 0 if it could not say."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    server = await trio.lowlevel.open_process(
        [path, "-s", "-1", "-p", port, "-B", "127.0.0.1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        arguments = ["-c", "127.0.0.1", "-p", port, "-u", "-b", "0", "-l", str(datagram_size), "-t", str(seconds), "-J"]
        for _ in range(50):
            # The server says nothing when it listens; a client that comes too early fails at once.
            done = await trio.run_process([path, *arguments], capture_stdout=True, check=False)
            answer = json.loads(done.stdout or b"{}")
            if "error" not in answer:
                break
            await trio.sleep(0.05)
        total = answer.get("end", {}).get("sum", {})
        lost = float(total.get("lost_percent", 0))
        return round(float(total.get("bits_per_second", 0)) * (1 - lost / 100))
    finally:
        server.terminate()
        with trio.CancelScope(shield=True, deadline=trio.current_time() + 5):
            await server.wait()
