"""Plans through the API: read, written, previewed, on a time line."""

from datetime import UTC, datetime
from typing import Any

import pytest

from followups import plan_changes, plans
from followups.steps import DEFAULT, OF_EVENTS, RESERVED, changed_steps, complete, from_json, to_json
from kernel.access import Actor
from tests.service import ORGANISER, SURNAME, Answer, Service

OLIVE = Actor("person-of-organiser", "organiser@example.org", "Olive Organiser", frozenset({"organiser"}))
PLAN = "/visits/ward/plan"


@pytest.fixture(autouse=True)
def _new_container() -> None:
    plans._known.clear()


def read(service: Service) -> dict[str, Any]:
    answer = service.organise("GET", PLAN)
    assert answer.status == 200, answer.body[:500]
    plan: dict[str, Any] = answer.json
    return plan


def step(plan: dict[str, Any], name: str) -> dict[str, Any]:
    [found] = [one for one in plan["steps"] if one["step"] == name]
    return dict(found)


def changed(service: Service, name: str, **change: object) -> Any:
    plan = read(service)
    steps = [{**one, **(change if one["step"] == name else {})} for one in plan["steps"]]
    return service.organise("PUT", PLAN, {"steps": steps})


def preview(service: Service, **query: str) -> Answer:
    headers = {"authorization": f"Bearer {ORGANISER}"}
    return service.send("GET", f"/api/v1/organiser{PLAN}/preview", headers=headers, query=query)


NEW = {
    "step": "bring_a_question",
    "when": {"anchor": "start", "offset": "-P2D", "at": "09:00", "tolerance": "PT8H"},
    "to": {"statuses": ["confirmed"]},
    "subject": "Bring a question to {{ host }}",
    "body_markdown": "What would you ask **{{ host }}**? [Write it down]({{ place_link }}).",
}


def test_every_step_is_kept_as_it_was_written() -> None:
    assert tuple(from_json(to_json(one)) for one in DEFAULT) == DEFAULT


def test_the_names_the_service_uses_itself_cannot_be_taken() -> None:
    assert set(OF_EVENTS) <= RESERVED
    assert not RESERVED & {one.step for one in DEFAULT if one.step not in OF_EVENTS}


def test_a_visit_begins_with_the_default_plan(service: Service) -> None:
    service.visit()
    plan = read(service)
    assert [one["step"] for one in plan["steps"]] == [one.step for one in DEFAULT]
    assert plan["version"] == 1


def test_whoever_read_the_plan_before_its_copy_was_kept_meets_no_conflict(service: Service) -> None:
    service.visit()
    read_before = service.organise("GET", PLAN)
    plans.keep_a_copy("ward", service.clock.now)
    assert service.organise("GET", PLAN).headers["ETag"] == read_before.headers["ETag"]
    document = {"steps": [*read_before.json["steps"], NEW]}
    changed = service.organise("PUT", PLAN, document, if_match=read_before.headers["ETag"])
    assert (changed.status, changed.json["version"]) == (200, 2)
    plans.keep_a_copy("ward", service.clock.now)
    assert read(service)["version"] == 2
    again = service.organise("PUT", PLAN, document, if_match=read_before.headers["ETag"])
    assert again.status == 412, "the control: a plan that somebody else changed"


def test_moments_are_those_of_the_visits_zone(service: Service) -> None:
    service.visit(starts_at="2026-10-26T14:00:00+00:00", ends_at="2026-10-26T16:00:00+00:00", timezone="Europe/London")
    plan = read(service)
    assert step(plan, "reminder_day")["sends_at"] == "2026-10-25T14:00:00+00:00"
    assert step(plan, "reminder_week")["sends_at"] == "2026-10-19T14:00:00+01:00"
    assert step(plan, "confirmation")["sends_at"] is None
    assert step(plan, "recording")["sends_at"] is None, "nothing is shared yet"
    assert step(plan, "sorry_we_missed_you")["sends_at"] is None, "attendance is not settled"


def test_what_get_gives_put_takes(service: Service) -> None:
    service.visit()
    plan = read(service)
    saved = service.organise("PUT", PLAN, plan)
    assert saved.status == 200, saved.body[:500]
    assert saved.json["steps"] == plan["steps"]
    assert service.organise("PUT", PLAN, saved.json).json == saved.json, "the same again changes nothing"


def test_a_step_is_added_changed_and_switched_off(service: Service) -> None:
    service.visit()
    plan = read(service)
    steps = [{**one, "enabled": one["step"] != "reminder_week"} for one in plan["steps"]]
    saved = service.organise("PUT", PLAN, {"steps": [*steps, NEW]})
    assert saved.status == 200, saved.body[:800]
    found = read(service)
    assert not step(found, "reminder_week")["enabled"]
    assert step(found, "bring_a_question")["body_markdown"] == NEW["body_markdown"]
    assert step(found, "bring_a_question")["to"] == {"statuses": ["confirmed"], "attendance": [], "answers": {}}


def test_an_email_people_rely_on_is_there_even_when_it_was_left_out(service: Service) -> None:
    service.visit()
    saved = service.organise("PUT", PLAN, {"steps": []}).json
    assert [one["step"] for one in saved["steps"]] == list(OF_EVENTS)
    assert complete([]) == tuple(one for one in DEFAULT if one.step in OF_EVENTS)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"subject": "Hello {{ nobody }}"}, "subject"),
        ({"body_markdown": "{{ visit.room_url }} {{ 7*7 }}"}, "body_markdown"),
        ({"subject": "two\nlines"}, "subject"),
        ({"subject": ""}, "subject"),
        ({"body_markdown": ""}, "body_markdown"),
        ({"body_markdown": "x" * 10_001}, "body_markdown"),
        ({"step": "Has Spaces"}, "step"),
        ({"step": "link"}, "step"),
        ({"step": "thank_you"}, "step"),
        ({"kind": "consented"}, "kind"),
        ({"when": {"anchor": "start", "offset": "a day"}}, "when.offset"),
        ({"when": {"anchor": "start", "offset": "-P1D", "at": "25:00"}}, "when.at"),
        ({"when": {"anchor": "start", "tolerance": "-PT1H"}}, "when.tolerance"),
        ({"when": {"anchor": "someday"}}, "when.anchor"),
        ({"to": {"statuses": []}}, "to.statuses"),
        ({"to": {"statuses": ["confirmed"], "attendance": ["absent"]}}, "to.attendance.0"),
    ],
)
def test_what_cannot_be_taken_is_named_and_nothing_is_saved(
    service: Service, change: dict[str, Any], field: str
) -> None:
    service.visit()
    plan = read(service)
    answer = service.organise("PUT", PLAN, {"steps": [*plan["steps"], {**NEW, **change}]})
    assert set(answer.errors) & {f"steps.{n}.{field}" for n in range(len(plan["steps"]) + 1)}, answer.body
    assert read(service)["version"] == 1


def test_an_unknown_variable_is_named_in_the_refusal(service: Service) -> None:
    service.visit()
    answer = changed(service, "thank_you", subject="Hello {{ firstname }}")
    [message] = answer.errors.values()
    assert "{{ firstname }}" in message


@pytest.mark.parametrize(
    "change",
    [
        {"when": {"anchor": "registered", "offset": "P1D"}},
        {"when": {"anchor": "start"}},
        {"to": {"statuses": ["waiting"]}},
        {"enabled": False},
    ],
)
def test_an_email_that_answers_an_event_keeps_its_frame(service: Service, change: dict[str, Any]) -> None:
    service.visit()
    assert changed(service, "confirmation", **change).errors
    assert changed(service, "confirmation", subject="You are in: {{ visit }}").status == 200


def test_two_organisers_at_once_lose_nothing(service: Service) -> None:
    service.visit()
    plan = read(service)
    first = service.organise("PUT", PLAN, {"steps": [*plan["steps"], NEW]}, if_match='"1"')
    assert (first.status, first.headers["ETag"]) == (200, '"2"')
    assert service.organise("PUT", PLAN, plan, if_match='"1"').status == 412
    assert step(read(service), "bring_a_question")


def test_a_change_leaves_an_audit_entry_that_names_the_steps(service: Service) -> None:
    service.visit()
    changed(service, "reminder_day", subject="Soon: {{ visit }}")
    [entry] = [one for one in service.items("accounts") if one.get("action", {}).get("S") == "plan.changed"]
    assert '"reminder_day"' in entry["facts"]["S"]
    assert "Soon" not in str(entry)


def test_which_steps_differ_is_told_in_order() -> None:
    assert changed_steps(DEFAULT, DEFAULT[:-1]) == [DEFAULT[-1].step]
    assert changed_steps(DEFAULT, tuple(reversed(DEFAULT))) == []


def test_the_variables_are_listed(service: Service) -> None:
    service.visit()
    items = service.organise("GET", f"{PLAN}/variables").json["items"]
    assert {"name", "visit", "when", "join_link", "attendance_line"} <= {one["name"] for one in items}


def test_a_preview_is_for_somebody_made_up_or_a_real_person_and_its_links_lead_nowhere(service: Service) -> None:
    service.visit()
    service.register(1)
    made_up = preview(service, step="reminder_day").json
    assert made_up["subject"].startswith("Tomorrow: ")
    assert "Ada Quill" in made_up["text"]
    [place] = service.places()
    real = preview(service, step="confirmation", registration_id=place.registration_id).json
    assert SURNAME in real["html"]
    assert "/places/preview" in real["text"]
    assert service.link() not in real["text"] + real["html"]


@pytest.mark.parametrize("query", [{}, {"step": "nothing"}, {"step": "thank_you", "registration_id": "nobody"}])
def test_a_preview_of_what_is_not_there_names_the_parameter(service: Service, query: dict[str, str]) -> None:
    service.visit()
    assert preview(service, **query).errors


@pytest.mark.parametrize("name", [one.step for one in DEFAULT])
def test_every_step_of_the_default_plan_can_be_previewed(service: Service, name: str) -> None:
    service.visit()
    answer = preview(service, step=name)
    assert answer.status == 200, answer.body[:300]
    assert "{{" not in answer.body


def test_the_time_line_counts_people_and_goes_by_moment(service: Service) -> None:
    service.visit(capacity=2)
    for number in (1, 2, 3):
        service.register(number)
    items = service.organise("GET", f"{PLAN}/timeline").json["items"]
    moments = [one["sends_at"] for one in items if one["sends_at"]]
    assert moments == sorted(moments)
    by_name = {one["step"]: one for one in items}
    assert by_name["reminder_day"]["people"] == 2
    assert by_name["recording"]["people"] == 3
    assert by_name["reminder_day"]["state"] == "ahead"
    assert by_name["sorry_we_missed_you"] | {"counts": {}} == {
        "step": "sorry_we_missed_you",
        "subject": "We missed you: {{ visit }}",
        "sends_at": None,
        "state": "not_known_yet",
        "people": 0,
        "counts": {},
    }


def test_a_plan_of_no_visit_is_not_found(service: Service) -> None:
    for path in ("", "/variables", "/preview", "/timeline"):
        assert service.organise("GET", f"/visits/nowhere/plan{path}").status == 404
    assert service.organise("PUT", "/visits/nowhere/plan", {"steps": []}).status == 404


def test_pausing_and_resuming_are_kept_and_audited(service: Service) -> None:
    service.visit()
    now = datetime(2026, 9, 1, tzinfo=UTC)
    assert plan_changes.pause("ward", "reminder_day", actor=OLIVE, now=now).paused == {"reminder_day"}
    plan_changes.pause("ward", "reminder_day", actor=OLIVE, now=now)
    assert step(read(service), "reminder_day")["paused"]
    after = plan_changes.resume("ward", "reminder_day", actor=OLIVE, now=now)
    assert (after.paused, after.resumed) == (frozenset(), {"reminder_day": 1})
    actions = [one["action"]["S"] for one in service.items("accounts") if "action" in one]
    assert [one for one in actions if one.startswith("plan.")] == ["plan.step_paused", "plan.step_resumed"]
