"""The local stack for tests: one a session, from nothing, thrown away at the end.

``tests/integration/conftest.py`` and ``tests/e2e/conftest.py`` take their fixtures from here. A fixture imported
into two conftests is two fixtures to pytest, so what they share is kept here.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache

import pytest
from pynamodb.models import Model

from infra.local import emulator, folder
from infra.local import stack as local_stack
from infra.local.emulator import Emulator
from infra.local.folder import AlreadyRunning, Folder
from infra.local.http_server import PortTaken
from infra.local.stack import LocalStack
from infra.settings import ROOT
from kernel import aws, table

_open = ExitStack()
_SLOTS = range(8)


def close() -> None:
    """Stop what was started."""
    _open.close()


@cache
def shared_stack() -> LocalStack:
    """Return the whole stack, deployed and without sample data, started at the first call."""

    def run(home: Folder, slot: int) -> LocalStack:
        return _open.enter_context(local_stack.running(home, port=8700 + slot, keep=False))

    return _in_a_free_slot(run)


@contextmanager
def own_stack() -> Iterator[LocalStack]:
    """Run a whole stack that nobody shares: for whoever moves its clock by weeks."""
    with ExitStack() as opened:

        def run(home: Folder, slot: int) -> LocalStack:
            return opened.enter_context(local_stack.running(home, port=8700 + slot, keep=False))

        yield _in_a_free_slot(run)


@cache
def shared_emulator() -> Emulator:
    """Return a bare MiniStack: a second to start, for what needs DynamoDB alone."""
    emulator.install()

    def run(home: Folder, _slot: int) -> Emulator:
        _open.enter_context(folder.claimed(home))
        home.forget()
        return _open.enter_context(emulator.running(home, port=emulator.free_port(), keep=False))

    return _in_a_free_slot(run)


def _in_a_free_slot[T](run: Callable[[Folder, int], T]) -> T:
    """Run something from the first folder that no other session uses.

    The slot fixes address and clock file, hence the template, so that its assembly is synthesised once and not
    once a session.
    """
    for slot in _SLOTS:
        try:
            return run(Folder(ROOT / ".local" / "tests" / str(slot)), slot)
        except (AlreadyRunning, PortTaken):
            continue
    raise AlreadyRunning(f"all {len(_SLOTS)} places for test stacks are taken")


@contextmanager
def tables_on(ministack: Emulator, *models: type[Model]) -> Iterator[None]:
    """Let this process's PynamoDB models, and all its clients, talk to an emulator, with the models' tables made.

    For a table, give the model that declares its indexes.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ministack.environment.items():
            if name.startswith("AWS_"):
                patch.setenv(name, value)
        _forget_connections()
        try:
            for model in models:
                if not model.exists():
                    model.create_table(billing_mode="PAY_PER_REQUEST", wait=True)
            yield
        finally:
            _forget_connections()


def _forget_connections() -> None:
    aws.session.cache_clear()
    # Its overloads hide that it is cached.
    aws.client.cache_clear()  # type: ignore[attr-defined]
    for record in _subclasses(table.Record):
        record._connection = record._unretried = None


def _subclasses(kind: type[table.Record]) -> Iterator[type[table.Record]]:
    for one in kind.__subclasses__():
        yield one
        yield from _subclasses(one)
