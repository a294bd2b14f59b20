"""Erasing a person: everywhere, whenever, however often; and what stays is right and names nobody."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from pynamodb.transactions import TransactWrite

from accounts.erase import ERASED_NAME
from accounts.happened import happened
from accounts.model import Account, OwnedSession, OwnedToken, account_pk
from followups.delivery import ERASED, State, created
from followups.model import Deliveries, Suppressions
from followups.plan import planned
from kernel import audit
from kernel.access import Actor, ApiToken, Session, session_pk, token_pk
from kernel.errors import Unavailable
from kernel.ids import derived_id
from kernel.person_key import person_key
from tests.events_seen import change_of, events_of
from tests.service import ORGANISER, SURNAME, Answer, Context, Service, person
from tests.unit.conftest import SECRET
from tests.unit.test_visits_events import validate
from visits import register, sweep
from visits.model import Guard

KEY = person_key(person(1)["email"], SECRET.pepper)
OLU = Actor(person_key("olu@example.org", SECRET.pepper), "olu@example.org", "Olu", frozenset({"organiser"}))


class UserPool:
    """Stands for Cognito's: whom it still knows."""

    def __init__(self) -> None:
        self.users = {"user-1"}

    def delete(self, username: str) -> None:
        self.users.discard(username)


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> UserPool:
    from accounts import on_erasure

    pool = UserPool()
    monkeypatch.setattr(on_erasure, "_delete_user", pool.delete)
    return pool


@pytest.fixture
def known(service: Service, pool: UserPool) -> Service:
    """A visit with two places, of which person 1 has one and person 3 waits for it; and all that is held of 1."""
    service.visit(capacity=2)
    for number in (1, 2, 3):
        service.register(number, access_needs="A ramp", organisation=f"{SURNAME} Ltd")
    now = service.clock.now
    Account(
        account_pk(KEY), "account", person=KEY, email=person(1)["email"], name=person(1)["name"], username="user-1",
        created_at=now, signed_in_at=now, digest="daily",
    ).save()  # fmt: skip
    sign_in(service, "cookie")
    ApiToken(
        token_pk("token"), "token", person=KEY, email=person(1)["email"], name=person(1)["name"], roles=["organiser"],
        scopes=["organiser"], created_at=now,
    ).save()  # fmt: skip
    OwnedToken(account_pk(KEY), "token#1", token_pk=token_pk("token")).save()
    log("registration.cancelled", "visit:ward", f"person:{KEY}", reason=f"{SURNAME} rang", by=OLU, now=now)
    mine = Actor(KEY, person(1)["email"], person(1)["name"], frozenset({"organiser"}))
    log("visit.published", "visit:ward", by=mine, now=now)
    for record in service.dynamodb.records:
        for event in events_of([record]):
            identity = planned(event.name, {"event_id": "1", **event.detail})
            if identity is not None:
                Deliveries().create(created(identity, now))
    service.run_line()
    service.clock.advance(minutes=10)
    return service


def sign_in(service: Service, cookie: str) -> None:
    key, ends = session_pk(cookie), int((service.clock.now + timedelta(days=1)).timestamp())
    Session(
        key, "session", person=KEY, email=person(1)["email"], name=person(1)["name"], roles=[],
        created_at=service.clock.now, expires_at=ends,
    ).save()  # fmt: skip
    OwnedSession(account_pk(KEY), f"session#{key}", session_pk=key, expires_at=ends).save()


def log(action: str, *subjects: str, by: Actor, now: datetime, reason: str | None = None) -> None:
    for entry in audit.entries(by, action, *subjects, now=now, reason=reason):
        entry.save()


CONTEXTS = ("visits", "followups", "accounts")


def ask(service: Service, who: str = KEY) -> dict[str, object]:
    """Have somebody erased through the API; return the event that says so."""
    before = len(service.dynamodb.records)
    assert service.organise("DELETE", f"/people/{who}").status == 202
    [event] = [e for r in service.dynamodb.records[before:] for e in happened(change_of(r))]
    assert event.name == "person.erasure_requested"
    validate(event.name, {"event_id": str(derived_id("1")), "occurred_at": "2026-10-01T09:30:02+00:00", **event.detail})
    del service.dynamodb.records[before:]
    return dict(event.detail)


def tell(service: Service, detail: dict[str, object], contexts: tuple[str, ...] = CONTEXTS) -> None:
    """Tell the contexts of an erasure, as the bus does."""
    from accounts import on_erasure as accounts
    from followups import on_erasure as followups
    from visits import on_erasure as visits

    handlers = {"visits": visits.handler, "followups": followups.handler, "accounts": accounts.handler}
    for context in contexts:
        handlers[context]({"detail-type": "person.erasure_requested", "detail": detail}, Context())


def everything(service: Service) -> str:
    return json.dumps([service.items(table) for table in CONTEXTS])


def traces(service: Service) -> list[str]:
    """Return what of person 1 is still held anywhere, the key apart."""
    words = (person(1)["name"], person(1)["email"], f"{SURNAME} rang")
    return [word for word in words if word in everything(service)]


def test_an_erased_person_is_nowhere_any_more(known: Service, pool: UserPool) -> None:
    assert len(traces(known)) == 3
    tell(known, ask(known))
    assert traces(known) == []
    assert pool.users == set()
    assert known.send("GET", "/api/v1/me", headers={"cookie": "__Host-session=cookie"}).status == 401
    assert known.api("GET", "/organiser/visits", authorization="Bearer token").status == 401
    assert list(Deliveries().of_person(KEY)) == []
    assert known.organise("POST", "/people/search", {"email": person(1)["email"]}).json["items"] == []
    assert known.organise("GET", f"/people/{KEY}/export").status == 404


@pytest.mark.parametrize("left_out", CONTEXTS)
def test_the_test_above_bites_where_one_context_does_not_erase(known: Service, left_out: str) -> None:
    """The control: an eraser that is off is seen."""
    tell(known, ask(known), tuple(context for context in CONTEXTS if context != left_out))
    assert traces(known) or list(Deliveries().of_person(KEY))


def test_their_place_goes_to_the_next_in_line_as_if_they_had_cancelled(known: Service) -> None:
    assert known.statuses() == ["confirmed", "confirmed", "waiting"]
    tell(known, ask(known))
    assert known.statuses() == ["cancelled", "confirmed", "confirmed"]
    [first, *_] = known.places()
    assert set(first.attribute_values) <= {
        "pk", "sk", "status", "released", "registration_id", "sequence", "created_at", "confirmed_at", "cancelled_at",
    }  # fmt: skip


def test_erasing_twice_in_any_order_and_late_is_erasing_once(known: Service) -> None:
    detail = ask(known)
    tell(known, detail, ("accounts", "visits"))
    once = everything(known)
    tell(known, detail, ("visits", "accounts"))
    assert everything(known) == once
    tell(known, detail, ("followups", "followups"))
    known.clock.advance(days=1)
    done = known.items("accounts"), known.items("followups"), known.statuses()
    tell(known, detail, ("followups", "accounts", "visits"))
    assert (known.items("accounts"), known.items("followups"), known.statuses()) == done


def test_who_registers_again_afterwards_stays_whatever_comes_late(known: Service) -> None:
    detail = ask(known)
    tell(known, detail)
    known.clock.advance(minutes=1)
    assert known.register(1).json["status"] == "waiting"
    tell(known, detail)
    known.sweep(times=2)
    [mine] = [place for place in known.places() if place.person == KEY]
    assert (mine.status, mine.email) == ("waiting", person(1)["email"])
    [guard] = [Guard.from_raw_data(i) for i in known.items() if i["pk"]["S"] == f"person#{KEY}"]
    assert (guard.place, set(guard.held or ())) == (mine.number, {mine.number})
    assert known.register(1).json["status"] == "waiting"
    assert len([place for place in known.places() if place.person == KEY]) == 1


def test_a_registration_that_was_under_way_is_erased_by_the_sweep(
    service: Service, pool: UserPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody registers; before their place is written, the erasure has come and gone."""
    service.visit()
    details: list[dict[str, object]] = []
    original = TransactWrite

    def late(*args: object, **more: object) -> object:
        if not details:
            details.append({"person": KEY, "requested_at": (service.clock.now + timedelta(seconds=1)).isoformat()})
            tell(service, details[0], ("visits",))
        return original(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(register, "TransactWrite", late)
    assert service.register(1).status == 201
    assert person(1)["email"] in everything(service)
    service.sweep()
    assert person(1)["email"] not in everything(service)
    assert service.statuses() == ["cancelled"]
    [note] = [item for item in service.items() if item["pk"]["S"] == "erasures"]
    assert "settled_at" in note


def test_the_sweep_leaves_an_erasure_alone_until_everybody_who_was_registering_is_done(known: Service) -> None:
    tell(known, ask(known))
    [note] = [item for item in known.items() if item["pk"]["S"] == "erasures"]
    assert "settled_at" not in note
    known.sweep()
    [note] = [item for item in known.items() if item["pk"]["S"] == "erasures"]
    assert "settled_at" in note
    known.dynamodb.forget()
    known.sweep()
    assert [c for op, c in known.dynamodb.calls if op == "UpdateItem" and "erasures" in json.dumps(c)] == []


def test_a_repetition_that_fails_is_made_by_the_next_sweep(known: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    tell(known, ask(known))
    known.clock.advance(minutes=5)
    with monkeypatch.context() as patched:

        def busy(**_: object) -> int:
            raise Unavailable

        patched.setattr(sweep, "erase_again", busy)
        with pytest.raises(sweep.SweepIncomplete):
            sweep.handler({}, Context())
    known.sweep()
    [note] = [item for item in known.items() if item["pk"]["S"] == "erasures"]
    assert "settled_at" in note


def test_that_somebody_was_at_a_past_visit_stays_as_a_figure(known: Service) -> None:
    known.clock.advance(days=60)
    tell(known, ask(known))
    assert known.statuses() == ["confirmed", "confirmed", "waiting"]
    assert traces(known) == []
    assert known.places()[0].person is None


def test_a_place_that_moved_to_another_address_stays_its_new_owners(service: Service, pool: UserPool) -> None:
    from tests.unit.test_visits_my_place import asked_to_move

    service.visit()
    service.register(1)
    mine = f"/registrations/{service.link(1)}"
    service.post(asked_to_move(service, mine), {})
    [place] = service.places()
    assert place.previous_email == person(1)["email"]
    tell(service, ask(service))
    [place] = service.places()
    assert (place.status, place.name) == ("confirmed", person(1)["name"])
    assert place.previous_email is None
    assert person(1)["email"] not in everything(service)


def test_an_erased_organiser_is_on_no_visit(service: Service, pool: UserPool) -> None:
    service.visit(organisers=[person(1)["email"], "ben@example.org"])
    tell(service, ask(service))
    assert service.details().organisers == ["organiser@example.org", "ben@example.org"]


def test_emails_that_wait_are_not_sent_and_the_others_belong_to_nobody(known: Service) -> None:
    [waiting] = list(Deliveries().of_person(KEY))
    tell(known, ask(known))
    delivery = Deliveries().read(waiting)
    assert delivery is not None
    assert (delivery.state, delivery.reason) == (State.SKIPPED, "the person asked to be erased")
    assert delivery.identity.person == ERASED
    assert KEY not in json.dumps([i for i in known.items("followups") if i["pk"]["S"] == f"delivery#{waiting}"])


def test_a_wish_not_to_be_mailed_outlives_the_erasure(known: Service) -> None:
    Suppressions().add(KEY, "all_optional", known.clock.now)
    tell(known, ask(known))
    assert Suppressions().of(KEY) == {"all_optional"}
    [item] = [i for i in known.items("followups") if i["pk"]["S"].startswith("suppression#")]
    assert set(item) == {"pk", "sk", "kinds", "at"}


def test_the_audit_log_keeps_what_was_done_without_words_and_names(known: Service) -> None:
    tell(known, ask(known))
    entries = known.organise("GET", "/audit").json["items"]
    said = {entry["action"]: entry for entry in entries}
    assert said["registration.cancelled"]["reason"] is None
    assert said["registration.cancelled"]["actor_name"] == "Olu"
    assert said["visit.published"]["actor_name"] == ERASED_NAME
    asked = said["person.erasure_requested"]
    assert (asked["subjects"], asked["facts"], asked["reason"]) == ([f"person:{KEY}"], {"by": "organiser"}, None)
    about_the_visit = known.send(
        "GET",
        "/api/v1/organiser/audit",
        query={"subject": "visit:ward"},
        headers={"authorization": f"Bearer {ORGANISER}"},
    ).json["items"]
    assert "registration.cancelled" in {entry["action"] for entry in about_the_visit}
    assert all(entry["reason"] is None for entry in about_the_visit)


def test_only_who_was_registered_can_be_asked_to_be_erased_by_a_person_key(service: Service) -> None:
    for nobody in ("ada1@people.example.org", "x", KEY + "x"):
        assert service.organise("DELETE", f"/people/{nobody}").status == 404
    assert service.items("accounts") == [i for i in service.items("accounts") if i["pk"]["S"].startswith("token#")]


def test_whoever_is_signed_in_can_have_themselves_erased(known: Service, pool: UserPool) -> None:
    cookie = {"cookie": "__Host-session=cookie", "sec-fetch-site": "same-origin"}
    asking = known.send("GET", "/me/erase", headers=cookie)
    assert "How one ward halved its falls" in asking.body
    assert known.statuses() == ["confirmed", "confirmed", "waiting"]
    records = len(known.dynamodb.records)
    done = known.send("POST", "/me/erase", "", content_type="application/x-www-form-urlencoded", headers=cookie)
    assert done.status == 202
    [event] = [e for r in known.dynamodb.records[records:] for e in happened(change_of(r))]
    tell(known, dict(event.detail))
    assert traces(known) == []
    entry = known.organise("GET", "/audit").json["items"][0]
    assert (entry["action"], entry["facts"], entry["actor_name"]) == (
        "person.erasure_requested",
        {"by": "self"},
        ERASED_NAME,
    )


def test_another_site_cannot_have_somebody_erased(known: Service) -> None:
    before = everything(known)
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example.org"}, {}):
        answer: Answer = known.send(
            "POST", "/me/erase", "", content_type="application/x-www-form-urlencoded",
            headers={"cookie": "__Host-session=cookie", **headers},
        )  # fmt: skip
        assert answer.status == 403
    assert everything(known) == before


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    yield
    register._known_details.clear()
