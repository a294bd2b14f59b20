"""What people asked not to be sent is not sent to them, whatever was planned."""

import pytest

from followups.delivery import Kind, SuppressionKind, created, suppressed
from followups.model import Deliveries, Suppressions
from followups.plan import planned
from kernel import secrets
from tests.service import Service, person
from tests.unit.conftest import SECRET


@pytest.mark.parametrize(
    ("asked", "kind", "is_sent"),
    [
        ((), "service", True),
        ((), "consented", True),
        (("all_optional",), "service", True),
        (("all_optional",), "consented", False),
        (("everything",), "service", False),
        (("everything",), "consented", False),
        (("all_optional", "everything"), "service", False),
    ],
)
def test_a_wish_holds_for_the_kinds_of_email_it_names(
    asked: tuple[SuppressionKind, ...], kind: Kind, is_sent: bool
) -> None:
    assert (suppressed(kind, asked) is None) is is_sent


def test_asking_twice_and_for_more_is_kept_together(service: Service) -> None:
    wishes = Suppressions()
    assert wishes.of("ada") == frozenset()
    for kind in ("all_optional", "all_optional", "everything"):
        wishes.add("ada", kind, service.clock.now)
    assert wishes.of("ada") == {"all_optional", "everything"}
    assert wishes.of("ben") == frozenset()


@pytest.mark.parametrize("asked", [True, False])
def test_the_sender_skips_whoever_asked_for_nothing(
    service: Service, monkeypatch: pytest.MonkeyPatch, asked: bool
) -> None:
    from followups import send
    from kernel import aws
    from tests.events_seen import events_of

    class Ses:
        sent = 0

        def send_email(self, **_: object) -> dict[str, str]:
            self.sent += 1
            return {"MessageId": "1"}

    ses = Ses()
    send._sender.cache_clear()
    original = aws.client
    monkeypatch.setattr(aws, "client", lambda name, **more: ses if name == "sesv2" else original(name, **more))
    monkeypatch.setattr(secrets, "load", lambda _id: SECRET)
    service.visit()
    service.register(1)
    [event] = [one for one in events_of(service.dynamodb.records) if one.name == "registration.confirmed"]
    identity = planned(event.name, {"event_id": "1", **event.detail})
    assert identity is not None
    Deliveries().create(created(identity, service.clock.now))
    if asked:
        Suppressions().add(identity.person, "everything", service.clock.now)
    send._sender().send(identity.delivery_id)
    send._sender.cache_clear()
    delivery = Deliveries().read(identity.delivery_id)
    assert delivery is not None
    assert (ses.sent, delivery.state.value) == ((0, "skipped") if asked else (1, "sent"))
    assert person(1)["email"] not in delivery.reason
