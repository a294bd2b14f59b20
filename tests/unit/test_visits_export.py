"""Exports: what stands in them, read by other programs than wrote them; what never runs; and who may have what."""

import base64
import csv
import io
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.audit import AuditEntry, audit_pk
from tests.log_check import Lines
from tests.service import Answer, Service, person
from tests.unit.conftest import give_token
from visits import export
from visits.export import safe

QUESTIONS = [
    {"question_id": "diet", "label": "Diet?", "kind": "choice", "choices": ["all", "vegan"]},
    {"question_id": "topics", "label": "=Topics?", "kind": "choices", "choices": ["Falls", "Sleep"]},
    {"question_id": "first", "label": "First time?", "kind": "yes_no"},
    {"question_id": "hope", "label": "Hope?", "kind": "long_text"},
]


def fetch(service: Service, kind: str, authorization: str = "Bearer organiser-token") -> Answer:
    return service.send(
        "GET", f"/api/v1/organiser/visits/ward/registrations.{kind}", headers={"authorization": authorization}
    )


def content(answer: Answer) -> bytes:
    return base64.b64decode(answer.body)


def from_csv(answer: Answer) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content(answer).decode("utf-8-sig"), newline="")))


def from_xlsx(answer: Answer) -> list[dict[str, Any]]:
    [sheet] = openpyxl.load_workbook(io.BytesIO(content(answer))).worksheets
    titles, *rows = sheet.iter_rows(values_only=True)
    return [dict(zip(map(str, titles), row, strict=True)) for row in rows]


def people(service: Service) -> None:
    service.visit(capacity=2, questions=QUESTIONS)
    given = {"diet": "vegan", "topics": ["Falls", "Sleep"], "first": True, "hope": 'Calm\nnights; "quiet", too'}
    service.register(1, answers=given, organisation='=HYPERLINK("http://x")', consents={"follow_ups": True})
    service.register(2, access_needs="A hearing loop", job_role="+44 20 7946 0000")
    service.register(3, organisation="Äther & Søn 👩‍⚕️")
    service.organise("POST", "/visits/ward/registrations", person(9))
    service.api("DELETE", f"/registrations/{service.link(3)}")


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_an_export_says_what_the_registrations_say(service: Service, kind: str) -> None:
    people(service)
    answer = fetch(service, kind)
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="ward-registrations.{kind}"'
    rows = from_csv(answer) if kind == "csv" else from_xlsx(answer)
    first, second, third, extra = rows
    assert first["Name"] == "Ada Quillfeather 1"
    assert [str(row["Place in line"] or "") for row in rows] == ["1", "2", "3", ""]
    assert [row["Extra place"] for row in rows] == ["no", "no", "no", "yes"]
    assert [row["Status"] for row in rows] == ["confirmed", "confirmed", "cancelled", "confirmed"]
    assert (first["Diet?"], first["First time?"]) == ("vegan", "yes")
    assert first["Hope?"] == 'Calm\nnights; "quiet", too'
    assert first["'=Topics?" if kind == "csv" else "=Topics?"] == "Falls; Sleep"
    assert (first["Agrees to follow-up emails"], second["Agrees to follow-up emails"]) == ("yes", "no")
    assert second["Access needs"] == "A hearing loop"
    assert third["Organisation"] == "Äther & Søn 👩‍⚕️"
    assert first["Registered (Europe/London)"] == "2026-09-01 10:00+01:00"
    assert third["Cancelled (Europe/London)"] == "2026-09-01 10:00+01:00"
    assert extra["Email"] == "ada9@people.example.org"
    assert first["Registration id"] == service.places()[0].registration_id


def test_no_cell_of_a_csv_file_begins_like_a_formula(service: Service) -> None:
    people(service)
    body = content(fetch(service, "csv")).decode("utf-8-sig")
    for row in csv.reader(io.StringIO(body, newline="")):
        assert not [cell for cell in row if cell[:1] in {"=", "+", "-", "@", "\t", "\r"}]
    [first, second, *_] = from_csv(fetch(service, "csv"))
    assert first["Organisation"] == '\'=HYPERLINK("http://x")'
    assert second["Job role"] == "'+44 20 7946 0000"


def test_no_cell_of_a_workbook_is_a_formula_or_a_link(service: Service) -> None:
    people(service)
    [sheet] = openpyxl.load_workbook(io.BytesIO(content(fetch(service, "xlsx")))).worksheets
    cells = [cell for row in sheet.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "n", "inlineStr"}
    assert not [cell for cell in cells if cell.hyperlink]
    assert 'HYPERLINK("http://x")' in str([cell.value for cell in cells])


@given(st.text(max_size=20))
def test_a_safe_cell_never_begins_like_a_formula_and_loses_nothing(text: str) -> None:
    made = str(safe(text))
    assert made[:1] not in {"=", "+", "-", "@", "\t", "\r", "\n"}
    assert made.lstrip()[:1] not in {"=", "+", "-", "@"}
    assert made in {text, f"'{text}"}


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        (" =1", "' =1"),
        ("＝1", "'＝1"),
        ("a=1", "a=1"),
        ("", ""),
    ],
)
def test_what_a_spreadsheet_would_run_gets_an_apostrophe(text: str, made: str) -> None:
    assert safe(text) == made


def test_access_needs_are_exported_for_the_visits_own_organisers_alone(service: Service) -> None:
    give_token("colleague", service.clock, email="colleague@example.org")
    people(service)
    for kind, read in (("csv", from_csv), ("xlsx", from_xlsx)):
        own, other = fetch(service, kind), fetch(service, kind, "Bearer colleague")
        assert "Access needs" in read(own)[0]
        assert "Access needs" not in read(other)[0]
    assert b"hearing loop" not in content(fetch(service, "csv", "Bearer colleague"))


def test_a_question_that_is_no_longer_asked_keeps_its_answers(service: Service) -> None:
    people(service)
    details = service.details()
    retired = [one | ({"retired": True} if one["question_id"] == "diet" else {}) for one in details.questions]
    details.update(actions=[type(details).questions.set(retired)])
    assert from_csv(fetch(service, "csv"))[0]["Diet? (no longer asked)"] == "vegan"


def test_tombstones_are_in_no_export(service: Service) -> None:
    service.visit(capacity=1)
    service.register(1)
    service.register(2)
    second = service.places()[1].registration_id
    service.organise("POST", f"/visits/ward/registrations/{second}/move-up", {"reason": "She speaks."})
    rows = from_csv(fetch(service, "csv"))
    assert [(row["Registration id"], row["Status"]) for row in rows][1:] == [(second, "confirmed")]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_visit_without_people_exports_its_headings(service: Service, kind: str) -> None:
    service.visit()
    assert (from_csv if kind == "csv" else from_xlsx)(fetch(service, kind)) == []


def test_an_export_leaves_an_entry_in_the_audit_log_and_nothing_in_the_lines_logged(
    service: Service, log_lines: Lines
) -> None:
    people(service)
    before = service.items()
    fetch(service, "csv")
    fetch(service, "xlsx")
    assert service.items() == before
    entries = [one for one in AuditEntry.query(audit_pk("visit:ward")) if one.action == "registrations.exported"]
    assert [one.facts for one in entries] == [{"format": "csv", "rows": 4}, {"format": "xlsx", "rows": 4}]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_what_is_too_large_for_an_answer_is_fetched_from_an_address_good_for_five_minutes(
    service: Service, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="exports", CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
    people(service)
    whole = content(fetch(service, kind))
    monkeypatch.setattr(export, "LARGEST", 100)

    answer = fetch(service, kind)

    assert (answer.status, answer.body) == (303, "")
    address = urlsplit(answer.headers["Location"])
    query = parse_qs(address.query)
    assert query["X-Amz-Expires"] == ["300"]
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["response-content-disposition"] == [f'attachment; filename="ward-registrations.{kind}"']
    assert "ward" not in address.path
    [one] = s3.list_objects_v2(Bucket="exports")["Contents"]
    assert one["Key"].startswith("registrations/")
    stored = s3.get_object(Bucket="exports", Key=one["Key"])["Body"].read()
    if kind == "csv":
        assert stored == whole
    assert openpyxl.load_workbook(io.BytesIO(stored)).worksheets if kind == "xlsx" else True
    s3.delete_object(Bucket="exports", Key=one["Key"])
    s3.delete_bucket(Bucket="exports")


def test_nothing_is_left_on_the_machine(service: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    people(service)
    fetch(service, "csv")
    fetch(service, "xlsx")
    assert list(tmp_path.iterdir()) == []
