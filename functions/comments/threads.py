"""How a page's comments hang together: a flat list in the order of its threads, made into a tree. Pure."""

import json
from collections.abc import Iterable
from typing import Any

type Shown = dict[str, Any]  # the contract's item, with ``replies`` and ``orphan``


def tree(entries: Iterable[str]) -> list[Shown]:
    """Return the comments that begin a thread, each with its ``replies``; ``entries`` are the public's JSON texts.

    What answers a comment that is not there (on another page, or taken down) begins a thread and says so: ``orphan``.
    """
    roots: list[Shown] = []
    known: dict[str, Shown] = {}
    for one in flat(entries):
        parent = known.get(one["parent_id"] or "")
        one["orphan"] = parent is None and one["parent_id"] is not None
        known[one["comment_id"]] = one
        (roots if parent is None else parent["replies"]).append(one)
    return roots


def flat(entries: Iterable[str]) -> list[Shown]:
    """Return comments without their relations."""
    return [{**json.loads(entry), "replies": [], "orphan": False} for entry in entries]
