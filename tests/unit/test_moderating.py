"""What moderators read and decide through the API: queues, decisions, authors, rules."""

import json
from datetime import timedelta
from typing import Any

import pytest

from comments import queues, rulebook, rules
from comments.model import Comment, comment_pk
from comments.screening import DEFAULT_RULES
from kernel.access import COOKIE
from kernel.ids import uuid7
from kernel.person_key import person_key
from tests.service import Answer, Service
from tests.unit.comments_samples import guest, screened, send, sent_id, shown, sign_up, write_story
from tests.unit.conftest import SECRET
from tests.unit.test_who_is_asking import OURS

ROBIN = person_key("robin1@people.example.org", SECRET.pepper)


class Moderator:
    """Somebody who moderates, with a session of their own."""

    def __init__(self, service: Service, name: str) -> None:
        self.service = service
        self.name = name
        self.session = sign_up(service, name, roles=("moderator",))

    def ask(self, method: str, path: str, document: object = None, **query: str) -> Answer:
        return self.service.send(
            method,
            f"/api/v1/moderation{path}",
            None if document is None else json.dumps(document),
            headers={"cookie": f"{COOKIE}={self.session}", **OURS},
            query=query or None,
        )

    def queue(self, status: str = "pending", **query: str) -> list[dict[str, Any]]:
        answer = self.ask("GET", "/queue", None, status=status, **query)
        assert answer.status == 200, answer.body
        items: list[dict[str, Any]] = answer.json["items"]
        return items

    def counts(self) -> dict[str, int]:
        counts: dict[str, int] = self.ask("GET", "/counts").json["counts"]
        return {name: number for name, number in counts.items() if number}

    def decide(self, *decisions: dict[str, Any]) -> list[dict[str, Any]]:
        answer = self.ask("POST", "/decisions", {"decisions": list(decisions)})
        assert answer.status == 200, answer.body
        outcomes: list[dict[str, Any]] = answer.json["outcomes"]
        return outcomes

    def act(self, comment_id: str, action: str, version: int = 1, **more: str) -> dict[str, Any]:
        if action == "reject":
            more.setdefault("reason", "off_topic")
        return self.decide({"comment_id": comment_id, "version": version, "action": action, **more})[0]


@pytest.fixture(autouse=True)
def fresh_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "_read", {})


@pytest.fixture
def mona(service: Service) -> Moderator:
    write_story(service)
    return Moderator(service, "Mona")


# --- queues


def test_a_card_has_all_that_a_decision_needs(service: Service, mona: Moderator) -> None:
    above = sent_id(service, 2)
    screened(service)
    mona.act(above, "approve")
    comment_id = sent_id(service, 1, parent_id=above, body="Ring me on 07700 900123, see https://a.example/page.")
    screened(service)
    [card] = mona.queue()
    assert (card["comment_id"], card["status"], card["queue"], card["version"]) == (comment_id, "pending", "pending", 1)
    assert (card["author_name"], card["author_email"]) == ("Robin 1", "robin1@people.example.org")
    assert card["story"] == {"story_id": "ward", "title": "The ward that went home"}
    assert card["parent"]["author_name"] == "Robin 2"
    assert [one["comment_id"] for one in card["thread"]] == [above]
    [signal] = card["signals"]
    start, end = signal["spans"][0]
    assert (signal["code"], card["body"][start:end]) == ("phone_number", "07700 900123")
    assert card["links"] == [{"url": "https://a.example/page", "domain": "a.example"}]
    assert card["author"]["person"] == ROBIN
    assert (card["author"]["approved"], card["author"]["trusted"]) == (0, False)
    assert card["decisions"] == []


def test_queues_are_counted_and_say_how_long_the_oldest_waits(service: Service, mona: Moderator) -> None:
    first, second = sent_id(service, 1), sent_id(service, 2)
    screened(service)
    service.clock.advance(hours=25)
    counts = mona.ask("GET", "/counts").json
    assert counts["counts"] == {"pending": 2, "flagged": 0, "spam": 0, "approved": 0, "rejected": 0}
    assert (counts["oldest_waiting_seconds"], counts["target_seconds"]) == (25 * 3600, 24 * 3600)
    mona.act(first, "approve")
    mona.act(second, "spam")
    assert mona.counts() == {"spam": 1, "approved": 1}
    assert mona.ask("GET", "/counts").json["oldest_waiting_at"] is None


def test_a_queue_pages_in_either_order_and_narrows(service: Service, mona: Moderator) -> None:
    write_story(service, "second")
    ids = [sent_id(service, n) for n in range(4)]
    other = sent_id(service, 9, "second", body="Ring 07700 900123")
    screened(service)
    first = mona.ask("GET", "/queue", None, limit="3").json
    assert [one["comment_id"] for one in first["items"]] == ids[:3]
    then = mona.ask("GET", "/queue", None, limit="3", cursor=first["next"]).json
    assert ([one["comment_id"] for one in then["items"]], then["next"]) == ([ids[3], other], None)
    assert [one["comment_id"] for one in mona.queue(order="newest")] == [other, *reversed(ids)]
    assert [one["comment_id"] for one in mona.queue(story="second")] == [other]
    assert [one["comment_id"] for one in mona.queue(signal="phone_number")] == [other]
    assert [one["comment_id"] for one in mona.queue(q="ROBIN2@people")] == [ids[2]]
    assert mona.queue(q="nobody wrote this") == []


def test_what_a_queue_is_asked_wrongly_is_named(mona: Moderator) -> None:
    wrong = {"status": "x", "signal": "x", "order": "x", "limit": "0", "q": "x" * 201, "cursor": "x"}
    assert mona.ask("GET", "/queue", None, **wrong).errors.keys() == wrong.keys()
    assert mona.ask("GET", "/news", None, since="x").errors.keys() == {"since"}
    assert mona.ask("GET", "/news", None, watch="x").errors.keys() == {"watch"}


def test_looking_for_rare_words_goes_on_from_where_it_stopped(
    service: Service, mona: Moderator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues, "LOOKED_THROUGH", 2)
    ids = [sent_id(service, n) for n in range(4)]
    page = mona.ask("GET", "/queue", None, q="robin3").json
    assert (page["items"], page["next"]) == ([], ids[1])
    assert [one["comment_id"] for one in mona.queue(q="robin3", cursor=page["next"])] == [ids[3]]


def test_news_tell_what_arrived_and_what_others_settled(service: Service, mona: Moderator) -> None:
    noor = Moderator(service, "Noor")
    first = sent_id(service, 1)
    screened(service)
    noor.act(first, "approve")
    later = sent_id(service, 2)
    news = mona.ask("GET", "/news", None, since=first, watch=f"{first},{uuid7()}").json
    assert (news["new"], news["counts"]["pending"]) == (1, 1)
    [settled] = news["comments"]
    assert (settled["status"], settled["queue"], settled["version"]) == ("approved", "approved", 2)
    assert settled["decided_by"] == "Noor"
    assert mona.ask("GET", "/news", None, since=later).json["new"] == 0


# --- decisions


def test_approving_shows_a_comment_and_restoring_takes_it_back(service: Service, mona: Moderator) -> None:
    comment_id = sent_id(service)
    screened(service)
    outcome = mona.act(comment_id, "approve")
    assert outcome == {
        "comment_id": comment_id,
        "outcome": "done",
        "version": 2,
        "decided_by": "Mona",
        "decided_at": service.clock.now.isoformat(),
        "status": "approved",
    }
    assert [one["comment_id"] for one in shown(service)] == [comment_id]
    assert mona.act(comment_id, "restore", version=2)["status"] == "pending"
    assert shown(service) == []


def test_the_second_to_decide_learns_who_decided_what(service: Service, mona: Moderator) -> None:
    noor = Moderator(service, "Noor")
    comment_id = sent_id(service)
    screened(service)
    mona.act(comment_id, "approve")
    late = noor.act(comment_id, "spam")
    assert (late["outcome"], late["decided_by"], late["status"], late["version"]) == (
        "conflict",
        "Mona",
        "approved",
        2,
    )
    assert len(shown(service)) == 1


def test_a_conflict_of_one_is_no_others_concern_and_repeating_changes_nothing(
    service: Service, mona: Moderator
) -> None:
    noor = Moderator(service, "Noor")
    ids = [sent_id(service, n) for n in range(3)]
    screened(service)
    noor.act(ids[1], "spam")
    sent = [{"comment_id": uid, "version": 1, "action": "approve"} for uid in [*ids, str(uuid7())]]
    expected = ["done", "conflict", "done", "invalid"]
    assert [one["outcome"] for one in mona.decide(*sent)] == expected
    assert [one["outcome"] for one in mona.decide(*sent)] == expected
    assert mona.counts() == {"approved": 2, "spam": 1}


def test_rejecting_needs_a_reason_and_a_message_goes_with_it_alone(service: Service, mona: Moderator) -> None:
    comment_id = sent_id(service)
    wrong = [
        {"comment_id": comment_id, "version": 1, "action": "reject"},
        {"comment_id": comment_id, "version": 1, "action": "approve", "message_to_author": "Thanks"},
        {"comment_id": comment_id, "version": 0, "action": "hide", "reason": "dull"},
    ]
    errors = mona.ask("POST", "/decisions", {"decisions": wrong}).errors
    assert errors.keys() == {
        "decisions.0.reason",
        "decisions.1.message_to_author",
        "decisions.2.version",
        "decisions.2.action",
        "decisions.2.reason",
    }
    assert "Choose a reason" in errors["decisions.0.reason"]
    assert mona.ask("POST", "/decisions", {"decisions": []}).status == 422
    assert mona.ask("POST", "/decisions", {"decisions": [wrong[0]] * 101}).errors.keys() == {"decisions"}


def test_rejecting_keeps_reason_message_and_note_in_the_history(service: Service, mona: Moderator) -> None:
    comment_id = sent_id(service)
    screened(service)
    mona.act(comment_id, "reject", message_to_author="Try again?", note="second time", reason="promotional")
    [card] = mona.queue("rejected")
    [decision] = card["decisions"]
    assert (decision["what"], decision["by"], decision["reason"]) == ("rejected", "Mona", "promotional")
    assert (decision["message"], decision["note"]) == ("Try again?", "second time")
    history = mona.ask("GET", "/audit", None, comment=comment_id).json
    assert [one["what"] for one in history["items"]] == ["rejected", "screened", "submitted"]
    audited = [item for item in service.items("accounts") if item["pk"]["S"] == f"audit#comment:{comment_id}"]
    assert [item["action"]["S"] for item in audited] == ["comment.rejected"]
    assert "Try again" not in str(audited)


def test_a_history_pages(service: Service, mona: Moderator, monkeypatch: pytest.MonkeyPatch) -> None:
    comment_id = sent_id(service)
    for number in range(4):
        assert mona.ask("PATCH", f"/comments/{comment_id}", {"note": f"note {number}"}).status == 200
    found, more = queues.history(comment_id, limit=3)
    assert [one.note for one in found] == ["note 3", "note 2", "note 1"]
    rest, none = queues.history(comment_id, limit=3, before=more)
    assert ([one.note for one in rest], none) == (["note 0"], None)
    assert mona.ask("GET", "/audit", None, comment="x").status == 404
    assert mona.ask("GET", "/audit", None, comment=comment_id, cursor="x").errors.keys() == {"cursor"}


# --- editing


def test_an_edit_keeps_the_original_and_is_screened_anew(service: Service, mona: Moderator) -> None:
    comment_id = sent_id(service, 1, body="Ring me on 07700 900123 about the ward.")
    screened(service)
    path = f"/comments/{comment_id}"
    card = mona.ask("PATCH", path, {"body": "Ask me about the ward.", "version": 1}).json
    assert (card["body"], card["original_body"]) == (
        "Ask me about the ward.",
        "Ring me on 07700 900123 about the ward.",
    )
    assert (card["signals"], card["version"], card["html"]) == ([], 2, "<p>Ask me about the ward.</p>\n")
    assert mona.ask("PATCH", path, {"body": "Mine", "version": 1}).status == 412
    assert mona.ask("PATCH", path, {"body": "Mine"}).errors.keys() == {"version"}
    assert mona.ask("PATCH", path, {}).status == 422
    assert mona.ask("PATCH", f"/comments/{uuid7()}", {"note": "x"}).status == 404


def test_pinning_needs_an_approved_comment(service: Service, mona: Moderator) -> None:
    comment_id = sent_id(service)
    screened(service)
    assert mona.ask("PATCH", f"/comments/{comment_id}", {"pinned": True}).status == 409
    mona.act(comment_id, "approve")
    assert mona.ask("PATCH", f"/comments/{comment_id}", {"pinned": True}).json["pinned"] is True
    assert shown(service)[0]["pinned"] is True
    assert mona.ask("PATCH", f"/comments/{comment_id}", {"pinned": False}).json["pinned"] is False


def test_reports_stand_on_the_card_until_somebody_keeps_the_comment(service: Service, mona: Moderator) -> None:
    comment_id = sent_id(service)
    screened(service)
    mona.act(comment_id, "approve")
    service.api("POST", f"/comments/{comment_id}/flags", {"reason": "personal_data", "note": "Names my mother"})
    [card] = mona.queue("flagged")
    assert [(one["reason"], one["note"]) for one in card["flags"]] == [("personal_data", "Names my mother")]
    assert mona.act(comment_id, "approve", version=card["version"])["outcome"] == "done"
    assert mona.queue("flagged") == []
    assert len(shown(service)) == 1


# --- authors


def test_what_is_settled_about_an_author_is_kept_and_audited(service: Service, mona: Moderator) -> None:
    sent_id(service, 1)
    path = f"/authors/{ROBIN}"
    until = (service.clock.now + timedelta(days=7)).isoformat()
    changed = mona.ask("POST", path, {"held": True, "banned_until": until, "note": "Was rude on the phone"}).json
    assert (changed["held"], changed["trusted"], changed["banned_until"]) == (True, False, until)
    assert [(one["by_name"], one["text"]) for one in changed["notes"]] == [("Mona", "Was rude on the phone")]
    assert changed["author_name"] == "Robin 1"
    assert [one["status"] for one in changed["comments"]] == ["pending"]
    audited = [item for item in service.items("accounts") if item["pk"]["S"] == f"audit#person:{ROBIN}"]
    assert {item["action"]["S"] for item in audited} == {"author.held", "author.banned", "author.noted"}
    assert "rude" not in str(audited)
    assert mona.ask("POST", path, {"banned_until": None}).json["banned_until"] is None
    assert mona.ask("DELETE", path).status == 204
    after = mona.ask("GET", path).json
    assert (after["held"], after["notes"]) == (False, [])


def test_nobody_can_settle_anything_about_somebody_unknown(mona: Moderator) -> None:
    for person in ("x", ROBIN):
        assert mona.ask("GET", f"/authors/{person}").status == 404
        assert mona.ask("POST", f"/authors/{person}", {"held": True}).status == 404
        assert mona.ask("DELETE", f"/authors/{person}").status == 404


def test_a_ban_ends_by_itself(service: Service, mona: Moderator) -> None:
    sent_id(service, 1)
    until = (service.clock.now + timedelta(days=1)).isoformat()
    mona.ask("POST", f"/authors/{ROBIN}", {"banned_until": until})
    service.clock.advance(days=2)
    assert mona.ask("GET", f"/authors/{ROBIN}").json["banned_until"] is None


def test_banned_people_are_answered_as_anybody_and_land_in_the_spam_folder(service: Service, mona: Moderator) -> None:
    mona.act(sent_id(service, 1, body="Something rude."), "reject")
    until = (service.clock.now + timedelta(days=7)).isoformat()
    mona.ask("POST", f"/authors/{ROBIN}", {"banned_until": until})
    banned, other = send(service, **guest(1)), send(service, **guest(2))
    assert (banned.status, banned.json["status"]) == (other.status, other.json["status"]) == (202, "pending")
    assert banned.json.keys() == other.json.keys()
    screened(service)
    assert [one["author_name"] for one in mona.queue("spam")] == ["Robin 1"]


def test_what_is_so_already_is_not_written_again(service: Service, mona: Moderator) -> None:
    sent_id(service, 1)
    mona.ask("POST", f"/authors/{ROBIN}", {"trusted": True})
    before = service.items("comments"), len(service.items("accounts"))
    mona.ask("POST", f"/authors/{ROBIN}", {"trusted": True, "held": False})
    assert (service.items("comments"), len(service.items("accounts"))) == before
    assert mona.ask("POST", f"/authors/{ROBIN}", {}).status == 422
    assert mona.ask("POST", f"/authors/{ROBIN}", {"note": " "}).errors.keys() == {"note"}


# --- rules


def test_what_rules_give_is_what_they_take_and_the_second_to_write_is_told(service: Service, mona: Moderator) -> None:
    found = mona.ask("GET", "/rules").json
    assert (found["version"], found["link_limit"]) == (0, DEFAULT_RULES.link_limit)
    changed = {**found, "hold_words": ["huddle*"], "domains": ["Bad.Example."]}
    written = mona.ask("PUT", "/rules", changed).json
    assert (written["hold_words"], written["domains"], written["version"]) == (["huddle*"], ["bad.example"], 1)
    assert mona.ask("PUT", "/rules", changed).status == 412
    sent_id(service, 1, body="Our huddles are short.")
    screened(service)
    assert [one["code"] for one in mona.queue()[0]["signals"]] == ["held_words"]


def test_rules_that_cannot_be_are_refused_by_field(mona: Moderator) -> None:
    found = mona.ask("GET", "/rules").json
    wrong = {
        **found,
        "link_limit": 51,
        "hold_words": ["***"],
        "refuse_words": ["x" * 101],
        "domains": ["no domain"],
        "effects": {"nothing": "hold"},
        "spam_from": 0,
    }
    assert mona.ask("PUT", "/rules", wrong).errors.keys() == {
        "link_limit",
        "hold_words",
        "refuse_words.0",
        "domains",
        "effects",
        "spam_from",
    }


def test_a_dry_run_says_what_each_rule_would_have_done_and_does_nothing(service: Service, mona: Moderator) -> None:
    ids = [sent_id(service, n) for n in range(3)]
    held = sent_id(service, 5, body="Buy our apples, they are cheap apples.")
    screened(service)
    mona.act(held, "approve")
    before = service.items("comments")
    tried = mona.ask(
        "POST", "/rules/dry-run", {**mona.ask("GET", "/rules").json, "hold_words": ["cheap *", "ward"]}
    ).json
    assert (tried["looked_at"], tried["verdicts"]["hold"]) == (4, 4)
    assert [(one["pattern"], one["found"], one["of_these_approved"]) for one in tried["rules"]] == [
        ("ward", 3, 0),
        ("cheap *", 1, 1),
    ]
    assert set(tried["rules"][0]["examples"]) == set(ids)
    assert service.items("comments") == before


def test_a_dry_run_stops_before_the_request_would(service: Service, mona: Moderator) -> None:
    for number in range(3):
        sent_id(service, number)
    times = iter([0.0, 0.0, 100.0, 100.0, 100.0])
    assert rulebook.tried(DEFAULT_RULES, seconds=lambda: next(times)).looked_at == 1


def test_the_newest_comments_of_all_queues_come_newest_first(service: Service, mona: Moderator) -> None:
    ids = [sent_id(service, number) for number in range(5)]
    screened(service)
    mona.act(ids[1], "approve")
    mona.act(ids[3], "spam")
    assert [one.comment_id for one in queues.newest(4)] == [*reversed(ids)][:4]


def test_what_an_author_deleted_is_on_no_card(service: Service, mona: Moderator) -> None:
    answer = send(service, **guest(1))
    service.api("DELETE", f"/comments/{answer.json['comment_id']}", x_edit_token=answer.json["edit_token"])
    assert Comment.get(comment_pk(answer.json["comment_id"]), "comment").status == "deleted"
    assert mona.queue() == []
    assert mona.ask("GET", f"/comments/{answer.json['comment_id']}").status == 404
