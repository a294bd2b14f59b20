"""Personal data in what people write: numbers, addresses, dates, and phrases that point at a patient. Pure.

A comment in a health community must never identify a patient. These checks look for what does so most often; they
ask a person to look, they do not judge. `tests/unit/screening_cases.py` has true and false cases of each kind.

Every expression here reads a text in time proportional to its length: nothing repeated stands within a repetition,
and what can be repeated has an upper bound.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

type Span = tuple[int, int]

_LINK = re.compile(r"(?:https?://|www\.)[^\s<>\"')\]]+", re.IGNORECASE)


def links(text: str) -> list[Span]:
    """Return where web addresses stand."""
    return [match.span() for match in _LINK.finditer(text)]


# --- NHS numbers

_GAP = "[ \u00a0\u2009\u202f.\u2010\u2011\u2012\u2013-]"
_NHS = re.compile(rf"(?<!\d)\d{{3}}{_GAP}?\d{{3}}{_GAP}?\d{{4}}(?!\d)(?!{_GAP}\d)")
_LONGER_BEFORE = re.compile(rf"(?:\d{_GAP}?|[+£$€#]|\+\d{{1,3}}{_GAP}?)$")
_OTHER_NUMBER = re.compile(r"(?:isbn|issn|doi|orcid|pmid)[^a-z\n]{0,15}$", re.IGNORECASE)
_NHS_LENGTH = 10


def nhs_numbers(text: str) -> list[Span]:
    """Return NHS numbers (and Scotland's CHI, and Northern Ireland's, which share the check digit).

    Ten digits, together or as 3-3-4, whose last is right by Modulus 11 (NHS Data Dictionary, "NHS Number"). Not within
    longer numbers, web addresses or ISBNs, whose check digit is the same.
    """
    away = links(text)
    return [
        match.span()
        for match in _NHS.finditer(text)
        if is_nhs_number(re.sub(r"\D", "", match.group()))
        and not _is_part(text, match.start())
        and not _OTHER_NUMBER.search(text, max(0, match.start() - 24), match.start())
        and not _within(match.span(), away)
    ]


def is_nhs_number(digits: str) -> bool:
    """Tell whether ten digits have the check digit an NHS number must have."""
    if len(digits) != _NHS_LENGTH or len(set(digits)) == 1:
        return False
    rest = sum(int(digit) * weight for digit, weight in zip(digits, range(10, 1, -1), strict=False)) % 11
    return (11 - rest) % 11 == int(digits[9])  # a remainder that asks for 10 fits no digit


def _is_part(text: str, start: int) -> bool:
    """Tell whether what comes before makes it part of another number; "ward 4 943 …" is two numbers."""
    before = text[max(0, start - 12) : start]
    if re.search(r"[A-Za-z] \d{1,2} $", before):
        return False
    return bool(_LONGER_BEFORE.search(before))


# --- telephone numbers

# Nothing is imported for texts without such a run of digits, which are most: `phonenumbers` costs 40 ms once.
_PHONE_LIKE = re.compile(r"(?:\+|\b0|\(0)[\d() .\u00a0\u2010-\u2013/-]{7,24}\d")
_AMOUNT_BEFORE = re.compile(
    r"(?:[£$€#%=]|(?:ref(?:erence)?|order|invoice|grant|case|isbn|doi)\b[^\n]{0,12})$", re.IGNORECASE
)
_AMOUNT_AFTER = re.compile(
    r"\s?(?:%|£|€|\$|pounds\b|gbp\b|euros?\b|p\b|kg\b|km\b|mg\b|ml\b|steps\b)|[.,]\d", re.IGNORECASE
)
# Numbers kept for drama and examples (Ofcom): nobody's, but a text that holds one is no less in need of a look.
_DRAMA = re.compile(r"(?:\+44|0044|0)7700900\d{3}|(?:\+44|0044|0)1632960\d{3}")


MOST_MARKED = 20
MOST_TRIED = 300
"""A comment with more digits than that is held by what was found until then, or reads like no comment at all."""


def phone_numbers(text: str) -> list[Span]:
    """Return telephone numbers that may be a person's: valid in the UK, or in any country with a ``+``.

    Not in prices, references or web addresses; not freephone and 03 numbers, which are helplines.
    """
    if not _PHONE_LIKE.search(text):
        return []
    import phonenumbers

    away = links(text)
    found: list[Span] = []
    lenient = phonenumbers.Leniency.POSSIBLE
    for one in phonenumbers.PhoneNumberMatcher(text, "GB", leniency=lenient, max_tries=MOST_TRIED):
        number = one.number
        if not _a_persons(number) or _within((one.start, one.end), away):
            continue
        # What a text writes without 0 or + is an amount or a count.
        if one.raw_string.lstrip("(")[:1] not in {"0", "+"} or not _stands_alone(text, one.start, one.end):
            continue
        found.append((one.start, one.end))
        if len(found) == MOST_MARKED:
            break
    return found


def _a_persons(number: object) -> bool:
    import phonenumbers

    assert isinstance(number, phonenumbers.PhoneNumber)  # noqa: S101  the annotation would import the package
    kind = phonenumbers.PhoneNumberType
    helplines = {kind.TOLL_FREE, kind.UAN, kind.SHARED_COST, kind.PREMIUM_RATE}
    if phonenumbers.is_valid_number(number):
        return phonenumbers.number_type(number) not in helplines
    return bool(_DRAMA.fullmatch(f"+{number.country_code}{number.national_number}"))


def _stands_alone(text: str, start: int, end: int) -> bool:
    before, after = text[max(0, start - 24) : start], text[end : end + 8]
    if re.search(r"[\d]$|\d[-/.]$", before) or re.match(r"\d|[-/]\d", after):
        return False
    return not _AMOUNT_BEFORE.search(before.rstrip()) and not _AMOUNT_AFTER.match(after)


# --- postcodes

# All 124 areas of Great Britain, Northern Ireland, Jersey, Guernsey and the Isle of Man (Royal Mail, PAF guide).
_AREAS: Final = frozenset(
    re.findall(
        r"\w+",
        "AB AL B BA BB BD BH BL BN BR BS BT CA CB CF CH CM CO CR CT CV CW DA DD DE DG DH DL DN DT DY E EC EH "
        "EN EX FK FY G GL GU GY HA HD HG HP HR HS HU HX IG IM IP IV JE KA KT KW KY L LA LD LE LL LN LS LU M "
        "ME MK ML N NE NG NN NP NR NW OL OX PA PE PH PL PO PR RG RH RM S SA SE SG SK SL SM SN SO SP SR SS ST "
        "SW SY TA TD TF TN TQ TR TS TW UB W WA WC WD WF WN WR WS WV YO ZE",
    )
)
_POSTCODE = re.compile(r"(?<![\w£$€])([A-Za-z]{1,2})(\d[A-Za-z\d]?)( ?)(\d[ABD-HJLNP-UW-Zabd-hjlnp-uw-z]{2})(?!\w)")
_UNIT = re.compile(r"1st|2nd|3rd|\dth|\d(?:pg|ug|hr|gb|tb|ft)")


def postcodes(text: str) -> list[Span]:
    """Return full UK postcodes: area, district and unit. A district alone ("E10") names thousands of homes."""
    away = links(text)
    return [
        match.span() for match in _POSTCODE.finditer(text) if _is_postcode(match) and not _within(match.span(), away)
    ]


def _is_postcode(match: re.Match[str]) -> bool:
    area, district, gap, unit = match.groups()
    together = area + district + unit
    if area.upper() not in _AREAS or not (together.isupper() or together.islower()):
        return False
    if together.islower():
        # In small letters much else looks like one: "se 1st", doses, and words with digits in them.
        return bool(gap) and not _UNIT.fullmatch(unit)
    return True


# --- email addresses

_AT = r"(?:@|\uff20| ?[\[({] ?at ?[\])}] ?)"
_EMAIL = re.compile(
    rf"(?<![\w.+-])[\w.+'-]{{1,64}}{_AT}(?:[\w-]{{1,63}}\.){{1,6}}[A-Za-z]{{2,24}}(?![\w-])", re.IGNORECASE
)


def email_addresses(text: str) -> list[Span]:
    """Return email addresses, those with ``[at]`` too."""
    away = links(text)
    return [match.span() for match in _EMAIL.finditer(text) if not _within(match.span(), away)]


# --- dates of birth

_MONTH = r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"  # noqa: E501  one word
_DATE = (
    r"(?:"
    r"(?:0?[1-9]|[12]\d|3[01])[/.-](?:0?[1-9]|1[0-2])[/.-](?:(?:19|20)\d\d|\d\d)"
    r"|(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
    rf"|(?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?(?: of)?[ -]{_MONTH},?[ -](?:19|20)?\d\d"
    rf"|{_MONTH} (?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?,? (?:19|20)\d\d"
    r")(?!\d)"
)
_BORN = re.compile(
    rf"\b(?:d\.? ?o\.? ?b\.?|date of birth|birth ?date|birthday|born)(?: (?:is|was|on|of))?[ :=(–-]{{0,4}}(?:(?:on|the|is|was) ){{0,2}}({_DATE})",  # noqa: E501
    re.IGNORECASE,
)
_NOT_A_PERSON = re.compile(
    r"\b(?:nhs|service|hospital|trust|charity|project|programme|idea|movement|organisation|community|department|"
    r"ward|unit|network|website|college|company|team)(?: [a-z]+)? (?:was|were|is|being)? ?$",
    re.IGNORECASE,
)
_AGE = r"(?:aged? \d{1,3}|\d{1,3}[ -]?(?:years?|yrs?)[ -]olds?|\d{1,3} ?(?:yo|y/o|yrs)\b)"
_AGE_AND_DATE = re.compile(
    rf"\b{_AGE}\b[^\n.!?]{{0,60}}?\b({_DATE})|\b({_DATE})[^\n.!?]{{0,60}}?\b{_AGE}\b", re.IGNORECASE
)


def dates_of_birth(text: str) -> list[Span]:
    """Return full dates that a text calls somebody's birth, and an age beside a full date, which says the same."""
    born = [
        match.span()
        for match in _BORN.finditer(text)
        if not _NOT_A_PERSON.search(text, max(0, match.start() - 60), match.start())
    ]
    return born + [match.span() for match in _AGE_AND_DATE.finditer(text)]


# --- phrases that point at a patient

_TITLE = r"(?:Mr|Mrs|Ms|Miss|Mx|Master|MR|MRS)\.?"
_NAME = r"(?:[A-Z][a-z’']{1,20}(?:[ -][A-Z][a-z’']{1,20})?|[A-Z]\b\.?)"
_NO_NAME = (
    r"(?!(?:Safety|Experience|Care|Records?|Voices?|Participation|Groups?|Flow|Services?|Association|Transport|Council|"
    r"Portal|Day|Week|Panel|Forum|Advice|Liaison|Stories|Story|Involvement|Engagement|Information|Leaflets?|Choice|"
    r"Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|I|A)\b)"
)
_WHO = r"(?:[Pp]atient|[Cc]lient|[Ss]ervice[ -][Uu]ser|[Rr]esident|[Ii]npatient|[Oo]utpatient)"
_PERSON = r"(?:man|woman|lady|gentleman|gent|male|female|boy|girl|baby|child|patient|resident|client|chap|lad|teenager)"
_CONDITION = (
    r"(?:dementia|alzheimer['’]?s|parkinson['’]?s|cancer|tumou?r|leuk(?:a)?emia|lymphoma|diabet(?:es|ic)|sepsis|stroke|"
    r"copd|asthma|pneumonia|hiv|hepatitis|epilepsy|schizophreni[ac]|bipolar|psychosis|depression|anorexia|overdose|"
    r"self[- ]harm(?:ed)?|fracture|fractured|heart (?:failure|attack)|kidney failure|miscarriage|pregnan(?:t|cy)|"
    r"termination|tb|tuberculosis|ms|mnd|als|covid|delirium|autis(?:m|tic)|learning disabilit(?:y|ies)|adhd|uti|dvt|"
    r"pressure (?:ulcer|sore)|transplant|dialysis|chemo(?:therapy)?)"
)
_CARE = (
    r"(?:was|is|were|has been|had been|got|being)? ?(?:admitted|discharged|diagnosed|sectioned|referred|resuscitated|"
    r"transferred to|treated (?:for|on|by)|operated on|died|passed away|fell|falls?|collapsed|came in with|"
    r"presented with|"
    r"is on (?:my|our|the) ward|in (?:bed|bay|room) \d)"
)

PHRASES: Final[tuple[re.Pattern[str], ...]] = (
    # "my patient Mr Hale", "a client called Joan", "our resident Elsie Marsh"
    re.compile(rf"\b{_WHO}(?:,? (?:called|named|is|was))?,? {_TITLE} ?{_NAME}"),
    re.compile(rf"\b{_WHO},? (?:called|named|whose name is|by the name of) {_NAME}"),
    re.compile(
        rf"\b(?:[Mm]y|[Oo]ur|[Aa]) (?:patient|client|service[ -]user|resident),? {_NO_NAME}{_NAME}(?=[ ,.!?;:)]|$)"
    ),
    # "Mrs Hale was admitted", "Mr T fell on the ward"
    re.compile(rf"\b{_TITLE} ?{_NAME},?(?: (?:who|also|then|later|sadly|recently|again)){{0,2}} {_CARE}"),
    # "bed 4", "bay 2", "side room 3"; not "in bed 4 days"
    re.compile(
        r"\b(?:bed|bay|side ?room|cubicle|trolley)s? (?:number |no\.? ?|space )?\d{1,3}[a-d]?\b"
        r"(?! ?(?:days?|nights?|hours?|hrs?|weeks?|months?|years?|times|minutes?|mins?|per ?cent|%|or|to|in \d))",
        re.IGNORECASE,
    ),
    # "the lady in room 5", "a gentleman on ward 12"
    re.compile(rf"\b{_PERSON} (?:in|on|from|at) (?:room|ward|flat|number|no\.?) ?\d{{1,4}}\b", re.IGNORECASE),
    # "JS, 72, dementia", "A.B. (83), sepsis", "Mrs B, 83yo with a stroke": initials, an age, a condition
    re.compile(
        rf"\b(?:[A-Z]\.?[A-Z]\.?|{_TITLE} ?[A-Z]\.?)"
        r"(?:,? \(|, (?:aged )?| (?:aged )?(?=\d{1,3} ?(?:yo\b|y/o|y(?:ea)?rs?\b)))"
        rf"\d{{1,3}}(?: ?(?:yo|y/o|y(?:ea)?rs?(?: old)?))?\)?,?(?: [\w’'-]+){{0,6}}? (?i:{_CONDITION})\b"
    ),
    # "a 72-year-old woman with dementia": an age, a person, a condition
    re.compile(
        rf"\b(?:\d{{1,3}}[ -]?(?:years?|yrs?)[ -]?old|\d{{1,3}} ?(?:yo|y/o))(?: [\w’'-]+){{0,2}} {_PERSON}\b"
        rf"(?: [\w’',-]+){{0,8}}? {_CONDITION}\b",
        re.IGNORECASE,
    ),
    # A hospital's own number: "hospital number 123456", "MRN A99812"
    re.compile(
        r"\b(?:MRN|hospital (?:number|no\.?|id)|patient (?:number|no\.?|id)|NHS (?:number|no\.?) is|unit number)"
        r" ?(?:is|was)?[ :#]{0,3}[A-Z]{0,3}\d{4,12}\b",
        re.IGNORECASE,
    ),
    # "lives at 12 Acacia Road"
    re.compile(r"\b(?:lives?|lived|living|home address(?: is)?) (?:at|on) (?:flat )?\d{1,4}[a-d]?,? [A-Z][a-z]+"),
)
"""What points at a patient, as the comments say. A relative's own story ("my mum had a stroke") is theirs to tell."""


def patients(text: str) -> list[Span]:
    """Return phrases that point at one patient."""
    found = sorted(match.span() for phrase in PHRASES for match in phrase.finditer(text))
    apart: list[Span] = []
    for span in found:
        if apart and span[0] < apart[-1][1]:
            apart[-1] = (apart[-1][0], max(apart[-1][1], span[1]))
        else:
            apart.append(span)
    return apart


KINDS: Final[dict[str, Callable[[str], list[Span]]]] = {
    "nhs_number": nhs_numbers,
    "phone_number": phone_numbers,
    "postcode": postcodes,
    "email_address": email_addresses,
    "date_of_birth": dates_of_birth,
    "patient": patients,
}


def find(text: str) -> Iterator[tuple[str, tuple[Span, ...]]]:
    """Yield each kind of personal data that is found, with where."""
    for kind, look in KINDS.items():
        spans = look(text)
        if spans:
            yield kind, tuple(sorted(spans))


def _within(span: Span, others: list[Span]) -> bool:
    return any(start <= span[0] and span[1] <= end for start, end in others)
