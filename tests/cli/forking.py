"""Processes of cts that are forked from one which has imported it: as real as any, but for how a Python begins."""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

__all__ = ["Forked", "can_fork"]

_ONE_AT_A_TIME = threading.Lock()
_SERVER = Path(__file__).with_name("fork_server.py")


def can_fork(environment: Mapping[str, str]) -> bool:
    """Tell whether this machine does it, and a forked cts heeds the environment, of which a Python reads some as it begins."""
    heeded = all(name == "PYTHONPATH" or not name.startswith("PYTHON") for name in environment)
    return heeded and hasattr(os, "pidfd_open") and hasattr(signal, "pidfd_send_signal")


@cache
def _server() -> socket.socket:
    """Return the socket of a server, which this process starts when it first needs one, and which ends with it."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with there:
        server = subprocess.Popen(
            [sys.executable, str(_SERVER), str(there.fileno())], stdin=subprocess.DEVNULL, pass_fds=[there.fileno()]
        )

    def end() -> None:
        here.close()
        server.wait()

    atexit.register(end)
    return here


class Forked:
    """As much of ``subprocess.Popen`` as tests need."""

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        stdin: int = subprocess.DEVNULL,
        stdout: int,
        stderr: int,
        cwd: Path | None = None,
        env: Mapping[str, str],
        host: str | None = None,
        leads_a_group: bool = False,
    ) -> None:
        given: list[int] = []
        ends: list[int | None] = []
        for where in (stdin, stdout, stderr):
            end = None
            if where == subprocess.DEVNULL:
                descriptor = os.open(os.devnull, os.O_RDWR)
            elif where == subprocess.PIPE:
                end, descriptor = os.pipe()
            else:
                descriptor = os.dup(where)
            ends.append(end)
            given.append(descriptor)
        self._left, left = os.pipe()
        wanted = {
            "arguments": ["cts", *arguments],
            "folder": str(cwd or Path.cwd()),
            "environment": dict(env),
            "host": host,
            "leads_a_group": leads_a_group,
        }
        with _ONE_AT_A_TIME:
            control = _server()
            socket.send_fds(control, [json.dumps(wanted).encode()], [*given, left])
            said, (self._process,), _, _ = socket.recv_fds(control, 64, 1)
        for descriptor in (*given, left):
            os.close(descriptor)
        self.pid = int(said)
        self.returncode: int | None = None
        self.stdout, self.stderr = (None if end is None else os.fdopen(end, "rb", buffering=0) for end in ends[1:])

    def poll(self) -> int | None:
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        if (status := self._look(timeout)) is None:
            raise subprocess.TimeoutExpired("cts", timeout or 0)
        return status

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            signal.pidfd_send_signal(self._process, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _look(self, patience_s: float | None) -> int | None:
        if self.returncode is None and select.select([self._left], [], [], patience_s)[0]:
            self.returncode = int(os.read(self._left, 64))
            os.close(self._left)
            os.close(self._process)
        return self.returncode
