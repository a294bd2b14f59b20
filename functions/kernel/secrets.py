"""The one secret: signing keys and the pepper of person keys, read once a container."""

import hmac
import json
from dataclasses import dataclass, field
from functools import cache

from kernel import aws


@dataclass(frozen=True, slots=True)
class Secret:
    """What signs links and makes person keys. Neither value shows in a `repr`.

    Attributes:
        signing_keys: newest first: the first signs, every one verifies, so keys rotate without breaking links.
        pepper: the key of every person key. It can never change.
    """

    signing_keys: tuple[str, ...] = field(repr=False)
    pepper: str = field(repr=False)


@cache
def load(secret_id: str) -> Secret:
    """Read the secret from Secrets Manager.

    Until somebody rotates keys the stored list is empty, because CloudFormation can make up one random value
    only; then the signing key is derived from the pepper, under a name of its own.
    """
    stored = aws.client("secretsmanager").get_secret_value(SecretId=secret_id)
    return parse(stored["SecretString"])


def parse(text: str) -> Secret:
    """Read the secret's JSON: ``{"signing_keys": [newest, …], "pepper": "…"}``."""
    document = json.loads(text)
    pepper = document["pepper"]
    # The derived key stays the oldest: links signed before the first rotation still open.
    first = hmac.digest(pepper.encode(), b"microclimate signing key 1", "sha256").hex()
    return Secret(signing_keys=(*document["signing_keys"], first), pepper=pepper)
