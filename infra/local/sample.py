"""Sample visits and people, written for this project: a past visit with what to take home, and two to come.

Everything goes through the service's own API, so that what is there came about as it would for anybody: also the
past visit, for which the clock is set back while it is made and people register. What the API cannot say yet (a
recording, tools to take home) is written into its row.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from http import HTTPStatus
from time import monotonic, sleep
from typing import Any
from zoneinfo import ZoneInfo

from infra.local import clock, sample_stories, tokens
from infra.local.stack import LocalStack

ZONE = ZoneInfo("Europe/London")

_WRITTEN = "/microclimate-local/sample"
_ANSWER_WITHIN = 30.0
_EMAILS_WITHIN = 60.0


class SampleRefused(Exception):
    """The service did not take a sample: the sample or the service is wrong."""


@dataclass(frozen=True)
class Person:
    """Somebody who is not: RFC 2606 keeps their addresses from being anybody's."""

    name: str
    organisation: str
    job_role: str
    access_needs: str = ""
    answers: dict[str, object] = field(default_factory=dict)

    @property
    def email(self) -> str:
        """An address made from the name."""
        return f"{self.name.lower().replace(' ', '.').replace('’', '')}@example.org"


PEOPLE = (
    Person("Amara Nwosu", "Harbourside Community Trust", "District nurse"),
    Person(
        "Tomasz Zielinski", "Fenland Integrated Care", "Improvement lead", "I will join by phone for the first hour"
    ),
    Person("Priya Raman", "St Bride’s Hospital", "Pharmacist"),
    Person("Gwen Parry", "Cwm Valley Health Board", "Service manager"),
    Person("Daniel Osei", "Northgate Surgery", "General practitioner"),
    Person("Leila Haddad", "Together in Care", "Carer representative", "Captions, please"),
    Person("Fiona MacRae", "Western Isles Care", "Occupational therapist"),
    Person("Marcus Bell", "Riverside Hospice", "Volunteer coordinator"),
    Person("Sunita Desai", "St Bride’s Hospital", "Ward sister"),
    Person("Owen Hughes", "Cwm Valley Health Board", "Paramedic"),
    Person("Beth Lindqvist", "Fenland Integrated Care", "Data analyst"),
    Person("Joseph Adeyemi", "Harbourside Community Trust", "Physiotherapist", "Step-free access"),
    Person("Clare Donnelly", "Together in Care", "Social worker"),
    Person("Hamish Grant", "Western Isles Care", "Estates manager"),
)

WARD = {
    "visit_id": "ward-that-went-home",
    "title": "The ward that went home: a virtual ward, from the inside",
    "host": "Riverside Hospice and Northgate Surgery",
    "summary": "Forty beds, none of them in a building. See a virtual ward’s morning round, and ask the people on it.",
    "description_markdown": """\
A virtual ward looks simple on a slide. This afternoon we sat in on one: the morning call, the kit that
goes into a hall cupboard, and the moment somebody has to say “this one needs to come in after all”.

## What we saw

- The **morning round**, with the nurse, the pharmacist and the GP who run it
- What patients and their families say works, and what they would change
- The numbers after a year: what fell, what did not, and what nobody expected

The recording and the team’s own tools are below. Take them, change them, tell us what happened.
""",
    "format": "online",
    "room_url": "https://rooms.example.org/virtual-ward",
    "capacity": 80,
}

WARD_PEOPLE = PEOPLE[:6]
WARD_RECORDING = "https://video.example.org/ward-that-went-home"
WARD_TOOLS = [
    {"title": "The morning round on one page", "url": "https://tools.example.org/morning-round.pdf"},
    {"title": "What goes into the kit, and what it costs", "url": "https://tools.example.org/kit-list.xlsx"},
    {"title": "Six questions to ask a family on day one", "url": "https://tools.example.org/six-questions.pdf"},
]

KITCHEN = {
    "visit_id": "hospital-kitchen",
    "title": "Behind the hatch: the hospital kitchen that stopped throwing food away",
    "host": "St Bride’s Hospital",
    "summary": "Walk through a kitchen that feeds 600 people a day and halved its waste. Twelve places, twelve aprons.",
    "description_markdown": """\
Two years ago, St Bride’s threw away a third of what it cooked. Today it is half of that, patients eat more, and
nobody was told to try harder. What changed was *when* people are asked what they would like.

## The afternoon

1. **Lunch service**, seen from the kitchen side
2. A walk with the trays to two wards, and back with what was left
3. Round the table with the cooks, a dietitian and two ward sisters: what could you do on Monday?

Wear shoes you can stand in. The kitchen is warm and loud; there is a quiet room next door for anybody, at any time.
""",
    "format": "in_person",
    "venue": "St Bride’s Hospital, Kitchen Court entrance, Mill Lane, Norwich",
    "capacity": 12,
    "waitlist": "automatic",
    "questions": [
        {
            "question_id": "hope",
            "label": "What would make the afternoon worth the journey?",
            "kind": "long_text",
            "help": "The hosts read this and change what they show.",
        },
        {
            "question_id": "setting",
            "label": "Where do you mostly work?",
            "kind": "choice",
            "choices": ["Hospital", "Community", "Care home", "General practice", "Somewhere else"],
            "required": True,
        },
        {
            "question_id": "stations",
            "label": "Which parts would you like to stand next to?",
            "kind": "choices",
            "choices": ["Ordering", "Cooking", "The trays", "The wards", "The bins"],
            "help": "As many as you like.",
        },
        {"question_id": "lunch", "label": "Will you eat with us at noon?", "kind": "yes_no", "required": True},
        {"question_id": "diet", "label": "Anything you do not eat?", "kind": "text", "help": "Leave empty if not."},
    ],
}

CALL = {
    "visit_id": "first-call",
    "title": "The first call: how one ambulance room decides who needs a friend",
    "host": "Fenland Integrated Care",
    "summary": "One in seven callers needs somebody, but not an ambulance. Listen in on what happens to them instead.",
    "description_markdown": """\
Some people ring 999 eleven times a month. In this room they get a name, a visit, and in most cases a reason not to
ring again. We listen to three calls (told by the people who made them, with their blessing) and follow each of them
for a month.

Bring a colleague from *another* organisation if you can: most of what this team learned, it learned at the seams.
""",
    "format": "online",
    "room_url": "https://rooms.example.org/first-call",
    "capacity": 60,
}

_KITCHEN_ANSWERS: tuple[dict[str, object], ...] = (
    {"setting": "Hospital", "lunch": True, "stations": ["Cooking", "The trays"], "hope": "One thing we can copy."},
    {"setting": "Community", "lunch": False},
    {"setting": "Hospital", "lunch": True, "diet": "No nuts", "stations": ["Ordering"]},
    {"setting": "Care home", "lunch": True, "hope": "How you asked people without making it a form."},
    {"setting": "General practice", "lunch": False, "stations": ["The wards", "The bins"]},
    {"setting": "Somewhere else", "lunch": True, "diet": "Vegetarian"},
)


def is_written(local: LocalStack) -> bool:
    """Tell whether this stack has had its sample data. Deleted or changed by somebody, it is not written again."""
    parameters = local.emulator.untyped("ssm")
    try:
        parameters.get_parameter(Name=_WRITTEN)
    except parameters.exceptions.ParameterNotFound:
        return False
    return True


def write(local: LocalStack) -> None:
    """Write the sample data.

    Raises:
        SampleRefused: the service did not take one of them.
    """
    today = clock.now(local.folder).astimezone(ZONE).date()
    ahead = clock.ahead(local.folder)
    try:
        clock.set_ahead(local.folder, ahead - timedelta(days=42))
        _hold(local, WARD, _weekday(today - timedelta(days=21)), time(14), WARD_PEOPLE)
        # Emails are written by the clock: they must be out before it is set right.
        _wait_for_emails(local, len(WARD_PEOPLE))
    finally:
        clock.set_ahead(local.folder, ahead)
    _share(local, str(WARD["visit_id"]), WARD_RECORDING, WARD_TOOLS)
    visitors = [_with(person, _KITCHEN_ANSWERS[n % len(_KITCHEN_ANSWERS)]) for n, person in enumerate(PEOPLE[:11])]
    _hold(local, KITCHEN, _weekday(today + timedelta(days=10)), time(11, 30), visitors)
    _hold(local, CALL, _weekday(today + timedelta(days=24)), time(14), PEOPLE[10:])
    sample_stories.write(local)
    local.emulator.untyped("ssm").put_parameter(Name=_WRITTEN, Value=today.isoformat(), Type="String")


def _wait_for_emails(local: LocalStack, count: int) -> None:
    deadline = monotonic() + _EMAILS_WITHIN
    while len(local.mail.all()) < count:
        if monotonic() > deadline:
            raise SampleRefused(f"{count} people registered, and {len(local.mail.all())} emails came")
        sleep(0.1)


def _weekday(day: date) -> date:
    """Return the Tuesday of a day's week, or the Tuesday after: nobody visits on a Sunday."""
    return day + timedelta(days=(1 - day.weekday()) % 7)


def _with(person: Person, answers: dict[str, object]) -> Person:
    return Person(person.name, person.organisation, person.job_role, person.access_needs, answers)


def _hold(local: LocalStack, visit: dict[str, Any], day: date, begin: time, people: Sequence[Person]) -> None:
    starts_at = datetime.combine(day, begin, ZONE)
    written = visit | {
        "starts_at": starts_at.isoformat(),
        "ends_at": (starts_at + timedelta(hours=2, minutes=30)).isoformat(),
        "timezone": ZONE.key,
        "organisers": [tokens.ORGANISER.email],
    }
    _post(local, "/organiser/visits", written, as_organiser=True)
    _post(local, f"/organiser/visits/{visit['visit_id']}/publish", {}, as_organiser=True)
    for person in people:
        _post(
            local,
            f"/visits/{visit['visit_id']}/registrations",
            {
                "name": person.name,
                "email": person.email,
                "organisation": person.organisation,
                "job_role": person.job_role,
                "access_needs": person.access_needs,
                "answers": person.answers,
                "consents": {"follow_ups": True},
            },
        )


def _share(local: LocalStack, visit_id: str, recording_url: str, resources: list[dict[str, str]]) -> None:
    dynamodb = local.emulator.session.client("dynamodb", **local.emulator.connection)
    dynamodb.update_item(
        TableName=local.deployment["VisitsTableName"],
        Key={"pk": {"S": f"visit#{visit_id}"}, "sk": {"S": "visit#details"}},
        UpdateExpression="SET recording_url = :recording, resources = :resources",
        ConditionExpression="attribute_exists(pk)",
        ExpressionAttributeValues={":recording": {"S": recording_url}, ":resources": {"S": json.dumps(resources)}},
    )


def _post(local: LocalStack, path: str, body: dict[str, Any], *, as_organiser: bool = False) -> None:
    headers = {"Content-Type": "application/json"}
    if as_organiser:
        headers["Authorization"] = f"Bearer {tokens.ORGANISER.token}"
    address = f"{local.base_url}/api/v1{path}"
    request = urllib.request.Request(address, json.dumps(body).encode(), headers, method="POST")  # noqa: S310
    try:
        urllib.request.urlopen(request, timeout=_ANSWER_WITHIN).close()  # noqa: S310  our own address
    except urllib.error.HTTPError as error:
        with error:
            said = error.read().decode(errors="replace")
        if error.code == HTTPStatus.CONFLICT:  # there already: an earlier attempt was broken off half-way
            return
        raise SampleRefused(f"POST {path} answered {error.code}: {said}") from None
