"""SES: what its answers mean, and what its events prove."""

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
)

from followups.message import Message
from followups.ses import NotSent, Ses, Unclear, delivery_id_of, evidence_of
from tests.unit.followups_samples import DELIVERY_ID

MESSAGE = Message(sender="us@example.org", recipient="zoe@example.org", raw=b"Subject: hello\r\n\r\n")
SAMPLES = Path(__file__).parents[2] / "events" / "aws"
URL = "https://email.eu-west-2.amazonaws.com"


class Client:
    """Answers every call alike."""

    def __init__(self, answer: Exception | dict[str, str]) -> None:
        self.answer = answer
        self.request: dict[str, Any] = {}

    def send_email(self, **request: Any) -> dict[str, str]:
        self.request = request
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def send(answer: Exception | dict[str, str]) -> tuple[str, dict[str, Any]]:
    client = Client(answer)
    message_id = Ses(client, configuration_set="events").send(MESSAGE, delivery_id=DELIVERY_ID, step="confirmation")  # type: ignore[arg-type]
    return message_id, client.request


def error(status: int, code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "SendEmail")  # type: ignore[typeddict-item]


def test_the_delivery_travels_as_a_tag_under_the_configuration_set() -> None:
    message_id, request = send({"MessageId": "m1"})
    assert message_id == "m1"
    assert {"Name": "delivery_id", "Value": DELIVERY_ID} in request["EmailTags"]
    assert request["ConfigurationSetName"] == "events"
    assert request["Destination"] == {"ToAddresses": ["zoe@example.org"]}
    assert request["Content"] == {"Raw": {"Data": MESSAGE.raw}}


@pytest.mark.parametrize(
    ("answer", "temporary"),
    [
        (error(429, "TooManyRequestsException"), True),
        (error(400, "LimitExceededException"), True),
        (error(400, "SendingPausedException"), True),
        (error(403, "AccessDeniedException"), True),
        (error(400, "MessageRejected"), False),
        (error(400, "BadRequestException"), False),
        (ConnectTimeoutError(endpoint_url=URL), True),
        (EndpointConnectionError(endpoint_url=URL), True),
        (NoCredentialsError(), True),
        (ParamValidationError(report="zoe@example.org is not valid"), False),
    ],
)
def test_what_ses_certainly_does_not_have_is_not_sent(answer: Exception, temporary: bool) -> None:
    with pytest.raises(NotSent) as refused:
        send(answer)
    assert refused.value.temporary is temporary
    assert "@" not in refused.value.reason


@pytest.mark.parametrize(
    "answer",
    [
        error(500, "InternalServiceErrorException"),
        error(503, "ServiceUnavailable"),
        error(408, "RequestTimeout"),
        ClientError({"Error": {"Code": "Odd"}}, "SendEmail"),
        ReadTimeoutError(endpoint_url=URL),
        ConnectionClosedError(endpoint_url=URL),
    ],
)
def test_an_answer_that_leaves_it_open_is_unclear(answer: Exception) -> None:
    with pytest.raises(Unclear):
        send(answer)


def sample(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((SAMPLES / f"ses-{name}.json").read_text())
    return event["detail"]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("name", "kind", "reason"),
    [
        ("send", "sent", "SES accepted it"),
        ("delivery-delay", "sent", "SES accepted it and keeps trying: MailboxFull"),
        ("delivery", "delivered", "the receiving server took it"),
        ("bounce", "bounced", "returned: Permanent, NoEmail 5.1.1"),
        ("complaint", "complained", "reported as unwanted: abuse"),
        ("reject", "rejected", "SES rejected it: Bad content"),
    ],
)
def test_an_event_settles_the_delivery_it_carries(name: str, kind: str, reason: str) -> None:
    record = sample(name)
    evidence = evidence_of(record)
    assert delivery_id_of(record) == DELIVERY_ID
    assert evidence is not None
    assert (evidence.kind, evidence.reason) == (kind, reason)
    assert evidence.message_id == record["mail"]["messageId"]


def test_the_header_tells_the_delivery_where_the_tag_is_missing() -> None:
    record = sample("send")
    del record["mail"]["tags"]["delivery_id"]
    assert delivery_id_of(record) == DELIVERY_ID


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"mail": None},
        {"mail": {"tags": {"delivery_id": []}}},
        {"mail": {"tags": {"delivery_id": ["not an id"]}, "headers": [{"name": "Subject"}, {"name": "X-Delivery-Id"}]}},
        {"eventType": "Send", "mail": {"tags": {"delivery_id": [None]}}},
    ],
)
def test_a_message_that_is_not_ours_is_left_alone(record: dict[str, Any]) -> None:
    assert delivery_id_of(record) is None


@pytest.mark.parametrize("kind", ["Open", "Click", "Subscription", "Something New", None])
def test_kinds_that_prove_nothing_are_harmless(kind: str | None) -> None:
    assert evidence_of({"eventType": kind, "mail": {}}) is None


@pytest.mark.parametrize(
    "kind", ["Send", "DeliveryDelay", "Reject", "Delivery", "Bounce", "Complaint", "Rendering Failure"]
)
def test_a_bare_event_is_understood_without_its_details(kind: str) -> None:
    assert evidence_of({"eventType": kind}) is not None


def test_no_address_gets_into_a_reason() -> None:
    bounce = {
        "bounceType": "zoe@example.org",
        "bounceSubType": "zoe@example.org",
        "bouncedRecipients": [{"emailAddress": "zoe@example.org", "status": "5.1.1 <zoe@example.org>"}],
    }
    evidence = evidence_of({"eventType": "Bounce", "bounce": bounce})
    assert evidence is not None
    assert evidence.reason == "returned: no reason given, no reason given"
