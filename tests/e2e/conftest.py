"""The deployed service behind its front door, for a browser to use."""

import pytest

from infra.local.stack import LocalStack
from tests import local_stacks


@pytest.fixture(scope="session")
def stack() -> LocalStack:
    return local_stacks.shared_stack()


def pytest_sessionfinish() -> None:
    local_stacks.close()
