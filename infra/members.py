"""Members and the community: settings, the audit log, people and their erasure (signing in is in `infra.accounts`)."""

from aws_cdk import Duration
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_events as events
from constructs import Construct

from infra.data import DataStack
from infra.function import Common, ServiceFunction
from infra.http import WayIn
from infra.sources import ERASURES, call_on_events, call_on_records, may_keep

ORGANISER = "/api/v1/organiser"
ORGANISERS_PATHS = (
    f"{ORGANISER}/settings",
    f"{ORGANISER}/audit",
    f"{ORGANISER}/people/{{proxy+}}",
    "/organise/settings",
    "/organise/audit",
    "/organise/people",
    "/organise/people/{proxy+}",
)

MY_PATHS = ("/me", "/me/{proxy+}", "/api/v1/me", "/api/v1/me/{proxy+}")

# As for visits: while the bus is down nothing is lost, and the alarm on the iterator's age comes first.
OLDEST_TO_PUBLISH = Duration.hours(2)

# Of the accounts' changes the others hear of erasures alone: sessions come and go all day.
PUBLISHED: list[dict[str, object]] = [
    {"eventName": ["INSERT", "MODIFY"], "dynamodb": {"NewImage": {"sk": {"S": ["erasure"]}}}}
]


class Members(Construct):
    """The functions of the accounts context that are not about signing in."""

    def __init__(
        self, scope: Construct, name: str, *, common: Common, data: DataStack, way_in: WayIn, bus: events.EventBus
    ) -> None:
        super().__init__(scope, name)
        self._common = common
        self._data = data
        self.organise = self._organise(way_in)
        self.me = self._me(way_in)
        self.publish = self._publish(bus)
        self.erase = self._erase(bus)

    def _function(self, name: str, handler: str, environment: dict[str, str]) -> ServiceFunction:
        return ServiceFunction(
            self,
            name,
            handler=handler,
            common=self._common,
            environment={"ACCOUNTS_TABLE": self._data.accounts.table.table_name} | environment,
        )

    def _edge(self, name: str, handler: str, way_in: WayIn, paths: tuple[str, ...]) -> ServiceFunction:
        function = self._function(
            name,
            handler,
            {
                "VISITS_TABLE": self._data.visits.table.table_name,
                "COMMENTS_TABLE": self._data.comments.table.table_name,
                "FOLLOWUPS_TABLE": self._data.followups.table.table_name,
                "SECRET_ID": self._data.secret.secret_arn,
                "BASE_URL": way_in.base_url,
                "ORIGIN_SECRET": way_in.origin_value,
                "COMMUNITY_NAME": self._common.settings.community_name,
                "SENDER": self._common.settings.sender,
            },
        )
        function.may_read(self._data.visits)
        function.may_read(self._data.comments)
        function.may_read(self._data.followups)
        function.may_read(self._data.accounts)
        function.may_write(self._data.accounts)
        function.may_ask_about_people()
        function.may_know(self._data.secret)
        for path in paths:
            way_in.answer(apigateway.HttpRouteKey.with_(path, apigateway.HttpMethod.ANY), function)
        return function

    def _organise(self, way_in: WayIn) -> ServiceFunction:
        return self._edge("accounts-organise", "accounts.organise.handler", way_in, ORGANISERS_PATHS)

    def _me(self, way_in: WayIn) -> ServiceFunction:
        return self._edge("accounts-me", "accounts.me.handler", way_in, MY_PATHS)

    def _erase(self, bus: events.EventBus) -> ServiceFunction:
        function = self._function(
            "accounts-erase",
            "accounts.on_erasure.handler",
            {
                "VISITS_TABLE": self._data.visits.table.table_name,  # what names it is read by others of this context
                "COMMENTS_TABLE": self._data.comments.table.table_name,
                "FOLLOWUPS_TABLE": self._data.followups.table.table_name,
                "USER_POOL_ID": self._data.people.user_pool_id,
            },
        )
        accounts = self._data.accounts
        function.may_read(accounts)
        function.may_update(accounts)
        # Accounts, sessions and tokens are deleted, which nothing else is: all there is in them is somebody's.
        theirs: dict[str, object] = {
            "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["account#*", "session#*", "token#*"]}
        }
        function.may(["dynamodb:DeleteItem"], [accounts.table.table_arn], theirs)
        function.may(["cognito-idp:AdminDeleteUser"], [self._data.people.user_pool_arn])
        call_on_events(function, "Erasures", common=self._common, bus=bus, pattern=ERASURES)
        return function

    def _publish(self, bus: events.EventBus) -> ServiceFunction:
        function = self._function(
            "accounts-publish",
            "accounts.publish.handler",
            {"BUS_NAME": bus.event_bus_name, "FAILURES_BUCKET": self._data.failures.bucket_name},
        )
        may_keep(function, self._data, "not-understood/*", "A record that nobody understands is kept by its own id.")
        function.may(["events:PutEvents"], [bus.event_bus_arn])
        call_on_records(
            function, data=self._data, stored=self._data.accounts, oldest=OLDEST_TO_PUBLISH, filters=PUBLISHED
        )
        self._common.alarms.on_iterator_age(function.function, "accounts-publish")
        return function
