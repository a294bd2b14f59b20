"""How a visit and a registration are shown: the contract's JSON, from the items of the table."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from visits import query, questions
from visits.line import NO_LIMIT
from visits.model import Counters, Details, Message, Place

if TYPE_CHECKING:
    from visits.statistics import Statistics

type Json = dict[str, Any]  # the contract's documents: shapes are in `visits.contract`


def visit_json(counters: Counters, details: Details, now: datetime) -> Json:
    """Return the contract's visit, as anybody reads it."""
    numbers = counters.numbers
    return {
        "visit_id": details.visit_id,
        "title": details.title,
        "summary": details.summary,
        "description_html": details.description_html,
        "host": details.host,
        "starts_at": _local(details.starts_at, details),
        "ends_at": _local(details.ends_at, details),
        "timezone": details.timezone,
        "sessions": [
            {
                "starts_at": _local(details.starts_at, details),
                "ends_at": _local(details.ends_at, details),
                "title": details.title,
            }
        ],
        "format": details.format,
        "venue": details.venue,
        "capacity": None if numbers.capacity >= NO_LIMIT else numbers.capacity,
        "seats_left": numbers.seats_left,
        "waiting": query.waiting_at(counters),
        "waitlist": counters.waitlist,
        "registration": query.opening_of(counters, now),
        "registration_opens_at": _local(counters.opens_at, details),
        "registration_closes_at": _local(counters.closes_at, details),
        "audience": details.audience,
        "questions": _questions(questions.asked(details.questions)),
        "resources": details.resources,
        "recording_url": details.recording_url or None,
        "status": _status(counters, now),
        "sequence": int(details.sequence),
    }


def organisers_visit_json(counters: Counters, details: Details, now: datetime) -> Json:
    """Return the contract's visit, as an organiser reads it."""
    return visit_json(counters, details, now) | {
        "description_markdown": details.description_markdown,
        "room_url": details.room_url,
        "offer_hours": int(details.offer_hours),
        "organisers": details.organisers,
        "version": int(details.version),
    }


def place_json(
    place: Place, counters: Counters, details: Details, now: datetime, *, join_url: str | None = None
) -> Json:
    """Return the contract's "my place"; ``join_url`` where it is time for it (`visits.joining.is_shown`)."""
    position = query.position_at(counters, place.number) if place.status == "waiting" else None
    return {
        "visit": visit_json(counters, details, now),
        **_who(place),
        "access_needs": place.access_needs or "",
        "status": place.status,
        "position": position,
        "offer_expires_at": None,
        "join_url": join_url,
        "cancelled_at": _local(place.cancelled_at, details),
    }


def person_json(place: Place, details: Details, *, position: int | None, access_needs: bool) -> Json:
    """Return a registration as an organiser reads it; ``access_needs`` says whether they may see those."""
    return {
        **_who(place),
        "access_needs": (place.access_needs or "") if access_needs else None,
        "status": place.status,
        "place": None if place.is_extra else place.number,
        "position": position,
        "attendance": place.attendance or "unknown",
        "extra": place.is_extra,
        "registered_at": _local(place.created_at, details),
        "cancelled_at": _local(place.cancelled_at, details),
    }


def message_json(message: Message, *, people: int) -> Json:
    """Return a message as an organiser reads it; ``people`` is how many it is for."""
    return {
        "message_id": message.message_id,
        "subject": message.subject or "",
        "body_markdown": message.markdown,
        "html": message.html,
        "to": message.to,
        "people": people,
        "posted_at": message.posted_at.isoformat(),
    }


def statistics_json(figures: Statistics) -> Json:
    """Return the contract's statistics."""
    return {
        "by_day": [{**asdict(day), "date": day.date.isoformat()} for day in figures.by_day],
        "statuses": figures.statuses,
        "attendance": figures.attendance,
        "extra": figures.extra,
        "registered": figures.registered,
        "questions": [asdict(one) for one in figures.questions],
        "consents": figures.consents,
    }


def message(status: str, position: int | None) -> str:
    """Return what somebody who registered is told: the same words for whoever asks at that moment."""
    if status == "confirmed":
        return "You have a place. We have sent you an email with your personal link and a calendar entry."
    return (
        f"Every place is taken at the moment. You are number {position} in line; we will write to you as soon as a "
        "place is yours. We have sent you an email with your personal link."
    )


def _questions(shown: list[questions.Question]) -> list[Json]:
    return [{part: value for part, value in question.items() if part != "retired"} for question in shown]


def _who(place: Place) -> Json:
    return {
        "registration_id": place.registration_id,
        "name": place.name or "",
        "email": place.email or "",
        "organisation": place.organisation or "",
        "job_role": place.job_role or "",
        "answers": place.answers or {},
        "consents": {"follow_ups": False, "introductions": False, **(place.consents or {})},
    }


def _status(counters: Counters, now: datetime) -> str:
    return "ended" if counters.status == "published" and now >= counters.ends_at else counters.status


def _local(moment: datetime | None, details: Details) -> str | None:
    return None if moment is None else moment.astimezone(ZoneInfo(details.timezone)).isoformat()
