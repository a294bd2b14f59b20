"""What moderators settle about an author: trust, a hold, a ban until some time, and notes among themselves.

Each change is one transaction with its audit entry. Authors are known by their person key alone.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pynamodb.exceptions import TransactWriteError
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from comments.model import Author, AuthorMessage, Comment, author_pk
from kernel import audit
from kernel.access import Actor
from kernel.errors import FieldError, Invalid, NotFound, Unavailable
from kernel.ids import uuid7
from kernel.table import past_conflicts, refused

MOST_NOTES = 100
"""Notes kept about somebody, the newest."""

ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class Change:
    """What a moderator changes: what is None stays; ``banned_until`` counts only with ``bans``, None then lifts it."""

    trusted: bool | None = None
    held: bool | None = None
    bans: bool = False
    banned_until: datetime | None = None
    note: str = ""
    message: str = ""
    """Goes to them by email, at the address of their last comment."""
    forget: bool = False
    """Take back all of it: trust, hold, ban and notes."""

    @property
    def says_nothing(self) -> bool:
        """Whether nothing is to change."""
        return (
            not (self.bans or self.note or self.message or self.forget) and self.trusted is None and self.held is None
        )


MESSAGES_KEPT = timedelta(days=365)

_PERSON = re.compile(r"[A-Za-z0-9_-]{43}")


def found(person: str) -> Author:
    """Return the record of somebody who comments, or about whom something is settled.

    Raises:
        NotFound: nobody here is known by that key.
    """
    if not _PERSON.fullmatch(person):
        raise NotFound
    author = read(person)
    if int(author.version) == 0 and next(iter(Comment.by_person.query(person, limit=1)), None) is None:
        raise NotFound
    return author


def read(person: str) -> Author:
    """Return an author's record; an empty one of somebody nothing was ever decided about."""
    try:
        return Author.get(author_pk(person), "author", consistent_read=True)
    except Author.DoesNotExist:
        return Author(author_pk(person), "author")


def change(person: str, wanted: Change, actor: Actor, *, now: datetime) -> Author:
    """Change what moderators have settled about somebody; what already is so is not written again.

    Raises:
        NotFound: nobody here is known by that key.
        Unavailable: others changed it again and again meanwhile.
    """
    for attempt in range(ATTEMPTS):
        author = read(person) if attempt else found(person)
        fields, done = _changes(author, wanted, actor, now)
        written = _written(person, wanted, actor, now)
        if written:
            done.append(("author.written_to", {}))
        if not done:
            return author
        if _stored(author, fields, done, written=written, actor=actor, now=now):
            return read(person)
    raise Unavailable


def message(person: str, name: str, email: str, text: str, actor: Actor, *, now: datetime) -> AuthorMessage:
    """Return what to store so that an author is written to; the event of its being stored sends it."""
    return AuthorMessage(
        author_pk(person),
        f"message#{uuid7()}",
        at=now,
        by=actor.person,
        by_name=actor.name,
        to_name=name,
        to_email=email,
        body=text,
        expires_at=int((now + MESSAGES_KEPT).timestamp()),
    )


def _changes(
    author: Author, wanted: Change, actor: Actor, now: datetime
) -> tuple[dict[str, Any], list[tuple[str, Mapping[str, object]]]]:
    """Return the fields that change, and each thing that was done with its facts, as the audit log has it."""
    fields: dict[str, Any] = {}
    done: list[tuple[str, Mapping[str, object]]] = []
    trusted, held = (False, False) if wanted.forget else (wanted.trusted, wanted.held)
    if trusted is not None and trusted != bool(author.trusted):
        fields["trusted"] = trusted
        done.append(("author.trusted" if trusted else "author.no_longer_trusted", {}))
    if held is not None and held != bool(author.held):
        fields["held"] = held
        done.append(("author.held" if held else "author.released", {}))
    until = None if wanted.forget else wanted.banned_until
    if (wanted.bans or wanted.forget) and until != author.banned_until:
        fields["banned_until"] = until
        done.append(("author.banned", {"until": until.isoformat()}) if until else ("author.ban_lifted", {}))
    if wanted.forget and author.notes:
        fields["notes"] = None
        done.append(("author.notes_deleted", {}))
    if wanted.note:
        note = {"at": now.isoformat(), "by": actor.person, "by_name": actor.name, "text": wanted.note}
        fields["notes"] = [*(author.notes or []), note][-MOST_NOTES:]
        done.append(("author.noted", {}))
    return fields, done


def _written(person: str, wanted: Change, actor: Actor, now: datetime) -> AuthorMessage | None:
    """Return the message to an author.

    Raises:
        Invalid: their address is not known any more.
    """
    if not wanted.message:
        return None
    last = next(iter(Comment.by_person.query(person, scan_index_forward=False, limit=1)), None)
    if last is None or not last.author_email:
        raise Invalid(errors=[FieldError("message", "Their address is not known any more, so nothing can be sent.")])
    return message(person, last.author_name, last.author_email, wanted.message, actor, now=now)


def _stored(
    author: Author,
    fields: Mapping[str, Any],
    done: list[tuple[str, Mapping[str, object]]],
    *,
    written: AuthorMessage | None,
    actor: Actor,
    now: datetime,
) -> bool:
    attributes = Author.get_attributes()
    actions: list[Action] = [
        attributes[name].remove() if value is None else attributes[name].set(value) for name, value in fields.items()
    ]
    version = int(author.version)
    actions.append(Author.version.set(version + 1))
    condition = Author.version == version if version else Author.version.does_not_exist() | (Author.version == 0)
    made = [
        entry
        for action, facts in done
        for entry in audit.entries(actor, action, f"person:{author.person}", now=now, facts=facts)
    ]

    def together() -> None:
        with TransactWrite(connection=Author.connection()) as transaction:
            transaction.update(Author(author.pk, "author"), actions=actions, condition=condition)
            if written:
                transaction.save(written)
            audit.write(transaction, made)

    try:
        past_conflicts(together)
    except TransactWriteError as error:
        if refused(error):
            return False
        raise
    return True
