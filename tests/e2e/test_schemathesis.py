"""Every operation of the OpenAPI document, asked what Schemathesis makes up from it: no 5xx, no undocumented answer.

`test_documented_answers` asks what we thought of; this asks what a program reads out of the document.
"""

import json
import os
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from infra.local import tokens
from kernel import pages
from tests.e2e.service import Service

pytestmark = [
    pytest.mark.stack,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of what Schemathesis is made of
]

load_all_checks()

DOCUMENT: dict[str, Any] = json.loads((pages.FUNCTIONS / "kernel" / "openapi.json").read_text())
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
# Its table of odd methods (TRACE, QUERY) meets the local front door, which is no part of the service.
SCHEMA.config.phases.coverage.enabled = False
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
TIMES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "12"))
"""Requests an operation. CI asks the same few every time; a person who changed much asks more."""


@SCHEMA.parametrize()
@settings(
    max_examples=TIMES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_an_operation_answers_whatever_is_asked_as_its_document_says(
    service: Service, case: schemathesis.Case[Any]
) -> None:
    headers = (
        {"Authorization": f"Bearer {tokens.ORGANISER.token}"} if case.operation.definition.raw.get("security") else {}
    )
    case.call_and_validate(base_url=service.base_url, headers=headers, checks=CHECKS)
