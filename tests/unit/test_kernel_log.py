"""Log lines: JSON, and never an address, a name or a link, whoever logs and whatever fails."""

import json
import logging
import sys

import pytest

from kernel import log
from kernel.log import logger, redacted
from tests.dynamodb_tap import When, refusal
from tests.log_check import Lines, personal_in
from tests.service import Service, person

TOKEN = "WzE4MzExMzI4MDAsIndhcmQiLDFd.Jd2u3V8m1q0ZxYw5tR7pKcB4nLhGfSaE9iOoUuXyTzQ"


@pytest.mark.parametrize(
    "said",
    ["ada@example.org", "Ada <ada@example.org>", "jürgen@müller.example.org", "用户@例え.jp", f"/places/{TOKEN}",
     "email=ada%40example.org&x=1", "ada+tag@sub.example.org,", "'ada@example.org'", "x\nada@example.org\ty",
     'C:\\ada@example.org"', "mailto:ada@example.org"],
)  # fmt: skip
def test_whatever_looks_like_an_address_or_a_link_is_cut_out_of_a_line(said: str, log_lines: Lines) -> None:
    log_lines.watched = False
    logger.warning("said", said=said)
    [line] = log_lines.written
    assert personal_in(line) == []
    for part in ("ada", "jürgen", "rgen", "用户", "7528", TOKEN[:10]):
        assert part not in line.replace("said", "")
    assert json.loads(line)["message"] == "said", "the line is still JSON"


def test_ids_of_ours_stay_readable() -> None:
    line = (
        '{"registration_id":"01998e2a-3c40-7c11-9a3e-5d2b8f0c7e42","visit_id":"quieter-ward","person":"'
        + "a" * 43
        + '"}'
    )
    assert redacted(line) == line


def test_a_traceback_of_somebody_elses_is_redacted_too(log_lines: Lines) -> None:
    log_lines.watched = False
    try:
        raise ValueError("cannot send to ada@example.org")
    except ValueError:
        logger.exception("failed")
    [line] = log_lines.written
    assert "ada@example.org" not in line
    assert "ValueError" in line


def test_without_the_redaction_the_check_of_log_lines_finds_them(log_lines: Lines) -> None:
    """A control for the check that stands over every unit test."""
    log_lines.watched = False
    logger.info("said", said=f"{person(1)['name']} {person(1)['email']} {TOKEN}")
    assert len(personal_in(log_lines.unredacted[0])) == 3
    assert personal_in(log_lines.written[0]) == ["Quillfeather"], "names are for the callers to keep out"


def test_half_a_character_does_not_stop_a_line(capsys: pytest.CaptureFixture[str], log_lines: Lines) -> None:
    logger.warning("half", said="\ud83d")
    assert json.loads(log_lines.written[0])["message"] == "half"
    log_lines.written[0].encode()


def test_a_visits_whole_life_is_logged_without_anybody_in_it(
    service: Service, capsys: pytest.CaptureFixture[str], log_lines: Lines
) -> None:
    """Also what is printed: all that a function writes ends up in its log."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(log.logger.registered_formatter)
    logger._logger.addHandler(handler)
    service.visit(capacity=1)
    for number in (1, 2):
        service.register(number, access_needs="A ramp", organisation="Elm House")
    service.register(3, name="", email="ada3@people.example.org@x")
    service.api("POST", "/registrations/lookup", {"email": person(1)["email"]})

    def strike(index: int, operation: str, when: When) -> None:
        raise refusal("InternalServerError", operation)

    service.dynamodb.strike = strike
    mine = service.link(1)
    for answer in (service.register(4), service.api("GET", f"/registrations/{mine}"), service.get(f"/places/{mine}")):
        assert answer.status == 503
    service.dynamodb.strike = None
    service.api("DELETE", f"/registrations/{mine}")
    service.run_line()
    service.sweep(times=3)
    logger._logger.removeHandler(handler)
    printed = capsys.readouterr().out
    assert "request failed" in printed
    assert "swept" in printed
    for secret in ("Quillfeather", "people.example.org", "ramp", "Elm House", mine, mine[:30], "@"):
        assert secret not in printed
    assert log_lines.unredacted
