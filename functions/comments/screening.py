"""Screening: why a person should look at a comment before anybody else does. Pure: no tables, no clock, no AWS.

`screen` runs an ordered list of small checks over what was sent; `screen_history` looks at what came before. Each
gives signals; what a signal does (`verdict`) is the rules' business, which moderators write. Signals are said twice:
to moderators in `Signal.message`, and to the author, more gently and only where it tells nobody anything about
themselves or us, by `warnings`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from comments import patterns, personal_data

type Effect = Literal["none", "hold", "spam", "refuse"]

EFFECTS: Final[tuple[Effect, ...]] = ("none", "hold", "spam", "refuse")
"""What a signal can do, from nothing to the most."""

type Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Submission:
    """What somebody sent.

    Attributes:
        email_domain: what stands behind the ``@``, in lower case; "" where nobody typed an address.
        seconds_on_form: from showing the form to sending it; None where that is not known (the API).
        honeypot: whether the field that only programs see was filled in.
    """

    body: str
    author_name: str
    email_domain: str
    seconds_on_form: float | None
    honeypot: bool


@dataclass(frozen=True, slots=True)
class Signal:
    """A reason to look.

    Attributes:
        code: which check it was.
        message: what it is, for a moderator.
        score: how strongly it speaks, from 0 to 1.
        spans: where in the body, in characters (Unicode code points), start and end; empty where it is not one place.
    """

    code: str
    message: str
    score: float
    spans: tuple[Span, ...] = ()


CODES: Final[dict[str, str]] = {
    "nhs_number": "An NHS number",
    "phone_number": "A phone number",
    "postcode": "A postcode",
    "email_address": "An email address",
    "date_of_birth": "A date of birth",
    "patient": "Words that may point at a patient",
    "links": "Many links",
    "shouting": "Mostly capital letters",
    "held_words": "Words on the list to hold",
    "refused_words": "Words on the list to refuse",
    "domain": "A domain on the list",
    "throwaway_address": "A throw-away email address",
    "honeypot": "The hidden field was filled in",
    "too_fast": "Sent faster than people type",
    "duplicate": "The same text again",
    "flood": "Many comments in a short time",
}
"""Every code there is, as moderators read it."""

PERSONAL: Final = tuple(personal_data.KINDS)

FROM_TEXT: Final = frozenset({*PERSONAL, "links", "shouting", "held_words", "refused_words"})
"""What another text makes another: the other signals are about the sending, and stay."""

_AUTHORS_WORDS: Final[dict[str, str]] = {
    "nhs_number": "This looks like an NHS number. Please take it out: comments must never identify a patient.",
    "phone_number": "This looks like a phone number. Everybody will be able to read it: is it meant to be public?",
    "postcode": "This looks like a full postcode, which can point at one home. The town is enough.",
    "email_address": "This looks like an email address. Everybody will be able to read it: is it meant to be public?",
    "date_of_birth": "This looks like somebody’s date of birth. Please take it out.",
    "patient": "This may point at a patient. Could you tell it so that nobody could be recognised?",
    "links": "There are many links here. Comments with fewer appear sooner.",
    "shouting": "Much of this is in capital letters, which reads like shouting.",
    "held_words": "Some of these words make a moderator look first.",
    "refused_words": "These words are not welcome here. Please find others.",
    "too_fast": "That was quicker than people type. Please read it once more before you send it.",
}
"""What an author is told. Of other signals nothing: that a domain is listed, or a text known, is nobody's business."""

_PERSONAL_EFFECTS: Final[dict[str, Effect]] = dict.fromkeys(PERSONAL, "hold")
_DEFAULT_EFFECTS: Final[dict[str, Effect]] = {
    **_PERSONAL_EFFECTS,
    "links": "hold",
    "shouting": "hold",
    "held_words": "hold",
    "refused_words": "refuse",
    "domain": "spam",
    "throwaway_address": "hold",
    "honeypot": "spam",
    "too_fast": "hold",
    "duplicate": "hold",
    "flood": "hold",
}

_DEFAULT_WORDS: Final = (
    # What people who advertise write, and people who visit hospitals do not; written for this project.
    "check out my channel",
    "check out my site",
    "check out my website",
    "check out my video",
    "check out this video",
    "my youtube channel",
    "my channel",
    "subscribe to me",
    "subscribe to my",
    "please subscribe",
    "sub to me",
    "work from home",
    "make money",
    "earn money",
    "extra income",
    "passive income",
    "click here",
    "click the link",
    "click on my",
    "guest post",
    "seo services",
    "backlinks",
    "buy followers",
    "online casino",
    "casino bonus",
    "crypto invest*",
    "bitcoin invest*",
    "forex trad*",
    "payday loan*",
    "cheap viagra",
    "cheap cialis",
    "replica watch*",
    "essay writing service",
    "free gift card*",
    "whatsapp me",
    "telegram channel",
)


@dataclass(frozen=True, slots=True)
class Rules:
    """What moderators have settled.

    Attributes:
        link_limit: so many links are fine.
        hold_words, refuse_words: patterns (`comments.patterns`).
        domains: bad ones, in addresses and links; each with all below it.
        effects: what a signal does, by code; what is not named holds.
        spam_from: signals that speak of spam together: scores that add up to this go to the spam folder. Room for a
            learned score, which would be one more signal.
    """

    link_limit: int = 2
    hold_words: tuple[str, ...] = _DEFAULT_WORDS
    refuse_words: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    effects: Mapping[str, Effect] = field(default_factory=lambda: dict(_DEFAULT_EFFECTS))
    spam_from: float = 1.5


DEFAULT_RULES: Final = Rules()

type Check = Callable[[Submission, Rules], Iterable[Signal]]


def screen(submission: Submission, rules: Rules) -> list[Signal]:
    """Return what the checks that need nothing but the submission find, in their order."""
    return [signal for check in CHECKS for signal in check(submission, rules)]


def verdict(signals: Iterable[Signal], rules: Rules) -> Effect:
    """Return what a comment's signals come to: the most that any of them does, or spam by their sum."""
    found = list(signals)
    strongest: Effect = max((rules.effects.get(signal.code, "hold") for signal in found), key=_how_much, default="none")
    sum_of_spam = sum(signal.score for signal in found if signal.code not in PERSONAL)
    if _how_much(strongest) < _how_much("spam") and sum_of_spam >= rules.spam_from:
        return "spam"
    return strongest


def _how_much(effect: Effect) -> int:
    return EFFECTS.index(effect)


def warnings(signals: Iterable[Signal]) -> list[Signal]:
    """Return what an author may be told, in words for them."""
    return [replace(one, message=_AUTHORS_WORDS[one.code]) for one in signals if one.code in _AUTHORS_WORDS]


# --- the checks


def _personal_data(submission: Submission, _rules: Rules) -> Iterable[Signal]:
    for kind, spans in personal_data.find(submission.body):
        yield Signal(kind, _said(CODES[kind], spans), 1.0, spans)


def _links(submission: Submission, rules: Rules) -> Iterable[Signal]:
    spans = tuple(personal_data.links(submission.body))
    over = len(spans) - rules.link_limit
    if over > 0:
        message = f"{len(spans)} links, where {rules.link_limit} are allowed"
        yield Signal("links", message, min(1.0, 0.4 + 0.2 * over), spans)
    if personal_data.links(submission.author_name):
        yield Signal("links", "A link in the author’s name", 1.0)


_LETTERS_TO_SHOUT = 30
_SHOUTED = 0.7


def _shouting(submission: Submission, _rules: Rules) -> Iterable[Signal]:
    # Abbreviations are many here (NHS, A&E, MDT): only words of five letters and more are heard.
    words = [word for word in re.findall(r"[^\W\d_]+", submission.body) if len(word) >= 5]
    letters = sum(len(word) for word in words)
    loud = sum(len(word) for word in words if word.isupper())
    if loud >= _LETTERS_TO_SHOUT and loud >= _SHOUTED * letters:
        yield Signal("shouting", f"{round(100 * loud / letters)} % of the longer words are in capitals", 0.4)


def _words(submission: Submission, rules: Rules) -> Iterable[Signal]:
    if not (rules.hold_words or rules.refuse_words):
        return
    body, name = patterns.words(submission.body), patterns.words(submission.author_name)
    for code, listed, score in (("held_words", rules.hold_words, 0.6), ("refused_words", rules.refuse_words, 1.0)):
        found = list(patterns.matches(body, listed))
        in_name = [pattern for pattern, _, _ in patterns.matches(name, listed)]
        which = list(dict.fromkeys([pattern for pattern, _, _ in found] + in_name))
        if which:
            spans = tuple(sorted({(start, end) for _, start, end in found}))
            message = f"{CODES[code]}: {', '.join(f'“{one}”' for one in which[:5])}"
            yield Signal(code, message + (" (in the name)" if in_name and not found else ""), score, spans)


def _domains(submission: Submission, rules: Rules) -> Iterable[Signal]:
    if not rules.domains:
        return
    listed = frozenset(domain.casefold().strip(".") for domain in rules.domains)
    if _below(submission.email_domain, listed):
        yield Signal("domain", f"The address is at {submission.email_domain}, which is on the list", 1.0)
    bad = [
        (start, end)
        for start, end in personal_data.links(submission.body)
        if _below(link_domain(submission.body[start:end]), listed)
    ]
    if bad:
        yield Signal("domain", "A link leads to a domain on the list", 1.0, tuple(bad))


def _throwaway(submission: Submission, _rules: Rules) -> Iterable[Signal]:
    if not submission.email_domain:
        return
    # 20 ms once a container, and only where somebody sends a comment.
    from disposable_email_domains import blocklist

    if _below(submission.email_domain, blocklist):
        yield Signal("throwaway_address", f"{submission.email_domain} gives out addresses to throw away", 0.8)


def _honeypot(submission: Submission, _rules: Rules) -> Iterable[Signal]:
    if submission.honeypot:
        yield Signal("honeypot", "The field that only programs see was filled in", 1.0)


FASTEST_SECONDS: Final = 3.0
_TYPED_A_SECOND = 30
"""Characters. Nobody types that; who pastes a text they wrote elsewhere is held, not refused."""


def _too_fast(submission: Submission, _rules: Rules) -> Iterable[Signal]:
    seconds = submission.seconds_on_form
    if seconds is not None and (seconds < FASTEST_SECONDS or len(submission.body) > _TYPED_A_SECOND * seconds):
        yield Signal(
            "too_fast", f"{len(submission.body)} characters, {seconds:.0f} seconds after the form was shown", 0.5
        )


CHECKS: Final[tuple[Check, ...]] = (
    _personal_data,
    _links,
    _shouting,
    _words,
    _domains,
    _throwaway,
    _honeypot,
    _too_fast,
)
"""In the order moderators read their signals: what concerns people first."""


# --- what needs history


@dataclass(frozen=True, slots=True)
class History:
    """What came before a comment.

    Attributes:
        same_text: how often this text (`fingerprint`) was sent lately, this time included.
        seconds_ago: when this person's comments of lately came, this one left out.
    """

    same_text: int = 1
    seconds_ago: Sequence[float] = ()


FLOOD_COMMENTS: Final = 5
FLOOD_SECONDS: Final = 600.0
SHORTEST_DUPLICATE: Final = 4
"""Words. "Thank you!" twice is no duplicate."""


def screen_history(submission: Submission, history: History, _rules: Rules) -> list[Signal]:
    """Return what only the history tells: the same text again, or a flood by one person."""
    signals: list[Signal] = []
    if history.same_text > 1 and len(patterns.words(submission.body)) >= SHORTEST_DUPLICATE:
        signals.append(
            Signal(
                "duplicate", f"This text was sent {history.same_text} times lately", min(1.0, 0.4 * history.same_text)
            )
        )
    recent = [seconds for seconds in history.seconds_ago if seconds < FLOOD_SECONDS]
    if len(recent) + 1 >= FLOOD_COMMENTS:
        signals.append(Signal("flood", f"{len(recent) + 1} comments within ten minutes", 0.6))
    return signals


def fingerprint(body: str) -> str:
    """Return what is the same for texts that say the same words: a SHA-256 in hex."""
    return hashlib.sha256(" ".join(word.folded for word in patterns.words(body)).encode()).hexdigest()


# --- parts


def link_domain(link: str) -> str:
    """Return the host a web address leads to, in lower case; "" where there is none."""
    match = re.match(r"(?:https?://)?(?:[^/@\s]*@)?([^/:?#\s]+)", link, re.IGNORECASE)
    return match[1].casefold().strip(".") if match else ""


def _below(domain: str, listed: frozenset[str] | set[str]) -> bool:
    labels = domain.casefold().split(".")
    return any(".".join(labels[number:]) in listed for number in range(len(labels) - 1))


def _said(what: str, spans: Sequence[Span]) -> str:
    return what if len(spans) == 1 else f"{what} ({len(spans)} places)"
