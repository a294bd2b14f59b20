"""MiniStack as we run it: what it forgets or drops by itself happens all the same."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from infra.local import emulator
from infra.local.emulator import ACCOUNT, REGION, Emulator
from infra.local.folder import Folder

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient

SOURCE = """
import json, os, pathlib

def handler(event, context):
    text, heard = json.dumps(event), pathlib.Path(os.environ["HEARD"])
    with heard.open("a") as file:
        file.write(text + "\\n")
    if "fail once" in text and heard.read_text().count("fail once") == 1:
        raise RuntimeError("as it was asked to")
"""


class Toy:
    """A function that writes down every event it gets, and what calls it: a stream, a queue, a rule."""

    def __init__(self, ministack: Emulator, heard: Path) -> None:
        self.heard = heard
        self.dynamodb: DynamoDBClient = ministack.session.client("dynamodb", **ministack.connection)
        self.events: EventBridgeClient = ministack.session.client("events", **ministack.connection)
        self.functions: LambdaClient = ministack.session.client("lambda", **ministack.connection)
        self.sqs: SQSClient = ministack.session.client("sqs", **ministack.connection)

    def set_up(self) -> None:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as zipped:
            zipped.writestr("toy.py", SOURCE)
        function = self.functions.create_function(
            FunctionName="toy",
            Runtime="python3.13",
            Role=f"arn:aws:iam::{ACCOUNT}:role/any",
            Handler="toy.handler",
            Code={"ZipFile": archive.getvalue()},
            Timeout=20,
            Environment={"Variables": {"HEARD": str(self.heard)}},
        )
        table = self.dynamodb.create_table(
            TableName="things",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        )["TableDescription"]
        self.functions.create_event_source_mapping(
            FunctionName="toy", EventSourceArn=table["LatestStreamArn"], StartingPosition="TRIM_HORIZON"
        )
        self.sqs.create_queue(QueueName="things")
        self.functions.create_event_source_mapping(
            FunctionName="toy", EventSourceArn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:things"
        )
        self.events.put_rule(Name="things", EventPattern='{"source": ["test"]}')
        self.events.put_targets(Rule="things", Targets=[{"Id": "toy", "Arn": function["FunctionArn"]}])

    def put(self, key: str) -> None:
        self.dynamodb.put_item(TableName="things", Item={"pk": {"S": key}})

    def send(self, text: str) -> None:
        self.sqs.send_message(QueueUrl=self.sqs.get_queue_url(QueueName="things")["QueueUrl"], MessageBody=text)

    def tell(self, text: str) -> None:
        told = self.events.put_events(Entries=[{"Source": "test", "DetailType": "x", "Detail": json.dumps([text])}])
        assert told["FailedEntryCount"] == 0

    def times_heard(self, text: str) -> int:
        lines = self.heard.read_text().splitlines() if self.heard.exists() else []
        return sum(text in line for line in lines)

    def hears(self, text: str, times: int = 1) -> bool:
        return eventually(lambda: self.times_heard(text) == times)


def eventually(happened: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if happened():
            return True
        time.sleep(0.05)
    return False


@contextmanager
def toy_on(home: Folder) -> Iterator[Toy]:
    """Start MiniStack on the folder's state, on a port it never had before."""
    with emulator.running(home, port=emulator.free_port()) as ministack:
        yield Toy(ministack, home.path / "heard")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    emulator.install()
    home = Folder(tmp_path_factory.mktemp("ministack"))
    with toy_on(home) as toy:
        toy.set_up()
        toy.put("an early record")
        assert toy.hears("an early record")
    return home


def test_stream_queue_and_rule_still_call_after_a_restart_on_another_port(home: Folder) -> None:
    with toy_on(home) as toy:
        toy.put("a later record")
        toy.send("a message")
        toy.tell("an event")
        assert toy.hears("a later record")
        assert toy.hears("a message")
        assert toy.hears("an event")
        assert toy.times_heard("an early record") == 1


def test_what_was_written_last_is_followed_up_before_it_stops(home: Folder) -> None:
    with toy_on(home) as toy:
        toy.put("a last word")
    assert toy.times_heard("a last word") == 1


def test_an_event_whose_function_failed_is_brought_again(home: Folder) -> None:
    with toy_on(home) as toy:
        toy.tell("fail once")
        assert toy.hears("fail once", times=2)
