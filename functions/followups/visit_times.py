"""What a visit's steps count from, read from the visits."""

from zoneinfo import ZoneInfo

from followups.steps import Times
from visits import query
from visits.query import VisitView


def times_of(visit: VisitView) -> Times:
    """Return what a visit's steps count from. Reads what else it needs."""
    marks = query.milestones(visit.visit_id)
    return Times(
        starts_at=visit.starts_at,
        ends_at=visit.ends_at,
        zone=ZoneInfo(visit.timezone),
        schedule=visit.sequence,
        moved_at=marks.moved_at,
        shared_at=marks.shared_at,
        settled_at=marks.settled_at,
    )
