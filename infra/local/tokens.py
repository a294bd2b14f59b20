"""The local API tokens: rows that only this writes. Nothing in ``functions/`` knows of them."""

import hashlib
from datetime import UTC, datetime

from infra.local.emulator import Emulator

ORGANISER = "local-organiser"
MODERATORS = ("local-moderator", *(f"local-moderator-{number}" for number in range(2, 9)))


def write(emulator: Emulator, accounts_table: str) -> None:
    """Put the tokens' rows, over whatever is there: hashed, as the accounts table holds every token."""
    dynamodb = emulator.session.client("dynamodb", **emulator.connection)
    roles = {ORGANISER: "organiser", **dict.fromkeys(MODERATORS, "moderator")}
    created_at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    for token, role in roles.items():
        dynamodb.put_item(
            TableName=accounts_table,
            Item={
                "pk": {"S": f"token#{hashlib.sha256(token.encode()).hexdigest()}"},
                "sk": {"S": "token"},
                "name": {"S": token},
                "roles": {"L": [{"S": role}]},
                "scopes": {"L": [{"S": role}]},
                "person": {"S": token},
                "created_at": {"S": created_at},
            },
        )
