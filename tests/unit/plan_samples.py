"""Samples of the pages of a visit's emails."""

from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

from followups.letters import OwnWords
from followups.overview import COUNTED, Row
from followups.plan_page import row, values_of_step
from followups.steps import DEFAULT
from followups.words import VARIABLES
from kernel.errors import FieldError
from tests.unit.console_samples import EVERY, OURS

NONE = dict.fromkeys(COUNTED.values(), 0)
AT = datetime(2026, 11, 27, 14, tzinfo=UTC)
ROWS = [
    row(Row(DEFAULT[6], AT, "passed", 37, NONE | {"delivered": 30, "sent": 3, "bounced": 1, "skipped": 3})),
    row(Row(DEFAULT[7], AT, "paused", 37, NONE | {"planned": 36, "unknown": 1, "failed": 1})),
    *(row(Row(step, None, "by_event" if n < 6 else "not_known_yet", 1, NONE)) for n, step in enumerate(DEFAULT)),
    row(Row(DEFAULT[9], AT, "ahead", 1, NONE)),
    row(Row(DEFAULT[9], AT, "due", 2, NONE)),
    row(Row(DEFAULT[9], None, "off", 0, NONE)),
]


def _step(number: int = 0, **context: object) -> tuple[str, dict[str, Any]]:
    step = DEFAULT[6 + number]
    return "followups/step.html", {
        **EVERY,
        "visit": OURS,
        "row": ROWS[number],
        "form": {"values": values_of_step(step), "errors": []},
        "variables": [{"name": one.name, "says": one.says} for one in VARIABLES],
        "preview": None,
        "asking": False,
        "problem": None,
        **context,
    }


PAGES: dict[str, tuple[str, dict[str, Any]]] = {
    "emails of a visit": ("followups/plan.html", {**EVERY, "visit": OURS, "rows": ROWS}),
    "an email": _step(),
    "an email, paused": _step(1),
    "an email of an event": _step(row=ROWS[2]),
    "an email, previewed": _step(preview=OwnWords("Next week", "We look forward.", Markup("<p>We look forward.</p>"))),
    "an email, about to be sent": _step(asking=True),
    "an email, refused": _step(problem="This step went out already, and goes to nobody twice."),
    "an email, with errors": _step(
        form={
            "values": values_of_step(DEFAULT[6]) | {"email": "nobody"},
            "errors": [
                FieldError("subject", "There is no {{ firstname }}."),
                FieldError("email", "Write an address like name@example.org."),
            ],
        }
    ),
}
