"""Functions that run side by side and stop before every call to the table, so that a test decides what happens next.

An actor is one invocation of the real code, running in a greenlet. Its calls to DynamoDB come to us instead: the actor
stands still until we say what becomes of the call (`Fate`). Between an answer and its next call an actor touches
nothing that others see, so that stopping once a call covers the moments before and after every write.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from typing import Any

from botocore.exceptions import ReadTimeoutError
from greenlet import greenlet

from tests.simulation.dynamodb import READS, Request


class Fate(Enum):
    """What becomes of a call to the table."""

    DONE = auto()
    """It is done and answered."""
    CONFLICT = auto()
    """Somebody else's transaction stood in the way: nothing is done, and DynamoDB says so."""
    REPEATED = auto()
    """It is done, the answer is lost, and the SDK asks again."""
    TWICE = auto()
    """It is delayed on its way, the SDK asks again, and some time later the first request arrives too."""
    LOST = auto()
    """It is done, the answer is lost, and the caller is told of a time-out."""
    LATE = auto()
    """The caller is told of a time-out, and some time later the request arrives."""
    UNSENT = auto()
    """The caller is told of a time-out; the request never arrives."""
    CRASH_BEFORE = auto()
    """The function's machine is gone before it asked."""
    CRASH_AFTER = auto()
    """It is done, and the function's machine is gone before it hears so."""


class Crash(BaseException):
    """The machine is gone: nothing of the function runs any more, so no ``except Exception`` sees this."""


@dataclass
class Call:
    """A request on its way to the table. ``attempts``: how often the SDK may ask, this time included."""

    actor: "Actor"
    operation: str
    request: Request
    attempts: int

    @property
    def is_read(self) -> bool:
        return self.operation in READS

    def __str__(self) -> str:
        writes = [one for each in self.request.get("TransactItems", [self.request]) for one in _writes(each)]
        return f"{self.operation} {' '.join(writes)}"


@dataclass
class Actor:
    """One invocation.

    Attributes:
        kind: what it does, such as ``register``.
        who: whom it does it for: a person, a place, or nobody.
        began: the time it was told it is.
        since: how long the table's stream was when it began.
        keyed: whether it came with a program's Idempotency-Key, and so may be told what it was told before.
        waiting: the call it stands before; None once it has ended.
        crashed: whether it ended without an answer.
        result: what it returned, or the exception it raised.
    """

    kind: str
    who: str | int | None
    program: Callable[[], object]
    began: datetime
    since: int
    keyed: bool = False
    waiting: Call | None = None
    crashed: bool = False
    result: object = None
    _greenlet: greenlet = field(init=False)

    def __post_init__(self) -> None:
        self._greenlet = greenlet(self._run)

    def _run(self, _: object) -> None:
        try:
            self.result = self.program()
        except Crash:
            self.crashed = True
        except Exception as error:  # noqa: BLE001  whatever it is, the test judges it
            self.result = error

    @property
    def ended(self) -> bool:
        return bool(self._greenlet.dead)

    def go_on(self, answer: object = None) -> None:
        """Run until the next call, or the end."""
        self.waiting = self._greenlet.switch(answer)

    def fail(self, error: BaseException) -> None:
        """Go on with an error instead of an answer."""
        self.waiting = self._greenlet.throw(error)

    def crash(self) -> None:
        """End without an answer."""
        self.fail(Crash())

    def ask(self, operation: str, request: Request, attempts: int) -> dict[str, Any]:
        """Called from inside the actor: stand still until the call is answered."""
        answer: dict[str, Any] = self._greenlet.parent.switch(Call(self, operation, request, attempts))
        return answer


def timed_out() -> ReadTimeoutError:
    """Return what botocore raises when no answer came."""
    return ReadTimeoutError(endpoint_url="https://dynamodb.eu-west-2.amazonaws.com")


def _writes(request: Request) -> list[str]:
    """Name the items a request is about."""
    inner = next((request[kind] for kind in ("Put", "Update") if kind in request), request)
    key = inner.get("Key") or inner.get("Item")
    return [f"{key['pk']['S']}/{key['sk']['S']}"] if key else []
