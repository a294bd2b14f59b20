"""A comment as the public reads it: the contract's JSON, written once, when the comment changes."""

import json
from datetime import datetime


def public(
    *,
    comment_id: str,
    parent_id: str | None,
    author_name: str,
    is_member: bool,
    html: str,
    created_at: datetime,
    edited_at: datetime | None,
    pinned: bool,
) -> str:
    """Return the contract's item as JSON text, ready to stand in an answer."""
    document = {
        "comment_id": comment_id,
        "parent_id": parent_id,
        "author_name": author_name,
        "is_member": is_member,
        "html": html,
        "created_at": created_at.isoformat(timespec="seconds"),
        "edited_at": edited_at.isoformat(timespec="seconds") if edited_at else None,
        "pinned": pinned,
    }
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)
