"""Keeps one sender from going faster than its share of what SES takes a second.

The queue's maximum concurrency says how many senders there are; each holds its share, so that all together stay just
under the account's rate and are not throttled.
"""

import time
from collections.abc import Callable


class Pace:
    """Lets so many pass a second, evenly: who comes early waits for the next turn."""

    def __init__(
        self,
        a_second: float,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._apart = 1 / a_second
        self._monotonic = monotonic
        self._sleep = sleep
        self._next = float("-inf")

    def wait(self) -> None:
        """Return when it is the caller's turn."""
        now = self._monotonic()
        turn = max(now, self._next)
        self._next = turn + self._apart
        if turn > now:
            self._sleep(turn - now)
