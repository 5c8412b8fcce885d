"""Two hosts in network namespaces of their own, joined by a cable, in which real processes of cts run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from attrs import field, frozen

from tests.cli.running_cts import COMMAND, CONFIGS, PATIENCE_S, Report, status_rows
from tests.schemas.validating import read_output

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


@frozen
class Left:
    """A ``cts`` that has left."""

    status: int
    stdout: str
    stderr: str

    @property
    def report(self) -> Report:
        loaded: Report = read_output("run", self.stdout)
        return loaded


@frozen
class Process:
    """A ``cts`` that runs on a host."""

    popen: subprocess.Popen[str]

    def wait_for(self, text: str) -> str:
        """Read its standard error up to a line that has ``text``; return the line."""
        assert self.popen.stderr is not None
        for line in self.popen.stderr:
            if text in line:
                return line
        raise AssertionError(f"it left before it said {text!r}")

    def wait_for_data(self) -> None:
        """Read its status lines up to one that has a rate: the stream is named, and its frames go."""
        while not any(row.bits_per_second for row in status_rows(self.wait_for("  "))):
            """Go on to the next line."""

    def stop(self) -> None:
        self.popen.send_signal(signal.SIGINT)

    def left(self) -> Left:
        """Wait for its end."""
        stdout, stderr = self.popen.communicate(timeout=PATIENCE_S)
        return Left(self.popen.returncode, stdout, stderr)


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
        command = ["ip", "netns", "exec", self.name, *COMMAND, *arguments]
        popen = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.processes.append(Process(popen))
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
                process.popen.kill()
                process.popen.communicate()
            subprocess.run(["ip", "netns", "delete", host.name], capture_output=True)
