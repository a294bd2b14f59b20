"""The emails: what they say, how they are put together, and what nobody can make them say."""

import re
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import Any

import pytest
import vobject
from hypothesis import given, settings
from hypothesis import strategies as st

from followups.letters import LARGEST_HTML, Letters, Reader, Skip
from followups.message import Invitation, Letter, Message, ascii_domain, message
from followups.plan import Step
from kernel.email_address import sender_parts
from kernel.text import greeting
from tests.unit.followups_samples import (
    BASE_URL,
    CANCELLED,
    CONFIRMED,
    DELIVERY_ID,
    MESSAGE,
    NOW,
    SENDER,
    VISIT,
    WAITING,
    identity,
    letters,
)
from visits.query import RegistrationView

MOVING = replace(CONFIRMED, pending_email="new@example.org", previous_email="old@example.org")
CASES = {
    Step.CONFIRMATION: CONFIRMED,
    Step.PLACE_IN_LINE: WAITING,
    Step.ADMITTED: CONFIRMED,
    Step.CANCELLED: CANCELLED,
    Step.LINK: CONFIRMED,
    Step.LINKS: CONFIRMED,
    Step.CONFIRM_ADDRESS: MOVING,
    Step.ADDRESS_CHANGED: MOVING,
    Step.RESCHEDULED: CONFIRMED,
    Step.VISIT_CANCELLED: CONFIRMED,
    Step.MESSAGE: CONFIRMED,
    Step.DIGEST: CONFIRMED,
}
CALLED_OFF = replace(VISIT, status="cancelled", notice="m1")
VISITS = {Step.VISIT_CANCELLED: CALLED_OFF, Step.RESCHEDULED: replace(VISIT, notice="m1")}


def written(step: Step, registration: RegistrationView | None = None, by: Letters | None = None) -> Letter:
    registration = registration or CASES[step]
    visit = VISITS.get(step, VISIT)
    by = by or letters(registration, all_of_them=[(registration, visit)], message=MESSAGE)
    letter = by.letter(identity(step), NOW)
    assert isinstance(letter, Letter), letter
    return letter


def posted(letter: Letter) -> Message:
    return message(letter, sender=SENDER, delivery_id=DELIVERY_ID, now=NOW)


def parsed(letter: Letter) -> EmailMessage:
    mail = message_from_bytes(posted(letter).raw, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    return mail


class Page(HTMLParser):
    """What a reader of the HTML gets: its visible text, its links, its language."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.links, self.lang, self.tags = "", [], "", []  # type: ignore[var-annotated]
        self._hidden = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._hidden += tag in {"style", "title", "script"}
        self.lang = dict(attrs).get("lang") or "" if tag == "html" else self.lang
        if tag == "a":
            self.links.append(dict(attrs).get("href") or "")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in {"style", "title", "script"}

    def handle_data(self, data: str) -> None:
        self.text += "" if self._hidden else data


@pytest.mark.parametrize("step", list(Step))
def test_every_step_says_the_same_in_text_and_html(step: Step) -> None:
    letter = written(step)
    page = Page(letter.html)
    for said in ("Hello Zoë Okafor", "Inside the virtual ward", "14:00 to 16:30 GMT (London)", "visits@example.org"):
        assert said in letter.text
        assert said in page.text
    links = set(re.findall(r"https://\S+", letter.text))
    assert links == {link for link in page.links if link.startswith("https:")}
    assert links
    assert "\n\n\n" not in letter.text


@pytest.mark.parametrize("step", list(Step))
def test_the_html_is_light_calls_nobody_and_can_be_read_aloud(step: Step) -> None:
    letter = written(step)
    page = Page(letter.html)
    assert len(letter.html.encode()) < LARGEST_HTML
    assert page.lang == "en-GB"
    assert "img" not in page.tags
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert page.tags.count("h1") == 1
    assert "url(" not in letter.html
    assert 'name="color-scheme" content="light dark"' in letter.html
    outside = [link for link in re.findall(r'(?:href|src)="([^"]+)"', letter.html) if not link.startswith(BASE_URL)]
    assert set(outside) == {"mailto:visits@example.org"}


def test_subjects_say_what_happened() -> None:
    assert {step: written(step).subject for step in Step} == {
        Step.CONFIRMATION: "You have a place: Inside the virtual ward",
        Step.PLACE_IN_LINE: "You are number 3 in line: Inside the virtual ward",
        Step.ADMITTED: "A place for you: Inside the virtual ward",
        Step.CANCELLED: "Your place is cancelled: Inside the virtual ward",
        Step.LINK: "You have a place already: Inside the virtual ward",
        Step.LINKS: "Your visits with Community of Practice",
        Step.CONFIRM_ADDRESS: "Is this your new email address? Inside the virtual ward",
        Step.ADDRESS_CHANGED: "Your email address was changed: Inside the virtual ward",
        Step.RESCHEDULED: "A new time: Inside the virtual ward",
        Step.VISIT_CANCELLED: "This visit is cancelled: Inside the virtual ward",
        Step.MESSAGE: "Where to park: Inside the virtual ward",
        Step.DIGEST: "4 new registrations for your visit",
    }


@pytest.mark.parametrize("step", [Step.RESCHEDULED, Step.VISIT_CANCELLED, Step.MESSAGE])
def test_an_organisers_words_stand_in_both_parts_and_carry_nothing_harmful(step: Step) -> None:
    letter = written(step)
    page = Page(letter.html)
    assert "Use **gate 3** & mind the step <now>." in letter.text
    assert "Use gate 3 & mind the step <now>." in page.text
    assert {"strong", "br", "hr", "li"} <= set(page.tags)


@pytest.mark.parametrize("step", [Step.RESCHEDULED, Step.VISIT_CANCELLED])
def test_an_organiser_who_writes_nothing_is_not_quoted(step: Step) -> None:
    registration = CASES[step]
    by = letters(
        registration,
        all_of_them=[(registration, VISITS[step])],
        message=replace(MESSAGE, markdown="", html="", moved_from=None),
    )
    letter = written(step, by=by)
    assert "From the organisers" not in letter.text + letter.html
    assert "It was" not in letter.text
    assert "\n\n\n" not in letter.text


def test_a_moved_visit_says_when_it_was_and_when_it_is() -> None:
    letter = written(Step.RESCHEDULED)
    assert "It was: Tuesday 20 October 2026, 15:00 to 17:00 BST (London)" in letter.text
    assert "Tuesday 27 October 2026, 14:00 to 16:30 GMT (London)" in letter.text


@pytest.mark.parametrize("step", [Step.RESCHEDULED, Step.VISIT_CANCELLED, Step.MESSAGE])
def test_who_waits_is_told_without_a_calendar_entry(step: Step) -> None:
    letter = written(step, WAITING)
    assert letter.invitation is None
    assert "calendar" not in letter.text
    assert "You have a place" not in letter.text


def test_a_move_updates_the_calendar_entry_and_calling_off_withdraws_it() -> None:
    before = written(Step.CONFIRMATION).invitation
    moved = replace(
        VISIT, sequence=1, starts_at=VISIT.starts_at + timedelta(days=7), ends_at=VISIT.ends_at + timedelta(days=7)
    )
    by = letters(CONFIRMED, all_of_them=[(CONFIRMED, moved)], message=MESSAGE)
    letter = by.letter(replace(identity(Step.RESCHEDULED), schedule=1), NOW)
    assert isinstance(letter, Letter)
    off = replace(moved, sequence=2, status="cancelled", notice="m2")
    by = letters(CONFIRMED, all_of_them=[(CONFIRMED, off)], message=MESSAGE)
    last = by.letter(replace(identity(Step.VISIT_CANCELLED), schedule=2), NOW)
    assert isinstance(last, Letter)
    assert before
    assert letter.invitation
    assert last.invitation
    assert [one.method for one in (before, letter.invitation, last.invitation)] == ["REQUEST", "REQUEST", "CANCEL"]
    events = [vobject.readOne(one.data).vevent for one in (before, letter.invitation, last.invitation)]
    assert [int(event.sequence.value) for event in events] == [0, 1, 2]
    assert len({event.uid.value for event in events}) == 1
    assert f"{events[1].dtstart.value:%Y-%m-%d %H:%M}" == "2026-11-03 14:00", "on London's clock"
    assert events[2].status.value == "CANCELLED"


def test_a_message_as_long_as_can_be_does_not_cut_off_the_link(monkeypatch: pytest.MonkeyPatch) -> None:
    from kernel import markdown

    for text in ("- " * 20 + "x\n\n", "*a* ", "&", "> > > > > > > > a\n", "`a` ", "# a\n"):
        body = (text * 5000)[:5000]
        long = replace(MESSAGE, markdown=body, html=markdown.render(body))
        by = letters(CONFIRMED, all_of_them=[(CONFIRMED, VISIT)], message=long)
        letter = written(Step.MESSAGE, by=by)
        assert len(letter.html.encode()) < LARGEST_HTML, text


def test_any_markdown_makes_an_email() -> None:
    from kernel import markdown

    body = "A\\\nB\n\n***\n\n![x](y)\n\n```\ncode <b>\n```\n\n> q\n\n&nbsp;&copy; &#0; é 🏥\n\n"
    body += '[a](https://x.example.org/?a=1&b=2 "t")'
    by = letters(
        CONFIRMED, all_of_them=[(CONFIRMED, VISIT)], message=replace(MESSAGE, markdown=body, html=markdown.render(body))
    )
    page = Page(written(Step.MESSAGE, by=by).html)
    assert "https://x.example.org/?a=1&b=2" in page.links
    assert "é 🏥" in page.text


def test_the_first_in_line_is_told_so() -> None:
    assert written(Step.PLACE_IN_LINE, replace(WAITING, position=1)).subject.startswith("You are next in line")
    assert written(Step.LINK, replace(WAITING, position=1)).subject.startswith("You are next in line already")


def test_who_leaves_the_line_is_not_told_of_a_place_they_never_had() -> None:
    letter = written(Step.CANCELLED, replace(CANCELLED, was_confirmed=False))
    assert letter.subject.startswith("You have left the line")
    assert letter.invitation is None
    assert "calendar" not in letter.text


@pytest.mark.parametrize(
    ("format_", "venue", "said"),
    [
        ("online", "Quay House", "Online"),
        ("in_person", "Quay House", "Quay House"),
        ("hybrid", "Quay House", "Quay House, or online"),
        ("in_person", "", "Harbour Community Care"),
    ],
)
def test_where_it_is_depends_on_the_format(format_: str, venue: str, said: str) -> None:
    letter = written(Step.CONFIRMATION, by=letters(visit=replace(VISIT, format=format_, venue=venue)))
    assert f"Where: {said}\n" in letter.text
    assert letter.invitation is not None
    assert vobject.readOne(letter.invitation.data).vevent.location.value == said


def test_letters_go_to_the_address_the_step_is_about() -> None:
    assert written(Step.CONFIRMATION).to_email == "zoe@example.org"
    assert written(Step.CONFIRM_ADDRESS).to_email == "new@example.org"
    assert written(Step.ADDRESS_CHANGED).to_email == "old@example.org"


def test_the_old_address_does_not_learn_the_new_one_nor_the_link_to_the_place() -> None:
    letter = written(Step.ADDRESS_CHANGED)
    assert "new@" not in letter.text + letter.html
    assert "/places/" not in letter.text + letter.html
    assert f"{BASE_URL}/addresses/undo/old" in letter.text


def test_a_new_address_that_is_not_proven_gets_no_link_to_the_place() -> None:
    letter = written(Step.CONFIRM_ADDRESS)
    assert "/places/" not in letter.text + letter.html
    assert f"{BASE_URL}/addresses/to-new" in letter.text


def test_a_lookup_is_one_letter_with_every_live_place_the_next_visit_first() -> None:
    later = replace(VISIT, visit_id="later", title="Later", starts_at=VISIT.starts_at + timedelta(days=9))
    past = replace(VISIT, visit_id="past", title="Past", starts_at=NOW, ends_at=NOW)
    off = replace(VISIT, visit_id="off", title="Called off", status="cancelled")
    found = [
        (replace(WAITING, visit_id="later", place=1), replace(later, ends_at=later.starts_at + timedelta(hours=1))),
        (replace(CONFIRMED, visit_id="past", place=2), past),
        (replace(CONFIRMED, place=3), VISIT),
        (replace(CANCELLED, visit_id="gone", place=4), replace(VISIT, visit_id="gone")),
        (replace(CONFIRMED, visit_id="off", place=5), off),
    ]
    letter = written(Step.LINKS, by=letters(all_of_them=found))
    assert re.findall(r"/places/token-(\d)", letter.text) == ["3", "1", "2"]
    assert "You are number 3 in line." in letter.text
    assert "This visit has taken place." in letter.text


def test_a_lookup_of_somebody_unknown_sends_nothing() -> None:
    assert letters().letter(identity(Step.LINKS), NOW) == Skip("no live registration")


def test_what_is_no_longer_right_is_not_written() -> None:
    assert letters(CANCELLED).letter(identity(Step.CONFIRMATION), NOW) == Skip("cancelled since")
    assert letters(None).letter(identity(Step.CONFIRMATION), NOW) == Skip("nobody is registered there any more")


def test_parts_are_alternatives_with_the_calendar_last_and_its_method_in_both_places() -> None:
    for step, method in ((Step.CONFIRMATION, "REQUEST"), (Step.ADMITTED, "REQUEST"), (Step.CANCELLED, "CANCEL")):
        mail = parsed(written(step))
        assert mail.get_content_type() == "multipart/alternative"
        parts = list(mail.iter_parts())
        assert [part.get_content_type() for part in parts] == ["text/plain", "text/html", "text/calendar"]
        assert parts[2].get_param("method") == method
        assert vobject.readOne(parts[2].get_content()).method.value == method


@pytest.mark.parametrize(
    "step", [Step.PLACE_IN_LINE, Step.LINK, Step.LINKS, Step.CONFIRM_ADDRESS, Step.ADDRESS_CHANGED]
)
def test_letters_about_no_new_date_carry_no_calendar(step: Step) -> None:
    assert [part.get_content_type() for part in parsed(written(step)).iter_parts()] == ["text/plain", "text/html"]


def test_from_register_to_cancel_the_uid_stays_and_the_sequence_rises() -> None:
    admitted = written(Step.ADMITTED, replace(CONFIRMED, sequence=1)).invitation
    moved = written(Step.ADMITTED, by=letters(replace(CONFIRMED, sequence=1), replace(VISIT, sequence=1))).invitation
    gone = written(Step.CANCELLED, by=letters(replace(CANCELLED, sequence=2), replace(VISIT, sequence=1))).invitation
    assert admitted is not None
    assert moved is not None
    assert gone is not None
    events = [vobject.readOne(one.data).vevent for one in (admitted, moved, gone)]
    assert {event.uid.value for event in events} == {f"{CONFIRMED.registration_id}@visits.example.org"}
    assert [event.sequence.value for event in events] == ["1", "2", "3"]


@pytest.mark.parametrize("was_confirmed", [True, False])
def test_whoever_was_cancelled_by_an_organiser_is_told_so_and_not_thanked(was_confirmed: bool) -> None:
    letter = written(Step.CANCELLED, replace(CANCELLED, was_confirmed=was_confirmed, cancelled_by_organiser=True))
    for said in (letter.text, Page(letter.html).text):
        words = " ".join(said.split())
        assert "The organisers of this visit have" in words
        assert "reply to this email" in words
        assert "Thank you for letting us know" not in words
        assert "register again" not in words


def test_a_calendar_entry_holds_no_capability() -> None:
    invitation = written(Step.CONFIRMATION).invitation
    assert invitation is not None
    assert "/places/" not in invitation.data.replace("\r\n ", "")
    assert vobject.readOne(invitation.data).vevent.url.value == f"{BASE_URL}/visits/virtual-ward"


def test_headers_are_those_of_a_service_message() -> None:
    mail = parsed(written(Step.CONFIRMATION))
    assert mail["From"] == SENDER
    assert mail["To"] == "Zoë Okafor <zoe@example.org>"
    assert mail["Reply-To"] == SENDER
    assert mail["X-Delivery-Id"] == DELIVERY_ID
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"] == "Thu, 01 Oct 2026 09:00:00 +0000"
    assert not [name for name in mail if name.lower().startswith("list-")]
    assert b"\n" not in posted(written(Step.CONFIRMATION)).raw.replace(b"\r\n", b"")


def test_internationalised_domains_go_out_as_dns_has_them() -> None:
    sent = posted(written(Step.CONFIRMATION, replace(CONFIRMED, email="zoe@bücher.example")))
    assert sent.recipient == "zoe@xn--bcher-kva.example"
    assert sent.raw.isascii()
    assert ascii_domain("zoe@-not-a-domain-.example") == "zoe@-not-a-domain-.example"


def test_a_local_part_beyond_ascii_makes_the_headers_utf_8() -> None:
    sent = posted(written(Step.CONFIRMATION, replace(CONFIRMED, email="zoë@example.org")))
    assert sent.recipient == "zoë@example.org"
    assert "To: Zoë Okafor <zoë@example.org>".encode() in sent.raw


def test_a_sender_may_have_a_comma_in_its_name_but_must_have_an_address() -> None:
    assert sender_parts("Care, together <us@example.org>") == ("Care, together", "us@example.org")
    assert sender_parts('"Care, together" <us@example.org>') == ("Care, together", "us@example.org")
    with pytest.raises(ValueError, match="SENDER"):
        sender_parts("nobody")


@pytest.mark.parametrize(
    "name",
    [
        "Win at https://bad.example",
        "visit bad.example now",
        "www.bad",
        "me@bad.example",
        "x" * 61,
        "",
        "\r\n\t",
        "\u202e",
    ],
)
def test_a_name_that_reads_like_an_advertisement_is_left_out_of_the_email(name: str) -> None:
    assert greeting(name) is None
    letter = written(Step.CONFIRMATION, replace(CONFIRMED, name=name))
    assert letter.text.startswith("Hello,\n")
    assert parsed(letter)["To"] == "zoe@example.org"


@pytest.mark.parametrize("name", ["Zoë Okafor", "Dr. Anne-Marie O'Neill", "J. R. Smith, RN", "李小龍", "Ng"])
def test_a_name_is_used_as_it_was_typed(name: str) -> None:
    assert greeting(name) == name


TEXTS = st.text(max_size=80) | st.sampled_from(
    [
        "\r\nBcc: x@bad.example",
        "<script>alert(1)</script>",
        "</mj-text><mj-raw>",
        "{{ 7 * 7 }}",
        "&lt;b&gt;",
        "]]>",
        '"',
    ]
)


@settings(max_examples=60, deadline=None)
@given(name=TEXTS, title=TEXTS, host=TEXTS, venue=TEXTS)
def test_nothing_anybody_types_adds_a_header_a_recipient_or_a_tag(name: str, title: str, host: str, venue: str) -> None:
    visit = replace(VISIT, title=title, host=host, venue=venue, format="in_person")
    letter = written(Step.CONFIRMATION, by=letters(replace(CONFIRMED, name=name), visit))
    mail = parsed(letter)
    plain = parsed(written(Step.CONFIRMATION))
    assert mail.keys() == plain.keys()
    assert [one.addr_spec for one in mail["To"].addresses] == ["zoe@example.org"]
    assert [one.addr_spec for one in mail["From"].addresses] == ["visits@example.org"]
    page = Page(letter.html)
    assert page.tags == Page(written(Step.CONFIRMATION).html).tags
    assert set(page.links) == {f"{BASE_URL}/places/token-3", "mailto:visits@example.org"}


def test_typed_markup_is_shown_as_it_was_typed() -> None:
    typed = '<b>&amp; "5 > 3" {{ x }}</b>'
    letter = written(Step.CONFIRMATION, by=letters(visit=replace(VISIT, title=typed)))
    assert typed in Page(letter.html).text
    assert typed in letter.text
    assert parsed(letter)["Subject"] == f"You have a place: {typed}"


def test_an_invitation_keeps_its_bytes_on_the_way() -> None:
    letter = written(Step.CONFIRMATION)
    assert isinstance(letter.invitation, Invitation)
    part = list(parsed(letter).iter_parts())[2]
    assert part.get_content() == letter.invitation.data


def test_a_digest_says_how_many_and_who_and_repeats_no_advertisement() -> None:
    letter = written(Step.DIGEST)
    assert "From Wednesday 30 September 2026 at 07:00 BST to Thursday 1 October 2026 at 07:00 BST:" in letter.text
    assert "4 new: 2 with a place, 1 waiting, 1 cancelled since\nBen Ash, Cho Lee and 1 more" in letter.text
    assert f"{BASE_URL}/organise/visits/virtual-ward" in letter.text
    assert "buy" not in letter.text + letter.html
    assert letter.invitation is None


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"newcomers": ()}, "nobody registered"),
        ({"reader": None}, "no longer wanted"),
        ({"reader": Reader("Zoë", "zoe@example.org", wants_digest=False)}, "no longer wanted"),
    ],
)
def test_a_digest_with_nothing_in_it_or_nobody_to_read_it_is_not_sent(more: dict[str, Any], reason: str) -> None:
    assert letters(**more).letter(identity(Step.DIGEST), NOW) == Skip(reason)
