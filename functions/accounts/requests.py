"""What organisers and members send about settings and people: fields and limits, as the HTTP contract has them."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StrictInt, StringConstraints

from kernel import theme
from kernel.fields import ONE_LINE, VISIBLE, Body, EmailAddress, refuse

MAX_EMBEDDERS = 20

_NO_ORIGIN = "Write the address of a site as https://www.example.org, with nothing behind the name."


def _accent(text: str) -> str:
    colour = text.lower()
    if not theme.is_colour(colour):
        raise refuse("Write a colour as # and six digits or letters from a to f, like #1d6650.")
    unreadable = theme.unreadable(colour)
    if unreadable is not None:
        raise refuse(unreadable)
    return colour


def _origin(text: str) -> str:
    """Return an origin as browsers say it (RFC 6454, 6.2): scheme, host in ASCII, port where it is not 443."""
    import idna

    try:
        parts = urlsplit(text)
        port = parts.port
        host = idna.encode(parts.hostname or "", uts46=True).decode()
    except (ValueError, UnicodeError):
        raise refuse(_NO_ORIGIN) from None
    bare = parts.path in {"", "/"} and not (parts.query or parts.fragment or parts.username or "*" in host)
    if parts.scheme != "https" or "." not in host or not bare:
        raise refuse(_NO_ORIGIN)
    return f"https://{host}" if port in {None, 443} else f"https://{host}:{port}"


CommunityName = Annotated[str, StringConstraints(min_length=1, max_length=80), ONE_LINE, VISIBLE]
Accent = Annotated[str, StringConstraints(max_length=20), AfterValidator(_accent)]
Origin = Annotated[str, StringConstraints(max_length=300), ONE_LINE, AfterValidator(_origin)]


class Colours(Body):
    """The community's colours."""

    accent: Accent


class SettingsWritten(Body):
    """The settings as a whole: what is read may be sent back. ``version`` is the one the change is based on."""

    community_name: CommunityName
    reply_to: EmailAddress
    colours: Colours
    embedders: Annotated[list[Origin], Field(max_length=MAX_EMBEDDERS)]
    version: StrictInt | None = None


class PeopleSearch(Body):
    """Whom to look for."""

    email: EmailAddress
