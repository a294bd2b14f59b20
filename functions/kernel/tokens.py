"""Signed links: capabilities, each bound to one purpose, expiring except where a purpose never does."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from kernel.errors import LinkExpired, LinkInvalid

if TYPE_CHECKING:
    from itsdangerous import URLSafeSerializer

MAX_LENGTH = 1024

type Value = str | int


def sign(purpose: str, values: Sequence[Value], *, expires_at: datetime | None, keys: Sequence[str]) -> str:
    """Return a URL-safe token that carries ``values`` in the clear and opens nothing but ``purpose``.

    ``keys`` are newest first. ``expires_at`` is aware; None never expires.
    """
    until = None if expires_at is None else int(expires_at.timestamp())
    return _serializer(purpose, keys).dumps([until, *values])


def read(purpose: str, token: str, *, now: datetime, keys: Sequence[str]) -> list[Value]:
    """Return the values that were signed for ``purpose``.

    Raises:
        LinkInvalid: nobody who holds a key signed this for this purpose.
        LinkExpired: it was good once.
    """
    from itsdangerous import BadData

    if len(token) > MAX_LENGTH:
        raise LinkInvalid
    try:
        loaded: list[Value] = _serializer(purpose, keys).loads(token)
        until, *values = loaded
    except (BadData, ValueError, TypeError) as broken:
        raise LinkInvalid from broken
    if until is not None and now >= datetime.fromtimestamp(int(until), UTC):
        raise LinkExpired
    return values


def _serializer(purpose: str, keys: Sequence[str]) -> URLSafeSerializer:
    from itsdangerous import URLSafeSerializer

    # itsdangerous wants the keys oldest first; its default digest is SHA-1.
    return URLSafeSerializer(
        list(reversed(keys)), salt=f"microclimate/{purpose}", signer_kwargs={"digest_method": hashlib.sha256}
    )
