"""Moderators in real browsers: by key, two at once, and what others do meanwhile."""

import os
import re
from pathlib import Path
from time import monotonic

from playwright.sync_api import Page, expect

from tests.e2e.conftest import OpenPage
from tests.e2e.moderators import a_story, comment, moderate, moderator, waiting
from tests.e2e.service import Service

HELD = 50
PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pictures"


def room(page: Page, story_id: str, **more: str) -> None:
    """Open the queue of one story, so that tests do not meet each other's comments."""
    narrowed = "".join(f"&{name}={value}" for name, value in more.items())
    page.goto(f"/moderate?story={story_id}{narrowed}")
    expect(page.locator("html.on")).to_be_attached()


def look_around(page: Page) -> None:
    """What the page does by itself every ten seconds, now."""
    with page.expect_response(re.compile("/moderation/news")):
        page.evaluate("window.dispatchEvent(new Event('focus'))")


def said(page: Page) -> str:
    return page.locator("#said").inner_text()


def status(service: Service, comment_id: str) -> str:
    return str(moderate(service, "GET", f"/comments/{comment_id}")["status"])


def public(service: Service, story_id: str) -> list[str]:
    answer = service.get(f"{service.api}/stories/{story_id}/comments?limit=100")
    return [one["comment_id"] for one in answer.json["items"]]


def test_a_comment_is_held_approved_by_key_and_seen(service: Service, visitor: OpenPage) -> None:
    story_id = a_story(service)
    comment_id = comment(service, story_id, "Ring me on 07700 900123 about it.")
    waiting(service, story_id, 1)
    page = moderator(visitor, service, "Mona")
    room(page, story_id)
    expect(page.locator("mark")).to_contain_text("07700 900123")
    page.keyboard.press("j")
    expect(page.locator(f"#comment-{comment_id}")).to_have_attribute("aria-current", "true")
    page.keyboard.press("a")
    expect(page.locator("#said")).to_contain_text("Approved: Ines Halloran.")
    assert public(service, story_id) == [comment_id]


def test_undo_takes_a_decision_back(service: Service, visitor: OpenPage) -> None:
    story_id = a_story(service)
    comment_id = comment(service, story_id, "Well done, all of you.")
    waiting(service, story_id, 1)
    page = moderator(visitor, service, "Mona")
    room(page, story_id)
    page.keyboard.press("j")
    page.keyboard.press("s")
    expect(page.locator("#said")).to_contain_text("Marked as spam")
    page.keyboard.press("u")
    expect(page.locator("#said")).to_contain_text("Put back: Ines Halloran.")
    assert status(service, comment_id) == "pending"
    page.keyboard.press("a")
    expect(page.locator("#said")).to_contain_text("Approved")
    page.locator("#said button").click()
    expect(page.locator("#said")).to_contain_text("Put back")
    assert public(service, story_id) == []


def test_rejecting_asks_for_a_reason_and_needs_no_mouse(service: Service, visitor: OpenPage) -> None:
    story_id = a_story(service)
    comment_id = comment(service, story_id, "Buy my book, it is the best there is.")
    waiting(service, story_id, 1)
    page = moderator(visitor, service, "Mona")
    room(page, story_id)
    page.keyboard.press("j")
    page.keyboard.press("r")
    expect(page.locator(f"#reason-{comment_id}")).to_be_focused()
    page.keyboard.press("5")
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_contain_text("Rejected")
    card = moderate(service, "GET", f"/comments/{comment_id}")
    assert (card["status"], card["reason"]) == ("rejected", "promotional")


def test_keys_stay_out_of_fields_and_can_be_turned_off(service: Service, visitor: OpenPage) -> None:
    story_id = a_story(service)
    comment_id = comment(service, story_id, "A word about keys.")
    waiting(service, story_id, 1)
    page = moderator(visitor, service, "Mona")
    room(page, story_id)
    page.locator("#q").press_sequentially("saxj?")
    page.keyboard.press("Tab")
    page.keyboard.press("j")
    page.keyboard.press("Control+a")
    page.locator("#keys-switch").click()
    expect(page.locator("#keys-switch")).to_have_text("Keys are off")
    for key in "jasxu?":
        page.keyboard.press(key)
    expect(page.locator("#keys")).to_be_hidden()
    assert status(service, comment_id) == "pending"
    page.reload()
    expect(page.locator("#keys-switch")).to_have_text("Keys are off")
    page.locator("#keys-switch").click()
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()


def test_two_who_decide_at_once_are_told_apart_and_cards_settle_live(service: Service, visitor: OpenPage) -> None:
    story_id = a_story(service)
    first, second = (comment(service, story_id, f"Thought number {n}.", f"Reader {n}") for n in range(2))
    waiting(service, story_id, 2)
    mona, noor = moderator(visitor, service, "Mona"), moderator(visitor, service, "Noor")
    room(mona, story_id)
    room(noor, story_id)
    mona.keyboard.press("j")
    noor.keyboard.press("j")
    mona.keyboard.press("a")
    expect(mona.locator("#said")).to_contain_text("Approved")
    noor.keyboard.press("s")
    expect(noor.locator("#said")).to_contain_text(re.compile(r"Reader 0: Mona approved this at \d\d:\d\d\."))
    expect(noor.locator(f"#comment-{second}")).to_have_attribute("aria-current", "true")
    assert status(service, first) == "approved"
    before = noor.locator(f"#comment-{second}").bounding_box()
    mona.keyboard.press("a")
    expect(mona.locator("#said")).to_contain_text("Approved: Reader 1")
    look_around(noor)
    expect(noor.locator(f"#comment-{second}")).to_contain_text("Mona approved this at")
    assert before is not None
    after = noor.locator(f"#comment-{second}").bounding_box()
    assert after is not None
    assert after["y"] == before["y"], "a card that settles moves nothing"


def test_new_ones_wait_behind_a_button_and_the_list_never_jumps(service: Service, visitor: OpenPage) -> None:
    story_id = a_story(service)
    first = comment(service, story_id, "The first thought.")
    waiting(service, story_id, 1)
    page = moderator(visitor, service, "Mona")
    room(page, story_id)
    card = page.locator(f"#comment-{first}")
    expect(card).to_be_visible()
    second = comment(service, story_id, "The second thought.", "Reader Two")
    waiting(service, story_id, 2)
    look_around(page)
    expect(page.locator("#new button")).to_have_text(re.compile(r"Show \d+ new"))
    expect(page.locator(f"#comment-{second}")).to_have_count(0)
    page.locator("#new button").click()
    expect(page.locator(f"#comment-{second}")).to_be_visible()
    assert page.locator("#queue > .held").first.get_attribute("id") == f"comment-{first}"


def test_several_are_decided_together(service: Service, visitor: OpenPage) -> None:
    story_id = a_story(service)
    ids = [comment(service, story_id, f"Thought number {n}.", f"Reader {n}") for n in range(3)]
    waiting(service, story_id, 3)
    page = moderator(visitor, service, "Mona")
    room(page, story_id)
    for key in ("j", "x", "j", "x"):
        page.keyboard.press(key)
    expect(page.locator("#chosen")).to_have_text("2 chosen:")
    page.get_by_role("button", name="Approve them").click()
    expect(page.locator("#said")).to_contain_text("Approved: 2 comments. 1 left here.")
    assert sorted(public(service, story_id)) == sorted(ids[:2])


def test_one_at_a_time_shows_one_and_goes_on_by_itself(service: Service, visitor: OpenPage) -> None:
    story_id = a_story(service)
    first, second = (comment(service, story_id, f"Thought number {n}.", f"Reader {n}") for n in range(2))
    waiting(service, story_id, 2)
    page = moderator(visitor, service, "Mona", viewport={"width": 360, "height": 740})
    room(page, story_id, one="1")
    expect(page.locator(f"#comment-{first}")).to_be_visible()
    expect(page.locator(f"#comment-{second}")).to_be_hidden()
    page.locator(f"#comment-{first}").get_by_role("button", name="Approve").click()
    expect(page.locator(f"#comment-{second}")).to_be_visible()


def test_the_room_works_without_a_script(service: Service, visitor: OpenPage) -> None:
    story_id = a_story(service)
    comment_id = comment(service, story_id, "No script needed.")
    waiting(service, story_id, 1)
    page = moderator(visitor, service, "Mona", java_script_enabled=False)
    page.goto(f"/moderate?story={story_id}")
    page.locator(f"#comment-{comment_id}").get_by_role("button", name="Approve").click()
    expect(page.locator("#said")).to_contain_text("Approved: 1 comment.")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#said")).to_contain_text("Put back: 1 comment.")
    assert status(service, comment_id) == "pending"


def test_two_moderators_clear_fifty_by_keyboard_without_treading_on_each_other(
    service: Service, visitor: OpenPage
) -> None:
    story_id = a_story(service)
    ids = [comment(service, story_id, f"Thought number {n} on the visit.", f"Reader {n}") for n in range(HELD)]
    waiting(service, story_id, HELD)
    mona, noor = moderator(visitor, service, "Mona"), moderator(visitor, service, "Noor")
    room(mona, story_id)
    room(noor, story_id, order="newest")
    began = monotonic()
    for page in (mona, noor):
        page.keyboard.press("j")
    keys = ["a", "a", "s"]
    presses = 0
    while moderate(service, "GET", f"/queue?limit=1&story={story_id}")["items"]:
        for page in (mona, noor):
            page.keyboard.press(keys[presses % len(keys)])
            presses += 1
            expect(page.locator("#queue > [data-busy]")).to_have_count(0)
        assert monotonic() - began < 5 * 60
    took = monotonic() - began
    print(f"\n{HELD} comments by two at the keyboard: {took:.0f} s, {presses} keys")
    decided = [moderate(service, "GET", f"/audit?comment={uid}")["items"] for uid in ids]
    by = [[one["by"] for one in history if one["what"] in {"approved", "marked_spam"}] for history in decided]
    assert all(len(who) == 1 for who in by), "each was decided once"
    assert {who for [who] in by} == {"Mona", "Noor"}
    for page in (mona, noor):
        expect(page.locator("#empty")).to_be_visible()


# --- the pictures of docs/moderators-guide.md


def test_the_guides_pictures_show_the_room_as_it_is(service: Service, visitor: OpenPage, tmp_path: Path) -> None:
    """With PICTURES=1 the pictures are taken anew; without, what they show is looked at all the same."""
    folder = PICTURES if os.environ.get("PICTURES") else tmp_path
    folder.mkdir(exist_ok=True)
    story_id = a_story(service)
    above = comment(service, story_id, "How did the huddle **begin**?", "Priya Raman")
    waiting(service, story_id, 1)
    moderate(service, "POST", "/decisions", {"decisions": [{"comment_id": above, "version": 1, "action": "approve"}]})
    texts = {
        "Tomasz Zielinski": "We saw Mrs Quillfeather fall twice. Ring me on 07700 900123, or see https://falls.example/story",
        "Gwen Parry": "Ten minutes at eight, standing up. It changed our mornings.",
        "Marcus Bell": "Check out my channel for passive income!",
    }
    ids = {name: _answer(service, story_id, above, text, name) for name, text in texts.items()}
    waiting(service, story_id, len(texts))
    page = moderator(visitor, service, "Mona", viewport={"width": 1000, "height": 900})

    def picture(name: str) -> None:
        page.screenshot(path=folder / f"{name}.png")

    room(page, story_id)
    picture("moderators-room")
    page.keyboard.press("j")
    page.locator(f"#comment-{ids['Tomasz Zielinski']}").screenshot(path=folder / "moderators-card.png")
    page.keyboard.press("r")
    expect(page.locator("details[open] select")).to_be_focused()
    page.locator(f"#comment-{ids['Tomasz Zielinski']}").screenshot(path=folder / "moderators-rejecting.png")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.locator("#keys").screenshot(path=folder / "moderators-keys.png")
    page.keyboard.press("?")
    page.keyboard.press("j")
    page.keyboard.press("a")
    expect(page.locator("#said")).to_contain_text("Approved")
    picture("moderators-undo")
    page.goto(f"/moderate/comments/{ids['Tomasz Zielinski']}")
    picture("moderators-comment")
    page.goto("/moderate/rules")
    page.get_by_role("button", name="Try them out").click()
    expect(page.locator("#tried")).to_be_visible()
    picture("moderators-rules")
    taken = {path.name for path in folder.glob("moderators-*.png")}
    guide = (PICTURES.parent / "moderators-guide.md").read_text()
    assert taken == set(re.findall(r"pictures/(moderators-[a-z]+\.png)", guide)), "the guide shows each of them"
    assert taken <= {path.name for path in PICTURES.glob("*.png")}, "run with PICTURES=1, and commit what it takes"


def _answer(service: Service, story_id: str, parent: str, body: str, name: str) -> str:
    email = f"{name.lower().replace(' ', '.')}@example.org"
    sent = {"author_name": name, "author_email": email, "body": body, "parent_id": parent}
    answer = service.ask("POST", f"{service.api}/stories/{story_id}/comments", sent)
    assert answer.status == 202, answer.text
    return str(answer.json["comment_id"])
