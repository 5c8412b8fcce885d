"""Every call of the system that a run makes through net/, clock/ and records/, and a way to have its n-th one fail."""

from __future__ import annotations

import ctypes
import errno
import os
import select
import socket
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from attrs import define, field, frozen

from cts.clock import timerfd_pacer
from cts.net import coalescing, readers, segmentation
from cts.records import log_file, writers

__all__ = ["CALLS", "Call", "Fault", "fail"]

_SENDING = (
    errno.ENOBUFS,
    errno.EPERM,
    errno.EINVAL,
    errno.EMSGSIZE,
    errno.EIO,
    errno.ENETUNREACH,
    errno.ECONNREFUSED,
    errno.EAGAIN,
    errno.ENOMEM,
    errno.EBADF,
)
_READING = (errno.ECONNREFUSED, errno.ENOMEM, errno.EAGAIN, errno.EIO, errno.EHOSTUNREACH, errno.EBADF)
_OPTIONS = (errno.EPERM, errno.ENOPROTOOPT, errno.ENOMEM, errno.EINVAL)
_DISK = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS, errno.EPERM, errno.EBADF)


@define
class Fault:
    """Counts calls, and says which of them fail.

    Attributes:
        number: what they fail with.
        first: which call is the first to fail, from 1.
        lasting: whether all after it fail, too.
        calls: how many there were.
    """

    number: int
    first: int
    lasting: bool
    calls: int = field(default=0, init=False)

    def strikes(self) -> bool:
        """Count a call; tell whether it fails."""
        self.calls += 1
        return self.calls >= self.first if self.lasting else self.calls == self.first

    def error(self) -> OSError:
        """Return what a Python function raises."""
        return OSError(self.number, os.strerror(self.number))


@frozen
class Call:
    """A call of the system.

    Attributes:
        name: for the test's name.
        numbers: what it may fail with.
        patch: has it fail.
        plain: whether only a run without offload makes it.
    """

    name: str
    numbers: tuple[int, ...]
    patch: Callable[[pytest.MonkeyPatch, Fault], None]
    plain: bool = False


def fail(patch: pytest.MonkeyPatch, call: Call, number: int, *, first: int, lasting: bool) -> Fault:
    """Have a call fail from now on."""
    fault = Fault(number, first, lasting)
    call.patch(patch, fault)
    return fault


def _of_c(module: ModuleType, name: str) -> Callable[[pytest.MonkeyPatch, Fault], None]:
    """Return what has a function of the C library fail, as a module calls it."""

    def patched(patch: pytest.MonkeyPatch, fault: Fault) -> None:
        really = getattr(module, name)

        def call(*arguments: object) -> int:
            if fault.strikes():
                ctypes.set_errno(fault.number)
                return -1
            result: int = really(*arguments)
            return result

        patch.setattr(module, name, call)

    return patched


def _of_socket(name: str) -> Callable[[pytest.MonkeyPatch, Fault], None]:
    """Return what has a method of datagram sockets fail."""

    def patched(patch: pytest.MonkeyPatch, fault: Fault) -> None:
        really = getattr(socket.socket, name)

        def call(self: socket.socket, *arguments: Any, **named: Any) -> Any:
            made = name == "__init__"
            kind = named.get("type", arguments[1] if len(arguments) > 1 else 0) if made else self.type
            if kind == socket.SOCK_DGRAM and fault.strikes():
                raise fault.error()
            return really(self, *arguments, **named)

        patch.setattr(socket.socket, name, call)

    return patched


class _With:
    """A module with some of its functions replaced."""

    def __init__(self, module: ModuleType, **replaced: object) -> None:
        self._module = module
        self.__dict__.update(replaced)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def _of_module(module: ModuleType, inner: ModuleType, name: str) -> Callable[[pytest.MonkeyPatch, Fault], None]:
    """Return what has a function of ``inner`` fail, as ``module`` calls it."""

    def patched(patch: pytest.MonkeyPatch, fault: Fault) -> None:
        really = getattr(inner, name)

        def call(*arguments: Any, **named: Any) -> Any:
            if fault.strikes():
                raise fault.error()
            return really(*arguments, **named)

        patch.setattr(module, inner.__name__, _With(getattr(module, inner.__name__), **{name: call}))

    return patched


def _of_epoll(name: str) -> Callable[[pytest.MonkeyPatch, Fault], None]:
    """Return what has a method of the readers' epoll fail."""

    def patched(patch: pytest.MonkeyPatch, fault: Fault) -> None:
        class Failing:
            def __init__(self) -> None:
                self._epoll = select.epoll()

            def __enter__(self) -> Failing:
                return self

            def __exit__(self, *_: object) -> None:
                self._epoll.close()

            def __getattr__(self, asked: str) -> Any:
                if asked == name and fault.strikes():
                    raise fault.error()
                return getattr(self._epoll, asked)

        patch.setattr(readers, "select", _With(select, epoll=Failing))

    return patched


CALLS = (
    Call("sendmsg", _SENDING, _of_c(segmentation, "sendmsg")),
    Call("sendmmsg", _SENDING, _of_c(segmentation, "sendmmsg")),
    Call("recvmsg", _READING, _of_c(coalescing, "recvmsg")),
    Call("socket", (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.EPERM), _of_socket("__init__")),
    Call("bind", (errno.EADDRINUSE, errno.EACCES, errno.ENOBUFS), _of_socket("bind")),
    Call("connect", (errno.ENETUNREACH, errno.EAGAIN, errno.EPERM), _of_socket("connect")),
    Call("setsockopt", _OPTIONS, _of_socket("setsockopt")),
    Call("getsockopt", _OPTIONS, _of_socket("getsockopt")),
    Call("socket.sendmsg", _SENDING, _of_socket("sendmsg"), plain=True),
    Call("socket.recvmsg_into", _READING, _of_socket("recvmsg_into"), plain=True),
    Call("epoll_ctl", (errno.ENOMEM, errno.ENOSPC, errno.EPERM), _of_epoll("register")),
    Call("timerfd_create", (errno.EMFILE, errno.ENOMEM), _of_c(timerfd_pacer, "_timerfd_create")),
    Call("write", _DISK, _of_module(writers, os, "write")),
    Call("open", (errno.EMFILE, errno.EACCES, errno.ENOSPC, errno.ENOENT), _of_module(log_file, os, "open")),
    Call("fstat", (errno.EIO, errno.EBADF), _of_module(log_file, os, "fstat")),
)
"""All of them; a run over loopback with every log makes each, but those that are ``plain``.

timerfd_settime(2) is none: with a descriptor and a time that are good it cannot fail.
"""
