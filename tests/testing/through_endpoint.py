"""An endpoint in front of another."""

from __future__ import annotations

from cts.api import ForwardingEndpoint, IDatagramEndpoint

__all__ = ["ThroughEndpoint"]


class ThroughEndpoint(ForwardingEndpoint):
    """Hands everything on; a subclass goes wrong at one thing."""

    @property
    def endpoint(self) -> IDatagramEndpoint:
        return self._endpoint
