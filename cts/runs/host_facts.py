"""What a report of a bug needs to know of this host: system, processor, and what the kernel does for cts."""

from __future__ import annotations

import contextlib
import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from cts.errors import UserError
from cts.net.offload import detect_offload
from cts.net.socket_options import NOTHING_SET, try_out
from cts.output.buffer_text import buffers_text
from cts.plugin.registry import find_plugins

__all__ = ["host_facts"]

_LIBRARIES = ("trio", "attrs", "cattrs", "click", "rich", "tomli")


def host_facts() -> dict[str, str]:
    """Return the facts by a word for each; opens and closes a few sockets. What cannot be found out says so."""
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": _system(),
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": _processor(),
        "offload": str(detect_offload()),
        "buffers": _buffers(),
        "clock": _clock_source(),
        "libraries": ", ".join(f"{name} {_version(name)}" for name in _LIBRARIES),
        "plugins": _plugins(),
    }


def _system() -> str:
    name = platform.platform(terse=True)
    with contextlib.suppress(OSError):
        name = platform.freedesktop_os_release().get("PRETTY_NAME", name)
    return f"{name}, {' '.join(platform.libc_ver()).strip() or 'unknown C library'}"


def _processor() -> str:
    found = re.search(r"^model name\s*: (.+)$", _content("/proc/cpuinfo"), re.MULTILINE)
    name = found[1] if found else platform.processor() or "unknown"
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{name}; {usable} of {os.cpu_count()} for this process"


def _buffers() -> str:
    try:
        return buffers_text(try_out(NOTHING_SET)).removeprefix("buffers: ")
    except (UserError, OSError) as error:
        return f"none to be had: {error}"


def _clock_source() -> str:
    return _content("/sys/devices/system/clocksource/clocksource0/current_clocksource").strip() or "unknown"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:  # what is in a zipapp may have left it behind
        return "of unknown version"


def _plugins() -> str:
    others = {f"{each.distribution} {each.version}" for each in find_plugins().found if not each.is_builtin}
    return ", ".join(sorted(others)) or "none but the built-in ones"


def _content(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
