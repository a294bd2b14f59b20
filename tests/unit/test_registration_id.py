from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.ids import uuid7
from visits.registration_id import place_in, with_place


@given(st.uuids(version=4), st.integers(1, 99_999_999))
def test_an_id_says_which_place_it_was_made_for(made: UUID, place: int) -> None:
    assert place_in(str(with_place(made, place))) == place


def test_an_id_stays_a_uuid_that_sorts_by_time() -> None:
    made = uuid7()
    found = with_place(made, 42)
    assert (found.version, found.variant) == (7, made.variant)
    assert found.int >> 27 == made.int >> 27


def test_ids_of_one_place_made_at_one_moment_differ() -> None:
    assert len({with_place(uuid7(), 1) for _ in range(1000)}) == 1000


@pytest.mark.parametrize("text", ["", "7", "nonsense", "01998E2A-3C40-7C11-9A3E-5D2B8F0C7E42", "0" * 32,
                                  "{01998e2a-3c40-7c11-9a3e-5d2b8f0c7e42}", str(with_place(uuid7(), 0))])  # fmt: skip
def test_what_is_no_id_of_ours_says_no_place(text: str) -> None:
    assert place_in(text) is None
