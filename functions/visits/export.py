"""Exports: everybody registered for a visit as a table to open elsewhere, written a page of registrations at a time.

What people typed stays text. A spreadsheet takes a cell of a CSV file that begins like a formula for one, and a
formula can fetch and send things (OWASP, "CSV Injection"): such cells get an apostrophe in front. XLSX says of each
cell what it is, so there they are texts and need none.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any, Literal
from uuid import uuid4
from zoneinfo import ZoneInfo

from kernel import audit, aws
from kernel.access import Actor
from visits.model import Details, Place, visit_pk
from visits.questions import Question

LARGEST = 4 * 1024 * 1024
"""Bytes a function answers with itself: Lambda takes 6 MB, of which Base64 needs a third."""

GOOD_FOR = timedelta(minutes=5)
"""How long the address of a larger file opens it: the contract's figure."""

PREFIX = "registrations/"
"""Where in the bucket they stand; everything there is gone after a day."""

type Kind = Literal["csv", "xlsx"]
type Cell = str | int | None

CONTENT_TYPES: dict[Kind, str] = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

_LIKE_A_FORMULA = frozenset("=+-@\t\r\n＝＋－＠")


@dataclass(frozen=True, slots=True)
class Export:
    """A file on this machine, as long as the ``with`` that made it lasts; ``rows`` without the heading."""

    path: Path
    kind: Kind
    name: str
    rows: int

    @property
    def is_small(self) -> bool:
        """Whether a function can answer with it."""
        return self.path.stat().st_size <= LARGEST


@contextmanager
def export(details: Details, kind: Kind, *, actor: Actor, now: datetime) -> Iterator[Export]:
    """Write a visit's registrations to a file, in the order of the line, with an entry in the audit log.

    Access needs can be health data: they are there for the visit's own organisers alone.
    """
    columns = _columns(details, access_needs=actor.email in details.organisers)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"export.{kind}"
        rows = ([column.of(place) for column in columns] for place in _registrations(details.visit_id))
        titles = [column.title for column in columns]
        written = _write_csv(path, titles, rows) if kind == "csv" else _write_xlsx(path, titles, rows)
        facts = {"format": kind, "rows": written}
        for entry in audit.entries(actor, "registrations.exported", f"visit:{details.visit_id}", now=now, facts=facts):
            entry.save()
        yield Export(path, kind, f"{details.visit_id}-registrations.{kind}", written)


def keep(made: Export, bucket: str) -> str:
    """Put a file that is too large to answer with into the bucket; return the address that opens it for a while."""
    client = aws.client("s3")
    key = f"{PREFIX}{uuid4()}.{made.kind}"
    with made.path.open("rb") as file:
        client.put_object(Bucket=bucket, Key=key, Body=file, ContentType=CONTENT_TYPES[made.kind])
    asked = {
        "Bucket": bucket,
        "Key": key,
        "ResponseContentDisposition": f'attachment; filename="{made.name}"',
        "ResponseCacheControl": "no-store",
    }
    address: str = client.generate_presigned_url("get_object", Params=asked, ExpiresIn=int(GOOD_FOR.total_seconds()))
    return address


def safe(cell: Cell) -> Cell:
    """Return a cell of a CSV file so that no spreadsheet takes it for a formula."""
    if isinstance(cell, str) and (cell[:1] in _LIKE_A_FORMULA or cell.lstrip()[:1] in _LIKE_A_FORMULA) and cell:
        return f"'{cell}"
    return cell


# --- what is in it ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    of: Callable[[Place], Cell]


def _columns(details: Details, *, access_needs: bool) -> list[_Column]:
    zone = ZoneInfo(details.timezone)

    def moment(of: Callable[[Place], datetime | None]) -> Callable[[Place], Cell]:
        return lambda place: _local(of(place), zone)

    return [
        _Column("Name", lambda place: place.name),
        _Column("Email", lambda place: place.email),
        _Column("Organisation", lambda place: place.organisation),
        _Column("Job role", lambda place: place.job_role),
        _Column("Status", lambda place: place.status),
        _Column("Place in line", lambda place: None if place.is_extra else place.number),
        _Column("Extra place", lambda place: "yes" if place.is_extra else "no"),
        _Column("Attendance", lambda place: place.attendance or "unknown"),
        _Column(f"Registered ({details.timezone})", moment(lambda place: place.created_at)),
        _Column(f"Cancelled ({details.timezone})", moment(lambda place: place.cancelled_at)),
        _Column(f"Joined ({details.timezone})", moment(lambda place: place.attended_at)),
        *([_Column("Access needs", lambda place: place.access_needs)] if access_needs else []),
        *(_question(question) for question in details.questions),
        _Column("Agrees to follow-up emails", lambda place: _yes_no((place.consents or {}).get("follow_ups", False))),
        _Column("Agrees to introductions", lambda place: _yes_no((place.consents or {}).get("introductions", False))),
        _Column("Registration id", lambda place: place.registration_id),
    ]


def _question(question: Question) -> _Column:
    title = f"{question['label']} (no longer asked)" if question.get("retired") else question["label"]
    return _Column(title, lambda place: _answer((place.answers or {}).get(question["question_id"])))


def _answer(answer: object) -> Cell:
    match answer:
        case bool():
            return _yes_no(answer)
        case list():
            return "; ".join(str(one) for one in answer)
        case None:
            return None
        case _:
            return str(answer)


def _yes_no(value: object) -> str:
    return "yes" if value else "no"


def _local(moment: datetime | None, zone: ZoneInfo) -> str | None:
    """The visit's wall clock with its offset: right also in the hour that a clock change repeats."""
    return None if moment is None else moment.astimezone(zone).isoformat(sep=" ", timespec="minutes")


def _registrations(visit_id: str) -> Iterator[Place]:
    return iter(
        Place.query(
            visit_pk(visit_id),
            Place.sk.startswith("place#"),
            filter_condition=Place.person.exists(),
            consistent_read=True,
        )
    )


# --- how it is written ------------------------------------------------------------------------------------------------


def _write_csv(path: Path, titles: Sequence[str], rows: Iterable[Sequence[Cell]]) -> int:
    with path.open("wb") as file, _text(file) as text:
        writer = csv.writer(text)
        writer.writerow([safe(title) for title in titles])
        written = 0
        for row in rows:
            writer.writerow([safe(cell) for cell in row])
            written += 1
    return written


def _text(file: IO[bytes]) -> TextIOWrapper:
    # With the mark at its beginning: without it Excel takes UTF-8 for something older.
    return TextIOWrapper(file, encoding="utf-8-sig", newline="")


def _write_xlsx(path: Path, titles: Sequence[str], rows: Iterable[Sequence[Cell]]) -> int:
    from xlsxwriter import Workbook

    # Rows go to disk one by one; nothing that people typed becomes a formula, a number or a link.
    options: dict[str, Any] = {
        "constant_memory": True,
        "tmpdir": str(path.parent),
        "strings_to_formulas": False,
        "strings_to_numbers": False,
        "strings_to_urls": False,
    }
    with Workbook(str(path), options) as workbook:
        sheet = workbook.add_worksheet("Registrations")
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, len(titles) - 1, 22)
        bold = workbook.add_format({"bold": True})
        for at, title in enumerate(titles):
            sheet.write_string(0, at, title, bold)
        written = 0
        for written, row in enumerate(rows, start=1):
            for at, cell in enumerate(row):
                if isinstance(cell, int):
                    sheet.write_number(written, at, cell)
                elif cell:
                    sheet.write_string(written, at, cell)
    return written
