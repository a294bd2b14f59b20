"""Word lists that moderators write: words, phrases, and ``*`` for any letters within a word. Pure, and never slow.

A pattern is matched word by word, without regard to case, accents or what stands between words: ``free crypto``,
``casino*``, ``* casino``. Nothing a moderator can write makes it slow, as a regular expression could: comparing a word
takes time bounded by its length and the pattern's, and each word of a text is compared with a pattern once at most.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

MAX_PATTERNS = 500
MAX_LENGTH = 100
MAX_WILD = 100
"""Patterns whose first word holds a ``*`` are compared with every word of a text, so a list holds fewer of them."""

LONGEST_WORD = 64
"""Longer words are compared up to here."""

# What a reader does not see inside a word, and what separates one in some languages: both would hide a word.
_UNSEEN = "\u00ad\u034f\u180e\u200b\u200c\u200d\u2060\ufeff"
_WORD = re.compile(rf"[\w{_UNSEEN}]+(?:['’][\w{_UNSEEN}]+)*")
_PATTERN_WORD = re.compile(r"[\w*]+(?:['’][\w*]+)*")
_HIDDEN = str.maketrans("", "", _UNSEEN + "'’")


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a text: where it stands, and how it is compared."""

    start: int
    end: int
    folded: str


def words(text: str) -> list[Word]:
    """Return the words of a text in order."""
    found = (Word(m.start(), m.end(), fold(m.group())) for m in _WORD.finditer(text))
    return [word for word in found if word.folded]


def fold(text: str) -> str:
    """Return text as it is compared: case, accents and what nobody sees taken out."""
    plain = unicodedata.normalize("NFKD", text.translate(_HIDDEN)).casefold()
    return "".join(character for character in plain if not unicodedata.combining(character))


def pattern_words(pattern: str) -> tuple[str, ...]:
    """Return the words of a pattern, each with its ``*``; none where it holds nothing to look for."""
    parts = tuple(_folded_glob(part) for part in _PATTERN_WORD.findall(pattern))
    return parts if any(part.strip("*") for part in parts) else ()


def why_not(patterns: Sequence[str]) -> str | None:
    """Return what is wrong with a list of patterns, in words for whoever wrote it; None where nothing is."""
    if len(patterns) > MAX_PATTERNS:
        return f"{MAX_PATTERNS} at most."
    for pattern in patterns:
        if len(pattern) > MAX_LENGTH:
            return f"Shorten “{pattern[:30]}…” to {MAX_LENGTH} characters."
        if not pattern_words(pattern):
            return f"“{pattern[:30]}” holds no word to look for."
    wild = sum(1 for pattern in patterns if "*" in pattern_words(pattern)[0])
    if wild > MAX_WILD:
        return f"{MAX_WILD} patterns at most may begin with a word that holds a *."
    return None


def matches(text_words: Sequence[Word], patterns: Iterable[str]) -> Iterator[tuple[str, int, int]]:
    """Yield each pattern that is found, with its span, at every place where it is."""
    by_word: dict[str, list[int]] = {}
    for number, word in enumerate(text_words):
        by_word.setdefault(word.folded, []).append(number)
    for pattern in patterns:
        parts = pattern_words(pattern)
        if not parts:
            continue
        starts = (
            [n for word, numbers in by_word.items() if glob(parts[0], word) for n in numbers]
            if "*" in parts[0]
            else by_word.get(parts[0], [])
        )
        for start in sorted(starts):
            found = text_words[start : start + len(parts)]
            if len(found) == len(parts) and all(
                glob(part, word.folded) for part, word in zip(parts[1:], found[1:], strict=True)
            ):
                yield pattern, found[0].start, found[-1].end


def glob(pattern: str, word: str) -> bool:
    """Tell whether a word is what a pattern's word says; ``*`` stands for any characters, none included."""
    if "*" not in pattern:
        return pattern == word
    # The usual two fingers: on a mismatch the last star takes one character more. At most |pattern| × |word| steps.
    word = word[:LONGEST_WORD]
    at, here, star, mark = 0, 0, -1, 0
    while here < len(word):
        if at < len(pattern) and pattern[at] == "*":
            star, mark = at, here
            at += 1
        elif at < len(pattern) and pattern[at] == word[here]:
            at += 1
            here += 1
        elif star >= 0:
            mark += 1
            at, here = star + 1, mark
        else:
            return False
    return all(character == "*" for character in pattern[at:])


def _folded_glob(part: str) -> str:
    return re.sub(r"\*+", "*", "*".join(fold(piece) for piece in part.split("*")))
