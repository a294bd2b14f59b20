"""The person key: the only form of an email address in keys, events and logs."""

import base64
import hmac
import unicodedata


def person_key(email: str, pepper: str) -> str:
    """Return the keyed hash of an address: HMAC-SHA-256, base64url, 43 characters.

    ``email`` is an address as `kernel.email_address.normalise` returns it. Letter case does not tell two people
    apart here: RFC 5321 lets a local part be case-sensitive, and no provider people use makes it so.
    The pepper can never change: every key would become a stranger's.
    """
    folded = unicodedata.normalize("NFKC", email).casefold()
    digest = hmac.digest(pepper.encode(), folded.encode(), "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
