"""How often one network may ask for something, counted in a container's memory.

It costs no call, and it is a speed bump rather than a wall: API Gateway's throttle holds for all containers together.
Behind one address there may be a whole hospital, so limits are generous.
"""

import hashlib
from collections import deque
from datetime import datetime, timedelta

from kernel.errors import TooManyRequests

NETWORKS_KEPT = 5_000


class Limit:
    """At most ``times`` requests a network within ``span``."""

    def __init__(self, times: int, span: timedelta) -> None:
        self._times = times
        self._span = span
        self._seen: dict[str, deque[datetime]] = {}

    def check(self, network: str | None, now: datetime) -> None:
        """Count a request; without a network there is nothing to count by.

        Raises:
            TooManyRequests: with the seconds until the next one is taken.
        """
        if network is None:
            return
        key = hashlib.sha256(network.encode()).hexdigest()
        seen = self._seen.setdefault(key, deque())
        while seen and now - seen[0] >= self._span:
            seen.popleft()
        if len(seen) >= self._times:
            raise TooManyRequests(retry_after=max(1, round((seen[0] + self._span - now).total_seconds())))
        seen.append(now)
        if len(self._seen) > NETWORKS_KEPT:
            self._seen.pop(next(iter(self._seen)))
