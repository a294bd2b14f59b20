import json
from pathlib import Path

from aws_cdk import App

from infra import app as cdk_app
from infra.settings import STAGES, context
from tests.infra.conftest import Synthesis
from tests.infra.policies import readable

_VISIT = "/api/v1/organiser/visits/{visit_id}"
# The paths of each function: what a full match names goes before ``{proxy+}``, and that before the rest.
ROUTES = [
    {"$default"},
    {"/api/v1/organiser/{proxy+}"},
    {
        f"{_VISIT}/registrations",
        f"{_VISIT}/registrations/{{registration_id}}",
        f"{_VISIT}/registrations/{{registration_id}}/{{action}}",
        f"{_VISIT}/registrations.csv",
        f"{_VISIT}/registrations.xlsx",
        f"{_VISIT}/attendance",
        f"{_VISIT}/attendance/settle",
        f"{_VISIT}/statistics",
    },
    {
        f"{_VISIT}/plan",
        f"{_VISIT}/plan/variables",
        f"{_VISIT}/plan/preview",
        f"{_VISIT}/plan/timeline",
        f"{_VISIT}/plan/steps/{{step}}/test",
        f"{_VISIT}/plan/steps/{{step}}/send-now",
        f"{_VISIT}/plan/steps/{{step}}/pause",
        f"{_VISIT}/plan/steps/{{step}}/resume",
        f"{_VISIT}/deliveries",
        "/api/v1/organiser/deliveries/{delivery_id}/retry",
        "/organise/visits/{visit_id}/plan",
        "/organise/visits/{visit_id}/plan/{step}",
    },
    {"/organise", "/organise/{proxy+}"},
    {"/api/v1/moderation/{proxy+}"},
    {"/moderate", "/moderate/{proxy+}"},
    {
        "/sign-in",
        "/sign-out",
        "/auth/callback",
        "/api/v1/organiser/tokens",
        "/api/v1/organiser/tokens/{token_id}",
        "/organise/tokens",
        "/organise/tokens/{proxy+}",
    },
    {"/me", "/me/{proxy+}", "/api/v1/me", "/api/v1/me/{proxy+}"},
    {
        "/api/v1/organiser/settings",
        "/api/v1/organiser/audit",
        "/api/v1/organiser/people/{proxy+}",
        "/organise/settings",
        "/organise/audit",
        "/organise/people",
        "/organise/people/{proxy+}",
    },
    {
        "/stories",
        "/stories/{proxy+}",
        "/comments/{proxy+}",
        "/comments-policy",
        "/comment-counts",
        "/api/v1/stories/{proxy+}",
        "/api/v1/comments/{proxy+}",
        "/api/v1/comment-counts",
    },
]

# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html: what tells who
# asked, or for what. A path here may be a link that opens somebody's registration.
TELLING = ("path", "ip", "identity", "authorizer", "useragent", "user", "domain", "querystring", "header", "cookie")


def test_the_api_slows_down_whoever_asks_too_much(synthesis: Synthesis) -> None:
    for stage in synthesis.all("AWS::ApiGatewayV2::Stage"):
        settings = stage.properties["DefaultRouteSettings"]
        assert 0 < settings["ThrottlingRateLimit"] <= 100, stage
        assert 0 < settings["ThrottlingBurstLimit"] <= 500, stage


def test_the_access_log_has_route_status_and_latency_and_nobodys_path_or_address(synthesis: Synthesis) -> None:
    for stage in synthesis.all("AWS::ApiGatewayV2::Stage"):
        entry = json.loads(stage.properties["AccessLogSettings"]["Format"])
        assert {"$context.requestId", "$context.routeKey", "$context.status", "$context.responseLatency"} <= set(
            entry.values()
        ), stage
        for variable in entry.values():
            name = variable.removeprefix("$context.").lower()
            assert not [word for word in TELLING if word in name], f"{stage} logs {variable}"


def test_a_path_leads_to_the_function_of_its_people(synthesis: Synthesis) -> None:
    for stage in STAGES:
        functions: dict[str, set[str]] = {}
        for one in synthesis.all("AWS::ApiGatewayV2::Route", stage):
            path = one.properties["RouteKey"].removeprefix("ANY ")
            functions.setdefault(readable(synthesis, one, one.properties["Target"]), set()).add(path)
        assert sorted(functions.values(), key=sorted) == sorted(ROUTES, key=sorted)


def test_links_begin_with_the_address_people_see(synthesis: Synthesis) -> None:
    addresses = {
        stage: {
            readable(synthesis, one, one.properties["Environment"]["Variables"]["BASE_URL"])
            for one in synthesis.all("AWS::Lambda::Function", stage)
            if "BASE_URL" in one.properties["Environment"]["Variables"]
        }
        for stage in STAGES
    }
    assert addresses == {
        "local": {"http://localhost:8000"},
        "dev": {"https://<WayInDistribution.DomainName>"},
        "prod": {"https://visits.example.org"},
    }


def test_cloudfront_stands_before_dev_and_prod_only(synthesis: Synthesis) -> None:
    assert {one.stage for one in synthesis.all("AWS::CloudFront::Distribution")} == {"dev", "prod"}


def test_cloudfront_speaks_tls_only_and_proves_itself_to_the_origin(synthesis: Synthesis) -> None:
    for distribution in synthesis.all("AWS::CloudFront::Distribution"):
        configuration = distribution.properties["DistributionConfig"]
        assert configuration["DefaultCacheBehavior"]["ViewerProtocolPolicy"] == "redirect-to-https", distribution
        assert "CacheBehaviors" not in configuration, distribution
        if distribution.stage == "prod":
            assert configuration["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021", distribution
        for origin in configuration["Origins"]:
            assert origin["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only", distribution
            assert origin["CustomOriginConfig"]["OriginSSLProtocols"] == ["TLSv1.2"], distribution
            [header] = origin["OriginCustomHeaders"]
            assert header["HeaderName"] == "x-origin-secret", distribution
            assert "{{resolve:secretsmanager:" in str(header["HeaderValue"]), distribution


def test_cloudfront_keeps_only_what_the_origin_lets_it_keep(synthesis: Synthesis) -> None:
    for policy in synthesis.all("AWS::CloudFront::CachePolicy"):
        configuration = policy.properties["CachePolicyConfig"]
        assert configuration["MinTTL"] == 0, policy
        assert configuration["DefaultTTL"] == 0, policy
        key = configuration["ParametersInCacheKeyAndForwardedToOrigin"]
        assert key["QueryStringsConfig"] == {"QueryStringBehavior": "all"}, policy
        assert "Authorization" in key["HeadersConfig"]["Headers"], f"{policy}: one token's answer is not another's"


def test_cloudfront_hands_on_the_viewers_address_and_not_the_host(synthesis: Synthesis) -> None:
    for policy in synthesis.all("AWS::CloudFront::OriginRequestPolicy"):
        configuration = policy.properties["OriginRequestPolicyConfig"]
        handed_on = {name.lower() for name in configuration["HeadersConfig"]["Headers"]}
        assert configuration["HeadersConfig"]["HeaderBehavior"] == "whitelist", policy
        assert "cloudfront-viewer-address" in handed_on, policy
        assert "host" not in handed_on, f"{policy}: API Gateway finds its API by the host"
        assert len(handed_on) <= 10, f"{policy}: CloudFront takes no more"
        assert configuration["CookiesConfig"] == {"CookieBehavior": "all"}, policy


def test_cloudfront_keeps_no_log_of_paths(synthesis: Synthesis) -> None:
    for distribution in synthesis.all("AWS::CloudFront::Distribution"):
        assert "Logging" not in distribution.properties["DistributionConfig"], distribution


def test_with_snap_start_on_the_api_calls_published_snapshots(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path), context={**context(), "stage": "dev", "snap_start": "true"})
    assembly = cdk_app.build(app, held_to_rules=False).synth()
    [service] = [stack for stack in assembly.stacks if stack.stack_name.endswith("service")]
    resources = json.loads(Path(service.template_full_path).read_text())["Resources"].values()
    targets = {
        one["Properties"]["IntegrationUri"]["Ref"]
        for one in resources
        if one["Type"] == "AWS::ApiGatewayV2::Integration"
    }
    assert len(targets) == len(ROUTES)
    assert all("Live" in target for target in targets)
    snapped = [one["Properties"]["FunctionName"] for one in resources if "SnapStart" in one.get("Properties", {})]
    assert len(snapped) == len(ROUTES)


def test_a_rotated_origin_secret_reaches_cloudfront_and_every_function_at_once(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path), context={**context(), "stage": "dev", "origin_secret_version": "version-2"})
    assembly = cdk_app.build(app, held_to_rules=False).synth()
    [service] = [stack for stack in assembly.stacks if stack.stack_name.endswith("service")]
    assert Path(service.template_full_path).read_text().count(":SecretString:::version-2}}") == 1 + len(ROUTES)
