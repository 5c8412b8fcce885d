"""Whether a peer's stamps tell its datagrams apart, as ``docs/verdicts.md`` has it.

Two consecutive stamps in a frame show at once that they do. Short of that, a frame of which more than one datagram came, and
all of it, speaks for it; one in which two of different length came one behind the other with one stamp speaks against it, and
so does one of which as many bytes came as it has, half of its datagrams or more having come before. The first frame that speaks
decides; after that, eight in a row that say the opposite do.
"""

from __future__ import annotations

from attrs import define

from cts.verification.came import Came

__all__ = ["Identity"]

_TO_TURN = 8


@define(eq=False)
class Identity:
    """One stream's.

    Attributes:
        told_apart: None while nothing has shown it.
    """

    told_apart: bool | None = None
    _opposite: int = 0

    @property
    def by_stamps(self) -> bool:
        """Whether datagrams are told apart by their stamps for now."""
        return self.told_apart is not False

    def rendered(self, came: Came, full_size: int) -> bool:
        """Take note of a frame that is rendered; tell whether its datagrams are told apart by their stamps."""
        if came.due == 1:
            return True
        # A frame that looks as nearly all do says no more of a peer that is known.
        if self.told_apart and not came.again and not came.alike:
            if came.distinct_size == full_size:
                self._opposite = 0
        elif came.neighbours:
            self.told_apart, self._opposite = True, 0
        else:
            self._listen(self._says(came, full_size))
        return self.by_stamps

    def _says(self, came: Came, full_size: int) -> bool | None:
        distinct = len(came.stamps)
        if came.alike:
            return False
        if came.distinct_size >= full_size and distinct > 1:
            return True
        return False if came.again >= distinct > 0 and came.size == full_size else None

    def _listen(self, says: bool | None) -> None:
        if says is None:
            return
        self._opposite = self._opposite + 1 if says is not self.told_apart else 0
        if self.told_apart is None or self._opposite >= _TO_TURN:
            self.told_apart, self._opposite = says, 0
