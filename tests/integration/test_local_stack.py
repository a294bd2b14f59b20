"""The stack that `make run` runs, as far as its own parts go."""

import json
import urllib.request
from email.message import EmailMessage

import pytest

from infra.local import schedules
from infra.local.emulator import Emulator
from infra.local.stack import LocalStack

pytestmark = pytest.mark.stack


def test_the_service_answers_at_the_front_door(stack: LocalStack) -> None:
    with urllib.request.urlopen(f"{stack.base_url}/healthz", timeout=30) as answer:
        assert answer.status == 200


def test_the_tables_expire_what_has_had_its_time(stack: LocalStack) -> None:
    dynamodb = stack.emulator.session.client("dynamodb", **stack.emulator.connection)
    for table in ("VisitsTableName", "FollowupsTableName", "AccountsTableName"):
        described = dynamodb.describe_time_to_live(TableName=stack.deployment[table])["TimeToLiveDescription"]
        assert (described["TimeToLiveStatus"], described["AttributeName"]) == ("ENABLED", "expires_at")


def test_what_a_schedule_calls_can_be_called_now(stack: LocalStack) -> None:
    called = schedules.call_all(stack.emulator)
    assert {name.removeprefix("microclimate-local-") for name in called} >= {"visits-sweep", "followups-settle"}


def test_an_email_is_kept_whole(stack: LocalStack) -> None:
    message = EmailMessage()
    message["From"] = "Community <visits@example.org>"
    message["To"] = "whole@example.org"
    message["Subject"] = "Whole"
    message["X-Delivery-Id"] = "none"
    message.set_content("text")
    message.add_attachment("BEGIN:VCALENDAR", subtype="calendar", filename="a.ics")
    ses = stack.emulator.session.client("sesv2", **stack.emulator.connection | {"endpoint_url": stack.post_office})
    sent = ses.send_email(
        FromEmailAddress="visits@example.org",
        Destination={"ToAddresses": ["whole@example.org"]},
        Content={"Raw": {"Data": message.as_bytes()}},
    )
    with urllib.request.urlopen(f"{stack.base_url}/mailbox.json?to=whole%40example.org", timeout=30) as answer:
        [kept] = json.loads(answer.read())
    assert kept["id"] == sent["MessageId"]
    assert kept["headers"]["X-Delivery-Id"] == "none"
    assert [one["name"] for one in kept["attachments"]] == ["a.ics"]


def test_a_bare_dynamodb_has_the_tables_and_their_indexes(dynamodb: Emulator) -> None:
    client = dynamodb.session.client("dynamodb", **dynamodb.connection)
    indexes = client.describe_table(TableName="visits")["Table"]["GlobalSecondaryIndexes"]
    assert {index["IndexName"] for index in indexes} == {"public-by-start", "all-by-start"}
    assert client.scan(TableName="followups")["Count"] == 0
