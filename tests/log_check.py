"""What log lines must not hold: email addresses, names, and links that open something."""

import copy
import logging
import re
from dataclasses import dataclass, field

from kernel import log
from tests.service import SURNAME

_PERSONAL = re.compile(rf"{SURNAME}|\S@\S|%40|[A-Za-z0-9_-]{{16,}}\.[A-Za-z0-9_-]{{20,}}", re.IGNORECASE)


def personal_in(line: str) -> list[str]:
    """Return what a line says about a person."""
    return _PERSONAL.findall(line)


@dataclass
class Lines:
    """Log lines: as they are written, and as they would be without the redaction."""

    written: list[str] = field(default_factory=list)
    unredacted: list[str] = field(default_factory=list)
    watched: bool = True

    def take(self, record: logging.LogRecord) -> None:
        """Format a record twice, the second time without the redaction."""
        formatter = log.logger.registered_formatter
        self.written.append(formatter.format(copy.copy(record)))
        redacting = formatter.json_serializer  # type: ignore[attr-defined]
        formatter.json_serializer = _plainly  # type: ignore[attr-defined]
        try:
            self.unredacted.append(formatter.format(copy.copy(record)))
        finally:
            formatter.json_serializer = redacting  # type: ignore[attr-defined]


def _plainly(entry: dict[str, object]) -> str:
    import json

    return json.dumps(entry, default=str, ensure_ascii=False)
