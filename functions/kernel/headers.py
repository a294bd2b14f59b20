"""The headers every answer travels with: a strict Content-Security-Policy, its fellows, and who may keep a copy."""

from collections.abc import Mapping, Sequence
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


def headers(audience: Audience, *, form_action: Sequence[str] = ()) -> dict[str, str]:
    """Return the headers of an answer.

    ``private`` is all that a capability opens, that shows what somebody typed, or that changed something: nobody
    stores it. ``form_action`` are sources (CSP 3, 6.4.1) that a form of this page may lead to besides ourselves:
    browsers hold the redirect that follows a POST to it as well, so the page *with the form* must name its target.
    """
    sent = {**SECURITY_HEADERS, "Cache-Control": CACHE_POLICIES[audience]}
    if form_action:
        ours = "form-action 'self'"
        sent["Content-Security-Policy"] = CONTENT_SECURITY_POLICY.replace(ours, " ".join((ours, *form_action)))
    return sent
