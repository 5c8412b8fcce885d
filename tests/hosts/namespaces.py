"""Two hosts in network namespaces of their own, joined by a cable, in which real processes of cts run."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from attrs import define, field, frozen

from tests.cli.running_cts import CONFIGS, Finished, Running, status_rows

SERVER_HOST, CLIENT_HOST = "10.9.0.1", "10.9.0.2"
SECOND_ADDRESS = "10.9.0.77"
SERVER_HOST_V6, SECOND_ADDRESS_V6 = "fd09::1", "fd09::77"


def why_not() -> str | None:
    """Return why this machine makes no namespaces, None if it does."""
    if shutil.which("ip") is None:
        return "there is no ip command (iproute2)"
    made = subprocess.run(["ip", "netns", "add", (name := f"cts-try-{os.getpid()}")], capture_output=True, text=True)
    if made.returncode:
        return f"no namespace can be made: {made.stderr.strip()}"
    subprocess.run(["ip", "netns", "delete", name], check=True)
    return None


def must_be(reason: str | None, *, required: bool) -> None:
    """Skip a test that needs namespaces for a reason why there are none; fail it where a machine must have them, as in CI."""
    if reason is not None:
        (pytest.fail if required else pytest.skip)(reason)


needs_namespaces = pytest.mark.usefixtures("namespaces")


@define
class Process:
    """A ``cts`` that runs on a host."""

    running: Running
    _read: int = 0

    def wait_for(self, text: str) -> str:
        """Read its standard error up to a line that has ``text``; return the line."""
        found = ""

        def has_come(said: str) -> bool:
            nonlocal found
            while end := said.find("\n", self._read) + 1:
                found, self._read = said[self._read : end], end
                if text in found:
                    return True
            return False

        self.running.wait_until_it_says(has_come)
        return found

    def wait_until_it_serves(self) -> None:
        """Read up to its first status line: each of its processes hears who asks. It says before that where it listens."""
        while not status_rows(self.wait_for("  ")):
            """Go on to the next line."""

    def wait_for_data(self) -> None:
        """Read its status lines up to one that has a rate: the stream is named, and its frames go."""
        while not any(row.bits_per_second for row in status_rows(self.wait_for("  "))):
            """Go on to the next line."""

    def stop(self) -> None:
        self.running.interrupt()

    def left(self) -> Finished:
        """Wait for its end; what it said on standard error is what has not been read."""
        finished = self.running.finish()
        return Finished(finished.status, finished.stdout, finished.stderr[self._read :])


@frozen
class Host:
    """A namespace."""

    name: str
    processes: list[Process] = field(factory=list)

    def ip(self, *arguments: str) -> None:
        """Change its addresses, links or routes."""
        subprocess.run(["ip", "-n", self.name, *arguments], check=True, capture_output=True)

    def run(self, *command: str) -> None:
        subprocess.run(["ip", "netns", "exec", self.name, *command], check=True, capture_output=True)

    def cts(self, config: str, sets: Sequence[str], *, console: str = "quiet") -> Process:
        """Start ``cts run`` with a shipped configuration."""
        options = [argument for each in (*sets, f"output.console={console}") for argument in ("--set", each)]
        return self.command("run", str(CONFIGS / config), "--json", *options)

    def command(self, *arguments: str) -> Process:
        """Start a command of ``cts``."""
        self.processes.append(Process(Running(*arguments, host=self.name)))
        return self.processes[-1]


@contextmanager
def two_hosts() -> Iterator[tuple[Host, Host]]:
    """Yield a server's host (10.9.0.1, and .77 and fd09::1, ::77) and a client's (10.9.0.2, fd09::2)."""
    tag = os.urandom(3).hex()
    server, client = Host(f"cts-s-{tag}"), Host(f"cts-c-{tag}")
    try:
        for host in (server, client):
            subprocess.run(["ip", "netns", "add", host.name], check=True)
            host.ip("link", "set", "lo", "up")
        server.ip("link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", client.name)
        for host, addresses in (
            (server, (f"{SERVER_HOST}/24", f"{SECOND_ADDRESS}/24", f"{SERVER_HOST_V6}/64", f"{SECOND_ADDRESS_V6}/64")),
            (client, (f"{CLIENT_HOST}/24", "fd09::2/64")),
        ):
            for address in addresses:
                host.ip("address", "add", address, "dev", "cable", *(("nodad",) if ":" in address else ()))
            host.ip("link", "set", "cable", "up")
        yield server, client
    finally:
        for host in (server, client):
            for process in host.processes:
                process.running.kill()
                process.running.finish()
            subprocess.run(["ip", "netns", "delete", host.name], capture_output=True)
