"""Pages: what is escaped, what links where, what forms keep, and what headers promise."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment, ModuleLoader, StrictUndefined, UndefinedError

from infra import assets
from kernel import pages, times
from kernel.api_reference import reference
from kernel.errors import FieldError
from kernel.headers import headers
from tests.unit.page_samples import EMPTY_FORM, OPENAPI, PAGES, WRONG_FORM, a_place
from tests.unit.visit_samples import FULL, VISIT, a_visit
from visits.form import Form

VOID = {"input", "meta", "link", "img", "br", "hr"}


class Element:
    """An element of a page: its tag, its attributes, and the text within."""

    def __init__(self, tag: str, attributes: dict[str, str], ancestors: tuple["Element", ...]) -> None:
        self.tag, self.attributes, self.ancestors = tag, attributes, ancestors
        self.text = ""

    def __getitem__(self, name: str) -> str:
        return self.attributes[name]

    def get(self, name: str) -> str | None:
        return self.attributes.get(name)


class Page(HTMLParser):
    """A page read by a parser that knows nothing of how it was made. Fails on tags that do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(html)
        self.close()
        assert not self._open, f"never closed: {[element.tag for element in self._open]}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(attrs) == len(dict(attrs)), f"an attribute twice on <{tag}>: {attrs}"
        element = Element(tag, {name: value or "" for name, value in attrs}, tuple(self._open))
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open[-1].tag == tag, f"</{tag}> closes <{self._open[-1].tag}>"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def all(self, *tags: str) -> list[Element]:
        return [element for element in self.elements if element.tag in tags]

    def ids(self) -> list[str]:
        return [element["id"] for element in self.elements if element.get("id") is not None]

    def field(self, name: str) -> Element:
        return self.fields(name)[0]

    def typed(self, name: str) -> str:
        """What a browser would show in the field: it drops one line break after <textarea> (HTML, 13.2.6.4.7)."""
        field = self.field(name)
        return field.text.removeprefix("\n") if field.tag == "textarea" else field["value"]

    def fields(self, name: str) -> list[Element]:
        return [field for field in self.all("input", "textarea", "select") if field.get("name") == name]


@pytest.fixture(scope="session", autouse=True)
def built() -> None:
    assets.build_assets()


@pytest.fixture(params=PAGES, scope="session")
def page(request: pytest.FixtureRequest, built: None) -> Page:
    return show(request.param)


def show(sample: str, **changes: object) -> Page:
    template, context = PAGES[sample]
    return Page(pages.render(template, **{**context, **changes}))


# Every page


def test_a_page_has_one_heading_one_main_part_and_a_title_of_its_own(page: Page) -> None:
    assert len(page.all("h1")) == 1
    assert len(page.all("main")) == 1
    assert page.all("title")[0].text.endswith(" · Open Doors")
    assert not page.all("title")[0].text.startswith(" ·")
    assert page.all("html")[0]["lang"] == "en-GB"


def test_headings_skip_no_level(page: Page) -> None:
    levels = [int(heading.tag[1]) for heading in page.all("h1", "h2", "h3", "h4")]
    after_main = levels[levels.index(1) :]
    assert all(deeper - upper <= 1 for upper, deeper in pairwise(after_main)), levels


def test_no_id_stands_twice(page: Page) -> None:
    assert len(page.ids()) == len(set(page.ids()))


def test_every_field_a_person_can_use_has_a_label(page: Page) -> None:
    labelled = {label["for"] for label in page.all("label") if label.get("for")}
    for field in page.all("input", "textarea", "select"):
        if field.get("type") != "hidden":
            within = any(ancestor.tag == "label" for ancestor in field.ancestors)
            assert within or field["id"] in labelled, field.attributes


def test_what_describes_a_field_is_there(page: Page) -> None:
    for element in page.elements:
        for name in ("aria-describedby", "aria-labelledby"):
            for target in (element.get(name) or "").split():
                assert target in page.ids(), (element.attributes, target)


def test_links_within_a_page_lead_somewhere(page: Page) -> None:
    for link in page.all("a"):
        if link["href"].startswith("#"):
            assert link["href"][1:] in page.ids()


def test_every_asset_a_page_asks_for_is_served(page: Page) -> None:
    addresses = [e.get("src") or e.get("href") or "" for e in page.all("link", "script", "img")]
    names = [address.removeprefix("/assets/") for address in addresses if address.startswith("/assets/")]
    assert len(names) >= 3
    assert all(pages.read_asset(name) for name in names)


def test_a_page_loads_nothing_from_anybody_else_and_has_no_inline_code(page: Page) -> None:
    for element in page.elements:
        assert element.get("style") is None
        assert not [name for name in element.attributes if name.startswith("on")], element.attributes
    for script in page.all("script"):
        assert script.get("type") == "application/ld+json" or (script["src"].startswith("/assets/") and not script.text)
    assert not page.all("style", "iframe")


def test_forms_post_here_and_changing_anything_needs_a_post(page: Page) -> None:
    for form in page.all("form"):
        assert form["action"].startswith("/")
        assert not form["action"].startswith("//")
        assert form["method"] == "post" or form.get("role") == "search"
    for button in page.all("button"):
        assert (button.get("formaction") or "/").startswith("/")


def test_no_page_has_a_part_that_was_purged_from_the_stylesheet(page: Page) -> None:
    tags = {part for part in assets.UNUSED if part.isalpha()}
    attributes = {tuple(part[1:-1].split("=")) for part in assets.UNUSED if "=" in part}
    for element in page.elements:
        assert element.tag not in tags
        assert not attributes & {(name, value) for name, value in element.attributes.items()}


def test_leaving_something_out_of_the_context_is_an_error_rather_than_a_gap() -> None:
    template, context = PAGES["my place"]
    for name in context:
        if name not in {"base_url", "now"}:  # the contract gives these to every page; not every one needs them
            with pytest.raises(UndefinedError):
                pages.render(template, **{key: value for key, value in context.items() if key != name})


# What somebody typed


def test_names_titles_and_answers_stay_text_whatever_they_hold() -> None:
    nasty = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    visit = a_visit(title=nasty, host=nasty, summary=nasty, venue=nasty, format="hybrid")
    form = {**WRONG_FORM, "values": dict.fromkeys(WRONG_FORM["values"], nasty)}
    form["errors"] = [{"field": "name", "message": nasty}]
    for sample, changes in (
        ("visit, open", {"visit": visit, "form": form, "community": nasty}),
        ("coming visits", {"visits": [visit], "q": nasty}),
        ("registered", {"visit": visit}),
        ("my place", {"place": a_place(visit, name=nasty), "form": form, "notice": nasty}),
        ("problem", {"problem": {"title": nasty, "detail": nasty}, "request_id": nasty}),
    ):
        page = show(sample, **changes)
        assert "<script>alert" not in page.html
        assert not [e for e in page.elements if e.get("onerror") or e.get("src") == "x"]


def test_json_ld_cannot_be_broken_out_of_and_says_what_the_page_says() -> None:
    title = 'Falls </script><script>alert(1)</script> <!-- & "quoted" \u2028'
    page = show("visit, open", visit=a_visit(title=title))
    data = [script.text for script in page.all("script") if script.get("type") == "application/ld+json"]
    assert len(data) == 1
    assert "<" not in data[0]
    event = json.loads(data[0])
    assert (event["@type"], event["name"]) == ("Event", title)
    assert event["startDate"] == VISIT["starts_at"]
    assert event["url"] == "https://visits.example.org/visits/quieter-ward"
    assert event["remainingAttendeeCapacity"] == 3


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        ("visit, cancelled", {"eventStatus": "https://schema.org/EventCancelled"}),
        ("visit, waiting list", {"eventAttendanceMode": "https://schema.org/MixedEventAttendanceMode"}),
        ("visit, not yet", {"eventAttendanceMode": "https://schema.org/OfflineEventAttendanceMode"}),
    ],
)
def test_json_ld_knows_the_state_of_a_visit(sample: str, expected: dict[str, str]) -> None:
    script = next(s for s in show(sample).all("script") if s.get("type") == "application/ld+json")
    assert expected.items() <= json.loads(script.text).items()


def test_json_ld_of_a_series_names_its_sessions() -> None:
    script = next(s for s in show("visit, series").all("script") if s.get("type") == "application/ld+json")
    assert [session["name"] for session in json.loads(script.text)["subEvent"]] == ["Seeing", "Trying"]


# Forms


def test_a_form_keeps_everything_that_was_typed() -> None:
    page = show("visit, with errors")
    typed: dict[str, Any] = WRONG_FORM["values"]
    for name in (
        "name",
        "email",
        "organisation",
        "job_role",
        "answers.town",
        "timezone",
        "access_needs",
        "answers.hope",
    ):
        assert page.typed(name) == typed[name]
    assert checked(page, "answers.setting") == ["Hospital"]
    assert checked(page, "answers.topics") == ["Falls", "Families"]
    assert checked(page, "answers.first") == ["yes"]
    assert checked(page, "consents.follow_ups") == ["true"]
    assert checked(page, "consents.introductions") == []


def checked(page: Page, name: str) -> list[str]:
    return [field["value"] for field in page.fields(name) if field.get("checked") is not None]


def test_a_form_as_the_service_hands_it_over_shows_the_same() -> None:
    handed = Form(
        values=WRONG_FORM["values"],
        errors=[FieldError(error["field"], error["message"]) for error in WRONG_FORM["errors"]],
        token=WRONG_FORM["token"],
    )
    assert show("visit, with errors", form=handed).html == show("visit, with errors").html


def test_text_of_several_lines_comes_back_as_it_was_typed() -> None:
    text = "\nFirst an empty line,\n  then two blanks."
    form = {**EMPTY_FORM, "values": {"access_needs": text}}
    assert show("visit, open", form=form).typed("access_needs") == text


def test_the_error_summary_links_to_each_field_and_the_field_names_its_error() -> None:
    page = show("visit, with errors")
    assert page.all("title")[0].text.startswith("Error: ")
    links = [a for a in page.all("a") if a["href"].startswith("#field-")]
    assert [link["href"] for link in links] == [
        "#field-email",
        "#field-answers-setting",
        "#field-answers-topics",
        "#field-answers-hope",
        "#field-consents-follow_ups",
    ]
    by_id = {element["id"]: element for element in page.elements if element.get("id")}
    for link in links:
        field = by_id[link["href"][1:]]
        holder = next((e for e in reversed(field.ancestors) if e.tag == "fieldset"), field)
        marked = [e for e in (field, holder) if f"{link['href'][1:]}.error" in (e.get("aria-describedby") or "")]
        assert marked, field.attributes
        assert "true" in {field.get("aria-invalid"), holder.get("aria-invalid")}
        assert link.text in by_id[f"{link['href'][1:]}.error"].text
    assert "That was very quick." in page.html


def test_a_form_without_errors_shows_no_summary_and_marks_nothing_invalid() -> None:
    page = show("visit, open")
    assert not [e for e in page.elements if e.get("aria-invalid") or e.get("data-error-summary") is not None]


def test_a_form_carries_its_token_the_zone_and_a_field_only_robots_see() -> None:
    page = show("visit, open")
    assert page.field("form_token")["value"] == "form-token"
    assert page.field("timezone")["type"] == "hidden"
    trap = page.field("website")
    assert (trap["tabindex"], trap["autocomplete"]) == ("-1", "off")
    assert any(ancestor.get("aria-hidden") == "true" for ancestor in trap.ancestors)


def test_browsers_can_fill_in_who_one_is() -> None:
    page = show("visit, open")
    assert {name: page.field(name)["autocomplete"] for name in ("name", "email", "organisation", "job_role")} == {
        "name": "name",
        "email": "email",
        "organisation": "organization",
        "job_role": "organization-title",
    }
    assert page.field("email")["inputmode"] == "email"


def test_addresses_a_browser_thinks_wrong_still_reach_the_server() -> None:
    # Browsers refuse internationalised local parts in type=email; the server's check is the one that counts.
    assert all(
        form.get("novalidate") is not None for form in show("visit, open").all("form") if form["method"] == "post"
    )


# States


@pytest.mark.parametrize(
    ("sample", "words", "can_register"),
    [
        ("visit, open", "3 places left", True),
        ("visit, series", "1 place left", True),
        ("visit, waiting list", "4 people are waiting", True),
        ("visit, not yet", "It opens", False),
        ("visit, full", "This visit is full", False),
        ("visit, closed", "Registration is closed", False),
        ("visit, cancelled", "This visit is cancelled", False),
        ("visit, past", "Watch the recording", False),
    ],
)
def test_a_visit_offers_its_form_or_says_why_not(sample: str, words: str, can_register: bool) -> None:
    page = show(sample)
    assert words in page.all("main")[0].text
    assert bool([form for form in page.all("form") if form["action"].endswith("/registrations")]) is can_register


def test_when_the_waiting_list_applies_the_button_says_so() -> None:
    assert [button.text for button in show("visit, waiting list").all("button")] == ["Join the waiting list"]
    assert [button.text for button in show("visit, open").all("button")] == ["Register"]


@pytest.mark.parametrize(("waiting", "words"), [(0, "you would be first in line"), (1, "One person is waiting")])
def test_few_people_waiting_are_counted_in_words(waiting: int, words: str) -> None:
    assert words in show("visit, waiting list", visit={**FULL, "waiting": waiting}).html


@pytest.mark.parametrize(
    ("sample", "words", "can_cancel"),
    [
        ("my place", "Your place is confirmed", True),
        ("my place, waiting", "You are number 3 in line", True),
        ("my place, cancelled", "Your place is cancelled", False),
        ("my place, visit cancelled", "This visit is cancelled", False),
        ("my place, visit past", "This visit has taken place", False),
    ],
)
def test_my_place_says_where_i_stand_and_offers_what_i_can_do(sample: str, words: str, can_cancel: bool) -> None:
    page = show(sample)
    assert words in page.html
    assert bool([form for form in page.all("form") if form["action"] == "/places/token/cancel"]) is can_cancel


def test_pages_for_one_person_alone_ask_not_to_be_indexed_and_name_no_address() -> None:
    for sample in ("my place", "registered", "expired link", "address, confirm"):
        page = show(sample)
        assert [meta for meta in page.all("meta") if meta.get("content") == "noindex, nofollow"]
        assert not [link for link in page.all("link") if link.get("rel") == "canonical"]


def test_a_visit_is_shared_under_its_own_address_even_from_its_answered_form() -> None:
    page = show("visit, with errors", page_url="https://visits.example.org/visits/quieter-ward/registrations")
    canonical = next(link for link in page.all("link") if link["rel"] == "canonical")
    assert canonical["href"] == "https://visits.example.org/visits/quieter-ward"


def test_after_registering_nothing_private_is_shown() -> None:
    for sample in ("registered", "registered, waiting"):
        assert "@" not in show(sample).all("main")[0].text
        assert "/places/" not in show(sample).html


# Times


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "timezone", "words"),
    [
        (
            "2026-12-08T14:00:00+00:00",
            "2026-12-08T16:30:00+00:00",
            "Europe/London",
            "Tuesday 8 December 2026, 14:00 to 16:30 GMT (London)",
        ),
        (  # written in UTC, held in summer
            "2026-07-01T09:00:00+00:00",
            "2026-07-01T11:00:00+00:00",
            "Europe/London",
            "Wednesday 1 July 2026, 10:00 to 12:00 BST (London)",
        ),
        (  # the night the clocks go back: one o'clock comes twice
            "2026-10-25T00:30:00+01:00",
            "2026-10-25T01:30:00+00:00",
            "Europe/London",
            "Sunday 25 October 2026, 00:30 BST to 01:30 GMT (London)",
        ),
        (
            "2026-12-08T22:00:00-05:00",
            "2026-12-09T01:00:00-05:00",
            "America/New_York",
            "Tuesday 8 December 2026, 22:00 to Wednesday 9 December 2026, 01:00 EST (New York)",
        ),
        (  # no abbreviation in use
            "2026-12-08T14:00:00+04:00",
            "2026-12-08T15:00:00+04:00",
            "Asia/Dubai",
            "Tuesday 8 December 2026, 14:00 to 15:00 UTC+04 (Dubai)",
        ),
        (
            "2026-12-08T14:00:00+00:00",
            "2026-12-08T15:00:00+00:00",
            "UTC",
            "Tuesday 8 December 2026, 14:00 to 15:00 UTC",
        ),
    ],
)
def test_a_visits_time_reads_as_the_clock_on_its_wall(starts_at: str, ends_at: str, timezone: str, words: str) -> None:
    visit = {"starts_at": starts_at, "ends_at": ends_at, "timezone": timezone}
    assert times.when_text(visit) == words
    assert f'datetime="{starts_at}"' in times.when(visit)
    assert times.leaf(visit)[1] == str(datetime.fromisoformat(starts_at).day)


def test_one_instant_reads_in_the_visits_zone() -> None:
    assert times.moment_text(datetime(2026, 6, 1, 8, tzinfo=UTC), "Europe/London") == "Monday 1 June 2026 at 09:00 BST"
    assert 'datetime="2026-06-01T08:00:00+00:00"' in times.moment("2026-06-01T08:00:00+00:00", "Europe/London")


# Headers and assets


def test_the_content_security_policy_starts_from_nothing_and_allows_no_inline_code() -> None:
    policy = headers("public")["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "*" not in policy
    directives = dict(part.split(" ", 1) for part in policy.split("; "))
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == "'self'"
    assert directives["frame-ancestors"] == directives["base-uri"] == "'none'"


def test_a_page_may_name_where_else_its_forms_lead_and_nothing_more() -> None:
    usual = headers("private")["Content-Security-Policy"].split("; ")
    named = headers("private", form_action=("https:",))["Content-Security-Policy"].split("; ")
    assert [part for part in named if part not in usual] == ["form-action 'self' https:"]
    assert [part for part in usual if part not in named] == ["form-action 'self'"]


def test_public_pages_are_held_ten_seconds_and_private_ones_never() -> None:
    assert headers("public")["Cache-Control"] == "public, max-age=10"
    assert headers("private")["Cache-Control"] == "no-store"


def test_links_in_emails_do_not_leave_in_a_referrer() -> None:
    assert headers("private")["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("name", ["../pages.py", "manifest.json", "site.css", "", "/etc/passwd", "site.0000000000.css"])
def test_only_what_was_built_is_served_as_an_asset(name: str) -> None:
    assert pages.read_asset(name) is None


def test_building_assets_twice_gives_the_same_names_and_removes_older_ones(tmp_path: Path) -> None:
    first = assets.build_assets(tmp_path)
    (tmp_path / "site.0123456789.css").write_text("old")
    assert assets.build_assets(tmp_path) == first
    assert {path.name for path in tmp_path.iterdir()} == {*first.values(), "manifest.json"}


def test_the_purged_stylesheet_keeps_what_pages_use_and_loses_what_they_do_not() -> None:
    css = (pages.ASSETS / pages.asset("site.css").rsplit("/", 1)[1]).read_text()
    assert "MIT" in css
    assert "[role=switch]:checked" not in css
    assert "type=checkbox" in css
    assert css.count("{") == css.count("}")
    assert len(css) < 60_000
    for read in set(re.findall(r"var\((--[\w-]+)\)", css)):
        assert f"{read}:" in css, f"{read} is read and never set"


def test_purging_leaves_rules_whose_selectors_only_exclude_a_part() -> None:
    css = "input:not([type=range],[type=file]){a:b}[type=range]{c:d}@media x{dialog{e:f}}:is(dialog){g:h}"
    assert assets.purge(css) == "input:not([type=range],[type=file]){a:b}"


def test_compiled_templates_render_the_same_pages(tmp_path: Path) -> None:
    assert pages.compile_templates(tmp_path) == len(pages.template_names())
    compiled = pages.environment().overlay(loader=ModuleLoader(tmp_path))
    for template, context in PAGES.values():
        assert compiled.get_template(template).render(context) == pages.render(template, **context)


def test_every_template_that_can_be_a_page_is_looked_at_here() -> None:
    shown = {template for template, _ in PAGES.values()}
    html = {
        name for name in pages.template_names() if name.split("/")[0] in {"kernel", "visits", "accounts", "comments"}
    }
    parts = {
        "kernel/layout.html",
        "kernel/forms.html",
        "visits/facts.html",
        "visits/person_fields.html",
        "visits/lookup_form.html",
        "visits/console_parts.html",
        "visits/console_attendance_row.html",
        "visits/console_person_fields.html",
        "accounts/erasing.html",
        "accounts/registration_lines.html",
        "comments/parts.html",
        "comments/room_parts.html",
    }
    assert html - shown == parts


def test_pages_refuse_to_leave_gaps() -> None:
    environment: Environment = pages.environment()
    assert environment.undefined is StrictUndefined
    assert environment.is_async is False


# The API reference


def test_the_api_reference_lists_every_endpoint_with_its_fields() -> None:
    (group,) = reference(OPENAPI)
    assert [(endpoint.method, endpoint.path) for endpoint in group.endpoints] == [
        ("GET", "/api/v1/visits"),
        ("POST", "/api/v1/visits/{visit_id}/registrations"),
    ]
    register = group.endpoints[1]
    assert [(field.name, field.place, field.kind, field.required) for field in register.fields] == [
        ("visit_id", "path", "text", True),
        ("name", "body", "text", True),
        ("format", "body", "one of online, in_person", False),
    ]
    assert register.fields[1].description == "As on a badge. At most 100 characters."
    assert [field.kind for field in group.endpoints[0].answers[0].fields] == ["list of Visit", "text or null"]


def words_of(page: Page) -> Iterator[str]:
    yield from page.all("main")[0].text.split()


def test_the_reference_page_shows_them() -> None:
    assert {"GET", "POST", "/api/v1/visits"} <= set(words_of(show("api")))
