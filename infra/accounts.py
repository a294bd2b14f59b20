"""Accounts: signing in and out, API tokens; and how the service is known to the user pool (`infra.data`)."""

from aws_cdk import Duration, Stack
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_cognito as cognito
from constructs import Construct

from infra.data import DataStack
from infra.function import Common, ServiceFunction
from infra.http import WayIn

# Each a full match but the last, which API Gateway prefers to the ``{proxy+}`` of others and of less.
PATHS = (
    "/sign-in",
    "/sign-out",
    "/auth/callback",
    "/api/v1/organiser/tokens",
    "/api/v1/organiser/tokens/{token_id}",
    "/organise/tokens",
    "/organise/tokens/{proxy+}",
)


class Accounts(Construct):
    """The functions of the accounts context."""

    def __init__(self, scope: Construct, name: str, *, common: Common, data: DataStack, way_in: WayIn) -> None:
        super().__init__(scope, name)
        self._common = common
        self._data = data
        self.client = self._client(way_in)
        self.web = self._web(way_in)

    def _client(self, way_in: WayIn) -> cognito.UserPoolClient:
        """Make the service known to the user pool: a public client, whose codes PKCE protects."""
        local = self._common.settings.is_local
        client = cognito.UserPoolClient(
            self,
            "Client",
            user_pool=self._data.people,
            user_pool_client_name="service",
            generate_secret=False,
            auth_flows=cognito.AuthFlow() if local else cognito.AuthFlow(user=True),
            o_auth=cognito.OAuthSettings(
                flows=cognito.OAuthFlows(authorization_code_grant=True),
                scopes=[cognito.OAuthScope.OPENID, cognito.OAuthScope.EMAIL, cognito.OAuthScope.PROFILE],
                callback_urls=[f"{way_in.base_url}/auth/callback"],
                logout_urls=[f"{way_in.base_url}/"],
            ),
            supported_identity_providers=[cognito.UserPoolClientIdentityProvider.COGNITO],
            prevent_user_existence_errors=True,
            enable_token_revocation=True,
            # Read once and thrown away: sessions are ours.
            id_token_validity=Duration.minutes(5),
            access_token_validity=Duration.minutes(5),
            refresh_token_validity=Duration.minutes(60),
        )
        if not local:  # the emulator has a page of its own, and no branding
            cognito.CfnManagedLoginBranding(
                self,
                "Branding",
                user_pool_id=self._data.people.user_pool_id,
                client_id=client.user_pool_client_id,
                use_cognito_provided_values=True,
            )
        return client

    def _web(self, way_in: WayIn) -> ServiceFunction:
        people = self._data.people
        issuer = f"https://cognito-idp.{Stack.of(self).region}.amazonaws.com/{people.user_pool_id}"
        if self._common.settings.is_local:
            # The front door leads to the emulator's pages, and to the keys that its tokens are signed with.
            pages, keys = way_in.base_url, f"{way_in.base_url}/{people.user_pool_id}/.well-known/jwks.json"
        else:
            pages, keys = self._data.sign_in.base_url(), f"{issuer}/.well-known/jwks.json"
        function = ServiceFunction(
            self,
            "accounts-web",
            handler="accounts.web.handler",
            common=self._common,
            environment={
                "ACCOUNTS_TABLE": self._data.accounts.table.table_name,
                "BASE_URL": way_in.base_url,
                "ORIGIN_SECRET": way_in.origin_value,
                "COMMUNITY_NAME": self._common.settings.community_name,
                "SECRET_ID": self._data.secret.secret_arn,
                "RATE_LIMITS": self._common.settings.rate_limits,
                "SIGN_IN_URL": pages,
                "SIGN_IN_CLIENT_ID": self.client.user_pool_client_id,
                "SIGN_IN_ISSUER": issuer,
                "SIGN_IN_KEYS_URL": keys,
            },
        )
        function.may_read(self._data.accounts)
        function.may_write(self._data.accounts)
        function.may_ask_about_people()
        function.may_know(self._data.secret)
        for path in PATHS:
            way_in.answer(apigateway.HttpRouteKey.with_(path, apigateway.HttpMethod.ANY), function)
        return function
