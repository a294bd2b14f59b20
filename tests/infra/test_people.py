"""The user pool: who may sign up, with what they sign in, and that it outlives deployments."""

import json
from pathlib import Path

from aws_cdk import App

from infra import app as cdk_app
from infra.settings import Stage, context
from tests.infra.conftest import Synthesis
from tests.infra.policies import Permission, function_name, permissions, readable, statements

ON_AWS: tuple[Stage, ...] = ("dev", "prod")


def test_members_sign_up_by_themselves_with_a_proven_address(synthesis: Synthesis) -> None:
    for pool in synthesis.all("AWS::Cognito::UserPool"):
        assert pool.properties["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": False}, pool
        assert pool.properties["UsernameAttributes"] == ["email"], pool
        assert pool.properties["UsernameConfiguration"] == {"CaseSensitive": False}, pool
        assert pool.properties["AutoVerifiedAttributes"] == ["email"], pool
        kept = pool.properties["UserAttributeUpdateSettings"]["AttributesRequireVerificationBeforeUpdate"]
        assert kept == ["email"], f"{pool}: a new address counts once it is proven"
        assert {one["Name"]: one["Required"] for one in pool.properties["Schema"]} == {"email": True, "name": True}


def test_on_aws_people_sign_in_with_a_passkey_a_code_or_a_password(synthesis: Synthesis) -> None:
    for pool in synthesis.all("AWS::Cognito::UserPool", *ON_AWS):
        factors = pool.properties["Policies"]["SignInPolicy"]["AllowedFirstAuthFactors"]
        assert set(factors) == {"PASSWORD", "EMAIL_OTP", "WEB_AUTHN"}, pool
        assert pool.properties["UserPoolTier"] == "ESSENTIALS", pool
        assert "WebAuthnUserVerification" in pool.properties, pool
        assert pool.properties.get("MfaConfiguration", "OFF") != "ON", f"{pool}: then neither of the first two works"
    for client in synthesis.all("AWS::Cognito::UserPoolClient", *ON_AWS):
        assert "ALLOW_USER_AUTH" in client.properties["ExplicitAuthFlows"], client


def test_codes_are_sent_in_the_senders_name_where_a_stage_says_so(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path), context={**context(), "stage": "dev", "sign_in_mail": "ses"})
    assembly = cdk_app.build(app, held_to_rules=False).synth()
    [data] = [stack for stack in assembly.stacks if stack.stack_name.endswith("data")]
    resources = json.loads(Path(data.template_full_path).read_text())["Resources"].values()
    [pool] = [one["Properties"] for one in resources if one["Type"] == "AWS::Cognito::UserPool"]
    mail = pool["EmailConfiguration"]
    assert mail["EmailSendingAccount"] == "DEVELOPER"
    assert mail["From"] == "Learning Community (dev) <visits@dev.example.org>"
    assert "identity/dev.example.org" in str(mail["SourceArn"])


def test_prods_people_cannot_be_deleted_with_their_stack(synthesis: Synthesis) -> None:
    for pool in synthesis.all("AWS::Cognito::UserPool", "prod"):
        assert pool.properties["DeletionProtection"] == "ACTIVE", pool
        assert pool.stack.endswith("data"), pool


def test_there_are_groups_for_the_two_roles(synthesis: Synthesis) -> None:
    for stage in ("local", *ON_AWS):
        names = {one.properties["GroupName"] for one in synthesis.all("AWS::Cognito::UserPoolGroup", stage)}
        assert names == {"organisers", "moderators"}


def test_the_service_is_a_public_client_of_the_code_flow_alone(synthesis: Synthesis) -> None:
    for client in synthesis.all("AWS::Cognito::UserPoolClient"):
        assert client.properties["GenerateSecret"] is False, client
        assert client.properties["AllowedOAuthFlows"] == ["code"], client
        assert client.properties["PreventUserExistenceErrors"] == "ENABLED", client
        [back] = client.properties["CallbackURLs"]
        [out] = client.properties["LogoutURLs"]
        base = {
            "local": "http://localhost:8000",
            "dev": "https://<WayInDistribution.DomainName>",
            "prod": "https://visits.example.org",
        }[client.stage]
        assert readable(synthesis, client, back) == f"{base}/auth/callback", client
        assert readable(synthesis, client, out) == f"{base}/", client


def test_the_pages_people_sign_in_on_are_managed_login(synthesis: Synthesis) -> None:
    for domain in synthesis.all("AWS::Cognito::UserPoolDomain", *ON_AWS):
        assert domain.properties["ManagedLoginVersion"] == 2, domain
    assert {one.stage for one in synthesis.all("AWS::Cognito::ManagedLoginBranding")} == set(ON_AWS)


def test_who_recognises_people_may_ask_about_one_and_nothing_more(synthesis: Synthesis) -> None:
    asked = {"cognito-idp:AdminGetUser", "cognito-idp:AdminListGroupsForUser"}
    recognising = set()
    for function in synthesis.all("AWS::Lambda::Function"):
        for one in statements(synthesis, function):
            if "cognito-idp:" in str(one["Action"]) and function_name(function) != "accounts-erase":
                assert set(one["Action"]) == asked, function
                assert readable(synthesis, function, one["Resource"]) == "<People.Arn>", function
                assert "USER_POOL_ID" in function.properties["Environment"]["Variables"], function
                recognising.add(function_name(function))
    assert {"accounts-web", "visits-organise", "visits-people", "visits-console"} <= recognising
    for function in synthesis.all("AWS::Lambda::Function"):
        deletes = Permission("cognito-idp:AdminDeleteUser", "<People.Arn>") in permissions(synthesis, function)
        assert deletes == (function_name(function) == "accounts-erase"), function
    assert not {"visits-web", "followups-send", "visits-line"} & recognising
