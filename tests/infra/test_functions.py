import os
import re
import subprocess
import sys

import pytest

from infra import bundle
from infra.settings import STAGES, Stage
from tests.infra.conftest import Synthesis
from tests.infra.policies import Permission, as_list, function_name, permissions, readable, statements

READ = {"dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"}
WRITE = {"dynamodb:ConditionCheckItem", "dynamodb:PutItem", "dynamodb:UpdateItem"}
DELETE = {"dynamodb:DeleteItem"}
STREAM = {"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"}

# Who is asking, and the audit log of what they did.
RECOGNISE = READ | {"dynamodb:PutItem", "dynamodb:UpdateItem"}

# What each function may do to each table. A function that is not here may touch none.
TABLES: dict[str, dict[str, set[str]]] = {
    "visits-web": {"Visits": READ | WRITE, "Accounts": {"dynamodb:GetItem"}},
    "visits-organise": {"Visits": READ | WRITE, "Accounts": RECOGNISE},
    "visits-people": {"Visits": READ | WRITE, "Accounts": RECOGNISE},
    "visits-console": {"Visits": READ | WRITE, "Accounts": RECOGNISE},
    "accounts-web": {"Accounts": READ | WRITE},
    "accounts-me": {"Visits": READ, "Comments": READ, "Followups": READ, "Accounts": READ | WRITE},
    "accounts-organise": {"Visits": READ, "Comments": READ, "Followups": READ, "Accounts": READ | WRITE},
    "accounts-publish": {"Accounts": STREAM},
    "accounts-erase": {"Accounts": READ | {"dynamodb:UpdateItem", "dynamodb:DeleteItem"}},
    "visits-publish": {"Visits": STREAM},
    "visits-line": {"Visits": READ | WRITE | STREAM},
    "comments-web": {"Comments": READ | WRITE | DELETE, "Accounts": RECOGNISE},
    "comments-moderate": {"Comments": READ | WRITE | DELETE, "Accounts": RECOGNISE},
    "comments-room": {"Comments": READ | WRITE | DELETE, "Accounts": RECOGNISE},
    "comments-watch": {"Comments": READ | WRITE},
    "comments-screen": {"Comments": READ | WRITE | DELETE},
    "comments-erase": {"Comments": READ | WRITE | DELETE},
    "comments-publish": {"Comments": STREAM},
    "visits-sweep": {"Visits": READ | WRITE},
    "visits-erase": {"Visits": READ | WRITE},
    "followups-plan": {"Visits": READ, "Followups": READ | WRITE},
    "followups-fan-out": {"Visits": READ, "Followups": READ | WRITE},
    "followups-due": {"Visits": READ, "Followups": READ | WRITE},
    "followups-schedule": {"Visits": READ, "Followups": READ | WRITE | STREAM},
    "followups-moderation": {"Comments": READ, "Followups": READ | WRITE},
    "followups-send": {
        "Visits": READ,
        "Comments": READ,
        "Followups": READ | WRITE,
        "Accounts": {"dynamodb:GetItem"},
    },
    "followups-organise": {"Visits": READ, "Followups": READ | WRITE, "Accounts": RECOGNISE},
    "followups-digest": {"Accounts": READ, "Followups": WRITE},
    "followups-settle": {"Followups": READ | WRITE},
    "followups-feedback": {"Followups": READ | WRITE},
    "followups-erase": {"Followups": READ | WRITE},
}

# Those who sign links, or make person keys of addresses that organisers type.
KNOW_THE_SECRET = {
    *("visits-web", "visits-people", "visits-console", "visits-sweep", "visits-erase"),
    *("accounts-web", "accounts-me", "accounts-organise", "followups-send"),
    "comments-web",
}

# Actions that know no resources, so that AWS wants `*` for them.
WITHOUT_RESOURCES = {
    "dynamodb:ListStreams",
    "scheduler:ListSchedules",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}


@pytest.mark.parametrize("stage", STAGES)
def test_every_function_of_the_design_is_there_and_no_other(synthesis: Synthesis, stage: Stage) -> None:
    assert {function_name(one) for one in synthesis.all("AWS::Lambda::Function", stage)} == set(TABLES)


def test_no_function_may_do_more_to_a_table_than_its_work_needs(synthesis: Synthesis) -> None:
    for function in synthesis.all("AWS::Lambda::Function"):
        allowed: dict[str, set[str]] = {}
        for permission in permissions(synthesis, function):
            if permission.action.startswith("dynamodb:") and permission.resource != "*":
                table = re.match(r"<(\w+)\.", permission.resource)
                assert table, f"{function}: {permission}"
                allowed.setdefault(table[1], set()).add(permission.action)
        assert allowed == TABLES[function_name(function)], function


def test_those_who_only_recognise_people_put_nothing_but_audit_entries_into_the_accounts(synthesis: Synthesis) -> None:
    for function in synthesis.all("AWS::Lambda::Function"):
        if TABLES[function_name(function)].get("Accounts") == RECOGNISE:
            puts = [
                one
                for one in statements(synthesis, function)
                if "dynamodb:PutItem" in str(one["Action"])
                and "Accounts" in readable(synthesis, function, one["Resource"])
            ]
            assert puts, function
            for one in puts:
                assert one["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["audit#*"]}}, function


def test_public_pages_and_emails_read_of_the_accounts_the_settings_and_a_session_alone(synthesis: Synthesis) -> None:
    for function in synthesis.all("AWS::Lambda::Function"):
        if TABLES[function_name(function)].get("Accounts") == {"dynamodb:GetItem"}:
            conditions = [
                one.get("Condition")
                for one in statements(synthesis, function)
                if "dynamodb:GetItem" in str(one["Action"])
                and any("Accounts" in readable(synthesis, function, each) for each in as_list(one["Resource"]))
            ]
            settings = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["settings"]}}
            session = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["session#*"]}}
            assert conditions == [settings, *([session] if function_name(function) == "visits-web" else [])], function


def test_of_comments_nothing_is_deleted_but_what_the_public_reads(synthesis: Synthesis) -> None:
    copies = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["story#*"]}}
    for function in synthesis.all("AWS::Lambda::Function"):
        if "dynamodb:DeleteItem" in TABLES[function_name(function)].get("Comments", ()):
            deletes = [one for one in statements(synthesis, function) if "dynamodb:DeleteItem" in str(one["Action"])]
            assert [one["Condition"] for one in deletes] == [copies], function


def test_indexes_are_named_one_by_one_and_only_queried(synthesis: Synthesis) -> None:
    for function in synthesis.all("AWS::Lambda::Function"):
        for permission in permissions(synthesis, function):
            if "/index/" in permission.resource:
                assert permission.action == "dynamodb:Query", f"{function}: {permission}"
                assert not permission.resource.endswith("*"), f"{function}: {permission}"


def test_no_role_has_an_action_or_a_resource_with_a_star_but_where_aws_knows_none(synthesis: Synthesis) -> None:
    for policy in synthesis.all("AWS::IAM::Policy"):
        for statement in policy.properties["PolicyDocument"]["Statement"]:
            assert "*" not in str(statement["Action"]), f"{policy}: {statement}"
            if statement["Resource"] == "*":
                actions = {statement["Action"]} if isinstance(statement["Action"], str) else {*statement["Action"]}
                assert actions <= WITHOUT_RESOURCES, f"{policy}: {statement}"


def test_no_role_has_a_policy_that_aws_manages_or_permissions_of_its_own(synthesis: Synthesis) -> None:
    for role in synthesis.all("AWS::IAM::Role"):
        assert "ManagedPolicyArns" not in role.properties, role
        assert "Policies" not in role.properties, role


def test_every_function_has_a_role_that_no_other_has(synthesis: Synthesis) -> None:
    for stage in STAGES:
        roles = [str(one.properties["Role"]) for one in synthesis.all("AWS::Lambda::Function", stage)]
        assert len(roles) == len(set(roles))


def test_a_secret_is_read_by_those_who_sign_links_and_make_person_keys(synthesis: Synthesis) -> None:
    for function in synthesis.all("AWS::Lambda::Function"):
        reads = Permission("secretsmanager:GetSecretValue", "<Secret>") in permissions(synthesis, function)
        assert reads == (function_name(function) in KNOW_THE_SECRET), function


def test_only_who_makes_exports_touches_them_and_only_under_their_prefix(synthesis: Synthesis) -> None:
    for function in synthesis.all("AWS::Lambda::Function"):
        allowed = {one for one in permissions(synthesis, function) if "Exports" in one.resource}
        exporting = {Permission(action, "<Exports.Arn>/registrations/*") for action in ("s3:GetObject", "s3:PutObject")}
        assert allowed == (exporting if function_name(function) == "visits-people" else set()), function


def test_only_the_sender_sends_and_only_as_the_configured_address(synthesis: Synthesis) -> None:
    for function in synthesis.all("AWS::Lambda::Function"):
        sending = [one for one in statements(synthesis, function) if "ses:SendEmail" in str(one["Action"])]
        assert bool(sending) == (function_name(function) == "followups-send"), function
        for statement in sending:
            address = statement["Condition"]["StringEquals"]["ses:FromAddress"]
            assert f"<{address}>" in function.properties["Environment"]["Variables"]["SENDER"]


def test_in_prod_a_function_uses_the_key_only_through_the_service_it_is_for(synthesis: Synthesis) -> None:
    for function in synthesis.all("AWS::Lambda::Function", "prod"):
        for statement in statements(synthesis, function):
            if "kms:" in str(statement["Action"]):
                assert "kms:ViaService" in statement["Condition"]["StringEquals"], f"{function}: {statement}"


def test_functions_run_on_graviton_but_locally_on_this_machine(synthesis: Synthesis) -> None:
    for function in synthesis.all("AWS::Lambda::Function", "dev", "prod"):
        assert function.properties["Architectures"] == ["arm64"], function
    for function in synthesis.all("AWS::Lambda::Function"):
        assert function.properties["Runtime"] == "python3.13", function


def test_no_function_outlives_what_the_sweep_waits_for(synthesis: Synthesis) -> None:
    for function in synthesis.all("AWS::Lambda::Function"):
        assert 0 < function.properties["Timeout"] <= 30, function


def test_every_function_is_traced_by_lambda_itself(synthesis: Synthesis) -> None:
    for function in synthesis.all("AWS::Lambda::Function"):
        assert function.properties["TracingConfig"] == {"Mode": "Active"}, function


def test_every_log_is_kept_for_a_stated_time(synthesis: Synthesis) -> None:
    for group in synthesis.all("AWS::Logs::LogGroup"):
        assert group.properties["RetentionInDays"] <= 90, group
    for function in synthesis.all("AWS::Lambda::Function"):
        groups = {one.logical_id for one in synthesis.all("AWS::Logs::LogGroup", function.stage)}
        assert function.properties["LoggingConfig"]["LogGroup"]["Ref"] in groups, function


def test_nothing_of_cdks_own_runs_beside_the_service(synthesis: Synthesis) -> None:
    for resource in synthesis.everything():
        assert not resource.kind.startswith("Custom::"), resource
        assert resource.kind != "AWS::CloudFormation::CustomResource", resource


def test_every_function_knows_its_stage_and_only_the_local_one_a_clock_to_move(synthesis: Synthesis) -> None:
    for function in synthesis.all("AWS::Lambda::Function"):
        variables = function.properties["Environment"]["Variables"]
        assert variables["STAGE"] == function.stage, function
        assert variables["POWERTOOLS_METRICS_NAMESPACE"] == "Microclimate", function
        assert variables["POWERTOOLS_SERVICE_NAME"] == function_name(function), function
        assert ("CLOCK_FILE" in variables) == (function.stage == "local"), function
        assert all(variables.values()), f"{function} has an empty setting"


def test_no_secret_stands_in_a_template(synthesis: Synthesis) -> None:
    for function in synthesis.all("AWS::Lambda::Function", "dev", "prod"):
        value = function.properties["Environment"]["Variables"].get("ORIGIN_SECRET", "{{resolve:secretsmanager:")
        assert "{{resolve:secretsmanager:" in str(value), function


# Run in a process of its own, as Lambda would: the code and the layer that are deployed, the function's own
# environment, and no other packages. Then every settings class that came along must find what it names.
START = """
import sys
sys.path[:0] = [{code!r}, {layer!r}]
import dataclasses, importlib
module, _, name = {handler!r}.rpartition(".")
assert callable(getattr(importlib.import_module(module), name))
from kernel import settings
ours = ("kernel", "visits", "comments", "followups", "accounts")
for module in [one for key, one in sys.modules.items() if key.partition(".")[0] in ours]:
    kind = vars(module).get("Settings")
    if kind is not None and dataclasses.is_dataclass(kind):
        settings.read(kind)
"""


@pytest.mark.parametrize("name", TABLES)
def test_what_is_deployed_starts_with_the_settings_it_is_given(synthesis: Synthesis, name: str) -> None:
    [function] = [one for one in synthesis.all("AWS::Lambda::Function", "local") if function_name(one) == name]
    variables = {
        variable: readable(synthesis, function, value)
        for variable, value in function.properties["Environment"]["Variables"].items()
    }
    script = START.format(
        code=str(bundle.code().folder),
        layer=str(bundle.layer(bundle.machine()).folder / "python"),
        handler=function.properties["Handler"],
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script],
        env={"PATH": os.environ["PATH"], "AWS_DEFAULT_REGION": "eu-west-1", **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{function}: {done.stderr}"
