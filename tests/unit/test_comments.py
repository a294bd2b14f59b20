"""Stories and comments through the API: reading, sending, screening, changing, reporting."""

import json
from datetime import datetime, timedelta

import pytest

from comments import arrival, decide, on_submitted, rules
from comments.decide import Decision
from comments.model import Author, Comment, Flag, HistoryEntry, RulesRecord, author_pk, comment_pk
from comments.standing import Action
from kernel import aws
from kernel.access import Actor
from kernel.ids import uuid7
from kernel.person_key import person_key
from tests import tables
from tests.service import ORGANISER, Context, Service
from tests.unit.comments_samples import STORY, guest, screened, send, sent_id, shown, sign_up, signed_in, write_story
from tests.unit.conftest import SECRET

IRIS = Actor("iris-key", "iris@example.org", "Iris", frozenset({"moderator"}))


def stored(comment_id: str) -> Comment:
    return Comment.get(comment_pk(comment_id), "comment")


def act(service: Service, comment_id: str, action: Action, **more: str) -> None:
    decision = Decision(comment_id, int(stored(comment_id).version), action, **more)
    assert decide.decide(decision, IRIS, now=service.clock.now).outcome == "done"


def approved(service: Service, number: int = 1, **more: object) -> str:
    comment_id = sent_id(service, number, story_id="ward", **more)
    screened(service)
    act(service, comment_id, "approve")
    return comment_id


@pytest.fixture(autouse=True)
def fresh_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "_read", {})


# --- stories


def test_a_story_is_written_read_and_written_anew_with_its_comments_kept(service: Service) -> None:
    write_story(service)
    approved(service)
    read = service.api("GET", "/stories/ward").json
    assert (read["title"], read["body_html"], read["count"]) == (STORY["title"], "<p>Read <em>on</em>.</p>\n", 1)
    assert (read["comments"], read["accepts_comments"]) == (STORY["comments"], True)
    bearer = f"Bearer {ORGANISER}"
    anew = service.api("PUT", "/stories/ward", {"title": "Another title"}, authorization=bearer).json
    assert (anew["title"], anew["url"], anew["version"], anew["count"]) == ("Another title", "", 2, 1)
    assert anew["comments"] == {"open": True, "close_after_days": None, "mode": "first"}


def test_only_an_organiser_writes_stories_and_each_writing_is_audited(service: Service) -> None:
    assert service.api("PUT", "/stories/ward", STORY).status == 401
    moderator = signed_in(sign_up(service, "Mona", roles=("moderator",)))
    assert service.api("PUT", "/stories/ward", STORY, **moderator).status == 403
    write_story(service)
    write_story(service, title="Again")
    entries = [item for item in service.items("accounts") if item["pk"]["S"] == "audit#story:ward"]
    assert [item["action"]["S"] for item in entries] == ["story.written", "story.changed"]


def test_what_a_story_cannot_be_is_said_beside_its_field(service: Service) -> None:
    bearer = f"Bearer {ORGANISER}"
    wrong = {"title": " ", "url": "javascript:alert(1)", "comments": {"mode": "some", "close_after_days": 0}, "x": 1}
    errors = service.api("PUT", "/stories/ward", wrong, authorization=bearer).errors
    assert errors.keys() == {"title", "url", "comments.mode", "comments.close_after_days", "x"}
    assert "story_id" in service.api("PUT", "/stories/W", {"title": "x"}, authorization=bearer).errors
    for path in ("/stories/unknown", "/stories/UNKNOWN", "/stories/unknown/comments"):
        assert service.api("GET", path).status == 404


# --- sending and reading


def test_a_guests_comment_waits_and_is_public_once_it_is_approved(service: Service) -> None:
    write_story(service)
    answer = send(service, **guest())
    assert (answer.status, answer.json["status"], answer.json["warnings"]) == (202, "pending", [])
    assert shown(service) == []
    screened(service)
    assert shown(service) == [], "a guest waits in mode first, whatever screening says"
    act(service, answer.json["comment_id"], "approve")
    [comment] = shown(service)
    assert comment["html"] == "<p>We tried this on ward 1, and <strong>it worked</strong> for us.</p>\n"
    assert (comment["author_name"], comment["is_member"], comment["pinned"]) == ("Robin 1", False, False)
    assert comment.keys() == {
        "comment_id",
        "parent_id",
        "author_name",
        "is_member",
        "html",
        "created_at",
        "edited_at",
        "pinned",
    }


def test_nobodys_address_is_ever_in_an_answer(service: Service) -> None:
    write_story(service)
    answer = send(service, **guest())
    screened(service)
    act(service, answer.json["comment_id"], "approve")
    bodies = [
        service.api("GET", f"/stories/ward{path}").body for path in ("", "/comments", "/comments?order=newest", ".x")
    ]
    bodies += [answer.body, service.get("/stories/ward/comments.atom").body]
    assert not [body for body in bodies if "robin1" in body or "people.example.org" in body]


def test_sending_needs_a_name_an_address_and_a_text_of_a_guest(service: Service) -> None:
    write_story(service)
    assert send(service, body="Hello").errors.keys() == {"author_name", "author_email"}
    wrong = send(service, author_name="", author_email="robin@", body="x" * 5001, parent_id="p" * 40, extra=1)
    assert wrong.errors.keys() == {"author_name", "author_email", "body", "parent_id", "extra"}
    assert send(service, **guest(body="\u200b")).errors.keys() == {"body"}
    assert send(service, **guest(body="[](https://example.org)")).errors.keys() == {"body"}
    assert send(service, "unknown", **guest()).status == 404


@pytest.mark.parametrize("settings", [{"open": False}, {"close_after_days": 7}])
def test_a_closed_story_takes_no_comment_and_says_so(service: Service, settings: dict[str, object]) -> None:
    write_story(service, comments=settings)
    service.clock.advance(days=8)
    answer = send(service, **guest())
    assert (answer.status, answer.problem["type"]) == (409, "/problems/comments-closed")
    assert service.api("GET", "/stories/ward").json["accepts_comments"] is False


def test_an_answer_stands_below_what_it_answers_and_only_below_what_can_be_read(service: Service) -> None:
    write_story(service)
    write_story(service, "other")
    parent = approved(service)
    pending = sent_id(service, 2)
    answer = approved(service, 3, parent_id=parent)
    assert [(one["comment_id"], one["parent_id"]) for one in shown(service)] == [(parent, None), (answer, parent)]
    for wrong in (pending, "nobody", "0" * 36):
        assert send(service, **guest(4, parent_id=wrong)).errors.keys() == {"parent_id"}
    assert send(service, "other", **guest(4, parent_id=parent)).errors.keys() == {"parent_id"}


def test_a_page_of_a_hundred_comments_is_one_query(service: Service) -> None:
    write_story(service)
    approved(service)
    [one] = [item for item in service.items("comments") if item["sk"]["S"].startswith("thread#")]
    ids = [str(uuid7()) for _ in range(99)]
    tables.put("comments", [{**one, "sk": {"S": f"thread#{comment_id}"}} for comment_id in ids])
    service.dynamodb.forget()
    assert len(shown(service, limit="100")) == 100
    assert service.dynamodb.operations == ["Query"]


@pytest.mark.parametrize("order", ["oldest", "newest"])
def test_pages_follow_each_other_without_gap_or_repeat_and_threads_stay_together(service: Service, order: str) -> None:
    write_story(service)
    roots = [approved(service, number) for number in range(4)]
    answers = {root: [approved(service, 10 + n, parent_id=root) for n in range(2)] for root in roots}
    expected = [one for root in (roots if order == "oldest" else roots[::-1]) for one in (root, *answers[root])]
    for limit in (1, 3, 4, 5, 100):
        seen, cursor = [], ""
        while cursor is not None:
            query = {"order": order, "limit": str(limit)} | ({"cursor": cursor} if cursor else {})
            page = service.send("GET", "/api/v1/stories/ward/comments", query=query).json
            assert len(page["items"]) <= limit
            seen += [one["comment_id"] for one in page["items"]]
            cursor = page["next"]
        assert sorted(seen) == sorted(expected), f"limit {limit}"
        if limit >= 3 or order == "oldest":
            assert seen == expected, f"limit {limit}"


def test_a_list_is_asked_for_in_ways_it_knows(service: Service) -> None:
    write_story(service)
    for query in ({"order": "best"}, {"limit": "0"}, {"limit": "101"}, {"cursor": "x"}, {"cursor": "b2xkZXN0IHg"}):
        answer = service.send("GET", "/api/v1/stories/ward/comments", query=query)
        assert answer.errors.keys() == set(query)


def test_a_pinned_comment_comes_first_and_only_once(service: Service) -> None:
    write_story(service)
    first, second = approved(service, 1), approved(service, 2)
    decide.pin(second, True, IRIS, now=service.clock.now)
    for order in ("oldest", "newest"):
        assert [(one["comment_id"], one["pinned"]) for one in shown(service, order=order)] == [
            (second, True),
            (first, False),
        ]


def test_a_megabyte_of_comments_takes_more_calls_and_loses_none(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_story(service)
    sent = [approved(service, number) for number in range(5)]
    real = aws.client("dynamodb")

    class Two:
        """Stands for DynamoDB where two items are a megabyte."""

        def query(self, **asked: object) -> object:
            limit = min(2, int(str(asked.pop("Limit"))))
            return real.query(**asked, Limit=limit)  # type: ignore[attr-defined]

    monkeypatch.setattr("kernel.aws.client", lambda service: Two())
    assert [one["comment_id"] for one in shown(service)] == sent


def test_counts_of_many_stories_come_in_one_call(service: Service) -> None:
    write_story(service)
    write_story(service, "quiet")
    approved(service)
    service.dynamodb.forget()
    answer = service.handle_query("/api/v1/comment-counts", [("story", "ward"), ("story", "quiet"), ("story", "none")])
    assert answer.json == {"counts": {"ward": 1, "quiet": 0, "none": 0}}
    assert service.dynamodb.operations == ["BatchGetItem"]
    many = service.handle_query("/api/v1/comment-counts", [("story", f"s-{n}") for n in range(101)])
    assert many.errors.keys() == {"story"}
    assert service.get("/api/v1/comment-counts").errors.keys() == {"story"}


def test_public_answers_may_be_kept_for_seconds_and_others_not_at_all(service: Service) -> None:
    write_story(service)
    for address in (
        "/stories/ward",
        "/stories/ward/comments",
        "/stories/ward/comments.atom",
        "/comment-counts?story=ward",
    ):
        path, _, query = address.partition("?")
        answer = service.send("GET", f"/api/v1{path}", query=dict([query.split("=")]) if query else None)
        assert answer.headers["Cache-Control"] == "public, max-age=10", path
    assert send(service, **guest()).headers["Cache-Control"] == "no-store"


def test_the_feed_is_atom_with_the_newest_first(service: Service) -> None:
    from xml.etree import ElementTree

    write_story(service)
    approved(service, 1)
    service.clock.advance(minutes=5)
    newest = approved(service, 2)
    for path in ("/stories/ward/comments.atom", "/api/v1/stories/ward/comments.atom"):
        answer = service.get(path)
        assert answer.headers["Content-Type"].startswith("application/atom+xml")
        feed = ElementTree.fromstring(answer.body)
        entries = feed.findall("{http://www.w3.org/2005/Atom}entry")
        assert len(entries) == 2
        assert entries[0].findtext("{http://www.w3.org/2005/Atom}id") == f"urn:uuid:{newest}"
        assert feed.findtext("{http://www.w3.org/2005/Atom}updated") == service.clock.now.isoformat()


# --- who waits


def test_a_known_author_appears_at_once_in_mode_first_and_a_newcomer_waits(service: Service) -> None:
    write_story(service)
    ada = sign_up(service, "Ada")
    first = send(service, token=ada, body="My first word here.")
    assert (first.status, first.json["status"]) == (202, "pending")
    act(service, first.json["comment_id"], "approve")
    second = send(service, token=ada, body="And my second one.")
    assert second.json["status"] == "approved"
    assert [(one["author_name"], one["is_member"]) for one in shown(service)] == [("Ada", True), ("Ada", True)]


def test_whoever_was_rejected_lately_waits_again_until_it_is_undone_or_long_ago(service: Service) -> None:
    write_story(service)
    ada = sign_up(service, "Ada")
    act(service, send(service, token=ada, body="My first word here.").json["comment_id"], "approve")
    rejected = send(service, token=ada, body="Something off the point.").json["comment_id"]
    act(service, rejected, "reject", reason="off_topic")
    assert send(service, token=ada, body="Number three, a fine one.").json["status"] == "pending"
    act(service, rejected, "restore")
    act(service, rejected, "reject", reason="off_topic")
    service.clock.advance(days=91)
    assert send(service, token=ada, body="Number four, much later.").json["status"] == "approved"


def test_a_signal_holds_even_a_known_author(service: Service) -> None:
    write_story(service)
    ada = sign_up(service, "Ada")
    act(service, send(service, token=ada, body="My first word here.").json["comment_id"], "approve")
    answer = send(service, token=ada, body="Ring me on 07700 900123 about it.")
    assert answer.json["status"] == "pending"
    assert [one["code"] for one in answer.json["warnings"]] == ["phone_number"]
    start, end = answer.json["warnings"][0]["spans"][0]
    assert "Ring me on 07700 900123 about it."[start:end] == "07700 900123"


def test_in_mode_all_even_known_authors_wait_and_staff_never_do(service: Service) -> None:
    write_story(service, comments={"mode": "all"})
    ada, mona = sign_up(service, "Ada"), sign_up(service, "Mona", roles=("moderator",))
    act(service, send(service, token=ada, body="My first word here.").json["comment_id"], "approve")
    assert send(service, token=ada, body="And my second one.").json["status"] == "pending"
    assert send(service, token=mona, body="Ring us on 07700 900123, all of you.").json["status"] == "approved"


def test_in_mode_none_a_guest_is_answered_pending_and_appears_behind_the_request(service: Service) -> None:
    write_story(service, comments={"mode": "none"})
    assert send(service, **guest()).json["status"] == "pending"
    assert shown(service) == []
    screened(service)
    assert len(shown(service)) == 1
    sent_id(service, 2, body="My patient Mr Jones, born 3 May 1950, NHS number 943 476 5919.")
    screened(service)
    assert len(shown(service)) == 1, "a signal holds it"


def test_a_guest_who_types_a_members_address_gets_nothing_by_it(service: Service) -> None:
    write_story(service)
    ada = sign_up(service, "Ada")
    act(service, send(service, token=ada, body="My first word here.").json["comment_id"], "approve")
    imposter = send(service, **guest(author_name="Ada", author_email="ada@members.example.org"))
    assert imposter.json["status"] == "pending"
    screened(service)
    assert len(shown(service)) == 1
    act(service, imposter.json["comment_id"], "approve")
    assert [one["is_member"] for one in shown(service)] == [True, False]


def test_of_the_signed_in_the_address_is_theirs_whatever_they_type(service: Service) -> None:
    write_story(service)
    ada = sign_up(service, "Ada")
    answer = send(service, token=ada, author_name="Ada L.", author_email="other@people.example.org", body="Hello all.")
    comment = stored(answer.json["comment_id"])
    assert (comment.author_name, comment.author_email) == ("Ada L.", "ada@members.example.org")


def test_a_token_that_is_nobodys_is_refused_rather_than_taken_for_a_guest(service: Service) -> None:
    write_story(service)
    wrong = {"authorization": "Bearer wrong"}
    assert service.api("POST", "/stories/ward/comments", guest(), **wrong).status == 401
    assert send(service, token="of a session long over", **guest()).status == 202


def test_another_site_cannot_have_somebody_comment_with_their_session(service: Service) -> None:
    write_story(service)
    forged = {**signed_in(sign_up(service, "Ada")), "origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    assert service.api("POST", "/stories/ward/comments", {"body": "Not mine."}, **forged).status == 403


def ban(email: str, until: datetime) -> None:
    Author(author_pk(person_key(email, SECRET.pepper)), banned_until=until).save()


def test_nobody_learns_whether_an_address_is_banned_or_known(service: Service) -> None:
    write_story(service, comments={"mode": "none"})
    ban("robin2@people.example.org", service.clock.now + timedelta(days=9))
    rules.current(service.clock.now)
    answers, calls = [], []
    for number in (1, 2):
        service.dynamodb.forget()
        sent = guest(1) | {"author_email": f"robin{number}@people.example.org", "body": f"Number {number} of the two."}
        answers.append(send(service, **sent))
        calls.append(service.dynamodb.operations)
        records = service.dynamodb.taken()
        service.dynamodb.records += records
        screened(service)
    unbanned, banned = ({**one.json, "comment_id": "", "edit_token": ""} for one in answers)
    assert unbanned == banned
    assert calls[0] == calls[1], "and in the same time: the same calls are made"
    assert [one["author_name"] for one in shown(service)] == ["Robin 1"]
    assert stored(answers[1].json["comment_id"]).status == "spam"
    token = answers[1].json["edit_token"]
    changed = service.api(
        "PATCH", f"/comments/{answers[1].json['comment_id']}", {"body": "Else now."}, x_edit_token=token
    )
    assert (changed.status, changed.json["status"]) == (200, "pending")


def test_the_same_text_again_and_a_flood_are_held(service: Service) -> None:
    write_story(service, comments={"mode": "none"})
    body = "The very same words, sent by several people."
    twice = [sent_id(service, number, body=body) for number in (1, 2)]
    screened(service)
    assert [len(shown(service)), stored(twice[1]).status] == [0, "pending"] or len(shown(service)) == 1
    for number in range(8):
        sent_id(service, 7, body=f"Word number {number} of one person in a hurry.")
        screened(service)
    codes = [one["code"] for comment in Comment.by_queue.query("pending") for one in comment.signals]
    assert "duplicate" in codes
    assert "flood" in codes


def test_screening_twice_is_screening_once_and_leaves_alone_what_was_decided(service: Service) -> None:
    write_story(service, comments={"mode": "none"})
    comment_id = sent_id(service)
    records = service.dynamodb.taken()
    act(service, comment_id, "reject", reason="off_topic")
    for _ in range(3):
        service.dynamodb.records += json.loads(json.dumps(records))
        screened(service)
    comment = stored(comment_id)
    assert (comment.status, comment.version, comment.signals) == ("rejected", 2, [])
    assert comment.screened_at is not None
    history = [one.what for one in HistoryEntry.query(comment_pk(comment_id), HistoryEntry.sk.startswith("history#"))]
    assert history == ["rejected", "screened"]


def test_screening_what_is_gone_does_nothing(service: Service) -> None:
    on_submitted.handler({"detail": {"comment_id": "01932c07-0000-7000-8000-000000000001"}}, Context())


def test_what_the_rules_refuse_is_refused_with_an_explanation(service: Service) -> None:
    write_story(service)
    RulesRecord(rules={"refuse_words": ["quackery"]}, version=1, changed_at=service.clock.now).save()
    answer = send(service, **guest(body="This is quackery, all of it."))
    assert answer.errors == {"body": "These words are not welcome here. Please find others."}
    mona = sign_up(service, "Mona", roles=("moderator",))
    assert send(service, token=mona, body="This is quackery, all of it.").status == 202


def test_rules_are_read_once_in_ten_seconds(service: Service) -> None:
    rules.current(service.clock.now)
    service.dynamodb.forget()
    rules.current(service.clock.now + timedelta(seconds=9))
    assert service.dynamodb.operations == []
    rules.current(service.clock.now + timedelta(seconds=10))
    assert service.dynamodb.operations == ["GetItem"]


def test_before_sending_one_is_told_what_a_moderator_would_see(service: Service) -> None:
    write_story(service)
    body = "Write to robin@people.example.org about my patient in bed 4."
    before = service.items("comments")
    checked = service.api("POST", "/stories/ward/comments/check", {"body": body})
    assert checked.status == 200
    sent = send(service, **guest(body=body))
    assert checked.json["warnings"] == sent.json["warnings"]
    assert "email_address" in [one["code"] for one in checked.json["warnings"]]
    assert before != service.items("comments")
    assert service.api("POST", "/stories/unknown/comments/check", {"body": body}).status == 404
    assert service.api("POST", "/stories/ward/comments/check", {}).errors.keys() == {"body"}


# --- one's own comment


def test_an_author_changes_what_waits_with_the_token_alone(service: Service) -> None:
    write_story(service)
    answer = send(service, **guest()).json
    path, token = f"/comments/{answer['comment_id']}", answer["edit_token"]
    changed = service.api("PATCH", path, {"body": "Better *said*."}, x_edit_token=token)
    assert changed.status == 200
    assert (changed.json["html"], changed.json["status"]) == ("<p>Better <em>said</em>.</p>\n", "pending")
    other = send(service, **guest(2)).json["edit_token"]
    for wrong in (None, "x", other):
        headers = {"x_edit_token": wrong} if wrong else {}
        assert service.api("PATCH", path, {"body": "Mine"}, **headers).status == 404
        assert service.api("DELETE", path, **headers).status == 404
    assert stored(answer["comment_id"]).body == "Better *said*."


def test_what_is_public_can_be_changed_for_a_quarter_of_an_hour(service: Service) -> None:
    write_story(service)
    answer = send(service, **guest()).json
    act(service, answer["comment_id"], "approve")
    path, token = f"/comments/{answer['comment_id']}", answer["edit_token"]
    service.clock.advance(minutes=15)
    for late in (
        service.api("PATCH", path, {"body": "Too late"}, x_edit_token=token),
        service.api("DELETE", path, x_edit_token=token),
    ):
        assert (late.status, late.problem["type"]) == (409, "/problems/too-late-to-change")


def test_a_guests_edit_of_what_is_public_waits_again_and_a_known_members_stays(service: Service) -> None:
    write_story(service)
    answer = send(service, **guest()).json
    act(service, answer["comment_id"], "approve")
    path, token = f"/comments/{answer['comment_id']}", answer["edit_token"]
    changed = service.api("PATCH", path, {"body": "Something quite different."}, x_edit_token=token)
    assert (changed.json["status"], shown(service)) == ("pending", [])
    ada = sign_up(service, "Ada")
    act(service, send(service, token=ada, body="My first word here.").json["comment_id"], "approve")
    second = send(service, token=ada, body="And my second one.").json
    service.clock.advance(minutes=5)
    path = f"/comments/{second['comment_id']}"
    changed = service.api("PATCH", path, {"body": "And my second."}, x_edit_token=second["edit_token"])
    assert changed.json["status"] == "approved"
    assert shown(service)[-1]["html"] == "<p>And my second.</p>\n"
    assert shown(service)[-1]["edited_at"] == service.clock.now.isoformat()
    changed = service.api("PATCH", path, {"body": "Ring 07700 900123."}, x_edit_token=second["edit_token"])
    assert changed.json["status"] == "pending", "an edit is screened as the first text was"


def test_a_rejected_comment_with_an_invitation_can_be_tried_again(service: Service) -> None:
    write_story(service)
    answer = send(service, **guest()).json
    act(service, answer["comment_id"], "reject", reason="off_topic", message_to_author="Nearly there!")
    path = f"/comments/{answer['comment_id']}"
    service.api("PATCH", path, {"body": "On the point now."}, x_edit_token=answer["edit_token"])
    assert stored(answer["comment_id"]).queue == "pending"
    act(service, answer["comment_id"], "reject", reason="off_topic")
    service.api("PATCH", path, {"body": "Once more."}, x_edit_token=answer["edit_token"])
    assert stored(answer["comment_id"]).queue == "rejected", "without one it stays, and nobody learns of it"


def test_a_change_of_nothing_changes_nothing(service: Service) -> None:
    write_story(service)
    answer = send(service, **guest()).json
    path = f"/comments/{answer['comment_id']}"
    same = service.api("PATCH", path, {"body": guest()["body"]}, x_edit_token=answer["edit_token"])
    assert (same.status, stored(answer["comment_id"]).version) == (200, 1)
    assert service.api("PATCH", path, {"body": ""}, x_edit_token=answer["edit_token"]).errors.keys() == {"body"}
    assert service.api("PATCH", path, {"status": "approved"}, x_edit_token=answer["edit_token"]).errors.keys() == {
        "status"
    }


def test_a_deleted_comment_leaves_nothing_of_what_was_written_or_by_whom(service: Service) -> None:
    write_story(service)
    answer = send(service, **guest(body="A word I regret.")).json
    path, token = f"/comments/{answer['comment_id']}", answer["edit_token"]
    service.api("PATCH", path, {"body": "Another word I regret."}, x_edit_token=token)
    act(service, answer["comment_id"], "approve")
    child = approved(service, 2, parent_id=answer["comment_id"])
    assert service.api("DELETE", path, x_edit_token=token).status == 204
    assert service.api("DELETE", path, x_edit_token=token).status == 404
    assert [one["comment_id"] for one in shown(service)] == [child], "what others answered stays"
    assert service.api("GET", "/stories/ward").json["count"] == 1
    everything = json.dumps([item for item in service.items("comments") if item["pk"]["S"] != f"comment#{child}"])
    assert "regret" not in everything
    assert "robin1@" not in everything
    assert "Robin 1" not in everything


# --- reports


def test_a_report_puts_a_comment_before_the_moderators_and_leaves_it_public(service: Service) -> None:
    write_story(service)
    comment_id = approved(service)
    answer = service.api("POST", f"/comments/{comment_id}/flags", {"reason": "spam", "note": "An advertisement"})
    assert answer.status == 202
    again = service.api("POST", f"/comments/{comment_id}/flags", {"reason": "spam", "note": "An advertisement"})
    assert again.json == answer.json
    comment = stored(comment_id)
    assert (comment.flags, comment.queue, len(shown(service))) == (1, "flagged", 1)
    service.api("POST", f"/comments/{comment_id}/flags", {"reason": "other"})
    notes = {(one.reason, one.note) for one in Flag.query(comment_pk(comment_id), Flag.sk.startswith("flag#"))}
    assert notes == {("spam", "An advertisement"), ("other", "")}


def test_only_what_is_public_can_be_reported_and_for_one_of_the_reasons(service: Service) -> None:
    write_story(service)
    pending = sent_id(service)
    for unknown in (pending, "nobody"):
        assert service.api("POST", f"/comments/{unknown}/flags", {"reason": "spam"}).status == 404
    wrong = service.api("POST", f"/comments/{pending}/flags", {"reason": "boring", "note": "x" * 501})
    assert wrong.errors.keys() == {"reason", "note"}


# --- limits


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits on, and nothing counted yet."""
    import dataclasses

    from comments import web
    from kernel.limits import Limit

    monkeypatch.setattr(web, "_SETTINGS", dataclasses.replace(web._SETTINGS, rate_limits="on"))
    for name in ("_BY_NETWORK", "_BY_PERSON", "_CHECKS", "_FLAGS"):
        was = getattr(web, name)
        monkeypatch.setattr(web, name, Limit(was._times, was._span))


@pytest.mark.usefixtures("limited")
def test_one_person_is_slowed_down_and_told_until_when(service: Service) -> None:
    write_story(service)
    for number in range(10):
        assert send(service, **guest(1, body=f"Word number {number} of mine.")).status == 202
    answer = send(service, **guest(1, body="One too many."))
    assert (answer.status, answer.headers["Retry-After"]) == (429, "600")
    assert send(service, **guest(2)).status == 202, "and nobody else"
    service.clock.advance(minutes=10)
    assert send(service, **guest(1)).status == 202


@pytest.mark.usefixtures("limited")
def test_one_network_is_slowed_down_whoever_it_says_it_is(service: Service) -> None:
    write_story(service)
    service.headers["cloudfront-viewer-address"] = "192.0.2.7:443"
    for number in range(60):
        assert send(service, **guest(number)).status == 202
    answer = send(service, **guest(61))
    assert (answer.status, answer.headers["Retry-After"]) == (429, "60")


def test_arrival_reads_the_record_of_nobody_as_a_strangers() -> None:
    assert arrival.record(None, proven=False, staff=False).approved == 0
