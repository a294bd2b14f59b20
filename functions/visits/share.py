"""Sharing what came of a visit: the recording and the tools. Again as often as there is something to add."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict

from kernel import audit
from kernel.access import Actor
from kernel.errors import Conflict, FieldError, Invalid, Unavailable
from visits.edit import ATTEMPTS, read, write
from visits.model import Counters, Details


class Resource(TypedDict):
    """Something to take home: a title and a web address."""

    title: str
    url: str


def share(
    visit_id: str,
    *,
    recording_url: str | None,
    resources: Sequence[Resource] | None,
    actor: Actor,
    now: datetime,
) -> tuple[Counters, Details]:
    """Share a visit's recording ("" for none) and resources; None leaves what is shared already as it is.

    Sharing the same again tells nobody anything.

    Raises:
        NotFound: no such visit.
        Conflict: it is a draft or cancelled.
        Invalid: there is nothing to share.
    """
    for _ in range(ATTEMPTS):
        counters, details = read(visit_id)
        if details.status == "draft":
            raise Conflict("Nobody has heard of this draft. Publish the visit before you share something.")
        if details.status == "cancelled":
            raise Conflict("This visit was cancelled, so there is nothing to share.")
        recording = details.recording_url if recording_url is None else recording_url
        tools = list(details.resources if resources is None else resources)
        if not recording and not tools and counters.shared_at is None:
            raise Invalid(errors=[FieldError("recording_url", "Add the recording, or something under resources.")])
        if (recording, tools) == (details.recording_url, details.resources):
            return counters, details
        done = write(
            counters,
            details,
            of_details=[Details.recording_url.set(recording), Details.resources.set(tools)],
            of_counters=[Counters.shared_at.set(now)],
            now=now,
            made=audit.entries(
                actor,
                "visit.shared",
                f"visit:{visit_id}",
                now=now,
                facts={"recording": bool(recording), "resources": len(tools)},
            ),
        )
        if done:
            return read(visit_id)
    raise Unavailable
