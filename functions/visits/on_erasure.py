"""Lambda `visits-erase`: somebody is to be erased, so what they told the visits goes."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kernel import clock, secrets, settings
from kernel.log import logger
from kernel.person_key import person_key
from visits.erase import Erasing, erase


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function needs of its environment."""

    secret_id: str


_SETTINGS = settings.read(Settings)


# What EventBridge hands over is JSON, which has no narrower type than Any.
def handler(event: dict[str, Any], context: object) -> None:
    """Take one ``person.erasure_requested``."""
    detail = event["detail"]
    pepper = secrets.load(_SETTINGS.secret_id).pepper
    erased = erase(
        Erasing(
            person=detail["person"],
            requested_at=datetime.fromisoformat(detail["requested_at"]),
            now=clock.now(),
            key_of=lambda email: person_key(email, pepper),
        )
    )
    logger.info("erased from the visits", event_id=detail.get("event_id"), registrations=erased)
