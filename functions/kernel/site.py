"""What a community set for all its pages and emails: its name, where replies go, its colour, who may embed it.

| item | pk | sk | read by |
|---|---|---|---|
| `SiteSettings` | ``settings`` | ``settings`` | key, once a page or email |

It stands in the accounts table, where organisers are; until somebody saves it, the stage's own settings hold. JSON
answers do not need it and so do not read it.
"""

from __future__ import annotations

from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute, UTCDateTimeAttribute
from pynamodb.exceptions import PynamoDBException

from kernel import settings, theme
from kernel.errors import NotThroughTheFront, Problem
from kernel.log import logger, what_failed
from kernel.table import Record


@dataclass(frozen=True, slots=True)
class Settings:
    """What this module needs of its environment."""

    accounts_table: str


class SiteSettings(Record):
    """The one item of settings. ``version`` is raised at each change."""

    class Meta:
        table_name = settings.read(Settings).accounts_table

    pk = UnicodeAttribute(hash_key=True, default="settings")
    sk = UnicodeAttribute(range_key=True, default="settings")
    version = NumberAttribute()
    community_name = UnicodeAttribute()
    reply_to = UnicodeAttribute()
    accent = UnicodeAttribute()
    embedders = JSONAttribute()
    changed_at = UTCDateTimeAttribute()


@dataclass(frozen=True, slots=True)
class Site:
    """What holds for all pages and emails.

    Attributes:
        reply_to: the address people write to; None while it is the sender's own.
        accent: the colour of links and buttons, ``#rrggbb``.
        embedders: the origins of sites that may embed ours.
        version: of the settings; 0 while nobody saved any.
    """

    community: str
    reply_to: str | None = None
    accent: str = theme.DEFAULT_ACCENT
    embedders: tuple[str, ...] = ()
    version: int = 0


def current(community: str) -> Site:
    """Return the settings as they are now; ``community`` is the name until one is saved."""
    try:
        found = SiteSettings.get("settings", "settings", consistent_read=True)
    except SiteSettings.DoesNotExist:
        return Site(community)
    return Site(found.community_name, found.reply_to, found.accent, tuple(found.embedders), int(found.version))


def shown(community: str) -> dict[str, object]:
    """Return what every page's template needs of the settings.

    A page does not fail for want of its name and colour: then the stage's own are shown.
    """
    try:
        return _for_a_page(current(community))
    except (PynamoDBException, BotoCoreError, ClientError) as error:
        logger.warning("settings not read", failure=what_failed(error))
        return _for_a_page(Site(community))


def shown_beside(problem: Problem, community: str) -> dict[str, object]:
    """Return the same for a page that shows a problem; nothing is read for whoever came round our front."""
    return _for_a_page(Site(community)) if isinstance(problem, NotThroughTheFront) else shown(community)


def _for_a_page(site: Site) -> dict[str, object]:
    return {"community": site.community, "theme": theme.path(site.accent)}
