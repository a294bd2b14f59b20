"""Stories and comments as pages: what a browser without JavaScript sends, and what it gets back."""

import re
from urllib.parse import urlencode

import pytest

from comments import decide, rules
from comments.decide import Decision
from comments.model import Comment, comment_pk
from kernel.access import Actor
from tests.html_form import form_to
from tests.service import Answer, Service
from tests.unit.comments_samples import screened, sent_id, shown, sign_up, signed_in, write_story

IRIS = Actor("iris-key", "iris@example.org", "Iris", frozenset({"moderator"}))
TYPED = {"author_name": "Robin", "author_email": "robin@people.example.org", "body": "A *fine* thing."}


@pytest.fixture(autouse=True)
def fresh_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "_read", {})


def approved(service: Service, number: int = 1, **more: object) -> str:
    comment_id = sent_id(service, number, story_id="ward", **more)
    screened(service)
    version = int(Comment.get(comment_pk(comment_id), "comment").version)
    decide.decide(Decision(comment_id, version, "approve"), IRIS, now=service.clock.now)
    return comment_id


def filled(service: Service, path: str = "/stories/ward", **typed: str) -> dict[str, str | list[str]]:
    """Open a page, read the form for a comment and fill it in, which takes half a minute."""
    page = service.get(path).body
    service.clock.advance(seconds=30)
    return written(page, **typed)


def written(page: str, **typed: str) -> dict[str, str | list[str]]:
    """Fill in the page's form for a comment."""
    return {**form_to(page, "/comments").fields, "do": "send", **TYPED, **typed}


def posted(service: Service, path: str, fields: dict[str, str | list[str]], **headers: str) -> Answer:
    kind = "application/x-www-form-urlencoded"
    return service.send("POST", path, urlencode(fields, doseq=True), content_type=kind, headers=headers)


def test_a_reader_sends_a_comment_and_gets_a_page_of_their_own(service: Service) -> None:
    write_story(service)
    answer = service.post("/stories/ward/comments", filled(service))
    assert answer.status == 303
    path, _, said = answer.headers["Location"].partition("?")
    assert (re.match(r"/comments/[\w.-]+$", path) is not None, said) == (True, "said=sent")
    page = service.get(path, said="sent")
    assert "Thank you. Your comment has reached us." in page.body
    assert "It is on its way" in page.body
    assert "<p>A <em>fine</em> thing.</p>" in page.body
    assert page.headers["Cache-Control"] == "no-store"
    [comment] = Comment.by_queue.query("pending")
    assert (comment.author_name, comment.author_email) == ("Robin", "robin@people.example.org")
    assert comment.signals == []


def test_the_email_address_is_asked_for_with_what_becomes_of_it_beside_it(service: Service) -> None:
    write_story(service)
    page = service.get("/stories/ward").body
    assert re.search(r'id="field-author_email\.help">Your email address will not be published\.<', page)
    assert 'aria-describedby="field-author_email.help"' in page
    assert '<a href="/comments-policy">' in page


def test_checking_says_what_would_be_held_sends_nothing_and_keeps_every_word(service: Service) -> None:
    write_story(service)
    fields = filled(service, body="Ring me on 07700 900123.", do="check")
    before = service.items("comments")
    answer = service.post("/stories/ward/comments", fields)
    assert answer.status == 200
    assert "“<mark>07700 900123</mark>”" in answer.body
    assert service.items("comments") == before
    kept = form_to(answer.body, "/comments").fields
    assert kept["body"] == ["Ring me on 07700 900123."]
    assert kept["author_email"] == ["robin@people.example.org"]
    assert kept["form_token"] == fields["form_token"]
    nothing = service.post("/stories/ward/comments", {**fields, "body": "A fine thing."})
    assert "Nothing stands out" in nothing.body
    empty = service.post("/stories/ward/comments", {**fields, "body": " "})
    assert (empty.status, "This is needed." in empty.body) == (200, True)


def test_what_is_wrong_stands_beside_its_field_and_nothing_typed_is_lost(service: Service) -> None:
    write_story(service)
    answer = service.post("/stories/ward/comments", filled(service, author_email="robin@", body="<b>x</b>"))
    assert answer.status == 422
    assert 'href="#field-author_email"' in answer.body
    assert form_to(answer.body, "/comments").fields["body"] == ["<b>x</b>"]


def test_a_form_that_is_too_old_or_made_up_is_sent_once_more(service: Service) -> None:
    write_story(service)
    fields = filled(service)
    service.clock.advance(days=8)
    answer = service.post("/stories/ward/comments", fields)
    assert (answer.status, "open for a long time" in answer.body) == (422, True)
    service.clock.advance(seconds=20)
    again = form_to(answer.body, "/comments").fields
    assert service.post("/stories/ward/comments", {**fields, "form_token": again["form_token"]}).status == 303


def test_a_trap_filled_in_and_a_form_sent_at_once_are_for_screening_not_for_the_answer(service: Service) -> None:
    write_story(service, comments={"mode": "none"})
    quick = written(service.get("/stories/ward").body)
    assert service.post("/stories/ward/comments", quick).status == 303
    trapped = filled(service, body="Another thing entirely.", website="https://spam.example")
    assert service.post("/stories/ward/comments", trapped).status == 303
    screened(service)
    codes = {one["code"] for queue in ("pending", "spam") for c in Comment.by_queue.query(queue) for one in c.signals}
    assert {"too_fast", "honeypot"} <= codes
    assert shown(service) == []


def test_a_form_sent_twice_at_once_is_one_comment_and_others_with_the_same_page_are_others(service: Service) -> None:
    write_story(service)
    fields = filled(service)
    for _ in range(2):
        assert service.post("/stories/ward/comments", fields).status == 303
    assert len(list(Comment.by_queue.query("pending"))) == 1
    other = {**fields, "author_email": "other@people.example.org"}
    assert service.post("/stories/ward/comments", other).status == 303
    assert len(list(Comment.by_queue.query("pending"))) == 2, "a cache gave both the same page"
    service.clock.advance(minutes=2)
    service.post("/stories/ward/comments", fields)
    assert len(list(Comment.by_queue.query("pending"))) == 3, "whoever comes later gets no token of the first"
    assert len({item["comment_id"]["S"] for item in service.items("comments") if item["sk"]["S"] == "form"}) == 2


def test_one_answers_a_comment_and_sees_what_it_was(service: Service) -> None:
    write_story(service)
    parent = approved(service)
    page = service.get("/stories/ward", reply_to=parent)
    assert "Answer Robin 1" in page.body
    fields = written(page.body)
    assert fields["parent_id"] == [parent]
    service.clock.advance(seconds=30)
    assert service.post("/stories/ward/comments", fields).status == 303
    [comment] = Comment.by_queue.query("pending")
    assert comment.parent_id == parent
    for gone in ("nobody", "x" * 99, comment.comment_id):
        assert "Write a comment" in service.get("/stories/ward", reply_to=gone).body


def test_an_answer_to_what_was_taken_down_meanwhile_is_kept_and_said(service: Service) -> None:
    write_story(service)
    parent = approved(service)
    fields = written(service.get("/stories/ward", reply_to=parent).body)
    service.clock.advance(seconds=30)
    version = int(Comment.get(comment_pk(parent), "comment").version)
    decide.decide(Decision(parent, version, "remove"), IRIS, now=service.clock.now)
    answer = service.post("/stories/ward/comments", fields)
    assert (answer.status, "no longer there" in answer.body) == (422, True)
    kept = {**form_to(answer.body, "/comments").fields, "do": "send"}
    assert kept["body"] == [TYPED["body"]]


def test_threads_nest_and_an_answer_without_its_question_says_so(service: Service) -> None:
    write_story(service)
    first = approved(service)
    second = approved(service, 2, parent_id=first)
    approved(service, 3, parent_id=second)
    page = service.get("/stories/ward").body
    assert page.count('<ol class="thread">') == 2
    assert "3 comments" in page
    version = int(Comment.get(comment_pk(second), "comment").version)
    decide.decide(Decision(second, version, "remove"), IRIS, now=service.clock.now)
    assert "no longer here" in service.get("/stories/ward").body


def test_pages_of_comments_follow_each_other_and_turn_round(service: Service) -> None:
    write_story(service)
    for number in range(3):
        approved(service, number)
    page = service.get("/stories/ward", order="newest").body
    assert page.index("Robin 2") < page.index("Robin 0")
    assert service.get("/stories/ward", order="best").status == 422
    assert service.get("/stories/unknown").status == 404


def test_a_pinned_comment_stands_above_the_conversation(service: Service) -> None:
    write_story(service)
    decide.pin(approved(service), True, IRIS, now=service.clock.now)
    page = service.get("/stories/ward").body
    assert page.index("Pinned by the moderators") < page.index('<ol class="comments">')


def test_a_public_page_is_the_same_for_everybody_and_reads_no_session(service: Service) -> None:
    write_story(service)
    ada = signed_in(sign_up(service, "Ada"))
    pages = [service.send("GET", "/stories/ward", headers=headers).body for headers in ({}, ada)]
    token = re.compile(r'name="form_token" value="[^"]*"')
    assert token.sub("", pages[0]) == token.sub("", pages[1])
    assert service.get("/stories/ward").headers["Cache-Control"] == "public, max-age=10"


def test_somebody_signed_in_writes_without_typing_who_they_are(service: Service) -> None:
    write_story(service)
    assert service.get("/stories/ward/comment").headers["Location"].startswith("/sign-in?return=")
    ada = signed_in(sign_up(service, "Ada"))
    page = service.send("GET", "/stories/ward/comment", headers=ada)
    fields = form_to(page.body, "/comment").fields
    assert (fields["author_name"], "author_email" in fields) == (["Ada"], False)
    service.clock.advance(seconds=30)
    answer = posted(service, "/stories/ward/comment", {**fields, "do": "send", "body": "Hello from a member."}, **ada)
    assert answer.status == 303
    [comment] = Comment.by_queue.query("pending")
    assert (comment.is_member, comment.author_email) == (True, "ada@members.example.org")
    wrong = posted(service, "/stories/ward/comment", {**fields, "do": "send", "body": ""}, **ada)
    assert (wrong.status, "signed in as Ada" in wrong.body) == (422, True)
    checked = posted(service, "/stories/ward/comment", {**fields, "do": "check", "body": "Ring 07700 900123."}, **ada)
    assert (checked.status, "07700 900123</mark>" in checked.body) == (200, True)


def test_an_author_changes_and_deletes_on_their_own_page(service: Service) -> None:
    write_story(service)
    path = service.post("/stories/ward/comments", filled(service)).headers["Location"].partition("?")[0]
    assert service.post(path, {"body": "", "author_name": "Robin"}).status == 422
    kept = service.post(path, {"body": "x" * 5001, "author_name": "Robin"})
    assert "x" * 5001 in kept.body
    assert (
        service.post(path, {"body": "Better.", "author_name": "Robin A."}).headers["Location"] == f"{path}?said=saved"
    )
    assert "<p>Better.</p>" in service.get(path).body
    gone = service.post(f"{path}/delete", {})
    assert (gone.status, "is deleted" in gone.body) == (200, True)
    assert service.get(path).status == 404
    assert service.get("/comments/made-up").status == 404


def test_what_is_public_for_long_shows_no_way_to_change_it(service: Service) -> None:
    write_story(service)
    path = service.post("/stories/ward/comments", filled(service)).headers["Location"].partition("?")[0]
    [comment] = Comment.by_queue.query("pending")
    decide.decide(Decision(comment.comment_id, 1, "approve"), IRIS, now=service.clock.now)
    assert "Everybody can read it" in service.get(path).body
    service.clock.advance(minutes=15)
    page = service.get(path).body
    assert "<form" not in page
    assert service.post(path, {"body": "Late", "author_name": "Robin"}).status == 409
    assert service.post(f"{path}/delete", {}).status == 409


def test_a_reader_reports_a_comment(service: Service) -> None:
    write_story(service)
    comment_id = approved(service)
    path = f"/comments/{comment_id}/report"
    assert f'href="{path}"' in service.get("/stories/ward").body
    assert service.get(path).status == 200
    wrong = service.post(path, {"note": "Look at it"})
    assert (wrong.status, "Choose what is wrong" in wrong.body, "Look at it" in wrong.body) == (422, True, True)
    assert service.post(path, {"reason": "offensive", "note": "Look"}).status == 202
    assert Comment.get(comment_pk(comment_id), "comment").queue == "flagged"
    assert service.get("/comments/nobody/report").status == 404
    pending = sent_id(service, 5)
    assert service.get(f"/comments/{pending}/report").status == 404


def test_stories_are_listed_newest_first_a_page_at_a_time(service: Service) -> None:
    assert "No stories yet" in service.get("/stories").body
    for number in range(21):
        service.clock.advance(minutes=1)
        write_story(service, f"story-{number}", title=f"Story number {number}.")
    page = service.get("/stories").body
    assert page.index("number 20.") < page.index("number 19.")
    assert "number 0." not in page
    [onward] = re.findall(r'href="/stories\?cursor=([^"]+)"', page)
    assert "number 0." in service.get("/stories", cursor=onward).body
    for wrong in ("x", "W10", "WyJhIiwiYiJd"):
        assert service.get("/stories", cursor=wrong).status == 422


def test_the_policy_is_a_page_of_its_own(service: Service) -> None:
    assert "must never identify a patient" in service.get("/comments-policy").body


def test_closed_stories_take_no_form_but_show_what_was_said(service: Service) -> None:
    write_story(service)
    fields = filled(service)
    approved(service)
    write_story(service, comments={"open": False})
    page = service.get("/stories/ward").body
    assert ("Comments are closed" in page, 'action="/stories/ward/comments"' in page) == (True, False)
    assert service.post("/stories/ward/comments", fields).status == 409
