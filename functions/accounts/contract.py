"""What is written and read of API tokens, as the HTTP contract has it."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from kernel.fields import ONE_LINE, Body, Moment, refuse
from kernel.text import is_blank

MAX_NAME = 100

Scope = Literal["organiser", "moderator", "organiser:read", "moderator:read"]


def _said(text: str) -> str:
    if is_blank(text):
        raise refuse("Give the token a name, so that you know later what it is for.")
    return text


def _each_once(scopes: list[Scope]) -> list[Scope]:
    if not scopes:
        raise refuse("Choose at least one scope.")
    return list(dict.fromkeys(scopes))


class TokenWritten(Body):
    """A token to make."""

    name: Annotated[str, StringConstraints(max_length=MAX_NAME), ONE_LINE, AfterValidator(_said)]
    scopes: Annotated[list[Scope], Field(max_length=8), AfterValidator(_each_once)]
    expires_at: Moment | None = None


class Token(BaseModel):
    """A token as its owner sees it later: all but the token itself."""

    token_id: str
    name: str
    scopes: list[Scope]
    created_at: str
    last_used_at: str | None
    expires_at: str | None


class TokenMade(Token):
    """A token as its owner sees it once."""

    token: str


class TokenList(BaseModel):
    """Somebody's own tokens, the newest first."""

    items: list[Token]
    next: str | None
