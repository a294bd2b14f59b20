"""How many people a visit has, and where they stand: counted, so that it says what the list of people shows."""

from dataclasses import dataclass

from visits.model import Place, place_sk, visit_pk

LAST = 10**8 - 1
"""The highest number a place can have (`visits.model.place_sk`)."""


@dataclass(frozen=True, slots=True)
class Tally:
    """People by status; of the confirmed ones, by attendance."""

    confirmed: int = 0
    waiting: int = 0
    cancelled: int = 0
    attended: int = 0
    missed: int = 0

    @property
    def unmarked(self) -> int:
        """Confirmed people of whom nobody said whether they came."""
        return self.confirmed - self.attended - self.missed

    @property
    def told(self) -> int:
        """How many people hear of a change of the visit."""
        return self.confirmed + self.waiting


def tally(visit_id: str) -> Tally:
    """Count a visit's people. Reads all its places, a few attributes of each: some 0.1 units a person."""
    found = Place.query(
        visit_pk(visit_id),
        Place.sk.between(place_sk(1), place_sk(LAST)),
        filter_condition=Place.person.exists(),
        attributes_to_get=["pk", "sk", "status", "attendance"],
        consistent_read=True,
    )
    statuses = {"confirmed": 0, "waiting": 0, "cancelled": 0}
    attendance = {"attended": 0, "missed": 0}
    for place in found:
        if place.status in statuses:
            statuses[place.status] += 1
        if place.status == "confirmed" and place.attendance in attendance:
            attendance[place.attendance] += 1
    return Tally(**statuses, **attendance)
