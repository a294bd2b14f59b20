"""Names made from words: the id of a visit from its title, the id of a question from what it asks. Pure, but chance."""

import re
import secrets
import unicodedata


def slug(text: str, limit: int, joined: str = "-") -> str:
    """Return what of a text can be said in small letters and digits; "" where that is nothing."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", joined, plain).strip(joined)[:limit].strip(joined)


def visit_id(title: str) -> str:
    """Return an id for a visit of this title, with a little chance in it so that ids rarely meet."""
    return f"{slug(title, 50) or 'visit'}-{secrets.token_hex(2)}"
