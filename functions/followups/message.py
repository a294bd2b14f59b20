"""An email as bytes: RFC 5322 headers, and the text, HTML and calendar parts as alternatives of one another.

``multipart/alternative`` with the calendar part last is what RFC 6047 describes and what Gmail, Outlook and Apple Mail
take for an invitation; the same file once more as an attachment would make some of them enter it twice.
"""

from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final

from kernel.calendar import Method
from kernel.email_address import sender_parts
from kernel.text import one_line

DELIVERY_HEADER: Final = "X-Delivery-Id"

_LONGEST_NAME: Final = 80


@dataclass(frozen=True, slots=True)
class Invitation:
    """The calendar part: its method stands in the data and in the MIME type, and both are the same (RFC 6047, 2.4)."""

    method: Method
    data: str


@dataclass(frozen=True, slots=True)
class Letter:
    """What one person gets to read."""

    to_name: str
    to_email: str
    subject: str
    text: str
    html: str
    invitation: Invitation | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A letter made ready for SES: who from and to on the envelope, and the bytes."""

    sender: str
    recipient: str
    raw: bytes


def message(letter: Letter, *, sender: str, delivery_id: str, now: datetime, reply_to: str | None = None) -> Message:
    """Return the letter as MIME.

    ``sender`` is ``Name <address>``, ``reply_to`` the address that answers go to where it is another. Domains go out in
    their ASCII form (IDNA); a local part beyond ASCII makes the headers UTF-8 (RFC 6532), which SES refuses to this
    day: the delivery then fails and says so.
    """
    from_name, from_email = sender_parts(sender)
    recipient = ascii_domain(letter.to_email)
    mail = EmailMessage(policy=policy.SMTP if recipient.isascii() else policy.SMTPUTF8)
    mail["From"] = _address(from_name, from_email)
    mail["To"] = _address(letter.to_name, recipient)
    mail["Reply-To"] = _address(from_name, ascii_domain(reply_to or from_email))
    mail["Subject"] = one_line(letter.subject)
    mail["Date"] = format_datetime(now)
    mail[DELIVERY_HEADER] = delivery_id
    # RFC 3834, 5: no holiday notes to us. Exchange heeds a header of its own.
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "OOF, AutoReply"
    mail.set_content(letter.text, cte="quoted-printable")
    mail.add_alternative(letter.html, subtype="html", cte="quoted-printable")
    if letter.invitation is not None:
        mail.add_alternative(
            letter.invitation.data, subtype="calendar", cte="base64", params={"method": letter.invitation.method}
        )
    return Message(sender=str(_address(from_name, from_email)), recipient=recipient, raw=mail.as_bytes())


def named_sender(sender: str, name: str | None) -> str:
    """Return the sender under another name, where there is one."""
    return sender if name is None else f"{one_line(name)} <{sender_parts(sender)[1]}>"


def ascii_domain(email: str) -> str:
    """Return the address with its domain as DNS has it (RFC 5891); a domain IDNA does not know stays as it is."""
    import idna

    local, at, domain = email.rpartition("@")
    try:
        return f"{local}{at}{idna.encode(domain, uts46=True).decode()}"
    except idna.IDNAError:
        return email


def _address(name: str, email: str) -> Address:
    local, _, domain = one_line(email).rpartition("@")
    return Address(display_name=one_line(name)[:_LONGEST_NAME].strip(), username=local, domain=domain)
