"""A run for Prometheus: its metrics over HTTP, for as long as it goes on. Imports prometheus_client.

A thread accepts, and each scrape has one: neither waits for the run, nor the run for them. Who connects may be anybody: so many
at once, none for long without a word, and all are cut off when the run is over.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from socketserver import TCPServer
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client.exposition import make_wsgi_app
from prometheus_client.registry import CollectorRegistry

from cts.errors import UserError, system_error
from cts.output.metric_families import PAUSE_SECONDS, RunCollector
from cts.output.ordering import PromptObserver
from cts.records.snapshots import Address, RunSnapshot

__all__ = ["MetricsServer", "listen"]

_AT_ONCE = 8
"""Connections that are served at once; one more is closed."""
_SILENCE_SECONDS = 5.0
"""After so long without anything from who connected the connection is closed."""
_POLL_SECONDS = 0.1
_ENDING_SECONDS = 1.0


class MetricsServer(PromptObserver):
    """Serves the metrics of the last status, from when :meth:`serve` is called to the end of the run.

    Args:
        listening: where, as :func:`listen` returns it; closed with this.
        about: labels of ``cts_run_info``.

    Attributes:
        listening, about: those.
        url: where the metrics are.
    """

    # To wait for its threads is not for the task that runs the streams.
    hears_failures = True
    wants_delays = True

    def __init__(self, listening: socket.socket, about: Mapping[str, str]) -> None:
        self.listening, self.about = listening, about
        self._collector = RunCollector(about)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self._collector)
        self._server = _Server(listening)
        self._server.set_app(make_wsgi_app(registry))
        bound = Address(*listening.getsockname()[:2])
        self.url = f"http://{bound}/metrics"
        self._thread: threading.Thread | None = None

    def serve(self) -> None:
        """Begin; until then who connects waits.

        Raises:
            UserError: there is no thread to be had.
        """
        thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_SECONDS,), name="cts metrics", daemon=True
        )
        try:
            thread.start()
        except RuntimeError as error:
            self.closing()
            raise UserError(f"output.prometheus: {error}") from error
        self._thread = thread

    def opening(self) -> tuple[str, ...]:
        """Say where they are."""
        return (f"metrics: {self.url}",)

    def status(self, snapshot: RunSnapshot) -> None:
        """Serve this from now on."""
        self._collector.snapshot = snapshot

    def closing(self) -> None:
        """Serve nobody any more; closing twice is harmless."""
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Handler(WSGIRequestHandler):
    timeout = _SILENCE_SECONDS

    def parse_request(self) -> bool:
        """Do it with pauses around it: in one go a request held up the frames of this process for a millisecond and more."""
        time.sleep(PAUSE_SECONDS)
        understood = super().parse_request()
        time.sleep(PAUSE_SECONDS)
        return understood

    def get_environ(self) -> dict[str, Any]:
        """Pause behind it."""
        environ = super().get_environ()
        time.sleep(PAUSE_SECONDS)
        return environ

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: standard error is for the run."""


class _Server(WSGIServer):
    def __init__(self, listening: socket.socket) -> None:
        host, port = listening.getsockname()[:2]
        super().__init__((host, port), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        # In place of server_bind, which looks the address up in the DNS.
        self.server_name, self.server_port = host, port
        self.setup_environ()
        self._serving: dict[socket.socket, threading.Thread] = {}

    def process_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        """Serve a connection in a thread, if there is room."""
        if len(self._serving) < _AT_ONCE:
            thread = threading.Thread(
                target=self._serve, args=(request, client_address), name="cts scrape", daemon=True
            )
            self._serving[request] = thread
            try:
                thread.start()
            except RuntimeError:  # the operating system lets this process have no more
                del self._serving[request]
            else:
                return
        self.shutdown_request(request)

    def _serve(self, request: socket.socket, client_address: object) -> None:
        try:
            self.finish_request(request, client_address)
        except Exception:
            self.handle_error(request, client_address)
        finally:
            self.shutdown_request(request)
            self._serving.pop(request, None)

    def handle_error(self, request: object, client_address: object) -> None:
        """Nobody needs to hear of who went away, or said nothing that makes sense."""

    def server_close(self) -> None:
        """Cut off who is being served, and wait for their threads."""
        TCPServer.server_close(self)
        for request, thread in list(self._serving.items()):
            with suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)
            thread.join(_ENDING_SECONDS)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket to serve metrics on.

    Args:
        host: numeric address to listen on, ``*`` for every one.
        port: TCP port, 0 for a free one.

    Raises:
        UserError: the address is not to be had.
    """
    try:
        if host == "*":
            both = socket.has_dualstack_ipv6()
            family = socket.AF_INET6 if both else socket.AF_INET
            return socket.create_server(("", port), family=family, dualstack_ipv6=both)
        asked = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        family, _, _, _, address = asked[0]
        return socket.create_server(address, family=family)
    except OSError as error:
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        # What create_server says of it has the address once more.
        bare = error if isinstance(error, socket.gaierror) else OSError(error.errno, os.strerror(error.errno or 0))
        raise UserError(f"output.prometheus: cannot listen on {where}: {system_error(bare)}") from error
