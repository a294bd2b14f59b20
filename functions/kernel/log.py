"""JSON logging that cannot carry personal data.

Callers log ids and plain facts. As a second fence, whatever looks like an email address or a signed link is cut
out of every text of a line, tracebacks of third parties included.
"""

import json
import os
import re
from traceback import extract_tb

from aws_lambda_powertools import Logger

# A signed link is two long base64url runs joined by a dot; no id of ours has a dot.
_PERSONAL = re.compile(r"[^\s\"'<>@]+(?:@|%40)[^\s\"'<>@]+|[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{20,}", re.IGNORECASE)


def redacted(text: str) -> str:
    """Return the text without anything that looks like an email address or a signed link."""
    return _PERSONAL.sub("[removed]", text)


def _serialise(entry: dict[str, object]) -> str:
    # Texts one by one, before JSON escapes them: an escape hides letters, and half of one is no JSON.
    line = json.dumps(_clean(entry), default=_described, ensure_ascii=False, separators=(",", ":"))
    return line.encode(errors="backslashreplace").decode()


def _clean(value: object) -> object:
    match value:
        case str():
            return redacted(value)
        case dict():
            return {redacted(str(name)): _clean(part) for name, part in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_clean(part) for part in value]
        case _:
            return value


def _described(value: object) -> str:
    return redacted(str(value))


def what_failed(error: BaseException) -> dict[str, object]:
    """Return of an error what may stand in a log: its kind, its cause's kind, and where it came from.

    Never its text: it may quote what somebody typed.
    """
    frames = [f"{one.filename.rpartition('/')[2]}:{one.lineno} {one.name}" for one in extract_tb(error.__traceback__)]
    cause = getattr(error, "cause", None) or error.__cause__  # PynamoDB keeps botocore's error in an attribute
    return {"error": type(error).__name__, "cause": type(cause).__name__ if cause else None, "frames": frames[-12:]}


logger = Logger(
    service=os.environ.get("POWERTOOLS_SERVICE_NAME", "microclimate"),
    json_serializer=_serialise,
    use_rfc3339=True,
    utc=True,
)
