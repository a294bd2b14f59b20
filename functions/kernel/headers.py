"""The headers every answer travels with: a strict Content-Security-Policy, its fellows, and who may keep a copy."""

from collections.abc import Mapping
from typing import Final, Literal

type Audience = Literal["public", "private"]

CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "img-src 'self' data:",  # Pico draws its ticks and chevrons with data: images
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

SECURITY_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # capabilities stand in paths: they must not leave with a click
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}

CACHE_POLICIES: Final[Mapping[Audience, str]] = {
    # What a request changed shows at once at the origin; caches hold public pages for 10 s at most (the contract).
    "public": "public, max-age=10",
    "private": "no-store",
}


def headers(audience: Audience) -> dict[str, str]:
    """Return the headers of an answer.

    ``private`` is all that a capability opens, that shows what somebody typed, or that changed something: nobody
    stores it.
    """
    return {**SECURITY_HEADERS, "Cache-Control": CACHE_POLICIES[audience]}
