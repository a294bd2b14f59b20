"""What is read about settings, people and the audit log, as the HTTP contract has it: for the OpenAPI document."""

from typing import Any, Literal

from pydantic import BaseModel


class ColoursShown(BaseModel):
    """The community's colours."""

    accent: str


class CommunitySettings(BaseModel):
    """What holds for all pages and emails."""

    community_name: str
    reply_to: str
    colours: ColoursShown
    embedders: list[str]
    version: int


class FoundPerson(BaseModel):
    """Somebody something is held about."""

    person: str
    name: str
    email: str
    registrations: int
    comments: int


class FoundPeople(BaseModel):
    """Who has an address: one person or nobody."""

    items: list[FoundPerson]
    next: None


class Erasing(BaseModel):
    """That somebody is being erased."""

    message: str


class AuditLogEntry(BaseModel):
    """What somebody did."""

    entry_id: str
    at: str
    actor: str
    actor_name: str
    action: str
    subjects: list[str]
    facts: dict[str, Any]
    reason: str | None


class AuditLog(BaseModel):
    """Who did what, newest first."""

    items: list[AuditLogEntry]
    next: str | None


class Me(BaseModel):
    """Who is signed in, and what their last registration said of them."""

    person: str
    name: str
    email: str
    roles: list[str]
    organisation: str
    job_role: str
    digest: Literal["daily"] | None


class MyVisit(BaseModel):
    """The visit of a registration."""

    visit_id: str
    title: str
    host: str
    starts_at: str
    ends_at: str
    timezone: str
    format: str
    status: str


class MyRegistration(BaseModel):
    """One of my registrations, with the link to its place."""

    visit: MyVisit
    registration_id: str
    name: str
    email: str
    organisation: str
    job_role: str
    status: Literal["confirmed", "waiting", "offered", "cancelled"]
    position: int | None
    attendance: Literal["unknown", "attended", "missed"]
    cancelled_at: str | None
    place_url: str


class MyRegistrations(BaseModel):
    """My registrations: those of coming visits first, the next at the top; then the past ones, the latest first."""

    items: list[MyRegistration]
    next: str | None
