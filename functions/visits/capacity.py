"""What a new capacity will do, said before it is done. Pure."""

from dataclasses import dataclass

from visits.line import NO_LIMIT, Line


@dataclass(frozen=True, slots=True)
class Consequence:
    """What follows from a capacity.

    Attributes:
        admitted: people who wait and get a place at once.
        waiting: people who still wait then.
        too_many: people who have a place beyond the new capacity, and keep it.
        seats_left: places a newcomer could have at once; None without a limit.
    """

    admitted: int
    waiting: int
    too_many: int
    seats_left: int | None


def holders(line: Line) -> int:
    """Return how many hold a place in the line, once it has come to rest.

    Every place up to the bound is held or was given back, and each given back has moved the mark by one.
    """
    return max(0, min(line.line, line.bound) - (line.admitted - line.capacity))


def consequence(line: Line, capacity: int | None, *, waiting: int) -> Consequence:
    """Return what setting the capacity to so many (None: no limit) does; ``waiting`` people wait now."""
    seats = NO_LIMIT if capacity is None else capacity
    held = holders(line)
    admitted = min(waiting, max(0, seats - held))
    left = seats - held - admitted if waiting == admitted else 0
    return Consequence(
        admitted=admitted,
        waiting=waiting - admitted,
        too_many=max(0, held - seats),
        seats_left=None if capacity is None else max(0, left),
    )


def said(line: Line, capacity: int | None, *, waiting: int) -> str:
    """Return the consequence in words, for whoever is about to save it."""
    after = consequence(line, capacity, waiting=waiting)
    if after.too_many:
        leave = after.too_many + 1
        return (
            f"Nobody is put out: {_people(after.too_many, 'more than that has', 'more than that have')} a place and "
            f"{'keeps' if after.too_many == 1 else 'keep'} it. Somebody new gets one once {leave:,} have left."
        )
    sentences = []
    if after.admitted:
        sentences.append(f"{_people(after.admitted, 'who waits gets', 'who wait get')} a place at once.")
    if after.waiting:
        sentences.append(f"{_people(after.waiting, 'still waits', 'still wait')}.")
    elif after.seats_left is None:
        sentences.append("Everybody who registers gets a place.")
    elif after.seats_left:
        sentences.append(f"{after.seats_left:,} {'place is' if after.seats_left == 1 else 'places are'} free then.")
    else:
        sentences.append("Every place is taken then.")
    return " ".join(sentences)


def _people(number: int, one: str, many: str) -> str:
    return f"1 person {one}" if number == 1 else f"{number:,} people {many}"
