"""The local API tokens: rows that only this writes. Nothing in ``functions/`` knows of them."""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime

from infra.local.deployment import Deployment
from infra.local.emulator import Emulator
from kernel import secrets
from kernel.person_key import person_key


@dataclass(frozen=True)
class Token:
    """A token, and the person it acts as."""

    token: str
    name: str
    email: str
    role: str


ORGANISER = Token("local-organiser", "Olu, a local organiser", "organiser@example.org", "organiser")
MODERATORS = tuple(
    Token(f"local-moderator{ending}", f"Moderator {number}", f"moderator-{number}@example.org", "moderator")
    for number, ending in enumerate(["", *(f"-{other}" for other in range(2, 9))], start=1)
)


def write(emulator: Emulator, deployment: Deployment) -> None:
    """Put the tokens' rows, over whatever is there: hashed, as the accounts table holds every token."""
    dynamodb = emulator.session.client("dynamodb", **emulator.connection)
    secret = pepper(emulator, deployment["SecretIdName"])
    for one in (ORGANISER, *MODERATORS):
        dynamodb.put_item(
            TableName=deployment["AccountsTableName"],
            Item={
                "pk": {"S": f"token#{hashlib.sha256(one.token.encode()).hexdigest()}"},
                "sk": {"S": "token"},
                "person": {"S": person_key(one.email, secret)},
                "email": {"S": one.email},
                "name": {"S": one.name},
                "roles": {"S": json.dumps([one.role])},
                "scopes": {"S": json.dumps([one.role])},
                "created_at": {"S": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f+0000}"},  # as PynamoDB writes moments
            },
        )


def pepper(emulator: Emulator, secret_id: str) -> str:
    """Return what makes this stack's person keys."""
    client = emulator.session.client("secretsmanager", **emulator.connection)
    return secrets.parse(client.get_secret_value(SecretId=secret_id)["SecretString"]).pepper
