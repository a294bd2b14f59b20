"""What organisers do by hand, through the API: pause, send now, try out, look at what was sent, try again."""

from datetime import timedelta
from typing import Any

import pytest

from followups import organise, plans, runs
from followups.delivery import Delivery, Identity, State, created, held, taken, unclear
from followups.letters import Skip
from followups.message import Letter
from followups.model import Deliveries, trial_of
from tests.service import SURNAME, Service
from tests.unit.followups_samples import VISIT, letters

STEPS = "/visits/ward/plan/steps"


class Queued:
    """The queue of deliveries."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    def put_all(self, delivery_ids: list[str]) -> int:
        self.ids += delivery_ids
        return 0


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> Queued:
    plans._known.clear()
    queue = Queued()
    monkeypatch.setattr(organise, "_queue", lambda: queue)
    return queue


def delivery(service: Service, number: int = 1, step: str = "reminder_day", place: int | None = 1) -> Delivery:
    now = service.clock.now + timedelta(seconds=number)
    identity = Identity(
        delivery_id=f"00000000-0000-4000-8000-{number:012d}",
        visit_id="ward",
        registration_id="a-registration",
        place=place,
        person="person-key",
        step=step,
        schedule=0,
        kind="service",
    )
    made = created(identity, now)
    assert Deliveries().create(made)
    return made


def lost(service: Service, made: Delivery) -> None:
    """Let its fate be unknown."""
    deliveries, now = Deliveries(), service.clock.now
    assert deliveries.write(sending := taken(made, "lease", now))
    assert deliveries.write(unclear(sending, "ReadTimeoutError", now, lease="lease"))


def test_a_step_is_paused_and_goes_on(service: Service, queued: Queued) -> None:
    service.visit()
    paused = service.organise("POST", f"{STEPS}/reminder_day/pause")
    assert [one["step"] for one in paused.json["steps"] if one["paused"]] == ["reminder_day"]
    resumed = service.organise("POST", f"{STEPS}/reminder_day/resume")
    assert not [one for one in resumed.json["steps"] if one["paused"]]


def test_an_email_people_rely_on_is_not_paused(service: Service, queued: Queued) -> None:
    service.visit()
    assert service.organise("POST", f"{STEPS}/confirmation/pause").status == 409


@pytest.mark.parametrize("action", ["pause", "resume", "send-now", "test"])
def test_a_step_or_visit_that_is_not_there_is_not_found(service: Service, queued: Queued, action: str) -> None:
    service.visit()
    body = {"email": "me@example.org"} if action == "test" else None
    assert service.organise("POST", f"{STEPS}/nothing/{action}", body).status == 404
    assert service.organise("POST", f"/visits/nowhere/plan/steps/thank_you/{action}", body).status == 404


def test_sending_now_says_to_how_many_and_makes_this_the_steps_moment(service: Service, queued: Queued) -> None:
    service.visit(capacity=1)
    service.register(1)
    service.register(2)
    answer = service.organise("POST", f"{STEPS}/reminder_day/send-now")
    assert (answer.status, answer.json) == (202, {"step": "reminder_day", "people": 1})
    assert plans.running("ward").sent_now["reminder_day"].at == service.clock.now


@pytest.mark.parametrize(
    ("step", "why"),
    [
        ("confirmation", "answers what each person does"),
        ("recording", "Nothing is shared yet"),
        ("sorry_we_missed_you", "not known yet"),
    ],
)
def test_what_cannot_be_sent_now_says_why(service: Service, queued: Queued, step: str, why: str) -> None:
    service.visit()
    answer = service.organise("POST", f"{STEPS}/{step}/send-now")
    assert answer.status == 409
    assert why in answer.problem["detail"]


def test_what_went_out_is_not_sent_by_hand_again(service: Service, queued: Queued) -> None:
    service.visit()
    runs.begun("ward", "reminder_day", 0, service.clock.now)
    assert service.organise("POST", f"{STEPS}/reminder_day/send-now").status == 409


def test_a_step_is_tried_out_on_an_address_that_stands_in_no_delivery(service: Service, queued: Queued) -> None:
    service.visit()
    answer = service.organise("POST", f"{STEPS}/reminder_day/test", {"email": "me@example.org"})
    assert answer.status == 202
    [delivery_id] = queued.ids
    made = Deliveries().read(delivery_id)
    assert made is not None
    assert "me@example.org" not in repr(made)
    trial = trial_of(delivery_id)
    assert trial is not None
    letter = _letters(trial).letter(made.identity, service.clock.now)
    assert isinstance(letter, Letter)
    assert (letter.to_email, letter.subject) == ("me@example.org", f"Test: Tomorrow: {VISIT.title}")
    assert "/places/preview" in letter.text
    assert isinstance(_letters(None).letter(made.identity, service.clock.now), Skip), "forgotten after a day"


def _letters(trial: Any) -> Any:
    from dataclasses import replace

    return replace(letters(), test=lambda _delivery_id: trial)


def test_a_test_needs_an_address(service: Service, queued: Queued) -> None:
    service.visit()
    assert "email" in service.organise("POST", f"{STEPS}/reminder_day/test", {"email": "nobody"}).errors
    assert queued.ids == []


def listed(service: Service, **query: str) -> dict[str, Any]:
    from tests.service import ORGANISER

    answer = service.send(
        "GET",
        "/api/v1/organiser/visits/ward/deliveries",
        headers={"authorization": f"Bearer {ORGANISER}"},
        query=query,
    )
    assert answer.status == 200, answer.body[:500]
    found: dict[str, Any] = answer.json
    return found


def test_deliveries_are_listed_newest_first_with_names_and_reasons(service: Service, queued: Queued) -> None:
    service.visit()
    service.register(1)
    for number in (1, 2, 3):
        delivery(service, number, step="reminder_week" if number == 2 else "reminder_day")
    first = listed(service, limit="2")
    assert [one["delivery_id"][-1] for one in first["items"]] == ["3", "2"]
    assert SURNAME in first["items"][0]["name"]
    assert first["items"][0]["history"][0]["reason"] == "planned"
    rest = listed(service, limit="2", cursor=first["next"])
    assert ([one["delivery_id"][-1] for one in rest["items"]], rest["next"]) == (["1"], None)
    assert [one["delivery_id"][-1] for one in listed(service, step="reminder_week")["items"]] == ["2"]
    assert listed(service, state="sent")["items"] == []


@pytest.mark.parametrize("query", [{"state": "lost"}, {"limit": "0"}, {"limit": "x"}, {"cursor": "x"}, {"cursor": "é"}])
def test_a_list_that_cannot_be_made_names_the_parameter(
    service: Service, queued: Queued, query: dict[str, str]
) -> None:
    from tests.service import ORGANISER

    service.visit()
    answer = service.send(
        "GET",
        "/api/v1/organiser/visits/ward/deliveries",
        headers={"authorization": f"Bearer {ORGANISER}"},
        query=query,
    )
    assert set(answer.errors) == set(query)


def test_an_email_of_unknown_fate_is_tried_again_and_queued(service: Service, queued: Queued) -> None:
    service.visit()
    made = delivery(service)
    lost(service, made)
    path = f"/deliveries/{made.identity.delivery_id}/retry"
    answer = service.organise("POST", path)
    assert (answer.status, answer.json["state"]) == (200, "ready")
    assert queued.ids == [made.identity.delivery_id]
    assert service.organise("POST", path).status == 409, "it is ready already"
    assert service.organise("POST", "/deliveries/nothing/retry").status == 404
    actions = [one["action"]["S"] for one in service.items("accounts") if "action" in one]
    assert actions.count("delivery.tried_again") == 1


def test_a_delivery_that_is_held_stays_ready_and_is_asked_for_seldom(service: Service) -> None:
    made = delivery(service)
    now = service.clock.now
    once = held(made, "the step is paused", now)
    again = held(once, "the step is paused", now + timedelta(hours=6))
    assert once.state is again.state is State.READY
    assert len(again.history) == len(once.history) == 2
    assert again.due_at == now + timedelta(hours=12)
    sending = taken(again, "lease", now)
    assert held(sending, "the step is paused", now) is sending
