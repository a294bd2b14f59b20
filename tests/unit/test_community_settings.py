"""Settings: what is taken, what is refused and how, who sees the change, and who is told that it was made."""

import pytest

from tests.service import Answer, Service
from tests.unit.test_who_is_asking import OURS, sign_in

GOOD = {
    "community_name": "Open Doors",
    "reply_to": "hello@opendoors.example.org",
    "colours": {"accent": "#5B2A86"},
    "embedders": ["https://www.example.org", "https://Bücher.example/", "https://shop.example.org:8443"],
}


def test_until_somebody_sets_them_settings_are_the_stages_own(service: Service) -> None:
    answer = service.organise("GET", "/settings")
    assert answer.json == {
        "community_name": "Community of Practice",
        "reply_to": "visits@example.org",
        "colours": {"accent": "#1d6650"},
        "embedders": [],
        "version": 0,
    }
    assert answer.headers["ETag"] == '"0"'


def test_what_was_set_is_read_and_shown_at_once(service: Service) -> None:
    saved = service.organise("PUT", "/settings", GOOD)
    assert saved.status == 200, saved.body
    assert saved.json == {
        **GOOD,
        "colours": {"accent": "#5b2a86"},
        "embedders": ["https://www.example.org", "https://xn--bcher-kva.example", "https://shop.example.org:8443"],
        "version": 1,
    }
    assert service.organise("GET", "/settings").json == saved.json
    assert "Open Doors" in service.get("/").body


def test_what_was_read_can_be_sent_back_and_changes_nothing(service: Service) -> None:
    read = service.organise("PUT", "/settings", GOOD).json
    assert service.organise("PUT", "/settings", read).json == read
    assert len(service.organise("GET", "/audit").json["items"]) == 1


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"community_name": ""}, "community_name", "needed"),
        ({"community_name": "x" * 81}, "community_name", "80"),
        ({"community_name": "two\nlines"}, "community_name", "single line"),
        ({"reply_to": "nobody"}, "reply_to", "email address"),
        ({"colours": {"accent": "green"}}, "colours.accent", "#1d6650"),
        ({"colours": {"accent": "#ff0000"}}, "colours.accent", "3.9 to 1"),
        ({"colours": {"accent": "#757575"}}, "colours.accent", "light background"),
        ({"embedders": ["http://www.example.org"]}, "embedders.0", "https://www.example.org"),
        ({"embedders": ["https://www.example.org/path"]}, "embedders.0", "nothing behind"),
        ({"embedders": ["https://*.example.org"]}, "embedders.0", "https://"),
        ({"embedders": ["https://user@example.org"]}, "embedders.0", "https://"),
        ({"embedders": ["https://localhost"]}, "embedders.0", "https://"),
        ({"embedders": ["https://example.org:port"]}, "embedders.0", "https://"),
        ({"embedders": ["https://example.org'; script-src *"]}, "embedders.0", "https://"),
        ({"embedders": [f"https://{n}.example.org" for n in range(21)]}, "embedders", "20 at most"),
        ({"font": "Comic"}, "font", "no such field"),
    ],
)
def test_what_cannot_be_taken_is_refused_beside_its_field(
    service: Service, change: dict[str, object], field: str, says: str
) -> None:
    refused = service.organise("PUT", "/settings", {**GOOD, **change})
    assert says in refused.errors[field]
    assert service.organise("GET", "/settings").json["version"] == 0


def test_a_change_based_on_an_older_version_is_refused_where_a_version_is_sent(service: Service) -> None:
    first = service.organise("PUT", "/settings", GOOD).json
    other = {**GOOD, "community_name": "Wider Doors"}
    assert service.organise("PUT", "/settings", other, if_match='"0"').status == 412
    assert service.organise("PUT", "/settings", {**other, "version": 0}).status == 412
    assert service.organise("PUT", "/settings", other, if_match="1").status == 400
    assert service.organise("PUT", "/settings", other, if_match=f'"{first["version"]}"').status == 200
    assert service.organise("PUT", "/settings", GOOD).status == 200


def test_a_change_leaves_an_entry_that_says_what_was_changed(service: Service) -> None:
    service.organise("PUT", "/settings", GOOD)
    [entry] = service.organise("GET", "/audit").json["items"]
    assert (entry["action"], entry["subjects"]) == ("settings.changed", ["settings"])
    assert entry["facts"] == {"changed": ["community", "reply_to", "accent", "embedders"]}
    page = service.send("GET", "/organise/audit", headers=sign_in(service, "organiser")).body
    assert '<strong>Olive Organiser</strong> changed <a href="/organise/settings">the settings</a>' in page


def form(**changes: str) -> dict[str, str]:
    return {
        "version": "0",
        "community_name": "Open Doors",
        "reply_to": "hello@opendoors.example.org",
        "colours.accent": "#5b2a86",
        "embedders": "https://www.example.org\r\n\r\nhttps://two.example.org",
        **changes,
    }


def test_the_page_saves_them_and_says_so(service: Service) -> None:
    mine = {**sign_in(service, "organiser"), **OURS}
    saved = post(service, form(), mine)
    assert (saved.status, saved.headers["Location"]) == (303, "/organise/settings?said=saved")
    page = service.send("GET", "/organise/settings", headers=mine, query={"said": "saved"}).body
    assert "Saved." in page
    assert 'value="Open Doors"' in page
    assert "https://www.example.org\nhttps://two.example.org" in page


def test_the_page_keeps_what_was_typed_where_something_is_wrong_with_it(service: Service) -> None:
    mine = {**sign_in(service, "organiser"), **OURS}
    refused = post(service, form(**{"colours.accent": "#ffff00", "embedders": "nonsense"}), mine)
    assert refused.status == 422
    for kept in ("#ffff00", "nonsense", "Open Doors", "Choose a darker shade", "https://www.example.org"):
        assert kept in refused.body


def test_two_who_save_at_once_lose_nothing(service: Service) -> None:
    mine = {**sign_in(service, "organiser"), **OURS}
    service.organise("PUT", "/settings", {**GOOD, "community_name": "Wider Doors"})
    late = post(service, form(), mine)
    assert late.status == 412
    assert "the name is “Wider Doors” now" in late.body
    assert 'value="Open Doors"' in late.body
    assert 'name="version" value="1"' in late.body
    assert post(service, form(version="1"), mine).status == 303
    assert service.organise("GET", "/settings").json["community_name"] == "Open Doors"


def post(service: Service, fields: dict[str, str], headers: dict[str, str]) -> Answer:
    from urllib.parse import urlencode

    kind = "application/x-www-form-urlencoded"
    return service.send("POST", "/organise/settings", urlencode(fields), content_type=kind, headers=headers)
