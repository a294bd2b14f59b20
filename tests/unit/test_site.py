"""The community's name, colour and reply-to address: what people can read, and where it shows."""

import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from followups.letters import Letters
from followups.message import Letter, message, named_sender
from followups.plan import Step
from kernel import site, theme
from kernel.theme import ENOUGH, contrast
from tests.dynamodb_tap import When
from tests.service import Service
from tests.unit.followups_samples import DELIVERY_ID, NOW, SENDER, identity, letters

PURPLE = "#5b2a86"
COLOURS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


def set_site(service: Service, *, name: str = "Open Doors", accent: str = PURPLE, version: int = 1) -> None:
    site.SiteSettings(
        "settings",
        "settings",
        version=version,
        community_name=name,
        reply_to="hello@opendoors.example.org",
        accent=accent,
        embedders=[],
        changed_at=service.clock.now,
    ).save()


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#ffffff", "#ffffff", 1.0),
        ("#767676", "#ffffff", 4.54),
        ("#ff0000", "#ffffff", 4.0),
    ],
)
def test_contrast_is_what_wcag_says(one: str, other: str, ratio: float) -> None:
    assert contrast(one, other) == pytest.approx(ratio, abs=0.01)
    assert contrast(one, other) == contrast(other, one)


def test_a_colour_that_cannot_be_read_is_refused_with_its_ratio() -> None:
    assert theme.unreadable("#ff0000") == (
        "White text on this colour has a contrast of 3.9 to 1, and people need at least 4.5 to 1. "
        "Choose a darker shade."
    )
    assert "light background" in (theme.unreadable("#757575") or "")  # white on it is read, it on paper is not
    assert theme.unreadable(theme.DEFAULT_ACCENT) is None


@given(COLOURS)
def test_what_an_accepted_colour_makes_can_be_read_in_light_and_in_dark(accent: str) -> None:
    if theme.unreadable(accent):
        return
    sheet = theme.stylesheet(accent)
    light, _, dark = sheet.partition("@media")
    for rules, background in ((light, "#f9f7f1"), (dark, "#1a231f")):
        made = dict(rule.split(":", 1) for rule in rules.rpartition("){")[2].strip("}").split(";"))
        assert contrast(made["--pico-primary"], background) >= ENOUGH
        assert contrast("#ffffff", made["--pico-primary-background"]) >= ENOUGH
        assert contrast("#ffffff", made["--pico-primary-hover-background"]) >= ENOUGH
        assert contrast(made["--pico-primary-hover"], background) >= ENOUGH
        assert contrast(made["--green-ink"], made["--green-soft"]) >= ENOUGH
    assert contrast(theme.email_colours(accent).accent_dark, "#0f1b16") >= ENOUGH


def test_a_page_shows_the_saved_name_and_colour_and_before_that_the_stages_own(service: Service) -> None:
    service.visit()
    assert "Community of Practice" in service.get("/visits/ward").body
    assert "/theme-" not in service.get("/visits/ward").body
    set_site(service)
    for path in ("/", "/visits/ward", "/privacy", "/nowhere", "/places"):
        page = service.get(path).body
        assert "Open Doors" in page, path
        assert "Community of Practice" not in page, path
        assert f'<link rel="stylesheet" href="{theme.path(PURPLE)}">' in page, path


def test_the_sheet_of_a_colour_is_kept_for_ever_and_no_other_is_served(service: Service) -> None:
    found = service.get(str(theme.path(PURPLE)))
    assert (found.status, found.headers["Content-Type"]) == (200, "text/css; charset=utf-8")
    assert found.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert f"--pico-primary:{PURPLE}" in found.body
    for path in ("/theme-5b2a86-0000000000.css", "/theme-ff0000-0000000000.css", "/theme-red.css", "/theme-.css"):
        assert service.get(path).status == 404, path


def test_the_feeds_and_calendars_bear_the_saved_name(service: Service) -> None:
    service.visit()
    set_site(service)
    assert "X-WR-CALNAME:Open Doors" in service.get("/calendar.ics").body
    assert 'CN="Open Doors"' in service.get("/visits/ward/calendar.ics").body.replace(
        "CN=Open Doors", 'CN="Open Doors"'
    )
    assert "<title>Visits of Open Doors</title>" in service.get("/visits.atom").body


def test_a_program_does_not_pay_for_the_settings_of_pages(service: Service) -> None:
    service.visit()
    service.dynamodb.forget()
    service.get("/api/v1/visits/ward")
    assert service.dynamodb.operations == ["Query"]


def test_a_page_does_not_fail_for_want_of_its_name(service: Service) -> None:
    def no_accounts(_index: int, operation: str, _when: When) -> None:
        if operation == "GetItem":
            raise EndpointConnectionError(endpoint_url="https://dynamodb")

    service.visit()
    service.dynamodb.strike = no_accounts
    assert "Community of Practice" in service.get("/visits/ward").body


def test_emails_bear_the_saved_name_colour_and_reply_address() -> None:
    saved = site.Site("Open Doors", "hello@opendoors.example.org", PURPLE, version=1)
    by: Letters = letters(site=saved)
    letter = by.letter(identity(Step.CONFIRMATION), NOW)
    assert isinstance(letter, Letter)
    assert PURPLE in letter.html
    assert theme.DEFAULT_ACCENT not in letter.html
    assert "hello@opendoors.example.org" in letter.text
    assert "Open Doors" in letter.text
    assert letter.invitation is not None
    assert "Open Doors" in letter.invitation.data
    assert "mailto:visits@example.org" in letter.invitation.data  # clients know an organiser by the address
    sent = message(
        letter,
        sender=named_sender(SENDER, saved.community),
        reply_to=saved.reply_to,
        delivery_id=DELIVERY_ID,
        now=NOW,
    )
    assert sent.sender == "Open Doors <visits@example.org>"
    assert b"Reply-To: Open Doors <hello@opendoors.example.org>" in sent.raw
