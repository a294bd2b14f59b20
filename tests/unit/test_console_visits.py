"""The organisers' pages of visits: the list, writing a visit, two people writing at once, publishing."""

from collections.abc import Mapping
from urllib.parse import urlencode

import pytest

from tests.html_form import SentForm, form_to, forms_of
from tests.service import Answer, Service
from tests.unit.test_who_is_asking import OURS, sign_in

EDIT = "/organise/visits/ward/edit"
WRITTEN = {
    "title": "The ward that went home",
    "host": "Riverside Hospital",
    "starts_at": "2026-12-08T14:00",
    "ends_at": "2026-12-08T16:00",
    "timezone": "Europe/London",
    "format": "online",
    "waitlist": "automatic",
    "do": "save",
}


class Console:
    """An organiser's browser: it shows pages and sends their forms."""

    def __init__(self, service: Service, email: str = "olive@example.org") -> None:
        self.service = service
        self.headers = {**sign_in(service, "organiser", email=email), **OURS}

    def see(self, path: str, **query: str) -> str:
        answer = self.service.send("GET", path, headers=self.headers, query=query)
        assert answer.status == 200, (answer.status, answer.body[:300])
        return answer.body

    def send(self, path: str, fields: Mapping[str, str | list[str]]) -> Answer:
        return self.service.send(
            "POST",
            path,
            urlencode(fields, doseq=True),
            content_type="application/x-www-form-urlencoded",
            headers=self.headers,
        )

    def form(self, path: str) -> SentForm:
        return form_to(self.see(path), path)

    def press(self, form: SentForm, do: str = "save", **typed: str | list[str]) -> Answer:
        """Send a form with what was typed over it, by the button ``do``."""
        over = {name.replace("__", "."): text for name, text in typed.items()}
        return self.send(form.action, {**form.fields, "do": do, **over})


@pytest.fixture
def console(service: Service) -> Console:
    return Console(service)


def errors(answer: Answer) -> str:
    assert answer.status == 422, answer.status
    return answer.body


# --- who may


PAGES = ["/organise", "/organise/new", "/organise/visits/ward", EDIT]
ACTIONS = ["/organise/new", EDIT, "/organise/visits/ward/publish", "/organise/preview"]


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_for_organisers_alone(service: Service, path: str) -> None:
    service.visit()
    assert service.get(path).status == 303
    assert service.send("GET", path, headers=sign_in(service, "moderator")).status == 403
    assert service.send("GET", path, headers=sign_in(service, "organiser")).status == 200


@pytest.mark.parametrize("path", ACTIONS)
def test_actions_are_refused_without_session_role_or_origin_and_change_nothing(service: Service, path: str) -> None:
    service.visit(publish=False)
    before = service.items()
    fields = urlencode(WRITTEN)
    kind = "application/x-www-form-urlencoded"
    organiser = sign_in(service, "organiser")
    for headers, status in (
        ({}, 401),
        ({**sign_in(service, email="member@example.org"), **OURS}, 403),
        ({**organiser, "origin": "https://evil.example", "sec-fetch-site": "cross-site"}, 403),
        (organiser, 403),
    ):
        assert service.send("POST", path, fields, content_type=kind, headers=headers).status == status
    assert service.items() == before
    # The control: the same from our own page.
    assert service.send("POST", path, fields, content_type=kind, headers={**organiser, **OURS}).status < 500


def test_a_visit_nobody_knows_is_not_found(console: Console) -> None:
    for path in ("/organise/visits/nowhere", "/organise/visits/nowhere/edit"):
        assert console.service.send("GET", path, headers=console.headers).status == 404


# --- the list


def test_the_list_tells_coming_past_and_drafts_apart(console: Console, service: Service) -> None:
    service.visit("draft-one", publish=False, title="A draft")
    service.visit("coming-one", title="A coming visit")
    starts_at, ends_at = "2026-08-01T10:00:00+00:00", "2026-08-01T12:00:00+00:00"
    service.visit("past-one", title="A past visit", starts_at=starts_at, ends_at=ends_at)
    titles = {"A draft", "A coming visit", "A past visit"}
    for show, title in (
        ("", "A coming visit"),
        ("past", "A past visit"),
        ("drafts", "A draft"),
        ("odd", "A coming visit"),
    ):
        page = console.see("/organise", show=show)
        assert {one for one in titles if one in page} == {title}
    assert "Nothing found for" in console.see("/organise", q="submarine")
    assert "A coming visit" in console.see("/organise", q="COMING")


def test_the_list_goes_on_page_by_page(console: Console, service: Service) -> None:
    for number in range(22):
        service.visit(f"visit-{number}", title=f"Number {number}.")
    page = console.see("/organise", q="number")
    more = [part.split('"')[0] for part in page.split('href="') if "cursor=" in part]
    assert len(more) == 1
    rest = console.see(more[0].replace("&amp;", "&").split("?")[0], **_query(more[0]))
    assert (page + rest).count('class="card"') == 22


def _query(address: str) -> dict[str, str]:
    from urllib.parse import parse_qsl

    return dict(parse_qsl(address.replace("&amp;", "&").partition("?")[2]))


# --- creating


def test_a_visit_is_written_saved_as_a_draft_and_shown(console: Console, service: Service) -> None:
    form = console.form("/organise/new")
    assert form.fields["timezone"] == ["Europe/London"]
    answer = console.press(form, **{key: text for key, text in WRITTEN.items() if key != "do"})
    assert answer.status == 303
    visit_id = answer.headers["Location"].split("/")[-1].partition("?")[0]
    details = service.details(visit_id)
    assert (details.title, details.status, details.capacity) == (WRITTEN["title"], "draft", 10**9)
    assert details.organisers == ["olive@example.org"]
    assert details.starts_at.isoformat() == "2026-12-08T14:00:00+00:00"
    assert "Your draft is saved." in console.see(f"/organise/visits/{visit_id}", said="created")


def test_what_is_wrong_stands_beside_its_field_and_nothing_typed_is_lost(console: Console, service: Service) -> None:
    before = service.items()
    answer = console.send(
        "/organise/new",
        {
            **WRITTEN,
            "title": "",
            "host": "Elm & Co",
            "starts_at": "2027-03-28T01:30",
            "capacity": "a dozen",
            "organisers": "somebody",
            "room_url": "rooms",
            "summary": "Kept words",
        },
    )
    page = errors(answer)
    for text in ("there is no 01:30", "whole number", "begins with https://", "Elm &amp; Co", "Kept words", "a dozen"):
        assert text in page
    for name in ("title", "starts_at", "capacity", "organisers", "room_url"):
        assert f'href="#field-{name}"' in page
        assert f'id="field-{name}.error"' in page
    assert page.count("This is needed.") == 2  # in the summary and beside the title
    assert service.items() == before


def test_a_time_the_clock_shows_twice_is_asked_about_and_then_taken(console: Console, service: Service) -> None:
    typed = {**WRITTEN, "starts_at": "2026-10-25T01:30", "ends_at": "2026-10-25T03:00"}
    page = errors(console.send("/organise/new", typed))
    assert "01:30 BST, the first time" in page
    answer = console.send("/organise/new", {**typed, "starts_at.fold": "1"})
    visit_id = answer.headers["Location"].split("/")[-1].partition("?")[0]
    assert service.details(visit_id).starts_at.isoformat() == "2026-10-25T01:30:00+00:00"
    assert console.form(f"/organise/visits/{visit_id}/edit").fields["starts_at.fold"] == ["1"]


def test_questions_are_added_and_arranged_without_saving_anything(console: Console, service: Service) -> None:
    before = service.items()
    form = console.form("/organise/new")
    for label in ("First", "Second"):
        answer = console.press(form, "add", title="Typed")
        assert answer.status == 200
        form = form_to(answer.body, "/organise/new")
        number = max(int(name.split(".")[1]) for name in form.fields if name.startswith("questions."))
        form.fields[f"questions.{number}.label"] = [label]
    form = form_to(console.press(form, "up.1").body, "/organise/new")
    assert [form.fields[f"questions.{n}.label"] for n in (0, 1)] == [["Second"], ["First"]]
    assert form.fields["title"] == ["Typed"]
    assert service.items() == before


def test_a_description_is_shown_as_it_will_look(console: Console) -> None:
    shown = console.send("/organise/preview", {"description_markdown": "**Bold** <script>alert(1)</script>"})
    assert shown.status == 200
    assert "<strong>Bold</strong>" in shown.body
    assert "<script>" not in shown.body
    page = console.press(console.form("/organise/new"), "preview", description_markdown="# Heading")
    assert "<h3>Heading</h3>" in page.body


# --- editing


def test_an_untouched_form_saves_nothing(console: Console, service: Service) -> None:
    service.visit(questions=[{"question_id": "a", "label": "A?", "kind": "choice", "choices": ["x", "y"]}])
    before = service.items()
    assert console.press(console.form(EDIT)).status == 303
    assert service.items() == before


def test_what_was_changed_is_saved_and_nothing_else(console: Console, service: Service) -> None:
    service.visit(publish=False, registration_opens_at="2026-09-01T09:00:30+00:00")
    answer = console.press(console.form(EDIT), title="Another title", capacity="")
    assert answer.headers["Location"] == "/organise/visits/ward?said=saved"
    details = service.details()
    assert (details.title, details.capacity, details.host) == ("Another title", 10**9, "Riverside Hospital")
    assert details.opens_at is not None
    assert details.opens_at.second == 30


def test_a_published_visit_has_no_fields_for_its_time(console: Console, service: Service) -> None:
    service.visit()
    form = console.form(EDIT)
    assert "starts_at" not in form.fields
    assert "timezone" not in form.fields
    assert console.press(form, registration_closes_at="2026-09-20T12:00").status == 303
    closes = service.details().closes_at
    assert closes is not None
    assert closes.isoformat() == "2026-09-20T11:00:00+00:00"


def test_a_start_left_empty_is_asked_for(console: Console, service: Service) -> None:
    service.visit(publish=False)
    assert "This is needed." in errors(console.press(console.form(EDIT), starts_at=""))


def test_fields_that_do_not_fit_together_are_said_beside_them(console: Console, service: Service) -> None:
    service.visit(publish=False)
    page = errors(console.press(console.form(EDIT), ends_at="2026-09-01T00:00"))
    assert "The end must come after the start." in page


def test_a_visit_that_was_called_off_is_not_offered_to_be_edited(console: Console, service: Service) -> None:
    service.visit()
    form = console.form(EDIT)
    assert service.organise("POST", "/visits/ward/cancel", {"message": ""}).status == 200
    answer = service.send("GET", EDIT, headers=console.headers)
    assert answer.status == 409
    assert "called off" in answer.body
    late = console.press(form, title="Too late")
    assert late.status == 409
    assert 'value="Too late"' in late.body


# --- two at once


def test_the_second_to_save_is_told_what_changed_and_loses_nothing(console: Console, service: Service) -> None:
    service.visit()
    second = Console(service, "uma@example.org")
    theirs, mine = console.form(EDIT), second.form(EDIT)
    assert console.press(theirs, title="Their title", venue="Their venue").status == 303
    answer = second.press(mine, title="My title", summary="My summary")
    assert answer.status == 412
    assert "Olive Organiser changed this visit" in answer.body
    assert "They changed: Venue." in answer.body
    assert "Their title" in answer.body
    again = form_to(answer.body, EDIT)
    assert (again.fields["title"], again.fields["summary"]) == (["My title"], ["My summary"])
    assert again.fields["venue"] == ["Their venue"]
    assert service.details().title == "Their title"
    assert second.press(again).status == 303
    details = service.details()
    assert (details.title, details.venue, details.summary) == ("My title", "Their venue", "My summary")


def test_changes_of_different_fields_are_shown_before_they_are_saved_together(
    console: Console, service: Service
) -> None:
    service.visit()
    question = {"question_id": "hope", "label": "What do you hope for?", "kind": "text"}
    mine = console.form(EDIT)
    version = service.organise("GET", "/visits/ward").json["version"]
    changed = service.organise("PATCH", "/visits/ward", {"questions": [question]}, if_match=f'"{version}"')
    assert changed.status == 200
    answer = console.press(mine, summary="Mine")
    assert answer.status == 412
    assert "They changed: Questions." in answer.body
    assert console.press(form_to(answer.body, EDIT)).status == 303
    details = service.details()
    assert (details.summary, [one["label"] for one in details.questions]) == ("Mine", ["What do you hope for?"])


def test_the_same_change_twice_is_no_conflict(console: Console, service: Service) -> None:
    service.visit()
    second = Console(service, "uma@example.org")
    theirs, mine = console.form(EDIT), second.form(EDIT)
    assert console.press(theirs, title="One title").status == 303
    assert second.press(mine, title="One title").status == 303


# --- places


def test_what_a_number_of_places_does_is_said_before_it_is_saved(console: Console, service: Service) -> None:
    service.visit(capacity=1)
    for number in (1, 2, 3):
        service.register(number)
    answer = console.press(console.form(EDIT), capacity="2", title="Another title")
    assert answer.status == 200
    assert "1 person who waits gets a place at once. 1 person still waits." in answer.body
    assert service.details().capacity == 1
    again = form_to(answer.body, EDIT)
    other = console.press(again, capacity="3")
    assert "2 people who wait get a place at once" in other.body  # another number: said anew
    assert console.press(again).status == 303
    assert (service.details().capacity, service.details().title) == (2, "Another title")
    assert service.statuses() == ["confirmed", "confirmed", "waiting"]


def test_lowering_says_that_nobody_is_put_out(console: Console, service: Service) -> None:
    service.visit(capacity=3)
    for number in (1, 2, 3):
        service.register(number)
    answer = console.press(console.form(EDIT), capacity="1")
    assert "Nobody is put out" in answer.body
    assert console.press(form_to(answer.body, EDIT)).status == 303
    assert service.statuses() == ["confirmed"] * 3


def test_a_question_taken_away_is_kept_and_can_be_asked_again(console: Console, service: Service) -> None:
    service.visit(questions=[{"question_id": "diet", "label": "What do you eat?", "kind": "text"}])
    removed = form_to(console.press(console.form(EDIT), "remove.0").body, EDIT)
    assert console.press(removed).status == 303
    assert [one.get("retired") for one in service.details().questions] == [True]
    page = console.see(EDIT)
    assert "Asked no more" in page
    back = form_to(console.press(form_to(page, EDIT), "back.diet").body, EDIT)
    assert console.press(back).status == 303
    assert [one.get("retired") for one in service.details().questions] == [None]


# --- publishing


def test_a_draft_is_published_when_nothing_is_missing(console: Console, service: Service) -> None:
    service.visit(publish=False, description_markdown="")
    page = console.see("/organise/visits/ward")
    assert "write a description" in page
    assert not [form for form in forms_of(page) if form.action.endswith("/publish")]
    answer = console.send("/organise/visits/ward/publish", {})
    assert answer.status == 422
    assert "cannot be published yet" in answer.body
    console.press(console.form(EDIT), description_markdown="Words")
    form = form_to(console.see("/organise/visits/ward"), "/publish")
    assert console.send(form.action, form.fields).headers["Location"] == "/organise/visits/ward?said=published"
    assert service.details().status == "published"


def test_a_visit_nobody_registered_for_goes_back_to_a_draft_and_no_other(console: Console, service: Service) -> None:
    service.visit()
    form = form_to(console.see("/organise/visits/ward"), "/unpublish")
    assert console.send(form.action, form.fields).headers["Location"].endswith("?said=unpublished")
    assert service.details().status == "draft"
    console.send("/organise/visits/ward/publish", {})
    service.register(1)
    assert "/unpublish" not in console.see("/organise/visits/ward")
    answer = console.send("/organise/visits/ward/unpublish", {})
    assert answer.status == 409
    assert "Somebody has registered" in answer.body


def test_a_visits_home_counts_its_people(console: Console, service: Service) -> None:
    service.visit(capacity=1)
    for number in (1, 2, 3):
        service.register(number)
    page = console.see("/organise/visits/ward")
    assert '?status=confirmed">1</a>' in page
    assert '?status=waiting">2</a>' in page


def test_an_address_says_nothing_on_a_page_but_what_we_wrote(console: Console) -> None:
    assert "evil" not in console.see("/organise", said="evil words")
