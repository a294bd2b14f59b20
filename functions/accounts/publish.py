"""Lambda `accounts-publish`: the accounts table's stream, said on the bus."""

from dataclasses import dataclass
from typing import Any

from accounts.happened import SOURCE, happened
from kernel import aws, settings
from kernel.publish import Outbox, parking


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function needs of its environment."""

    bus_name: str
    failures_bucket: str


_SETTINGS = settings.read(Settings)


def handler(event: dict[str, Any], context: object) -> dict[str, list[dict[str, str]]]:
    """Publish one batch of stream records; a partial batch response."""
    outbox = Outbox(
        source=SOURCE,
        bus=_SETTINGS.bus_name,
        describe=happened,
        events=aws.client("events"),
        park=parking(_SETTINGS.failures_bucket, "accounts"),
    )
    return outbox.publish(event["Records"])
