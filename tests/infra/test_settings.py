from collections.abc import Callable, Mapping
from typing import Any

import pytest

from infra.settings import SettingMissing, context, placeholders, read

STORED: dict[str, Any] = {
    "sender": "Community <visits@community.org>",
    "community_name": "Community",
    "sign_in_mail": "cognito",
    "rate_limits": "on",
    "log_level": "INFO",
    "log_retention_days": 14,
    "emails_a_second": 14,
    "snap_start": False,
}
REACHED = {"domain": "visits.community.org", "certificate_arn": "arn:aws:acm:us-east-1:1:certificate/2"}


def _context(stage: str, changed: Mapping[str, object] | None = None, **given: object) -> Callable[[str], object]:
    """The context of a stage: what cdk.json has of it, some of that changed, and what the command line gives."""
    stored = {name: value for name, value in {**STORED, **(changed or {})}.items() if value is not None}
    values = {"stage": stage, "stages": {stage: stored}, **given}

    def look_up(name: str) -> object:
        return values.get(name)

    return look_up


def test_a_stage_is_read_with_its_types() -> None:
    settings = read(_context("dev"), machine="x86_64")
    assert settings.log_retention_days == 14
    assert settings.snap_start is False
    assert settings.sender_address == "visits@community.org"
    assert settings.sender_domain == "community.org"
    assert settings.base_url is None


@pytest.mark.parametrize(
    "name",
    ["sender", "community_name", "sign_in_mail", "rate_limits", "log_level", "log_retention_days", "emails_a_second"],
)
def test_a_missing_setting_is_named(name: str) -> None:
    with pytest.raises(SettingMissing, match=name):
        read(_context("dev", {name: None}), machine="x86_64")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sender", "visits@community.org"),
        ("community_name", "  "),
        ("sign_in_mail", "pigeons"),
        ("rate_limits", "sometimes"),
        ("log_level", "LOUD"),
        ("log_retention_days", "a fortnight"),
        ("log_retention_days", True),
        ("snap_start", "maybe"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(name: str, value: object) -> None:
    with pytest.raises(SettingMissing, match=name):
        read(_context("dev", {name: value}), machine="x86_64")


def test_no_stage_at_all_is_explained() -> None:
    with pytest.raises(SettingMissing, match="local, dev, prod"):
        read(lambda _name: None, machine="x86_64")


def test_a_stage_that_cdk_json_does_not_know_is_explained() -> None:
    with pytest.raises(SettingMissing, match=r"context\.stages\.prod"):
        read(_context("prod", stages={}), machine="x86_64")


def test_the_command_line_goes_before_cdk_json() -> None:
    changed = {"rate_limits": "off", "base_url": "http://localhost:8000"}
    settings = read(
        _context(
            "local",
            changed,
            base_url="http://localhost:9000",
            rate_limits="on",
            log_retention_days="7",
            snap_start="true",
        ),
        machine="x86_64",
    )
    assert settings.base_url == "http://localhost:9000"
    assert settings.rate_limits == "on"
    assert settings.log_retention_days == 7
    assert settings.snap_start is True


def test_prod_needs_a_domain_and_its_certificate() -> None:
    with pytest.raises(SettingMissing, match="certificate_arn"):
        read(_context("prod"), machine="x86_64")
    with pytest.raises(SettingMissing, match="certificate_arn"):
        read(_context("prod", {"domain": "visits.community.org"}), machine="x86_64")
    settings = read(_context("prod", REACHED), machine="x86_64")
    assert settings.base_url == "https://visits.community.org"


def test_only_the_local_stage_runs_on_this_machine_and_has_a_clock_to_move() -> None:
    local = read(_context("local", {"base_url": "http://localhost:8000"}), machine="x86_64")
    dev = read(_context("dev"), machine="x86_64")
    assert (local.architecture, dev.architecture) == ("x86_64", "aarch64")
    assert local.clock_file
    assert dev.clock_file is None


def test_prod_has_the_plain_names_and_other_stages_their_own() -> None:
    assert read(_context("prod", REACHED), machine="x86_64").prefix == "microclimate"
    assert read(_context("dev"), machine="x86_64").prefix == "microclimate-dev"


def test_what_is_still_an_example_is_found_before_it_is_deployed() -> None:
    assert placeholders(STORED) == []
    stages: Any = context()["stages"]
    assert placeholders(stages["prod"]) == ["alarm_email", "certificate_arn", "domain", "sender"]
