"""A program that imports cts once and becomes one ``cts`` after the other, by fork: to start anew costs each half a second.

``python tests/cli/fork_server.py DESCRIPTOR``, by :mod:`tests.cli.forking` alone. On that socket comes what to become:
JSON with the arguments, the folder and the environment, and beside it stdin, stdout, stderr and a pipe. Back go its process id
and a descriptor of it, and on the pipe its status, once it has left. The program ends with the socket.
"""

from __future__ import annotations

import array
import ctypes
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import cts
from cts.cli import main

NOT_THERE = ("cts.__main__", "cts.pytest_plugin", "cts.testing")
"""What no command imports."""
CLONE_NEWNET, CLONE_NEWNS = 0x40000000, 0x20000
MS_BIND, MS_REC, MS_SLAVE = 0x1000, 0x4000, 0x80000


def import_all() -> None:
    for module in pkgutil.walk_packages(cts.__path__, "cts."):
        if not module.name.startswith(NOT_THERE):
            importlib.import_module(module.name)


def become(wanted: Any, descriptors: list[int]) -> None:
    """Make this process what a new one is."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for stream, descriptor in enumerate(descriptors):
        os.dup2(descriptor, stream)
    os.closerange(3, 1024)
    if wanted["leads_a_group"]:
        os.setpgid(0, 0)
    if wanted["host"] is not None:
        enter(wanted["host"])
    # As it is where a Python begins before a terminal.
    sys.stdout.reconfigure(line_buffering=os.isatty(1))  # type: ignore[union-attr]
    os.chdir(wanted["folder"])
    os.environ.clear()
    os.environ.update(wanted["environment"])
    sys.path[:1] = [str(Path(sys.executable).parent), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    sys.argv[:] = wanted["arguments"]


def enter(host: str) -> None:
    """Enter a network namespace, with its files in /etc, as ``ip netns exec`` does (ip-netns(8))."""
    system = ctypes.CDLL(None, use_errno=True)

    def call(name: str, *arguments: bytes | int | None) -> None:
        if system[name](*arguments):
            raise OSError(ctypes.get_errno(), f"{name}, {host}")

    with (Path("/run/netns") / host).open() as namespace:
        call("setns", namespace.fileno(), CLONE_NEWNET)
    if (own := Path("/etc/netns") / host).is_dir():
        call("unshare", CLONE_NEWNS)
        call("mount", b"none", b"/", None, MS_REC | MS_SLAVE, None)
        for file in own.iterdir():
            call("mount", bytes(file), bytes(Path("/etc") / file.name), None, MS_BIND, None)


def tell_of_the_ended(waiting: dict[int, int]) -> None:
    while waiting:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        pipe = waiting.pop(pid)
        with suppress(BrokenPipeError):  # from who has ended meanwhile
            os.write(pipe, str(os.waitstatus_to_exitcode(status)).encode())
        os.close(pipe)


def serve(control: socket.socket) -> bool:
    """Serve until nobody asks any more; return True in each process that has become something else."""
    woken, wake = socket.socketpair()
    for end in (woken, wake):
        end.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake.fileno())
    waiting: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([control, woken], [], [])
        if woken in ready:
            woken.recv(4096)
            tell_of_the_ended(waiting)
        if control not in ready:
            continue
        message, descriptors, _, _ = socket.recv_fds(control, 1 << 20, 4)
        if not message:
            return False
        *streams, pipe = descriptors
        if (pid := os.fork()) == 0:
            become(json.loads(message), streams)
            for end in (control, woken, wake):
                end.detach()
            return True
        waiting[pid] = pipe
        process = os.pidfd_open(pid)
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [process]))
        control.sendmsg([str(pid).encode()], [rights])
        for descriptor in (*streams, process):
            os.close(descriptor)


if __name__ == "__main__":
    asking = socket.socket(fileno=int(sys.argv[1]))
    # What a terminal sends to all is for those that are under test.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import_all()
    gc.freeze()
    if serve(asking):
        main()
