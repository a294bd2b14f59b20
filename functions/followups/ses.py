"""SES: one `SendEmail`, what its answers mean, and what its events say became of a message.

Sources: the SESv2 API reference (SendEmail, errors) and "Contents of event data that Amazon SES publishes" in the SES
developer guide. EventBridge delivers SES's events by best effort: twice, late, out of order, or never.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
)

from followups.delivery import Evidence
from followups.message import DELIVERY_HEADER, Message

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client

DELIVERY_TAG: Final = "delivery_id"

# These mean this very message; every other refusal (throttles, quotas, a paused account, missing permission) is
# about the state of things, which changes.
_REFUSED_FOR_GOOD: Final = {"BadRequestException", "MessageRejected"}
_TIMED_OUT: Final = {"RequestTimeout", "RequestTimeoutException"}
_SERVER_ERROR: Final = 500

# Never connected, or never tried to: nothing of the message left this machine.
_NEVER_LEFT: Final = (ConnectTimeoutError, EndpointConnectionError, NoCredentialsError, ParamValidationError)


class NotSent(Exception):
    """SES certainly does not have the message.

    Attributes:
        temporary: whether the refusal is about the state of things rather than about this message.
    """

    def __init__(self, reason: str, *, temporary: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.temporary = temporary


class Unclear(Exception):
    """SES may have the message, or not: the answer was lost, or said neither."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Ses:
    """Sends through a client whose retries are off (``attempts=1``): SES has no idempotency key."""

    def __init__(self, client: SESV2Client, *, configuration_set: str) -> None:
        self._client = client
        self._configuration_set = configuration_set

    def send(self, message: Message, *, delivery_id: str, step: str) -> str:
        """Hand one message to SES; return what SES calls it.

        Raises:
            NotSent: SES does not have it.
            Unclear: nobody here knows.
        """
        try:
            answer = self._client.send_email(
                FromEmailAddress=message.sender,
                Destination={"ToAddresses": [message.recipient]},
                Content={"Raw": {"Data": message.raw}},
                ConfigurationSetName=self._configuration_set,
                EmailTags=[{"Name": DELIVERY_TAG, "Value": delivery_id}, {"Name": "step", "Value": step}],
            )
        except ClientError as error:
            raise _meaning(error) from None  # its text may hold the address
        except _NEVER_LEFT as error:
            raise NotSent(type(error).__name__, temporary=not isinstance(error, ParamValidationError)) from None
        except BotoCoreError as error:
            raise Unclear(type(error).__name__) from None
        return answer["MessageId"]


def _meaning(error: ClientError) -> NotSent | Unclear:
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", _SERVER_ERROR)
    if status >= _SERVER_ERROR or code in _TIMED_OUT:
        return Unclear(f"SES answered {status} {code}")
    return NotSent(f"SES refused it: {code}", temporary=code not in _REFUSED_FOR_GOOD)


# JSON has no narrower type than Any for its values.
type Record = Mapping[str, Any]
"""What SES publishes about one message: ``eventType``, ``mail``, and a part named after the type."""


def delivery_id_of(record: Record) -> str | None:
    """Return the delivery a record is about, by its tag or else its header; None for a message not ours."""
    mail = record.get("mail") or {}
    tagged = (mail.get("tags") or {}).get(DELIVERY_TAG) or []
    headers = [
        h.get("value") for h in mail.get("headers") or [] if h.get("name", "").lower() == DELIVERY_HEADER.lower()
    ]
    for candidate in (*tagged, *headers):
        try:
            return str(UUID(candidate))
        except (ValueError, TypeError, AttributeError):
            continue
    return None


def evidence_of(record: Record) -> Evidence | None:  # noqa: PLR0911  one answer a kind
    """Return what a record proves; None for a kind that proves nothing here (opens, clicks, kinds yet to be invented).

    Reasons are SES's own codes: its free text may hold addresses, and stays out.
    """
    message_id = (record.get("mail") or {}).get("messageId")
    match record.get("eventType"):
        case "Send":
            return Evidence("sent", "SES accepted it", message_id)
        case "DeliveryDelay":
            kind = _code((record.get("deliveryDelay") or {}).get("delayType"))
            return Evidence("sent", f"SES accepted it and keeps trying: {kind}", message_id)
        case "Reject":
            return Evidence(
                "rejected", f"SES rejected it: {_code((record.get('reject') or {}).get('reason'))}", message_id
            )
        case "Rendering Failure":
            return Evidence("rejected", "SES could not render it", message_id)
        case "Delivery":
            return Evidence("delivered", "the receiving server took it", message_id)
        case "Bounce":
            return Evidence("bounced", _bounce(record.get("bounce") or {}), message_id)
        case "Complaint":
            complaint = record.get("complaint") or {}
            kind = _code(complaint.get("complaintSubType") or complaint.get("complaintFeedbackType"))
            return Evidence("complained", f"reported as unwanted: {kind}", message_id)
        case _:
            return None


def _bounce(bounce: Record) -> str:
    recipients = bounce.get("bouncedRecipients") or [{}]
    status = recipients[0].get("status") or ""
    kinds = f"{_code(bounce.get('bounceType'))}, {_code(bounce.get('bounceSubType'))}"
    return f"returned: {kinds} {status}" if re.fullmatch(r"\d\.\d{1,3}\.\d{1,3}", status) else f"returned: {kinds}"


def _code(value: object) -> str:
    """A code of SES's, made of letters, spaces and hyphens; anything else is not repeated."""
    return value if isinstance(value, str) and re.fullmatch(r"[A-Za-z][A-Za-z -]{0,60}", value) else "no reason given"
