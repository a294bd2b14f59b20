"""A step's own words: Markdown with ``{{ name }}``-like variables from a fixed list. Pure, and nothing in it runs.

A variable is replaced by its value and by nothing else: no expressions, no conditions, no attributes. In Markdown a
value is text, so that a title with a star in it stays a title with a star in it; those that are links or lists by
themselves are marked so in the list.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Variable:
    """A name that texts may use.

    Attributes:
        is_markdown: its value is Markdown of ours, and goes in as it is.
    """

    name: str
    says: str
    example: str
    is_markdown: bool = False


VARIABLES: Final = (
    Variable("name", "the person’s name as they gave it; “there” where it cannot stand in a greeting", "Ada Quill"),
    Variable("visit", "the visit’s title", "Inside the virtual ward"),
    Variable("host", "who is visited", "Harbour Community Care"),
    Variable("when", "date and time, in the visit’s zone", "Tuesday 27 October 2026, 14:00 to 16:30 GMT (London)"),
    Variable("where", "the place, or “Online”", "Online"),
    Variable("position", "the person’s number in line; empty for everybody else", "3"),
    Variable("community", "the community’s name", "Community of Practice"),
    Variable("place_link", "the person’s own page: look, change, cancel", "https://example.org/places/…"),
    Variable("visit_link", "the visit’s public page", "https://example.org/visits/virtual-ward"),
    Variable(
        "join_link",
        "the person’s own link to join online; their page where there is none",
        "https://example.org/join/…",
    ),
    Variable("recording_link", "the recording, once shared; else the visit’s page", "https://video.example.org/ward"),
    Variable(
        "tools", "a list of what was shared, each a link; empty before", "- [Kit list](https://example.org/kit)", True
    ),
    Variable(
        "attendance_line",
        "a sentence that fits: who came is thanked, who missed it is missed, neutral while that is not known",
        "Thank you for being part of it.",
    ),
)

NAMES: Final = frozenset(variable.name for variable in VARIABLES)

ATTENDANCE_LINES: Final = {
    "attended": "Thank you for being part of it.",
    "missed": "We are sorry that you could not be there.",
    "unknown": "Thank you for your interest in this visit.",
}

_SLOT: Final = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
# What Markdown takes for its own: a backslash before it makes it text (CommonMark, 2.4).
_PUNCTUATION: Final = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|~&\"'])")
_ADDRESS: Final = re.compile(r"https?://[^\s\"\\]+")
_LINK: Final = re.compile(r"\[((?:\\.|[^\]\\\n])+)\]\((?:<([^>\n]*)>|(\{\{[^}\n]*\}\}|[^)\s]+))\)")


def unknown_names(text: str) -> list[str]:
    """Return what a text asks for that is on no list, in its order; ``{{`` without an end is shown as text."""
    return list(dict.fromkeys(name for name in _names(text) if name not in NAMES))


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return plain text with each variable's value in its place."""
    return _SLOT.sub(lambda slot: values.get(slot[1].strip(), ""), text)


def fill_markdown(text: str, values: Mapping[str, str]) -> str:
    """Return Markdown with each variable's value in its place: as text, or as a link where it is an address.

    An address that stands in the brackets of a link stays bare: ``[Join]({{ join_link }})``.
    """
    return _SLOT.sub(lambda slot: _in_markdown(slot, text, values), text)


def plain(text: str, values: Mapping[str, str]) -> str:
    """Return Markdown as the text part of an email shows it: addresses written out, other marks left as they are."""
    shown = {
        variable.name: _written_out(values.get(variable.name, "")).replace("\\", "")
        if variable.is_markdown
        else values.get(variable.name, "")
        for variable in VARIABLES
    }
    return fill(_written_out(text), shown).strip()


def link(title: str, address: str) -> str:
    """Return a link in Markdown; the title is text."""
    return f"[{escaped(title)}](<{_encoded(address)}>)"


def _written_out(markdown: str) -> str:
    """Links as "title <address>": what RFC 3986, appendix C, recommends for addresses in text."""
    return _LINK.sub(lambda link: f"{link[1]} <{link[2] or link[3]}>", markdown)


def _encoded(address: str) -> str:
    """An address without the characters that end one in Markdown."""
    return re.sub(r"[()<>\[\]]", lambda found: f"%{ord(found[0]):02X}", address)


def _names(text: str) -> list[str]:
    return [slot.strip() for slot in _SLOT.findall(text)]


def _in_markdown(slot: re.Match[str], text: str, values: Mapping[str, str]) -> str:
    name = slot[1].strip()
    value = values.get(name, "")
    variable = _BY_NAME.get(name)
    if variable is not None and variable.is_markdown:
        return value
    if _ADDRESS.fullmatch(value):
        in_brackets = text[: slot.start()].endswith(("](", "<"))
        return _encoded(value) if in_brackets else f"<{_encoded(value)}>"
    return escaped(value)


def escaped(value: str) -> str:
    """Return text that Markdown shows as it is."""
    return _PUNCTUATION.sub(r"\\\1", value)


_BY_NAME: Final[Mapping[str, Variable]] = {variable.name: variable for variable in VARIABLES}
