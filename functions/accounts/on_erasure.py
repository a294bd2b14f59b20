"""Lambda `accounts-erase`: somebody is to be erased, so they have no account any more."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.erase import erase
from kernel import aws, settings
from kernel.log import logger


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function needs of its environment."""

    user_pool_id: str


_SETTINGS = settings.read(Settings)


# What EventBridge hands over is JSON, which has no narrower type than Any.
def handler(event: dict[str, Any], context: object) -> None:
    """Take one ``person.erasure_requested``."""
    detail = event["detail"]
    requested_at = datetime.fromisoformat(detail["requested_at"])
    erase(detail["person"], requested_at=requested_at, delete_user=_delete_user)
    logger.info("erased from the accounts", event_id=detail.get("event_id"))


def _delete_user(username: str) -> None:
    client = aws.client("cognito-idp")
    try:
        client.admin_delete_user(UserPoolId=_SETTINGS.user_pool_id, Username=username)
    except client.exceptions.UserNotFoundException:
        return
