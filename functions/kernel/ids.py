"""Identifiers that sort by when they were made."""

import os
import time
from uuid import UUID, uuid5


def uuid7() -> UUID:
    """Return a UUIDv7 (RFC 9562, 5.7): 48 bits of Unix milliseconds, then 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    number = (milliseconds & ((1 << 48) - 1)) << 80 | int.from_bytes(os.urandom(10))
    number = number & ~(0xF << 76) | 0x7 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=number)


# Fixed for ever: another namespace would make every known id a stranger.
_NAMESPACE = UUID("3a8f5f0e-6b1d-5c47-9a53-8d1c0f2e7b64")


def derived_id(*parts: str | int) -> UUID:
    """Return the UUIDv5 that always stands for the same ``parts``: what makes a repeat recognisable."""
    return uuid5(_NAMESPACE, "\x1f".join(str(part) for part in parts))
