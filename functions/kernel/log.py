"""JSON logging that cannot carry personal data.

Callers log ids and plain facts. As a second fence, whatever looks like an email address or a signed link is cut
out of the finished line, tracebacks of third parties included.
"""

import json
import os
import re

from aws_lambda_powertools import Logger

# A signed link is two long base64url runs joined by a dot; no id of ours has a dot.
_PERSONAL = re.compile(r"[^\s\"'<>@\\]+@[^\s\"'<>@\\]+|[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{20,}")


def redacted(line: str) -> str:
    """Return the line without anything that looks like an email address or a signed link."""
    return _PERSONAL.sub("[removed]", line)


def _serialise(entry: dict[str, object]) -> str:
    return redacted(json.dumps(entry, default=str, separators=(",", ":")))


logger = Logger(
    service=os.environ.get("POWERTOOLS_SERVICE_NAME", "microclimate"),
    json_serializer=_serialise,
    use_rfc3339=True,
    utc=True,
)
