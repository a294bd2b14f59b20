"""The kernel's small parts: settings, clock, ids, person keys, addresses, tokens, secrets, text, limits, Markdown."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel import clock, errors, ids, markdown, secrets, settings, text, tokens
from kernel.email_address import AddressInvalid, normalise
from kernel.errors import FieldError, LinkExpired, LinkInvalid, Problem, TooManyRequests
from kernel.limits import NETWORKS_KEPT, Limit
from kernel.person_key import person_key
from kernel.text import on_any_lines, on_one_line
from tests import tables

NOW = datetime(2026, 10, 1, 9, tzinfo=UTC)


# --- settings


@dataclass(frozen=True)
class TwoSettings:
    visits_table: str
    base_url: str


def test_settings_are_read_by_their_names() -> None:
    found = settings.read(TwoSettings, {"VISITS_TABLE": "v", "BASE_URL": "https://x", "OTHER": "y"})
    assert found == TwoSettings("v", "https://x")


@pytest.mark.parametrize("environment", [{}, {"VISITS_TABLE": "", "BASE_URL": ""}])
def test_a_function_without_its_settings_does_not_start_and_names_them_all(environment: dict[str, str]) -> None:
    with pytest.raises(settings.SettingMissing, match=r"TwoSettings.*BASE_URL, VISITS_TABLE"):
        settings.read(TwoSettings, environment)


# --- the clock


@pytest.mark.parametrize(
    ("written", "length"),
    [
        ("P1D", timedelta(days=1)),
        ("P1W", timedelta(weeks=1)),
        ("PT90M", timedelta(minutes=90)),
        ("P1DT2H3M4S", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("-PT30M", -timedelta(minutes=30)),
        (" +P2D\n", timedelta(days=2)),
    ],
)
def test_durations_are_read(written: str, length: timedelta) -> None:
    assert clock.parse_duration(written) == length


@pytest.mark.parametrize("written", ["", "P", "PT", "1D", "P1M", "P1Y", "P1.5D", "P-1D", "PT1D", "P1H", "later"])
def test_what_is_no_duration_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        clock.parse_duration(written)


def test_the_clock_is_ahead_by_what_its_file_says_and_right_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "clock"
    monkeypatch.setenv("CLOCK_FILE", str(file))
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(minutes=1)
    file.write_text("P10D")
    assert abs(clock.now() - datetime.now(UTC) - timedelta(days=10)) < timedelta(minutes=1)
    monkeypatch.delenv("CLOCK_FILE")
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(minutes=1)
    assert clock.now().tzinfo is UTC


# --- ids


def test_ids_are_uuids_of_version_seven_that_sort_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    for nanoseconds in (1_790_847_000_000_000_000, 1_790_847_000_001_000_000, 1_790_847_001_000_000_000):
        monkeypatch.setattr("kernel.ids.time.time_ns", lambda nanoseconds=nanoseconds: nanoseconds)
        made.append(ids.uuid7())
    assert made == sorted(made)
    for one in made:
        assert (one.version, one.variant) == (7, "specified in RFC 4122")
    assert int(made[0].hex[:12], 16) == 1_790_847_000_000
    assert len({ids.uuid7() for _ in range(1000)}) == 1000


def test_a_derived_id_is_the_same_for_the_same_parts_and_no_others() -> None:
    assert ids.derived_id("a", 1) == ids.derived_id("a", 1) == UUID("7390dd55-cb2f-5374-92d6-a58ae6f6ec86")
    assert len({ids.derived_id(*parts) for parts in [("a", "b"), ("ab",), ("a", 1), ("a",), ("b", "a")]}) == 5


# --- person keys and addresses


def test_a_person_key_is_one_persons_however_they_write_and_hides_who_they_are() -> None:
    key = person_key("Ada@example.org", "pepper")
    assert key == person_key("ada@example.org", "pepper") == person_key("ADA@EXAMPLE.ORG", "pepper")
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", key)
    assert key != person_key("ada@example.org", "another pepper")
    assert key != person_key("ada@example.com", "pepper")


def test_one_address_in_two_unicode_forms_is_one_person() -> None:
    assert person_key(normalise("zoe\u0308@example.org"), "p") == person_key(normalise("zoë@example.org"), "p")


@given(st.emails())
def test_a_normalised_address_is_normal(typed: str) -> None:
    try:
        once = normalise(typed)
    except AddressInvalid as refused:
        assert str(refused)  # noqa: PT017  most made-up domains are no domains
        return
    assert normalise(once) == once
    assert person_key(once, "p") == person_key(once.swapcase(), "p") or not once.isascii()


# --- links


def test_a_link_says_what_it_was_signed_with_and_opens_one_purpose() -> None:
    token = tokens.sign("place", ["ward", 42], expires_at=NOW + timedelta(days=1), keys=["k"])
    assert re.fullmatch(r"[A-Za-z0-9_.-]+", token), "it stands in a path as it is"
    assert tokens.read("place", token, now=NOW, keys=["k"]) == ["ward", 42]
    with pytest.raises(LinkInvalid):
        tokens.read("address", token, now=NOW, keys=["k"])


def test_a_link_expires_to_the_second_and_some_never_do() -> None:
    expiring = tokens.sign("p", [1], expires_at=NOW, keys=["k"])
    assert tokens.read("p", expiring, now=NOW - timedelta(seconds=1), keys=["k"]) == [1]
    with pytest.raises(LinkExpired):
        tokens.read("p", expiring, now=NOW, keys=["k"])
    lasting = tokens.sign("p", [1], expires_at=None, keys=["k"])
    assert tokens.read("p", lasting, now=NOW.replace(year=9999), keys=["k"]) == [1]


def test_keys_rotate_without_breaking_links() -> None:
    old = tokens.sign("p", [1], expires_at=None, keys=["old"])
    new = tokens.sign("p", [1], expires_at=None, keys=["new", "old"])
    assert tokens.read("p", old, now=NOW, keys=["new", "old"]) == [1]
    assert tokens.read("p", new, now=NOW, keys=["new"]) == [1]
    with pytest.raises(LinkInvalid):
        tokens.read("p", old, now=NOW, keys=["new"])


@given(st.integers(0, 200), st.characters())
def test_no_change_to_a_link_leaves_it_good(at: int, letter: str) -> None:
    token = tokens.sign("place", ["ward", 42], expires_at=None, keys=["k"])
    at %= len(token) - 1  # the last letter of base64url has bits that mean nothing
    changed = token[:at] + letter + token[at + 1 :]
    if changed != token:
        with pytest.raises(LinkInvalid):
            tokens.read("place", changed, now=NOW, keys=["k"])


@pytest.mark.parametrize("token", ["", ".", "a", "x" * 2000, "\x00", "ü.ü", ".eJwDAAAAAAE.x"])
def test_nonsense_is_no_link(token: str) -> None:
    with pytest.raises(LinkInvalid):
        tokens.read("p", token, now=NOW, keys=["k"])


# --- the secret


def test_the_first_signing_key_is_derived_and_stays_the_oldest() -> None:
    first = secrets.parse('{"signing_keys": [], "pepper": "p"}')
    rotated = secrets.parse('{"signing_keys": ["new"], "pepper": "p"}')
    assert rotated.signing_keys == ("new", *first.signing_keys)
    assert first.signing_keys[0] != first.pepper
    assert "p" not in repr(secrets.parse('{"signing_keys": ["zz"], "pepper": "zz"}')).split("(")[1]


def test_the_secret_is_read_once_a_container() -> None:
    with tables.in_memory():
        client = boto3.client("secretsmanager")
        client.create_secret(Name="one", SecretString=json.dumps({"signing_keys": ["a"], "pepper": "p"}))
        secrets.load.cache_clear()
        assert secrets.load("one").signing_keys[0] == "a"
        client.put_secret_value(SecretId="one", SecretString=json.dumps({"signing_keys": ["b"], "pepper": "p"}))
        assert secrets.load("one").signing_keys[0] == "a"
        secrets.load.cache_clear()


# --- text


@given(st.text(st.characters(codec="utf-8", categories=("L", "M", "N", "P", "S", "Zs"))))
def test_letters_marks_numbers_and_signs_of_all_the_world_are_text(typed: str) -> None:
    harmless = "".join(character for character in typed if ord(character) & 0xFFFE != 0xFFFE)
    assert on_one_line(harmless)
    assert on_any_lines(harmless)


@pytest.mark.parametrize(
    "code", [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, 0x202E, 0x2066, 0xD800, 0xFFFE, 0x1FFFF]
)
def test_control_characters_are_no_line_of_text(code: int) -> None:
    assert not on_one_line(f"a{chr(code)}b")
    assert on_any_lines(f"a{chr(code)}b") == (chr(code) in "\n\r\t\u2028\u2029")


def test_what_nobody_can_see_is_blank() -> None:
    assert text.is_blank(" \u200b\u00ad\u2060\u3000")
    assert not text.is_blank("\u200b.")


# --- limits


def test_a_network_may_ask_so_often_within_a_span_and_no_more() -> None:
    limit = Limit(2, timedelta(minutes=1))
    limit.check("a", NOW)
    limit.check("a", NOW + timedelta(seconds=30))
    with pytest.raises(TooManyRequests) as refused:
        limit.check("a", NOW + timedelta(seconds=40))
    assert refused.value.retry_after == 20
    limit.check("b", NOW + timedelta(seconds=40))
    limit.check(None, NOW + timedelta(seconds=40))
    limit.check("a", NOW + timedelta(seconds=60))
    with pytest.raises(TooManyRequests):
        limit.check("a", NOW + timedelta(seconds=61))


def test_a_limit_remembers_only_so_many_networks_and_none_in_the_clear() -> None:
    limit = Limit(1, timedelta(minutes=1))
    for number in range(NETWORKS_KEPT + 10):
        limit.check(f"198.51.100.{number}", NOW)
    assert len(limit._seen) == NETWORKS_KEPT
    assert not any(key.startswith("198.") for key in limit._seen)


# --- Markdown


@pytest.mark.parametrize(
    ("written", "html"),
    [
        ("**b** *i* `c`", "<p><strong>b</strong> <em>i</em> <code>c</code></p>\n"),
        ("# One\n### Three\n#### Four", "<h3>One</h3>\n<h3>Three</h3>\n<h4>Four</h4>\n"),
        ("<b>x</b>", "<p>&lt;b&gt;x&lt;/b&gt;</p>\n"),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>\n"),
        ("[x](https://e.org)", '<p><a href="https://e.org" rel="nofollow noopener noreferrer">x</a></p>\n'),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n"),
    ],
)
def test_markdown_is_a_small_safe_subset(written: str, html: str) -> None:
    assert markdown.render(written) == html


@given(st.text(st.sampled_from("<>&\"'ab[]()!:/\n#*`javscript=on "), max_size=80))
def test_no_markdown_makes_a_script(written: str) -> None:
    html = markdown.render(written)
    tags = set(re.findall(r"<([a-z0-9]+)", html))
    assert tags <= {"p", "br", "strong", "em", "a", "ul", "ol", "li", "blockquote", "code", "pre", "h3", "h4", "hr"}
    assert not re.search(r"<[^>]*\son\w+\s*=", html)
    assert 'href="javascript' not in html


# --- problems


def problems(of: type[Problem] = Problem) -> list[type[Problem]]:
    return [one for kind in of.__subclasses__() for one in (kind, *problems(kind))]


@pytest.mark.parametrize("kind", problems(), ids=lambda kind: kind.__name__)
def test_every_problem_says_what_to_do_and_nothing_internal(kind: type[Problem]) -> None:
    one = kind(errors=[FieldError("name", "This is needed.")])
    assert 400 <= one.status < 600
    assert one.title
    assert one.detail[-1] in ".…"
    assert one.type == "about:blank" or re.fullmatch(r"/problems/[a-z-]+", one.type)


def test_types_of_problems_are_told_apart() -> None:
    named = [kind.type for kind in problems(errors.Problem) if kind.type != "about:blank"]
    assert len(named) == len(set(named))
