"""The mailbox: every email the local stack has sent, to read and to test with. The front door answers for it."""

import html
import json
import re
import urllib.parse
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from functools import cache
from http import HTTPStatus

from infra.local.post_office import Email, Mail
from infra.settings import ROOT

_PICO = ROOT / "node_modules" / "@picocss" / "pico" / "css" / "pico.min.css"
_STYLE = """
:root { --pico-font-size: 100%; }
main.container { max-width: 48rem; padding-block: 1.5rem 4rem; }
h1 { margin-bottom: .5rem; }
form[role=search] { display: block; margin-bottom: 1rem; }
article header { display: grid; gap: .5rem; }
article h2 { margin: 0; font-size: 1.15rem; line-height: 1.3; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .125rem 1rem; margin: 0; font-size: .9rem; }
dt, dd { line-height: 1.4; }
dt { font-weight: 600; }
dd { margin: 0; overflow-wrap: anywhere; }
details { margin: 0; }
summary { padding: .35rem 0; }
article footer { font-size: .9rem; line-height: 1.8; }
iframe { width: 100%; height: 44rem; border: 1px solid var(--pico-muted-border-color); background: #fff; }
pre { padding: 1rem; white-space: pre-wrap; overflow-wrap: anywhere; }
"""

_URL = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]]")

_PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src data:; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
# What people wrote gets into emails. Theirs is an origin of its own, without scripts; a link opens a new tab.
_EMAIL_POLICY = (
    "default-src 'none'; img-src 'self' http: https: data:; style-src 'unsafe-inline'; frame-ancestors 'self'; "
    "sandbox allow-popups allow-popups-to-escape-sandbox"
)


@dataclass(frozen=True)
class Answer:
    """What to send back."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass(frozen=True)
class Attachment:
    """A part of an email that is not its text.

    Attributes:
        text: the content, or None when it is not text.
    """

    name: str
    kind: str
    text: str | None
    content: bytes


def is_for(target: str) -> bool:
    """Tell whether a request's target is the mailbox's to answer."""
    path = target.partition("?")[0]
    return path in {"/mailbox", "/mailbox.json"} or path.startswith("/mailbox/")


def answer(method: str, target: str, mail: Mail) -> Answer:
    """Answer a request to the mailbox."""
    path, _, query = target.partition("?")
    if method not in {"GET", "HEAD"}:
        return _text(405, "text/plain", "The mailbox is there to be read.\n", {"Allow": "GET, HEAD"})
    parameters = urllib.parse.parse_qs(query)
    to = next(iter(parameters.get("to", [])), "").strip()
    if path == "/mailbox":
        return _text(200, "text/html", _page(_sent_to(mail, to)[::-1], to), {"Content-Security-Policy": _PAGE_POLICY})
    if path == "/mailbox.json":
        described = [_described(one) for one in _sent_to(mail, to)]
        return _text(200, "application/json", json.dumps(described, ensure_ascii=False, indent=1))
    if path == "/mailbox/style.css":
        return _text(200, "text/css", _style())
    return _part(path.removeprefix("/mailbox/").split("/"), mail)


def attachments(message: EmailMessage) -> list[Attachment]:
    """Return what an email carries beside text and HTML, the calendar part included, in the message's order."""
    bodies = {id(part) for part in _bodies(message).values()}
    found: list[Attachment] = []
    for part in message.walk():
        if part.is_multipart() or id(part) in bodies:
            continue
        kind = part.get_content_type()
        name = part.get_filename() or ("invite.ics" if kind == "text/calendar" else f"part-{len(found) + 1}")
        content = part.get_content()
        text = content if isinstance(content, str) else None
        found.append(Attachment(name, kind, text, content.encode() if isinstance(content, str) else bytes(content)))
    return found


def _sent_to(mail: Mail, to: str) -> list[Email]:
    return [one for one in mail.all() if not to or to.casefold() in {address.casefold() for address in one.to}]


def _bodies(message: EmailMessage) -> dict[str, EmailMessage]:
    found: dict[str, EmailMessage] = {}
    for part in message.walk():
        kind = part.get_content_type()
        if kind in {"text/plain", "text/html"} and part.get_content_disposition() != "attachment":
            found.setdefault(kind, part)
    return found


def _body(message: EmailMessage, kind: str) -> str | None:
    part = _bodies(message).get(kind)
    return None if part is None else str(part.get_content()).replace("\r\n", "\n")


def _headers(message: EmailMessage) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in message.items():
        # A long value may begin on its second line, and Python's parser keeps the space that line begins with.
        text = str(value).strip()
        joined[name] = f"{joined[name]}, {text}" if name in joined else text
    return joined


def _subject(message: EmailMessage) -> str:
    # Folded before its first word, a header keeps the fold's space.
    return str(message["Subject"] or "").strip()


def _described(one: Email) -> dict[str, object]:
    message = one.parsed()
    return {
        "id": one.message_id,
        "to": one.to,
        "subject": _subject(message),
        "sent_at": one.sent_at,
        "text": _body(message, "text/plain"),
        "html": _body(message, "text/html"),
        "headers": _headers(message),
        "attachments": [{"name": part.name, "type": part.kind, "text": part.text} for part in attachments(message)],
        "raw": one.raw.decode("utf-8", errors="replace"),
    }


def _part(steps: list[str], mail: Mail) -> Answer:
    """Answer for one email: ``{id}/html``, ``{id}/raw`` or ``{id}/attachments/{number}``."""
    one = mail.find(urllib.parse.unquote(steps[0]))
    if one is not None:
        match steps[1:]:
            case ["html"] if (body := _body(one.parsed(), "text/html")) is not None:
                return _text(200, "text/html", _opening_new_tabs(body), {"Content-Security-Policy": _EMAIL_POLICY})
            case ["raw"]:
                return _text(200, "text/plain", one.raw.decode("utf-8", errors="replace"))
            case ["attachments", number] if number.isdecimal():
                parts = attachments(one.parsed())
                if int(number) < len(parts):
                    return _download(parts[int(number)])
    return _text(404, "text/plain", "There is no such email.\n")


def _download(part: Attachment) -> Answer:
    kind = f"{part.kind}; charset=utf-8" if part.text is not None else part.kind
    named = urllib.parse.quote(part.name)
    headers = {"Content-Type": kind, "Content-Disposition": f"attachment; filename*=UTF-8''{named}"}
    return Answer(200, [*_COMMON, *headers.items()], part.content)


def _opening_new_tabs(body: str) -> str:
    base = '<base target="_blank">'
    with_base, found = re.subn(r"(<head\b[^>]*>)", rf"\1{base}", body, count=1, flags=re.IGNORECASE)
    return with_base if found else base + body


_COMMON = [
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
]


def _text(status: int, kind: str, text: str, headers: dict[str, str] | None = None) -> Answer:
    own = [("Content-Type", f"{kind}; charset=utf-8"), *(headers or {}).items()]
    return Answer(HTTPStatus(status), [*_COMMON, *own], text.encode())


@cache
def _style() -> str:
    return (_PICO.read_text(encoding="utf-8") if _PICO.exists() else "") + _STYLE


def _page(emails: list[Email], to: str) -> str:
    shown = "".join(_article(number, one) for number, one in enumerate(emails))
    count = f"{len(emails)} email{'' if len(emails) == 1 else 's'}"
    whose = f" to {html.escape(to)}" if to else ""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Mailbox ({count}{whose}) · Microclimate, running locally</title>
<link rel="stylesheet" href="/mailbox/style.css">
</head>
<body>
<main class="container">
<h1>Mailbox</h1>
<p>Every email sent here, newest first. None of them has left this machine.
<a href="/">To the visits</a> · <a href="/mailbox.json">As JSON</a></p>
<form action="/mailbox" role="search">
<label for="to">Only those to this address</label>
<fieldset role="group">
<input id="to" name="to" type="email" value="{html.escape(to, quote=True)}" autocomplete="off">
<button>Show</button>
</fieldset>
</form>
<p>{count}{whose}{' · <a href="/mailbox">all emails</a>' if to else ""}</p>
{shown or "<p>Nothing here yet.</p>"}
</main>
</body>
</html>
"""


def _article(number: int, one: Email) -> str:
    message = one.parsed()
    address = f"/mailbox/{urllib.parse.quote(one.message_id, safe='')}"
    subject = html.escape(_subject(message) or "(no subject)")
    sent_at = datetime.fromisoformat(one.sent_at)
    facts = {"From": str(message["From"]), "To": ", ".join(one.to), "Sent": f"{sent_at:%A %d %B %Y, %H:%M:%S} UTC"}
    rows = "".join(f"<dt>{name}</dt><dd>{html.escape(value)}</dd>" for name, value in facts.items())
    return f"""<article aria-labelledby="email-{number}">
<header><h2 id="email-{number}">{subject}</h2><dl>{rows}</dl></header>
{_bodies_shown(message, address, subject)}
<footer>{_enclosed(message, address)}<a href="{address}/raw">Source</a></footer>
</article>
"""


def _bodies_shown(message: EmailMessage, address: str, subject: str) -> str:
    shown = ""
    if _body(message, "text/html") is not None:
        shown += (
            f"<details><summary>As most people see it</summary>"
            f'<iframe src="{address}/html" title="{html.escape(subject, quote=True)}" loading="lazy" '
            f'sandbox="allow-popups allow-popups-to-escape-sandbox"></iframe></details>'
        )
    text = _body(message, "text/plain")
    if text is not None:
        shown += f"<details><summary>As plain text</summary><pre>{_with_links(text)}</pre></details>"
    return shown


def _enclosed(message: EmailMessage, address: str) -> str:
    return "".join(
        f'<a href="{address}/attachments/{number}">{html.escape(part.name)}</a> ({html.escape(part.kind)}) · '
        for number, part in enumerate(attachments(message))
    )


def _with_links(text: str) -> str:
    shown, end = [], 0
    for match in _URL.finditer(text):
        url = html.escape(match[0], quote=True)
        shown += [
            html.escape(text[end : match.start()]),
            f'<a href="{url}" target="_blank" rel="noreferrer">{url}</a>',
        ]
        end = match.end()
    return "".join(shown) + html.escape(text[end:])
