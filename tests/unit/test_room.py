"""The moderators' pages without their script: what they show, and what their forms do."""

import html
import re
from collections.abc import Mapping
from datetime import timedelta

import pytest

from comments import room, rules
from comments.card import REASONS, links, marked
from comments.model import Comment, comment_pk
from kernel.ids import uuid7
from tests.service import Answer, Service
from tests.unit.comments_samples import screened, sent_id, shown, write_story
from tests.unit.test_moderating import ROBIN
from tests.unit.test_who_is_asking import OURS, sign_in


class Room:
    """A moderator's browser without a script."""

    def __init__(self, service: Service, email: str = "mona@example.org") -> None:
        self.service = service
        self.headers = sign_in(service, "moderator", email=email)

    def get(self, path: str) -> Answer:
        path, _, query = path.partition("?")
        pairs = dict(pair.split("=", 1) for pair in query.split("&")) if query else None
        from urllib.parse import unquote_plus

        asked = {name: unquote_plus(value) for name, value in pairs.items()} if pairs else None
        return self.service.send("GET", path, headers=self.headers, query=asked)

    def post(self, path: str, fields: Mapping[str, object]) -> Answer:
        from urllib.parse import urlencode

        return self.service.send(
            "POST",
            path,
            urlencode(fields, doseq=True),
            content_type="application/x-www-form-urlencoded",
            headers={**self.headers, **OURS},
        )

    def decide(self, action: str, *chosen: str, **more: str) -> str:
        """Send a decision's form and return the text of the page that follows."""
        fields: dict[str, object] = {
            "chosen": list(chosen),
            "action": action,
            "back": "/moderate?status=pending",
            **more,
        }
        answer = self.post("/moderate/decisions", fields)
        assert answer.status == 303, answer.body
        return text_of(self.get(answer.headers["Location"]))


def text_of(answer: Answer) -> str:
    assert answer.status == 200, answer.body[:500]
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", answer.body).split()))


@pytest.fixture
def mona(service: Service, monkeypatch: pytest.MonkeyPatch) -> Room:
    monkeypatch.setattr(rules, "_read", {})
    write_story(service)
    return Room(service)


def stored(comment_id: str) -> Comment:
    return Comment.get(comment_pk(comment_id), "comment")


def test_the_room_shows_what_waits_why_and_where_in_the_text(service: Service, mona: Room) -> None:
    sent_id(service, 1, body="Ring me on 07700 900123.")
    screened(service)
    service.clock.advance(hours=3)
    page = mona.get("/moderate")
    assert '<mark title="A phone number">07700 900123<' in page.body
    assert "The oldest has been waiting for 3 hours." in text_of(page)
    assert "robin1@people.example.org" in page.body
    assert page.headers["Cache-Control"] == "no-store"


def test_only_moderators_see_the_room(service: Service) -> None:
    assert service.get("/moderate").status == 303
    assert service.send("GET", "/moderate", headers=sign_in(service, "organiser")).status == 403


def test_a_decision_by_form_is_done_said_and_can_be_undone(service: Service, mona: Room) -> None:
    comment_id = sent_id(service, 1)
    screened(service)
    said = mona.decide("approve", f"{comment_id}:1")
    assert "Approved: 1 comment." in said
    assert "Undo" in said
    assert len(shown(service)) == 1
    assert "Put back: 1 comment." in mona.decide("restore", f"{comment_id}:2")
    assert (shown(service), stored(comment_id).status) == ([], "pending")


def test_the_second_to_decide_reads_who_was_faster(service: Service, mona: Room) -> None:
    comment_id = sent_id(service, 1)
    screened(service)
    Room(service, "noor@example.org").decide("spam", f"{comment_id}:1")
    service.clock.advance(minutes=2)
    said = mona.decide("approve", f"{comment_id}:1")
    assert "marked as spam the comment by Robin 1 2 minutes ago, so yours was not needed." in said
    assert "Approved" not in said.split("Search this queue")[1].split("One at a time")[0]
    assert shown(service) == []


def test_several_are_decided_together(service: Service, mona: Room) -> None:
    ids = [sent_id(service, n) for n in range(3)]
    screened(service)
    said = mona.decide("reject", *[f"{uid}:1" for uid in ids], reason="off_topic")
    assert "Rejected: 3 comments." in said
    assert {stored(uid).reason for uid in ids} == {"off_topic"}


def test_rejecting_tells_the_author_only_where_somebody_asks_for_it(service: Service, mona: Room) -> None:
    quiet, kind, own = (sent_id(service, n) for n in range(3))
    screened(service)
    mona.decide("reject", f"{quiet}:1", reason="offensive", message_to_author="  ")
    mona.decide("reject", f"{kind}:1", reason="offensive", tell="yes")
    mona.decide("reject", f"{own}:1", reason="offensive", message_to_author="Could you say it more gently?")
    assert [bool(stored(uid).invited) for uid in (quiet, kind, own)] == [False, True, True]
    history = text_of(mona.get(f"/moderate/comments/{kind}"))
    assert room.KIND_WORDS["offensive"] in history
    assert "Could you say it more gently?" in text_of(mona.get(f"/moderate/comments/{own}"))


def test_a_form_without_a_choice_says_so_and_a_rejection_needs_a_reason(service: Service, mona: Room) -> None:
    comment_id = sent_id(service, 1)
    assert "Choose at least one comment first." in mona.decide("approve")
    answer = mona.post("/moderate/decisions", {"chosen": f"{comment_id}:1", "action": "reject"})
    assert (answer.status, "Choose a reason" in answer.body) == (422, True)
    assert mona.post("/moderate/decisions", {"chosen": "x:1", "action": "approve"}).status == 422


def test_coming_back_leads_nowhere_else(service: Service, mona: Room) -> None:
    comment_id = sent_id(service, 1)
    for back in ("https://evil.example/", "//evil.example", "/moderate/rules", "/moderate?x=1&status=spam", "", "/x"):
        answer = mona.post("/moderate/decisions", {"chosen": f"{comment_id}:9", "action": "spam", "back": back})
        location = answer.headers["Location"]
        assert re.match(r"/moderate\?(status=spam&)?done=", location), location


def test_nothing_is_shown_from_an_address(service: Service, mona: Room) -> None:
    for query in ("done=<b>&n=9", "done=approve&n=<b>1&undo=<b>&missed=<b>", "said=<b>"):
        assert "<b>1" not in mona.get(f"/moderate?{query}").body
    assert mona.get("/moderate?status=nothing").status == 422


def test_what_arrives_after_a_comment_is_fetched_alone(service: Service, mona: Room) -> None:
    first, second = sent_id(service, 1), sent_id(service, 2)
    page = mona.get(f"/moderate?since={first}")
    assert f'id="comment-{second}"' in page.body
    assert f'id="comment-{first}"' not in page.body
    only = mona.get(f"/moderate?only={first}")
    assert f'id="comment-{second}"' not in only.body


def test_editing_by_form_keeps_what_was_typed_when_somebody_was_faster(service: Service, mona: Room) -> None:
    comment_id = sent_id(service, 1)
    path = f"/moderate/comments/{comment_id}"
    assert mona.post(path, {"do": "edit", "version": "1", "body": "Milder words"}).status == 303
    late = mona.post(path, {"do": "edit", "version": "1", "body": "Other words"})
    assert late.status == 412
    assert "Other words</textarea>" in late.body
    assert 'name="version" value="2"' in late.body
    empty = mona.post(path, {"do": "edit", "version": "2", "body": " "})
    assert (empty.status, "This is needed." in empty.body) == (422, True)
    assert stored(comment_id).body == "Milder words"


def test_notes_and_pins_by_form(service: Service, mona: Room) -> None:
    comment_id = sent_id(service, 1)
    screened(service)
    path = f"/moderate/comments/{comment_id}"
    assert mona.post(path, {"do": "note", "note": "Asked Noor"}).status == 303
    assert mona.post(path, {"do": "note", "note": ""}).status == 422
    mona.decide("approve", f"{comment_id}:1")
    assert mona.post(path, {"do": "pin"}).status == 303
    assert "Asked Noor" in text_of(mona.get(path))
    assert shown(service)[0]["pinned"] is True
    assert mona.post(path, {"do": "unpin"}).status == 303


def test_an_author_is_held_trusted_banned_and_let_go_by_form(service: Service, mona: Room) -> None:
    sent_id(service, 1)
    path = f"/moderate/authors/{ROBIN}"
    for do in ("hold", "trust"):
        assert mona.post(path, {"do": do}).status == 303
    assert mona.post(path, {"do": "ban", "ban_for": "30"}).status == 303
    said = text_of(mona.get(path))
    until = service.clock.now + timedelta(days=30)
    assert "Trusted" in said
    assert "Held" in said
    assert f"Banned until {until:%A} {until.day} {until:%B}" in said
    for do in ("release", "distrust", "unban"):
        mona.post(path, {"do": do})
    assert "Banned until" not in text_of(mona.get(path))
    assert mona.post(path, {"do": "note", "note": ""}).status == 422
    assert mona.post(path, {"do": "note", "note": "Kind"}).status == 303
    assert "Kind" in text_of(mona.get(path))


def test_rules_are_tried_and_saved_by_form_and_nothing_typed_is_lost(service: Service, mona: Room) -> None:
    sent_id(service, 1, body="We huddled every morning.")
    fields = {
        "version": "0",
        "link_limit": "2",
        "spam_from": "1.5",
        "hold_words": "huddle*\r\n\r\ncasino",
        "refuse_words": "",
        "domains": "bad.example",
        "effect.links": "none",
    }
    tried = text_of(mona.post("/moderate/rules", {**fields, "do": "try"}))
    assert "Of the last 1 comments: 1 held" in tried
    assert "“huddle*”" in tried
    wrong = mona.post("/moderate/rules", {**fields, "link_limit": "many", "do": "save"})
    assert (wrong.status, "huddle*\ncasino" in wrong.body.replace("\n\n", "\n")) == (422, True)
    assert mona.post("/moderate/rules", {**fields, "do": "save"}).status == 303
    assert rules.stored()[0].hold_words == ("huddle*", "casino")
    assert rules.stored()[0].effects["links"] == "none"
    late = mona.post("/moderate/rules", {**fields, "hold_words": "other", "do": "save"})
    assert (late.status, 'name="version" value="1"' in late.body) == (412, True)
    assert mona.post("/moderate/rules", {**fields, "version": "1", "hold_words": "other", "do": "save"}).status == 303


def test_marks_of_several_signals_may_overlap_and_never_leave_the_text() -> None:
    signals = [
        {"message": "A", "spans": [[0, 3], [8, 99]]},
        {"message": "B", "spans": [[2, 5], [4, 4], [7, 6]]},
    ]
    pieces = marked("abcdefghij", signals)
    assert pieces == [("ab", "A"), ("c", "A; B"), ("de", "B"), ("fgh", ""), ("ij", "A")]
    assert marked("", []) == []
    assert marked("plain", []) == [("plain", "")]


def test_links_are_spelled_out_once_each() -> None:
    body = "[Here](https://a.example/x?y=1) and https://user@b.example:8080/. And https://a.example/x?y=1"
    assert links(body) == [
        {"url": "https://a.example/x?y=1", "domain": "a.example"},
        {"url": "https://user@b.example:8080/", "domain": "b.example"},
    ]


def test_every_reason_has_kind_words() -> None:
    assert room.KIND_WORDS.keys() == REASONS.keys()


def test_unknown_comments_are_not_there(mona: Room) -> None:
    for path in (f"/moderate/comments/{uuid7()}", "/moderate/comments/x", "/moderate/authors/x"):
        assert mona.get(path).status == 404
