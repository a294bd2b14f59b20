"""The words of a plan's steps: variables from a fixed list, and nothing in a text that runs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from followups import words
from followups.steps import DEFAULT
from kernel import markdown

VALUES = {variable.name: variable.example for variable in words.VARIABLES}


def test_what_is_on_no_list_is_named_once_and_in_order() -> None:
    text = "{{ nobody }} {{name}} {{ host.secret }} {{ nobody }} {{ 7*7 }}"
    assert words.unknown_names(text) == ["nobody", "host.secret", "7*7"]


@pytest.mark.parametrize("step", [step for step in DEFAULT if step.body_markdown], ids=lambda step: step.step)
def test_the_default_plan_uses_known_names_alone(step: object) -> None:
    assert not words.unknown_names(step.subject + step.body_markdown)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "text", ["{% for x in y %}{% endfor %}", "{# no #}", "{{", "}}", "${visit}", "{visit}", "%(visit)s", "{{ }"]
)
def test_nothing_but_a_variable_means_anything(text: str) -> None:
    assert words.unknown_names(text) == []
    assert words.fill(text, VALUES) == text


def test_a_value_is_put_in_once_and_is_no_template_itself() -> None:
    values = {**VALUES, "visit": "{{ join_link }}"}
    assert words.fill("{{ visit }}", values) == "{{ join_link }}"


@given(st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=60))
def test_a_value_is_text_in_markdown_whatever_it_holds(title: str) -> None:
    title = " ".join(title.split())
    html = markdown.render(words.fill_markdown("a {{ visit }} b", {"visit": title}))
    tags = html.count("<")
    assert tags == 2 or (tags == 4 and title.startswith(("http://", "https://")))


@pytest.mark.parametrize("address", ["https://e.org/a_b*c(d).pdf", "https://e.org/x?y=1&z=[2]", "https://e.org/<b>"])
def test_an_address_becomes_a_link_bare_or_in_brackets(address: str) -> None:
    values = {"recording_link": address}
    bare = markdown.render(words.fill_markdown("{{ recording_link }}", values))
    named = markdown.render(words.fill_markdown("[see it]({{ recording_link }})", values))
    assert bare.count("<a href=") == named.count("<a href=") == 1
    assert ">see it</a>" in named


def test_a_value_that_is_no_web_address_becomes_no_link() -> None:
    html = markdown.render(words.fill_markdown("[see it]({{ recording_link }})", {"recording_link": "javascript:x()"}))
    assert "<a" not in html


def test_the_text_part_writes_addresses_out() -> None:
    text = "See [your page]({{ place_link }}).\n\n{{ tools }}"
    values = {**VALUES, "place_link": "https://e.org/p", "tools": words.link("Kit *list*", "https://e.org/k(1)")}
    assert words.plain(text, values) == "See your page <https://e.org/p>.\n\n" + "Kit *list* <https://e.org/k%281%29>"
