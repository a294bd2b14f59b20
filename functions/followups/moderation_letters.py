"""What emails around moderating say, read at the moment of sending: to authors, and to moderators who are waited for.

A step has two templates, as in `followups.letters`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from followups.delivery import Identity
from followups.letters import Skip, html
from followups.message import Letter
from followups.moderation import REMINDER
from kernel import pages, theme
from kernel.email_address import sender_parts
from kernel.site import Site
from kernel.text import greeting, one_line

if TYPE_CHECKING:
    from comments.query import MessageView, ModeratorView, WaitingView


@dataclass(frozen=True, slots=True)
class Comments:
    """What these letters read of the comments context (`comments.query`)."""

    message: Callable[[str, str], MessageView | None]
    edit_link: Callable[[str, datetime], str]
    moderators: Callable[[datetime], list[ModeratorView]]
    waiting: Callable[[datetime], WaitingView]


@dataclass(frozen=True, slots=True)
class ModerationLetters:
    """Writes letters about comments for one community."""

    comments: Comments
    base_url: str
    sender: str
    site: Site

    def letter(self, identity: Identity, now: datetime) -> Letter | Skip:
        """Return what a delivery's person is to read as things are now, or why they are to read nothing."""
        if identity.step == REMINDER:
            return self._reminder(identity.person, now)
        message = self.comments.message(identity.person, identity.message_id or "")
        if message is None:
            return Skip("the message is gone")
        if message.comment_id is not None and not message.still_rejected:
            return Skip("the decision was taken back, or the comment changed since")
        facts: dict[str, object] = {"text": message.text, "story": one_line(message.story), "body": message.body}
        if message.comment_id is not None:
            facts["edit_link"] = self.comments.edit_link(message.comment_id, now)
        return self._written(identity.step, message.to_name, message.to_email, facts)

    def _reminder(self, person: str, now: datetime) -> Letter | Skip:
        waiting = self.comments.waiting(now)
        if not waiting.too_long or waiting.oldest is None:
            return Skip("nothing waits for too long any more")
        moderator = next((one for one in self.comments.moderators(now) if one.person == person), None)
        if moderator is None:
            return Skip("has not moderated lately")
        hours = int((now - waiting.oldest) / timedelta(hours=1))
        facts: dict[str, object] = {"number": waiting.number, "hours": hours, "room": f"{self.base_url}/moderate"}
        return self._written(REMINDER, moderator.name, moderator.email, facts)

    def _written(self, step: str, name: str, email: str, facts: Mapping[str, object]) -> Letter:
        colours = theme.email_colours(self.site.accent)
        context = {
            **facts,
            "community": self.site.community,
            "base_url": self.base_url,
            "greeting": greeting(name),
            "reply_to": self.site.reply_to or sender_parts(self.sender)[1],
            "accent": colours.accent,
            "accent_dark": colours.accent_dark,
        }
        subject, _, text = pages.render(f"followups/{step}.txt", **context).partition("\n")
        return Letter(
            to_name=greeting(name) or "",
            to_email=email,
            subject=one_line(subject),
            text=text.strip() + "\n",
            html=html(pages.render(f"followups/{step}.mjml", **context, subject=one_line(subject))),
        )
