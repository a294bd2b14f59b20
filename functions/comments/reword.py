"""A moderator puts other words into a comment: rendered and screened as if they had been sent."""

from dataclasses import asdict
from datetime import datetime

from comments import decide, rules, screening
from comments.model import Comment
from comments.screening import Submission
from comments.submit import rendered
from kernel.access import Actor
from kernel.errors import NotFound


def reword(comment_id: str, version: int, body: str, actor: Actor, *, now: datetime) -> Comment:
    """Change a comment's text. What its author wrote is kept beside it; what history told of it still holds.

    Raises:
        NotFound: there is no such comment.
        ChangedMeanwhile: it is another version by now.
        Invalid: nothing of the text would be seen.
    """
    comment = decide.stored(comment_id)
    if comment is None:
        raise NotFound
    found = screening.screen(Submission(body, comment.author_name, "", None, False), rules.current(now))
    signals = [{**asdict(one), "spans": [list(span) for span in one.spans]} for one in found]
    kept = [one for one in comment.signals if one["code"] not in {*screening.FROM_TEXT}]
    return decide.edit(comment_id, version, body, rendered(body), actor, signals=[*signals, *kept], now=now)
