"""A story's comments as a feed: what other programs follow."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from xml.etree import ElementTree

from comments.model import Story


def atom(story: Story, entries: Sequence[str], *, base_url: str, community: str) -> str:
    """Return comments as an Atom feed (RFC 4287), newest first; ``entries`` are the public's JSON texts."""
    comments = sorted((json.loads(one) for one in entries), key=lambda one: str(one["created_at"]), reverse=True)
    page = f"{base_url}/stories/{story.story_id}"
    moments = [story.created_at, *(_moment(one) for one in comments)]
    feed = ElementTree.Element("feed", xmlns="http://www.w3.org/2005/Atom")
    _add(feed, "id", f"{page}/comments.atom")
    _add(feed, "title", f"Comments on {story.title}")
    _add(feed, "updated", _time(max(moments)))
    ElementTree.SubElement(feed, "link", rel="self", href=f"{page}/comments.atom")
    ElementTree.SubElement(feed, "link", rel="alternate", href=page)
    _add(ElementTree.SubElement(feed, "author"), "name", community)
    for one in comments:
        entry = ElementTree.SubElement(feed, "entry")
        _add(entry, "id", f"urn:uuid:{one['comment_id']}")
        _add(entry, "title", f"{one['author_name']} on {story.title}")
        _add(entry, "updated", _time(_moment(one)))
        _add(entry, "published", _time(datetime.fromisoformat(one["created_at"])))
        _add(ElementTree.SubElement(entry, "author"), "name", one["author_name"])
        ElementTree.SubElement(entry, "link", rel="alternate", href=f"{page}#comment-{one['comment_id']}")
        content = ElementTree.SubElement(entry, "content", type="html")
        content.text = one["html"]
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(feed, encoding="unicode")


def _moment(comment: dict[str, str]) -> datetime:
    return datetime.fromisoformat(comment["edited_at"] or comment["created_at"])


def _add(parent: ElementTree.Element, name: str, text: str) -> None:
    ElementTree.SubElement(parent, name).text = text


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
