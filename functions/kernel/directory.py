"""What the user pool (Cognito) says of a person now: whether they are still there, and their roles."""

from dataclasses import dataclass
from typing import Final

from botocore.exceptions import ClientError

from kernel import aws, settings
from kernel.email_address import AddressInvalid, normalise
from kernel.text import one_line

ROLES: Final = {"organisers": "organiser", "moderators": "moderator"}
"""The pool's groups, and the role each stands for."""

MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class Settings:
    """What this module needs of its environment."""

    user_pool_id: str


@dataclass(frozen=True, slots=True)
class Known:
    """A person as the pool knows them: a proven address, a name, and roles in the order of the alphabet."""

    email: str
    name: str
    roles: tuple[str, ...]


def look_up(username: str) -> Known | None:
    """Return what the pool says of a user; None for one who is deleted, disabled or without a proven address.

    Raises:
        ClientError, BotoCoreError: it does not answer; the edge says so as "busy".
    """
    pool = settings.read(Settings).user_pool_id
    cognito = aws.client("cognito-idp", attempts=2)
    try:
        user = cognito.admin_get_user(UserPoolId=pool, Username=username)
        groups = cognito.admin_list_groups_for_user(UserPoolId=pool, Username=username, Limit=60)
    except ClientError as refused:
        if refused.response["Error"]["Code"] == "UserNotFoundException":
            return None
        raise
    said = {one["Name"]: one.get("Value", "") for one in user.get("UserAttributes", [])}
    email = proven_address(said.get("email"), said.get("email_verified"))
    if not user.get("Enabled") or email is None:
        return None
    names = [group.get("GroupName", "") for group in groups.get("Groups", [])]
    return Known(email, called(said.get("name"), email), roles(names))


def proven_address(email: object, verified: object) -> str | None:
    """Return the address in its one form if the pool has proven it, else None."""
    if not isinstance(email, str) or verified not in (True, "true"):
        return None
    try:
        return normalise(email)
    except AddressInvalid:
        return None


def called(name: object, email: str) -> str:
    """Return what to call somebody: their name on one line, or what stands before the @ of their address."""
    line = one_line(name)[:MAX_NAME].strip() if isinstance(name, str) else ""
    return line or email.partition("@")[0]


def roles(groups: object) -> tuple[str, ...]:
    """Return the roles that groups stand for; groups of others mean nothing here."""
    named = groups if isinstance(groups, list) else []
    return tuple(sorted({ROLES[group] for group in named if isinstance(group, str) and group in ROLES}))
