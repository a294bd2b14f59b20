"""Saving what a community set for all its pages and emails, with an entry in the audit log."""

from datetime import datetime

from pynamodb.exceptions import TransactWriteError
from pynamodb.transactions import TransactWrite

from kernel import audit
from kernel.access import Actor
from kernel.errors import ChangedMeanwhile
from kernel.site import Site, SiteSettings
from kernel.table import past_conflicts, refused


def save(was: Site, wanted: Site, *, actor: Actor, now: datetime) -> Site:
    """Save settings in place of those that were; return them with their new version. No change writes nothing.

    Raises:
        ChangedMeanwhile: somebody saved others since ``was`` was read.
    """
    changed = [name for name in ("community", "reply_to", "accent", "embedders") if _of(was, name) != _of(wanted, name)]
    if not changed:
        return was
    version = was.version + 1
    made = audit.entries(actor, "settings.changed", "settings", now=now, facts={"changed": changed})
    unchanged = SiteSettings.version == was.version if was.version else SiteSettings.pk.does_not_exist()

    def write() -> None:
        with TransactWrite(connection=SiteSettings.connection()) as transaction:
            transaction.save(
                SiteSettings(
                    "settings",
                    "settings",
                    version=version,
                    community_name=wanted.community,
                    reply_to=wanted.reply_to,
                    accent=wanted.accent,
                    embedders=list(wanted.embedders),
                    changed_at=now,
                ),
                condition=unchanged,
            )
            audit.write(transaction, made)

    try:
        past_conflicts(write)
    except TransactWriteError as error:
        if refused(error):
            raise ChangedMeanwhile from error
        raise
    return Site(wanted.community, wanted.reply_to, wanted.accent, wanted.embedders, version)


def _of(site: Site, name: str) -> object:
    return getattr(site, name)
