"""A headless Chromium, spoken to over a pipe (Chrome DevTools Protocol): no driver, no port, no package."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from base64 import b64decode
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)


class Chromium:
    """One page in a browser of its own.

    Attributes:
        said: errors and warnings of the console, what was refused by the page's policy, exceptions.
        requested: addresses that the page asked for.
    """

    def __init__(self, profile: Path) -> None:
        assert BROWSER is not None
        theirs_in, self._to = os.pipe()
        self._from, theirs_out = os.pipe()
        # It reads from descriptor 3 and writes to 4.
        script = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
        self._process = subprocess.Popen(
            ["bash", "-c", script, "bash", BROWSER, *_FLAGS, f"--user-data-dir={profile}"],
            pass_fds=(theirs_in, theirs_out),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._buffer = b""
        self._number = 0
        self._session: str | None = None
        self._loaded = False
        self._downloads = profile
        self._saving: dict[str, str] = {}
        self._saved: list[str] = []
        self.said: list[str] = []
        self.requested: list[str] = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")

    def __enter__(self) -> Chromium:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        # Its processes end in their own order if it is asked, and leave its profile alone then.
        with suppress(OSError, AssertionError, subprocess.TimeoutExpired):
            self._session = None
            self._call("Browser.close")
            self._process.wait(10)
        self._process.kill()
        self._process.wait()
        os.close(self._to)
        os.close(self._from)

    def show(self, path: Path, *, width: int = 1200, height: int = 900, dark: bool = False) -> None:
        """Open a file, and wait until it has loaded."""
        self.look(width=width, height=height, dark=dark)
        self.said.clear()
        self.requested.clear()
        self._loaded = False
        self._call("Page.navigate", url=path.resolve().as_uri())
        while not self._loaded:
            self._take(self._read())

    def look(self, *, width: int, height: int = 900, dark: bool = False) -> None:
        """Give the page a size and a theme."""
        self._call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )
        theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", media="", features=[theme])

    def of(self, expression: str) -> Any:
        """Return what an expression comes to in the page, when it has drawn what it was to."""
        frame = "new Promise(requestAnimationFrame)"
        settled = f"{frame}.then(() => {frame}).then(() => ({expression}))"
        result = self._call("Runtime.evaluate", expression=settled, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Press the mouse, move it, let it go."""
        for kind, (x, y) in (
            ("mouseMoved", start),
            ("mousePressed", start),
            ("mouseMoved", end),
            ("mouseReleased", end),
        ):
            pressed = (
                {} if kind == "mouseMoved" and (x, y) == start else {"button": "left", "buttons": 1, "clickCount": 1}
            )
            self._call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **pressed)

    def picture(self, path: Path) -> None:
        """Write what the whole page looks like, as PNG."""
        size = self.of("[document.documentElement.clientWidth, document.documentElement.scrollHeight]")
        clip = {"x": 0, "y": 0, "width": size[0], "height": size[1], "scale": 1}
        shot = self._call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        path.write_bytes(b64decode(shot["data"]))

    def pdf(self, path: Path) -> None:
        """Print it."""
        path.write_bytes(b64decode(self._call("Page.printToPDF", printBackground=True)["data"]))

    def keep_downloads_in(self, folder: Path) -> None:
        """Have what the page saves written there."""
        self._downloads = folder
        self._call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(folder))

    def download(self) -> Path:
        """Return what the page saves next, once it is whole."""
        while not self._saved:
            self._take(self._read())
        return self._downloads / self._saved.pop(0)

    def _call(self, method: str, **params: object) -> dict[str, Any]:
        self._number += 1
        message: dict[str, object] = {"id": self._number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._to, data) :]
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result
            self._take(answer)

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            more = os.read(self._from, 1 << 20)
            assert more, "the browser has left"
            self._buffer += more
        line, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        return message

    def _take(self, event: dict[str, Any]) -> None:
        method, params = event.get("method"), event.get("params", {})
        if method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Page.downloadWillBegin":
            self._saving[params["guid"]] = params["suggestedFilename"]
        elif method == "Page.downloadProgress" and params["state"] == "completed":
            self._saved.append(self._saving.pop(params["guid"]))
        elif method == "Runtime.exceptionThrown":
            self.said.append(json.dumps(params["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            self.said.append(json.dumps(params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.said.append(params["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requested.append(params["request"]["url"])
