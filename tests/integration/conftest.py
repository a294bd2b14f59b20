"""DynamoDB that is right under concurrency (moto's is not), and the whole stack."""

from collections.abc import Iterator

import pytest

from infra.local.emulator import Emulator
from infra.local.stack import LocalStack
from tests import local_stacks


@pytest.fixture(scope="session")
def stack() -> LocalStack:
    return local_stacks.shared_stack()


@pytest.fixture(scope="session")
def ministack() -> Emulator:
    """A bare MiniStack, for what needs DynamoDB alone."""
    return local_stacks.shared_emulator()


@pytest.fixture
def dynamodb(ministack: Emulator) -> Iterator[Emulator]:
    """The visits, follow-ups and accounts tables on MiniStack; models and clients of this process talk to it meanwhile.

    Tables live as long as the session: give each test a visit of its own.
    """
    from followups import model as followups
    from kernel import audit
    from visits import model as visits

    with local_stacks.tables_on(ministack, visits.Details, followups.DeliveryRecord, audit.AuditEntry):
        yield ministack


def pytest_sessionfinish() -> None:
    local_stacks.close()
