"""What people send about their own registrations: fields, limits and defaults, as the HTTP contract has them.

Apart from the rest of the contract (`visits.contract`), because whoever registers first in a new container waits for
every model that is imported with it.
"""

from typing import Annotated, Any

from pydantic import Field, StrictBool, StringConstraints

from kernel.fields import ANY_LINES, ONE_LINE, VISIBLE, Body, EmailAddress, Zone

ABSENT: Any = None
"""The default of a field that may be left out but not be null; it is never read: see ``model_fields_set``."""
MAX_QUESTIONS = 20

Short = Annotated[str, StringConstraints(max_length=200), ONE_LINE]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200), ONE_LINE, VISIBLE]
AccessNeeds = Annotated[str, StringConstraints(max_length=1000), ANY_LINES]
Answers = Annotated[dict[str, Any], Field(max_length=MAX_QUESTIONS)]  # held against the visit's questions later


class Consents(Body):
    """What somebody agreed to, beyond the emails a visit needs."""

    follow_ups: StrictBool = False
    introductions: StrictBool = False


class RegistrationRequest(Body):
    """Somebody registers."""

    name: Name
    email: EmailAddress
    organisation: Short | None = ""
    job_role: Short | None = ""
    access_needs: AccessNeeds | None = ""
    answers: Answers = {}
    consents: Consents = Consents()
    invite_code: Short | None = None
    timezone: Zone | None = None


class PlaceChange(Body):
    """A change of my details: what is absent stays as it is, null takes it away."""

    name: Name = ABSENT
    email: EmailAddress = ABSENT
    organisation: Short | None = None
    job_role: Short | None = None
    access_needs: AccessNeeds | None = None
    answers: Answers | None = None
    consents: Consents = ABSENT
    timezone: Zone | None = None


class LookupRequest(Body):
    """Somebody asks for the links to their registrations, by email."""

    email: EmailAddress
