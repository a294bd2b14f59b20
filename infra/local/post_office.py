"""SES as far as MiniStack has none: it keeps every email whole, and tells the bus what became of it.

MiniStack accepts a raw message and throws away all but subject and bodies: no headers, no calendar part, nothing
after a restart. It also emits none of the events that a configuration set promises. So functions send to this
(`AWS_ENDPOINT_URL_SESV2`); it passes each call on to MiniStack, whose word on identities and senders counts, keeps
what was accepted in the stack's folder, and then does what SES does: "Send" and "Delivery" events, and "Bounce"
or "Complaint" for the addresses of SES's mailbox simulator
(https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html).
"""

import base64
import email
import email.policy
import http.client
import json
import threading
import urllib.parse
import uuid
from dataclasses import asdict, dataclass, field
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from botocore.exceptions import EndpointConnectionError

from infra.local import clock
from infra.local.emulator import ACCOUNT, REGION, Emulator
from infra.local.folder import Folder
from infra.local.http_server import BadRequest, Handler, Server, TooLarge

_SEND = "/v2/email/outbound-emails"
_SIMULATOR = "@simulator.amazonses.com"
_DETAIL_TYPES = {  # https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
    "Send": "Email Sent",
    "Delivery": "Email Delivered",
    "Bounce": "Email Bounced",
    "Complaint": "Email Complaint Received",
}


@dataclass(frozen=True, kw_only=True)
class Email:
    """An email that was accepted.

    Attributes:
        message_id: what SES answered.
        to: the envelope's addresses, which need not be the header's.
        sent_at: RFC 3339, by the stack's clock.
        raw: the message as handed over, RFC 5322.
        configuration_set: the one named in the call, if any.
        tags: message tags by name.
    """

    message_id: str
    to: list[str]
    sent_at: str
    raw: bytes
    configuration_set: str | None
    tags: dict[str, str]

    def parsed(self) -> EmailMessage:
        """Return the message with its parts and headers decoded."""
        return email.message_from_bytes(self.raw, policy=email.policy.default)


@dataclass
class Mail:
    """All emails of a stack, oldest first, in memory and on disk."""

    folder: Path
    _emails: list[Email] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def load(self) -> None:
        """Read what earlier runs have sent."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._lock:
            self._emails = [_read(file) for file in sorted(self.folder.glob("*.json"))]

    def add(self, one: Email) -> None:
        """Keep an email."""
        with self._lock:
            file = self.folder / f"{len(self._emails) + 1:08}.json"
            written = file.with_suffix(".new")
            written.write_text(json.dumps(asdict(one) | {"raw": base64.b64encode(one.raw).decode()}))
            written.replace(file)
            self._emails.append(one)

    def all(self) -> list[Email]:
        """Return every email, oldest first."""
        with self._lock:
            return list(self._emails)

    def find(self, message_id: str) -> Email | None:
        """Return the email with this id."""
        return next((one for one in self.all() if one.message_id == message_id), None)


class PostOffice(Server):
    """The SES that functions talk to."""

    def __init__(self, folder: Folder, mail: Mail) -> None:
        super().__init__(0, _Counter)
        self.mail = mail
        self.emulator: Emulator | None = None
        self._folder = folder

    @property
    def endpoint(self) -> str:
        """What functions have for `AWS_ENDPOINT_URL_SESV2`."""
        return f"http://127.0.0.1:{self.port}"

    def deliver_for(self, emulator: Emulator) -> None:
        """Say for whom it works. Until then it answers 503."""
        self.emulator = emulator

    def now(self) -> datetime:
        """Return the time on the stack's clock."""
        return clock.now(self._folder)

    def accepted(self, call: dict[str, Any], message_id: str) -> None:  # the request as SESv2 describes it
        """Keep what SES accepted, and let the bus hear of it a moment later, as ever."""
        one = Email(
            message_id=message_id,
            to=[address for kind in ("To", "Cc", "Bcc") for address in call["Destination"].get(f"{kind}Addresses", [])],
            sent_at=self.now().isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            raw=base64.b64decode(call["Content"]["Raw"]["Data"]),
            configuration_set=call.get("ConfigurationSetName"),
            tags={tag["Name"]: tag["Value"] for tag in call.get("EmailTags", [])},
        )
        self.mail.add(one)
        if self.emulator and one.configuration_set:
            threading.Thread(target=_tell, args=(self.emulator, one), daemon=True).start()


class _Counter(Handler):
    """Takes a call over the counter. Every one goes on to MiniStack, and an email is kept besides."""

    server: PostOffice

    def answer(self) -> None:
        try:
            body = self.body()
        except (BadRequest, TooLarge):
            self.refuse(400, "bad request")
            return
        emulator = self.server.emulator
        if emulator is None:
            self.refuse(503, "not open yet")
            return
        sends = self.command == "POST" and urllib.parse.urlsplit(self.path).path == _SEND
        call = json.loads(body) if sends else {}
        if sends and "Raw" not in call.get("Content", {}):
            self.refuse(400, "the local post office takes raw messages only")
            return
        status, headers, answer = self._ask(emulator, body)
        if sends and status == 200:
            self.server.accepted(call, json.loads(answer)["MessageId"])
        self.reply(status, headers, answer)

    def _ask(self, emulator: Emulator, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", emulator.port, timeout=10)
        try:
            # MiniStack knows which service is meant by what the signature was made for.
            passed = {name: value for name, value in self.headers.items() if name.lower() not in _PER_CONNECTION}
            connection.request(self.command, self.path, body, passed)
            response = connection.getresponse()
            kept = [(name, value) for name, value in response.getheaders() if name.lower() not in _PER_CONNECTION]
            return response.status, kept, response.read()
        finally:
            connection.close()


_PER_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length", "expect", "date", "host"}


def _read(file: Path) -> Email:
    stored = json.loads(file.read_text())
    return Email(**(stored | {"raw": base64.b64decode(stored["raw"])}))


def _tell(emulator: Emulator, one: Email) -> None:
    try:
        for kind in ("Send", _fate(one)):
            if _is_promised(emulator, one.configuration_set or "", kind):
                _deliver(emulator, _event(one, kind))
    except EndpointConnectionError:
        pass  # the emulator was stopped meanwhile; SES promises no events either


def _fate(one: Email) -> str:
    for kind in ("Bounce", "Complaint"):
        if any(address.startswith(kind.lower()) and address.endswith(_SIMULATOR) for address in one.to):
            return kind
    return "Delivery"


def _is_promised(emulator: Emulator, configuration_set: str, kind: str) -> bool:
    ses = emulator.session.client("sesv2", **emulator.connection)
    found = ses.get_configuration_set_event_destinations(ConfigurationSetName=configuration_set)
    return any(
        destination.get("Enabled") and kind.upper() in destination["MatchingEventTypes"]
        for destination in found.get("EventDestinations", [])
    )


def _event(one: Email, kind: str) -> dict[str, object]:
    parsed = one.parsed()
    mail = {
        "timestamp": one.sent_at,
        "source": str(parsed["From"]),
        "sendingAccountId": ACCOUNT,
        "messageId": one.message_id,
        "destination": one.to,
        "headersTruncated": False,
        "headers": [{"name": name, "value": str(value)} for name, value in parsed.items()],
        "commonHeaders": {"from": [str(parsed["From"])], "to": one.to, "subject": str(parsed["Subject"])},
        "tags": {
            "ses:configuration-set": [one.configuration_set],
            **{name: [value] for name, value in one.tags.items()},
        },
    }
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": _DETAIL_TYPES[kind],
        "source": "aws.ses",
        "account": ACCOUNT,
        "time": one.sent_at,
        "region": REGION,
        "resources": [f"arn:aws:ses:{REGION}:{ACCOUNT}:configuration-set/{one.configuration_set}"],
        "detail": {"eventType": kind, "mail": mail, kind.lower(): _particulars(one, kind)},
    }


def _particulars(one: Email, kind: str) -> dict[str, object]:
    if kind == "Send":
        return {}
    if kind == "Delivery":
        return {
            "timestamp": one.sent_at,
            "processingTimeMillis": 10,
            "recipients": one.to,
            "smtpResponse": "250 2.0.0 OK",
            "reportingMTA": "localhost",
        }
    people = [{"emailAddress": address} for address in one.to]
    if kind == "Bounce":
        return {
            "bounceType": "Permanent",
            "bounceSubType": "General",
            "bouncedRecipients": people,
            "timestamp": one.sent_at,
            "feedbackId": str(uuid.uuid4()),
        }
    return {"complainedRecipients": people, "timestamp": one.sent_at, "feedbackId": str(uuid.uuid4())}


def _deliver(emulator: Emulator, event: dict[str, object]) -> None:
    """Call the functions whose rules on the default bus fit the event.

    `PutEvents` refuses a source that begins with ``aws.``, on AWS and on MiniStack alike, so the rules are matched
    (by MiniStack) and their functions called here.
    """
    events = emulator.session.client("events", **emulator.connection)
    functions = emulator.session.client("lambda", **emulator.connection)
    text = json.dumps(event)
    for rule in events.list_rules()["Rules"]:
        pattern = rule.get("EventPattern")
        if (
            rule.get("State") == "ENABLED"
            and pattern
            and events.test_event_pattern(EventPattern=pattern, Event=text)["Result"]
        ):
            for target in events.list_targets_by_rule(Rule=rule["Name"])["Targets"]:
                functions.invoke(FunctionName=target["Arn"], InvocationType="Event", Payload=text.encode())
