"""How a run is spread over processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import field, frozen

from cts.config import Config

__all__ = ["WorkerSetup"]


@frozen(kw_only=True)
class WorkerSetup:
    """How a run is spread over processes.

    Attributes:
        processes: workers a side.
        cpu_affinity: processors that they are bound to, in turn; empty for any.
        offload: whether to use what the kernel can do for whole batches.
        sender: the configuration's ``[sender]``: strategy and options.
        source: where the configuration came from, for messages.
    """

    processes: int
    cpu_affinity: Sequence[int] = ()
    offload: bool = True
    sender: Mapping[str, object] = field(factory=dict)
    source: str = "configuration"

    @classmethod
    def of(cls, config: Config, source: str) -> WorkerSetup:
        """Return how a configuration, that came from ``source``, is spread."""
        sender = {"strategy": config.sender.strategy, "options": config.sender.options}
        offload = config.run.offload == "auto"
        run = config.run
        return cls(
            processes=run.processes, cpu_affinity=run.cpu_affinity, offload=offload, sender=sender, source=source
        )
