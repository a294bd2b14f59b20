"""One rendering of every page and of every state it can be in: what the unit tests and axe-core look at."""

from typing import Any

from tests.unit import console_samples, member_samples, plan_samples, room_samples
from tests.unit.visit_samples import CANCELLED, EVERYBODYS, FULL, NOT_YET, PAST, SERIES, SOMEBODYS, VISIT, a_visit

EMPTY_FORM: dict[str, Any] = {"values": {}, "errors": [], "token": "form-token"}
FILLED_FORM: dict[str, Any] = {
    "values": {
        "name": "Ada O’Neill",
        "email": "ada@example.org",
        "organisation": "St Anne’s",
        "job_role": "Ward sister",
        "access_needs": "Captions, please",
        "answers.hope": "Calmer nights",
        "answers.setting": "Hospital",
        "answers.topics": ["Falls", "Families"],
        "answers.first": "yes",
        "answers.town": "Derby",
        "consents.follow_ups": "true",
        "timezone": "Europe/Paris",
    },
    "errors": [],
    "token": "form-token",
}
WRONG_FORM: dict[str, Any] = {
    "values": {**FILLED_FORM["values"], "email": "ada@"},
    "errors": [
        {"field": "email", "message": "Type an address like name@example.org."},
        {"field": "answers.setting", "message": "Choose an answer to “Where do you work?”."},
        {"field": "answers.topics", "message": "Choose from the answers offered."},
        {"field": "answers.hope", "message": "Shorten this answer."},
        {"field": "consents.follow_ups", "message": "This must be true or false."},
        {"field": "form_token", "message": "That was very quick. Please send it once more."},
    ],
    "token": "form-token",
}


def a_place(visit: dict[str, Any] | None = None, **changes: object) -> dict[str, Any]:
    """Somebody's confirmed place on the sample visit, changed."""
    return {
        "visit": visit or VISIT,
        "registration_id": "01932c07-0000-7000-8000-000000000001",
        "name": "Ada O’Neill",
        "email": "ada@example.org",
        "organisation": "St Anne’s",
        "job_role": "Ward sister",
        "access_needs": None,
        "answers": {},
        "consents": {"follow_ups": True, "introductions": False},
        "status": "confirmed",
        "position": None,
        "offer_expires_at": None,
        "join_url": None,
        "cancelled_at": None,
        **changes,
    }


OPENAPI: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Microclimate", "version": "0.1.0"},
    "paths": {
        "/api/v1/visits": {
            "get": {
                "tags": ["Visits"],
                "summary": "Published visits, next first",
                "parameters": [
                    {
                        "name": "q",
                        "in": "query",
                        "description": "Words to look for",
                        "schema": {"anyOf": [{"type": "string", "maxLength": 100}, {"type": "null"}]},
                    }
                ],
                "responses": {
                    "200": {
                        "description": "A page of visits",
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/VisitList"}}},
                    }
                },
            },
        },
        "/api/v1/visits/{visit_id}/registrations": {
            "post": {
                "tags": ["Visits"],
                "summary": "Register",
                "description": "Takes a place, or a position in line.",
                "parameters": [
                    {"name": "visit_id", "in": "path", "required": True, "schema": {"type": "string"}},
                ],
                "requestBody": {
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Registration"}}}
                },
                "responses": {"201": {"description": "Registered"}},
            }
        },
    },
    "components": {
        "schemas": {
            "VisitList": {
                "type": "object",
                "required": ["items"],
                "properties": {
                    "items": {"type": "array", "items": {"$ref": "#/components/schemas/Visit"}},
                    "next": {"type": ["string", "null"]},
                },
            },
            "Visit": {"type": "object", "properties": {"visit_id": {"type": "string"}}},
            "Registration": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string", "maxLength": 100, "description": "As on a badge."},
                    "format": {"enum": ["online", "in_person"]},
                },
            },
        }
    },
}


def _list(**context: object) -> tuple[str, dict[str, Any]]:
    return "visits/list.html", {**EVERYBODYS, "past": False, "q": "", "next_url": None, **context}


def _visit(visit: dict[str, Any], form: object = None) -> tuple[str, dict[str, Any]]:
    return "visits/visit.html", {**EVERYBODYS, "visit": visit, "form": form}


def _place(place: dict[str, Any], form: object = FILLED_FORM, notice: object = None) -> tuple[str, dict[str, Any]]:
    return "visits/place.html", {**SOMEBODYS, "place": place, "token": "token", "form": form, "notice": notice}


def _address(*, purpose: str, done: bool) -> tuple[str, dict[str, Any]]:
    return "visits/address.html", {
        **SOMEBODYS,
        "purpose": purpose,
        "done": done,
        "email": "new@example.org",
        "visit": VISIT,
        "token": "token",
        "place_url": "/places/token" if done else None,
    }


A_TOKEN: dict[str, Any] = {
    "token_id": "01a20f57-8912-7368-9551-f2c64061741b",
    "name": "Nightly list for the newsletter",
    "scopes": ["organiser:read"],
    "created_at": "2026-11-20T10:00:00+00:00",
    "last_used_at": None,
    "expires_at": "2027-11-20T23:59:59+00:00",
}


def _tokens(**context: object) -> tuple[str, dict[str, Any]]:
    form = {"values": {}, "errors": [], "token": "01a20f57-8912-7368-9551-f2c640617420"}
    scopes = ["organiser", "organiser:read"]
    empty = {"tokens": [], "scopes": scopes, "form": form, "token": None, "made": None, "actor": None}
    return "accounts/tokens.html", {**SOMEBODYS, **empty, **context}


def _join(door: str, **changes: object) -> tuple[str, dict[str, Any]]:
    return "visits/join.html", {
        **SOMEBODYS,
        "door": door,
        "visit": a_visit(**changes),
        "opens_at": "2026-12-08T13:45:00+00:00",
        "token": "token",
        "place_url": "/places/token",
        "reply_to": "visits@example.org",
    }


STORY: dict[str, Any] = {
    "story_id": "ward-that-went-home",
    "title": "The ward that went home, a year on",
    "url": "https://stories.example.org/ward",
    "summary": "Forty beds, none of them in a building.",
    "body_html": "<p>It began with a <strong>kettle</strong>.</p><h3>What changed</h3><p>Mornings.</p>",
    "comments": {"open": True, "close_after_days": None, "mode": "first"},
    "accepts_comments": True,
    "count": 4,
    "created_at": "2026-11-02T09:00:00+00:00",
    "changed_at": "2026-11-02T09:00:00+00:00",
}


def a_comment(number: int, *replies: dict[str, Any], **changes: object) -> dict[str, Any]:
    """A comment as a page shows it, with what answers it."""
    return {
        "comment_id": f"019ab5c4-7e10-7c3a-9f21-00000000000{number}",
        "parent_id": None,
        "author_name": f"Robin Ash {number}",
        "is_member": False,
        "html": f"<p>We tried this on ward {number}, and <em>it worked</em>.</p>",
        "created_at": "2026-11-20T10:00:00+00:00",
        "edited_at": None,
        "pinned": False,
        "orphan": False,
        "replies": list(replies),
        **changes,
    }


THREAD = a_comment(
    1,
    a_comment(2, a_comment(3, author_name="<b>Ada</b>"), is_member=True, edited_at="2026-11-20T11:00:00+00:00"),
    pinned=True,
)
COMMENT_FORM: dict[str, Any] = {"values": {}, "errors": [], "token": "form-token"}
WRONG_COMMENT: dict[str, Any] = {
    "values": {"author_name": "Robin", "author_email": "robin@", "body": "Ring 07700 900123", "parent_id": ""},
    "errors": [
        {"field": "author_email", "message": "Type an address like name@example.org."},
        {"field": "body", "message": "Shorten this to 5,000 characters."},
        {"field": "", "message": "This page was open for a long time. Please send it once more."},
    ],
    "token": "form-token",
}
WARNED = [{"message": "This looks like a phone number.", "words": ["07700 900123"]}]
OWN: dict[str, Any] = {
    "comment_id": "019ab5c4-7e10-7c3a-9f21-000000000001",
    "story_id": "ward-that-went-home",
    "status": "pending",
    "author_name": "Robin Ash",
    "body": "Ring 07700 900123",
    "html": "<p>Ring 07700 900123</p>",
    "created_at": "2026-11-20T10:00:00+00:00",
    "edited_at": None,
    "warnings": [],
}


def _story(**context: object) -> tuple[str, dict[str, Any]]:
    return "comments/story.html", {
        **EVERYBODYS,
        "story": STORY,
        "pinned": [],
        "threads": [THREAD, a_comment(4, orphan=True)],
        "order": "oldest",
        "next_url": None,
        "form": COMMENT_FORM,
        "answered": None,
        "warnings": None,
        **context,
    }


def _write(**context: object) -> tuple[str, dict[str, Any]]:
    return "comments/write.html", {
        **SOMEBODYS,
        "story": STORY,
        "form": COMMENT_FORM,
        "answered": None,
        "warnings": None,
        "member": "Ada",
        **context,
    }


def _mine(**context: object) -> tuple[str, dict[str, Any]]:
    return "comments/mine.html", {
        **SOMEBODYS,
        "story": STORY,
        "comment": OWN,
        "token": "token",
        "can_change": True,
        "form": {**COMMENT_FORM, "values": {"body": OWN["body"], "author_name": "Robin Ash"}},
        "notice": None,
        "warnings": [],
        **context,
    }


def _report(**context: object) -> tuple[str, dict[str, Any]]:
    return "comments/report.html", {
        **SOMEBODYS,
        "story": STORY,
        "comment": a_comment(1),
        "form": COMMENT_FORM,
        "done": False,
        **context,
    }


ANSWERED = {"comment_id": THREAD["comment_id"], "author_name": "Robin Ash 1", "html": THREAD["html"]}

PAGES: dict[str, tuple[str, dict[str, Any]]] = {
    "coming visits": _list(visits=[VISIT, FULL, NOT_YET], next_url="/?cursor=abc"),
    "past visits, searched": _list(visits=[PAST], past=True, q="handover"),
    "nothing found": _list(visits=[], q="<script>"),
    "no visits": _list(visits=[]),
    "no past visits": _list(visits=[], past=True),
    "visit, open": _visit(VISIT, EMPTY_FORM),
    "visit, filled in": (
        "visits/visit.html",
        {**SOMEBODYS, "visit": VISIT, "form": FILLED_FORM, "prefilled_for": "ada@example.org"},
    ),
    "visit, series": _visit(SERIES, EMPTY_FORM),
    "visit, with errors": _visit(VISIT, WRONG_FORM),
    "visit, waiting list": _visit(FULL, EMPTY_FORM),
    "visit, not yet": _visit(NOT_YET),
    "visit, full": _visit(a_visit(registration="full", seats_left=0)),
    "visit, closed": _visit(a_visit(registration="closed")),
    "visit, cancelled": _visit(CANCELLED),
    "visit, past": _visit(PAST),
    "visit, past, nothing shared": _visit(a_visit(registration="ended", status="ended")),
    "registered": ("visits/registered.html", {**SOMEBODYS, "visit": VISIT, "status": "confirmed", "position": None}),
    "registered, waiting": ("visits/registered.html", {**SOMEBODYS, "visit": FULL, "status": "waiting", "position": 5}),
    "my place": _place(a_place(), notice="Your details are saved."),
    "my place, with errors": _place(a_place(), WRONG_FORM),
    "my place, waiting": _place(a_place(FULL, status="waiting", position=3)),
    "my place, cancelled": _place(a_place(status="cancelled", cancelled_at="2026-11-20T10:00:00+00:00")),
    "my place, visit cancelled": _place(a_place(CANCELLED)),
    "my place, visit past": _place(a_place(PAST)),
    "my place, time to join": _place(a_place(join_url="https://visits.example.org/join/token")),
    "join": _join("open"),
    "join, early": _join("early"),
    "join, over": _join("over", status="ended"),
    "join, called off": _join("called_off", status="cancelled"),
    "join, waiting": _join("waiting"),
    "join, cancelled": _join("cancelled"),
    "join, no room": _join("no_room"),
    "join, not online": _join("no_room", format="in_person", venue="Elm House"),
    "find my place": ("visits/find_place.html", {**EVERYBODYS, "form": EMPTY_FORM}),
    "find my place, with errors": ("visits/find_place.html", {**EVERYBODYS, "form": WRONG_FORM}),
    "links sent": ("visits/links_sent.html", SOMEBODYS),
    "expired link": ("visits/expired_link.html", {**SOMEBODYS, "form": EMPTY_FORM}),
    "address, confirm": _address(purpose="confirm", done=False),
    "address, confirmed": _address(purpose="confirm", done=True),
    "address, undo": _address(purpose="undo", done=False),
    "address, undone": _address(purpose="undo", done=True),
    **console_samples.PAGES,
    **member_samples.PAGES,
    **plan_samples.PAGES,
    **room_samples.PAGES,
    "tokens": _tokens(tokens=[A_TOKEN, {**A_TOKEN, "last_used_at": "2026-11-22T10:00:00+00:00", "expires_at": None}]),
    "tokens, one made": _tokens(tokens=[A_TOKEN], token="mc_" + "x" * 43, made=A_TOKEN),
    "tokens, none, with errors": _tokens(
        form={
            "values": {"name": "", "scopes": ["organiser"], "expires_at": "2020-01-01"},
            "errors": [
                {"field": "name", "message": "Give the token a name, so that you know later what it is for."},
                {"field": "expires_at", "message": "Choose a moment to come."},
            ],
            "token": "01a20f57-8912-7368-9551-f2c640617420",
        }
    ),
    "signed out": ("accounts/signed_out.html", {**SOMEBODYS, "way_out": "https://sign-in.example.org/logout"}),
    "stories": (
        "comments/list.html",
        {
            **EVERYBODYS,
            "stories": [STORY, {**STORY, "count": 0, "accepts_comments": False}],
            "next_url": "/stories?cursor=x",
        },
    ),
    "no stories": ("comments/list.html", {**EVERYBODYS, "stories": [], "next_url": None}),
    "story": _story(pinned=[THREAD], next_url="/stories/ward-that-went-home?cursor=x#comments"),
    "story, newest first, answering": _story(order="newest", answered=ANSWERED),
    "story, without comments": _story(story={**STORY, "count": 0, "body_html": "", "url": ""}, threads=[]),
    "story, closed": _story(story={**STORY, "accepts_comments": False, "count": 1}),
    "story, with errors": _story(form=WRONG_COMMENT),
    "story, checked": _story(form={**WRONG_COMMENT, "errors": []}, warnings=WARNED),
    "story, nothing to warn about": _story(form={**WRONG_COMMENT, "errors": []}, warnings=[]),
    "comment as a member": _write(answered=ANSWERED),
    "comment as a member, with errors": _write(form=WRONG_COMMENT),
    "comment as a member, checked": _write(form={**WRONG_COMMENT, "errors": []}, warnings=WARNED),
    "comment as a member, nothing to warn about": _write(warnings=[]),
    "comment as a member, closed": _write(story={**STORY, "accepts_comments": False}),
    "my comment": _mine(notice="Thank you. Your comment has reached us.", warnings=WARNED),
    "my comment, public": _mine(comment={**OWN, "status": "approved"}, can_change=False),
    "my comment, with errors": _mine(form=WRONG_COMMENT),
    "my comment, deleted": ("comments/deleted.html", {**SOMEBODYS, "story": STORY}),
    "report": _report(),
    "report, with errors": _report(
        form={"values": {"note": "x"}, "errors": [{"field": "reason", "message": "Choose."}], "token": ""}
    ),
    "reported": _report(done=True),
    "comments policy": ("comments/policy.html", EVERYBODYS),
    "problem": (
        "kernel/problem.html",
        {
            **SOMEBODYS,
            "problem": {"title": "Registration has closed", "detail": "Registration for this visit has closed."},
            "actions": [{"href": "/", "label": "See the coming visits"}, {"href": "/places", "label": "My place"}],
            "request_id": "1-67-89",
        },
    ),
    "not found": ("kernel/not_found.html", SOMEBODYS),
    "privacy": ("kernel/privacy.html", EVERYBODYS),
    "accessibility": ("kernel/accessibility.html", EVERYBODYS),
    "api": ("kernel/api_docs.html", {**EVERYBODYS, "openapi": OPENAPI}),
}
