"""What a function imports before its first request: everything in here is what somebody waits for (decision 0005)."""

import subprocess
import sys

import pytest

from infra.settings import ROOT

# Only pages, bodies, calendars, emails or rare routes need these, and AppSync's resolver asyncio.
LATER = {
    "asyncio",
    "authlib",
    "boto3",
    "cryptography",
    "email_validator",
    "icalendar",
    "itsdangerous",
    "jinja2",
    "joserfc",
    "markdown_it",
    "mjml",
    "nh3",
    "pydantic",
    "requests",
    "visits.cancel",
    "visits.change",
    "comments.contract",
    "comments.requests",
    "comments.submit",
    "visits.contract",
    "visits.register",
    "xlsxwriter",
}


def imported_with(module: str) -> set[str]:
    program = f"import sys; sys.path.insert(0, 'functions'); import {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("edge", ["visits.web", "visits.publish", "accounts.web", "comments.web"])
def test_a_function_imports_no_more_than_every_request_needs(edge: str) -> None:
    assert not imported_with(edge) & LATER


def test_public_pages_do_not_wait_for_what_recognises_people() -> None:
    """They look for a session only where a form is to be filled in."""
    assert not imported_with("visits.web") & {"kernel.access", "kernel.audit", "kernel.directory"}


def test_who_is_asking_is_found_out_without_what_signs_people_in() -> None:
    assert not imported_with("kernel.access") & (LATER | {"kernel.directory"})


def test_a_registration_imports_no_models_but_its_own() -> None:
    assert "visits.contract" not in imported_with("visits.requests")
