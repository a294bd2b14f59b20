"""Lambda `comments-screen`: a comment was sent; screen it with its history and let it go where it belongs."""

from typing import Any

from comments.arrival import settle
from kernel import clock, metrics
from kernel.log import logger


def handler(event: dict[str, Any], context: object) -> None:
    """Screen the comment of one `comment.submitted` event. What fails is retried, then waits for a person."""
    comment_id = str(event["detail"]["comment_id"])
    went = settle(comment_id, now=clock.now())
    if went:
        metrics.count("CommentsScreened", went=went)
        logger.info("comment screened", comment_id=comment_id, went=went)
