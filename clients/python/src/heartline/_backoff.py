"""Waits between tries to reach a server.

They double up to a bound and are spread at random, so that the clients of a server that comes back
do not come back all at once.
"""

from __future__ import annotations

import random

FIRST = 0.1
"""Seconds before the second try; a restart of the server takes about as long."""
LONGEST = 5.0
"""Seconds; no wait is longer, so that a server that is back is found soon."""
LONGEST_HELD = 1.5
"""The same for who holds leases: a restarted server keeps them for a grace of 5 s by default."""


class Backoff:
    """The waits since the last success."""

    def __init__(self, longest: float = LONGEST) -> None:
        self._longest = longest
        self._failures = 0

    def next(self, at_least: float | None = None) -> float:
        """Seconds to wait now: between half and all of the doubled one before, and `at_least`."""
        full = min(FIRST * (1 << min(self._failures, 10)), self._longest)
        self._failures += 1
        wait = full * random.uniform(0.5, 1.0)
        if at_least is not None and at_least > wait:
            # Not all at once after it, either.
            return at_least + full * random.random()
        return wait

    def reset(self) -> None:
        """After a success."""
        self._failures = 0
