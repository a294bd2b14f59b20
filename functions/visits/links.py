"""The links that stand in emails: each a capability for one purpose (`kernel.tokens`)."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from kernel import tokens
from kernel.errors import LinkInvalid

PLACE = "place"
JOIN = "join"
ADDRESS = "address"
ADDRESS_UNDO = "address-undo"
RECEIPT = "receipt"

PLACE_GOOD_FOR = timedelta(days=365)
"""After the visit's end: as long as registrations are kept."""
ADDRESS_GOOD_FOR = timedelta(days=7)
UNDO_GOOD_FOR = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class PlaceRef:
    """Which registration a link is for."""

    visit_id: str
    place: int
    recalled: int = 0
    """How often the registration's links had been recalled when the link was made (`visits.model.Place`)."""


@dataclass(frozen=True, slots=True)
class AddressRef:
    """Which change of address a link is for: good for that one change only."""

    visit_id: str
    place: int
    address: str


def place_token(ref: PlaceRef, *, ends_at: datetime, keys: Sequence[str]) -> str:
    """Return the token of "my place", good for a year after the visit's end."""
    return _place_token(PLACE, ref, ends_at=ends_at, keys=keys)


def join_token(ref: PlaceRef, *, ends_at: datetime, keys: Sequence[str]) -> str:
    """Return the token of the join link. It outlives the visit, to say kindly that it is over."""
    return _place_token(JOIN, ref, ends_at=ends_at, keys=keys)


def _place_token(purpose: str, ref: PlaceRef, *, ends_at: datetime, keys: Sequence[str]) -> str:
    named: list[str | int] = [ref.visit_id, ref.place]
    if ref.recalled:
        named.append(ref.recalled)
    return tokens.sign(purpose, named, expires_at=ends_at + PLACE_GOOD_FOR, keys=keys)


def read_place_token(token: str, *, now: datetime, keys: Sequence[str]) -> PlaceRef:
    """Return what a token of "my place" stands for.

    Raises:
        LinkInvalid, LinkExpired: see `kernel.tokens.read`.
    """
    return _read_place_token(PLACE, token, now=now, keys=keys)


def read_join_token(token: str, *, now: datetime, keys: Sequence[str]) -> PlaceRef:
    """Return whose join link a token is.

    Raises:
        LinkInvalid, LinkExpired: see `kernel.tokens.read`.
    """
    return _read_place_token(JOIN, token, now=now, keys=keys)


def _read_place_token(purpose: str, token: str, *, now: datetime, keys: Sequence[str]) -> PlaceRef:
    match tokens.read(purpose, token, now=now, keys=keys):
        case [str(visit_id), int(place)]:
            return PlaceRef(visit_id, place)
        case [str(visit_id), int(place), int(recalled)]:
            return PlaceRef(visit_id, place, recalled)
        case _:
            raise LinkInvalid


def address_token(purpose: str, ref: PlaceRef, email: str, *, expires_at: datetime, keys: Sequence[str]) -> str:
    """Return the token that confirms (`ADDRESS`) or takes back (`ADDRESS_UNDO`) the change to or from ``email``."""
    return tokens.sign(purpose, [ref.visit_id, ref.place, fingerprint(email)], expires_at=expires_at, keys=keys)


def read_address_token(purpose: str, token: str, *, now: datetime, keys: Sequence[str]) -> AddressRef:
    """Return which change of address a token is for.

    Raises:
        LinkInvalid, LinkExpired: see `kernel.tokens.read`.
    """
    match tokens.read(purpose, token, now=now, keys=keys):
        case [str(visit_id), int(place), str(address)]:
            return AddressRef(visit_id, place, address)
        case _:
            raise LinkInvalid


def fingerprint(email: str) -> str:
    """Return what binds a link to one address without showing it: tokens are signed, not encrypted."""
    return hashlib.sha256(email.encode()).hexdigest()[:16]
