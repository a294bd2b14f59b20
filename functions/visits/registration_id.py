"""Registration ids: UUIDv7s whose last bits say which place they were made for, so that one read finds it. Pure.

`docs/decisions/0017`. RFC 9562, 5.7 leaves the bits after the time to whoever makes them; 47 random ones stay, and
within a visit the place alone makes the id unique.
"""

from uuid import UUID

_BITS = 27
"""Enough for 99,999,999, the highest place there is (`visits.model.place_sk`)."""
_PLACE = (1 << _BITS) - 1


def with_place(made: UUID, place: int) -> UUID:
    """Return a new id that says which place it was made for."""
    return UUID(int=made.int & ~_PLACE | place)


def place_in(registration_id: str) -> int | None:
    """Return the place an id was made for, None where it is no id of ours. Whose it is, the place itself says."""
    try:
        found = UUID(registration_id)
    except ValueError:
        return None
    return (found.int & _PLACE) or None if str(found) == registration_id else None
