"""What others may read of comments: what somebody wrote."""

from collections.abc import Mapping

from comments.model import Comment


def written_by(person: str) -> list[Mapping[str, object]]:
    """Return what a person wrote, the oldest first: what an export shows of each."""
    return [
        {
            "comment_id": one.comment_id,
            "story_id": one.story_id,
            "parent_id": one.parent_id,
            "author_name": one.author_name,
            "author_email": one.author_email,
            "body": one.body,
            "original_body": one.original_body,
            "is_public": one.status == "approved",
            "signed_in": bool(one.is_member),
            "created_at": one.created_at.isoformat(),
            "edited_at": one.edited_at.isoformat() if one.edited_at else None,
        }
        for one in Comment.by_person.query(person)
    ]
