"""What text people may type: every script and emoji there is, and nothing that only a machine would see.

Characters that format (joiners, direction marks) belong to names and words in many languages, so they stay. What is
refused has no use in a form and does harm elsewhere: control characters, halves of characters, characters no XML
document may hold, and the marks that make what follows them read backwards.
"""

import re
import unicodedata
from typing import Final

NOT_ONE_LINE = "Use a single line of plain characters."
NOT_TEXT = "Remove the characters that cannot be shown."

_LINES = frozenset("\n\r\t")
_LINE_SEPARATORS = frozenset("\u2028\u2029")
# Embeddings, overrides and isolates reach beyond the text they stand in; the marks U+200E and U+200F do not.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
# Bidirectional controls can make a name look like another, or turn an address round.
_BIDI: Final = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_LINK_LIKE: Final = re.compile(r"://|www\.|@|\w\.[a-z]{2,}", re.IGNORECASE)
_LONGEST_GREETING: Final = 60


def on_one_line(text: str) -> bool:
    """Tell whether the text is one line: nothing that a header or a calendar could take for its own."""
    return not any(_is_harmful(character) or character in _LINE_SEPARATORS for character in text)


def on_any_lines(text: str) -> bool:
    """Tell whether the text is any number of lines of text that can be shown."""
    return not any(_is_harmful(character) for character in text if character not in _LINES)


def is_blank(text: str) -> bool:
    """Tell whether there is nothing in the text that anybody could see."""
    return not any(unicodedata.category(character)[0] not in "ZC" for character in text)


def _is_harmful(character: str) -> bool:
    if character.isprintable():
        return False
    return (
        unicodedata.category(character) in {"Cc", "Cs"}
        or character in _TURNING
        or ord(character) & 0xFFFE == 0xFFFE  # noncharacters: XML 1.0 has no way to write them
    )


def one_line(text: str) -> str:
    """Return the text as one line without control or direction characters: what may stand in a header."""
    return " ".join(_BIDI.sub("", _CONTROL.sub(" ", text)).split())


def greeting(name: str) -> str | None:
    """Return a name as a greeting may use it, None for one that reads like an advertisement.

    Anybody can type somebody else's address into the form, and a name of their making would then be mailed to them
    in ours: a name that holds a link, or is as long as a sentence, is left out.
    """
    name = one_line(name)
    return None if not name or len(name) > _LONGEST_GREETING or _LINK_LIKE.search(name) else name
