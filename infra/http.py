"""The way in: CloudFront, and behind it the HTTP API. Neither writes down who asked for what.

Links from emails are capabilities that stand in paths, so access logs carry route keys and never a path, and
no address of a visitor.
"""

import json

from aws_cdk import CfnOutput, Duration, RemovalPolicy, SecretValue, Stack
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra import l1
from infra.function import ServiceFunction, retention
from infra.nag import explain
from infra.settings import Settings

# A burst is a newsletter's readers following its link. A community of some thousand people does not reach the
# steady rate; whoever does is kept from running up a bill.
REQUESTS_PER_SECOND = 50
BURST = 200

# What the functions read, and nothing else: CloudFront hands on no other header (at most ten can be named), so not
# `Host`, by which API Gateway finds its API, nor what browsers tell about themselves. `Authorization` can be handed
# on only as a part of the cache key.
HEADERS_HANDED_ON = [
    "Accept",
    "Accept-Language",
    "CloudFront-Viewer-Address",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "Origin",
    "Sec-Fetch-Site",
    "X-Edit-Token",
]

ACCESS_LOG = {
    "requestId": "$context.requestId",
    "requestTime": "$context.requestTime",
    "routeKey": "$context.routeKey",
    "status": "$context.status",
    "latency": "$context.responseLatency",
    "integrationLatency": "$context.integrationLatency",
    "responseLength": "$context.responseLength",
    "error": "$context.error.responseType",
}


class WayIn(Construct):
    """The HTTP API with its stage, and in dev and prod the distribution before it.

    Attributes:
        api: the HTTP API.
        origin_value: what CloudFront (locally the front door) adds to each request as ``x-origin-secret``.
        base_url: where people reach the service, without a slash at the end: what links in emails begin with.
    """

    def __init__(
        self, scope: Construct, name: str, *, settings: Settings, origin_secret: secretsmanager.ISecret | None
    ) -> None:
        super().__init__(scope, name)
        self._settings = settings
        self._integrations: dict[ServiceFunction, integrations.HttpLambdaIntegration] = {}
        self.api = apigateway.HttpApi(
            self, "Api", api_name=settings.prefix, create_default_stage=False, description="Microclimate"
        )
        self.stage = self._stage()
        # Locally a front door of our own stands where CloudFront would, with a value that is no secret.
        self.origin_value = "local"
        self.base_url = settings.base_url or ""
        if origin_secret:
            # Unwrapped as a reference that CloudFormation resolves: the value is in no template.
            self.origin_value = SecretValue.secrets_manager(
                origin_secret.secret_arn, version_id=settings.origin_secret_version
            ).unsafe_unwrap()
            domain = self._distribution().distribution_domain_name
            self.base_url = settings.base_url or f"https://{domain}"
            CfnOutput(self, "DistributionDomainOutput", value=domain).override_logical_id("DistributionDomain")

    def answer(self, route: apigateway.HttpRouteKey, function: ServiceFunction) -> None:
        """Let a function answer what comes on a route; it may have several."""
        function.answers_itself()
        if function not in self._integrations:
            self._integrations[function] = integrations.HttpLambdaIntegration(
                f"{function.node.id}-integration",
                function.entry(),
                timeout=Duration.seconds(29),
                scope_permission_to_route=True,
            )
        first = f"{function.node.id}-route"
        name = (
            f"{first}{route.key.removeprefix('ANY ').replace('/', '-')}" if self.node.try_find_child(first) else first
        )
        made = apigateway.HttpRoute(
            self, name, http_api=self.api, route_key=route, integration=self._integrations[function]
        )
        explain(
            made,
            {
                "AwsSolutions-APIG4": "Most pages are for anybody; who may do what (sessions, API tokens, signed "
                "links) the functions decide themselves, and refuse whatever has not come through CloudFront.",
            },
        )

    def _stage(self) -> apigateway.HttpStage:
        group = logs.LogGroup(
            self,
            "AccessLog",
            log_group_name=f"/aws/vendedlogs/apis/{self._settings.prefix}",
            retention=retention(self._settings.log_retention_days),
            removal_policy=RemovalPolicy.DESTROY,
        )
        stage = apigateway.HttpStage(
            self,
            "Stage",
            http_api=self.api,
            stage_name="$default",
            auto_deploy=True,
            throttle=apigateway.ThrottleSettings(rate_limit=REQUESTS_PER_SECOND, burst_limit=BURST),
        )
        resource = l1.resource(stage, apigateway.CfnStage)
        resource.access_log_settings = apigateway.CfnStage.AccessLogSettingsProperty(
            destination_arn=group.log_group_arn, format=json.dumps(ACCESS_LOG)
        )
        return stage

    def _distribution(self) -> cloudfront.Distribution:
        settings = self._settings
        distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment=settings.prefix,
            default_behavior=cloudfront.BehaviorOptions(
                origin=self._origin(),
                allowed_methods=cloudfront.AllowedMethods.ALLOW_ALL,
                cached_methods=cloudfront.CachedMethods.CACHE_GET_HEAD,
                cache_policy=self._what_the_origin_says(),
                origin_request_policy=self._what_pages_need(),
                viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
                compress=True,
            ),
            domain_names=[settings.domain] if settings.domain else None,
            certificate=(
                acm.Certificate.from_certificate_arn(self, "Certificate", settings.certificate_arn)
                if settings.certificate_arn
                else None
            ),
            minimum_protocol_version=(
                cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021 if settings.certificate_arn else None
            ),
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            price_class=cloudfront.PriceClass.PRICE_CLASS_100,
            enable_logging=False,
        )
        exceptions = {
            "AwsSolutions-CFR1": "Who may visit is not a question of country.",
            "AwsSolutions-CFR2": "A web ACL costs 5 dollars a month before its first request. The API throttles, "
            "and the service limits by network and by person.",
            "AwsSolutions-CFR3": "CloudFront's logs hold paths, which here are signed links, and people's "
            "addresses. The API's access log counts the same requests without either.",
        }
        if not settings.certificate_arn:
            exceptions["AwsSolutions-CFR4"] = (
                "Without a domain of its own a stage has CloudFront's certificate, which comes with TLS 1.0; "
                "prod cannot be synthesised without its domain and certificate."
            )
        explain(distribution, exceptions)
        return distribution

    def _origin(self) -> origins.HttpOrigin:
        stack = Stack.of(self)
        return origins.HttpOrigin(
            f"{self.api.api_id}.execute-api.{stack.region}.{stack.url_suffix}",
            protocol_policy=cloudfront.OriginProtocolPolicy.HTTPS_ONLY,
            origin_ssl_protocols=[cloudfront.OriginSslPolicy.TLS_V1_2],
            custom_headers={"x-origin-secret": self.origin_value},
            read_timeout=Duration.seconds(30),
            connection_timeout=Duration.seconds(5),
        )

    def _what_the_origin_says(self) -> cloudfront.CachePolicy:
        """Cache what the origin marks cacheable for as long as it says, and nothing else."""
        return cloudfront.CachePolicy(
            self,
            "WhatTheOriginSays",
            cache_policy_name=f"{self._settings.prefix}-what-the-origin-says",
            min_ttl=Duration.seconds(0),
            default_ttl=Duration.seconds(0),
            max_ttl=Duration.days(365),
            query_string_behavior=cloudfront.CacheQueryStringBehavior.all(),
            header_behavior=cloudfront.CacheHeaderBehavior.allow_list("Authorization"),
            enable_accept_encoding_gzip=True,
            enable_accept_encoding_brotli=True,
        )

    def _what_pages_need(self) -> cloudfront.OriginRequestPolicy:
        """Hand on what functions read. Cookies are no part of the cache key: what depends on one is `no-store`."""
        return cloudfront.OriginRequestPolicy(
            self,
            "WhatPagesNeed",
            origin_request_policy_name=f"{self._settings.prefix}-what-pages-need",
            cookie_behavior=cloudfront.OriginRequestCookieBehavior.all(),
            header_behavior=cloudfront.OriginRequestHeaderBehavior.allow_list(*HEADERS_HANDED_ON),
            query_string_behavior=cloudfront.OriginRequestQueryStringBehavior.all(),
        )
