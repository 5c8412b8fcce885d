"""How many examples of a property are tried where each of them is a whole run: a share of the profile's.

So few keep the suite short, and `--hypothesis-profile=thorough` still tries many.
"""

from __future__ import annotations

from typing import Final

from hypothesis import settings

WHOLE_RUNS: Final = settings(max_examples=settings().max_examples // 2)
RUNS_OF_MANY_CASES: Final = settings(max_examples=settings().max_examples // 6)
"""Where the same property is tried of many cases."""
