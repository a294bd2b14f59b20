"""Visits: pages and API, organisers' API, and what follows from a change: publishing it, and the line."""

from aws_cdk import Duration
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_events as events
from constructs import Construct

from infra.data import DataStack
from infra.function import Common, ServiceFunction
from infra.http import WayIn
from infra.sources import ERASURES, call_every, call_on_events, call_on_records, may_hand_out, may_keep

ORGANISER = "/api/v1/organiser"

# What of an organiser's visit is about its people. Each is a full match, which API Gateway prefers to ``{proxy+}``.
PEOPLE_PATHS = (
    "registrations",
    "registrations/{registration_id}",
    "registrations/{registration_id}/{action}",
    "registrations.csv",
    "registrations.xlsx",
    "attendance",
    "attendance/settle",
    "statistics",
)

# While the bus is down nothing is lost; a record that no retry helps holds up its shard for this long. The
# alarm on the iterator's age comes first.
OLDEST_TO_PUBLISH = Duration.hours(2)

# The sweep comes every five minutes and does the same work from what is stored, so there is little to wait for.
OLDEST_FOR_LINE = Duration.minutes(15)

# Places that were given up, and whatever moves the mark. A waiting place is new here as well: the mark may have
# moved between its number being handed out and its being written. A confirmed one neither frees nor admits. A change
# of capacity shows in the details too, which, unlike the counters, no registration writes to.
LINE_FILTERS: list[dict[str, object]] = [
    {
        "eventName": ["INSERT", "MODIFY"],
        "dynamodb": {
            "NewImage": {"sk": {"S": [{"prefix": "place#"}]}, "status": {"S": ["cancelled", "void", "waiting"]}}
        },
    },
    {"eventName": ["MODIFY"], "dynamodb": {"NewImage": {"sk": {"S": ["visit#details"]}}}},
]


class Visits(Construct):
    """The functions of the visits context."""

    def __init__(
        self, scope: Construct, name: str, *, common: Common, data: DataStack, way_in: WayIn, bus: events.EventBus
    ) -> None:
        super().__init__(scope, name)
        self._common = common
        self._data = data
        web_environment = {
            "VISITS_TABLE": data.visits.table.table_name,
            "BASE_URL": way_in.base_url,
            "ORIGIN_SECRET": way_in.origin_value,
            "COMMUNITY_NAME": common.settings.community_name,
        }
        self.web = self._web(way_in, web_environment)
        self.organise = self._organise(way_in, web_environment)
        self.people = self._people(way_in, web_environment)
        self.console = self._console(way_in, web_environment)
        self.publish = self._publish(bus)
        self.line = self._line()
        self.sweep = self._sweep()
        self.erase = self._erase(bus)

    def _function(self, name: str, handler: str, environment: dict[str, str]) -> ServiceFunction:
        return ServiceFunction(self, name, handler=handler, common=self._common, environment=environment)

    def _web(self, way_in: WayIn, environment: dict[str, str]) -> ServiceFunction:
        function = self._function(
            "visits-web",
            "visits.web.handler",
            environment
            | {
                "SECRET_ID": self._data.secret.secret_arn,
                "SENDER": self._common.settings.sender,
                "RATE_LIMITS": self._common.settings.rate_limits,
                "ACCOUNTS_TABLE": self._data.accounts.table.table_name,
            },
        )
        function.may_show_the_site(self._data.accounts)
        function.may_remember(self._data.accounts)
        function.may_read(self._data.visits)
        function.may_write(self._data.visits)
        function.may_know(self._data.secret)
        way_in.answer(apigateway.HttpRouteKey.DEFAULT, function)
        return function

    def _for_organisers(self, name: str, handler: str, environment: dict[str, str]) -> ServiceFunction:
        function = self._function(name, handler, environment | {"ACCOUNTS_TABLE": self._data.accounts.table.table_name})
        function.may_read(self._data.visits)
        function.may_write(self._data.visits)
        function.may_recognise(self._data.accounts)
        return function

    def _organise(self, way_in: WayIn, environment: dict[str, str]) -> ServiceFunction:
        function = self._for_organisers("visits-organise", "visits.organise.handler", environment)
        way_in.answer(apigateway.HttpRouteKey.with_(f"{ORGANISER}/{{proxy+}}", apigateway.HttpMethod.ANY), function)
        return function

    def _people(self, way_in: WayIn, environment: dict[str, str]) -> ServiceFunction:
        needs = {
            "SECRET_ID": self._data.secret.secret_arn,
            "EXPORTS_BUCKET": self._data.exports.bucket_name,
        }
        function = self._for_organisers("visits-people", "visits.people.handler", environment | needs)
        function.may_know(self._data.secret)  # person keys: who is added by hand, which address is corrected
        may_hand_out(function, self._data, "registrations/*", "An export's name is a random number.")
        for path in PEOPLE_PATHS:
            route = apigateway.HttpRouteKey.with_(f"{ORGANISER}/visits/{{visit_id}}/{path}", apigateway.HttpMethod.ANY)
            way_in.answer(route, function)
        return function

    def _console(self, way_in: WayIn, environment: dict[str, str]) -> ServiceFunction:
        secret = {"SECRET_ID": self._data.secret.secret_arn}
        function = self._for_organisers("visits-console", "visits.console.handler", environment | secret)
        function.may_know(self._data.secret)  # person keys: who is added by hand, which address is corrected
        for path in ("/organise", "/organise/{proxy+}"):
            way_in.answer(apigateway.HttpRouteKey.with_(path, apigateway.HttpMethod.ANY), function)
        return function

    def _publish(self, bus: events.EventBus) -> ServiceFunction:
        function = self._function(
            "visits-publish",
            "visits.publish.handler",
            {
                "BUS_NAME": bus.event_bus_name,
                "FAILURES_BUCKET": self._data.failures.bucket_name,
                "VISITS_TABLE": self._data.visits.table.table_name,  # its models name it; it reads the stream alone
            },
        )
        may_keep(function, self._data, "not-understood/*", "A record that nobody understands is kept by its own id.")
        function.may(["events:PutEvents"], [bus.event_bus_arn])
        call_on_records(function, data=self._data, stored=self._data.visits, oldest=OLDEST_TO_PUBLISH)
        self._common.alarms.on_iterator_age(function.function, "visits-publish")
        return function

    def _line(self) -> ServiceFunction:
        function = self._function(
            "visits-line", "visits.on_stream.handler", {"VISITS_TABLE": self._data.visits.table.table_name}
        )
        function.may_read(self._data.visits)
        function.may_write(self._data.visits)
        call_on_records(
            function,
            data=self._data,
            stored=self._data.visits,
            oldest=OLDEST_FOR_LINE,
            filters=LINE_FILTERS,
        )
        return function

    def _sweep(self) -> ServiceFunction:
        function = self._function(
            "visits-sweep",
            "visits.sweep.handler",
            {"VISITS_TABLE": self._data.visits.table.table_name, "SECRET_ID": self._data.secret.secret_arn},
        )
        function.may_know(self._data.secret)
        function.may_read(self._data.visits)
        function.may_write(self._data.visits)
        call_every(function, Duration.minutes(5), common=self._common)
        return function

    def _erase(self, bus: events.EventBus) -> ServiceFunction:
        function = self._function(
            "visits-erase",
            "visits.on_erasure.handler",
            {"VISITS_TABLE": self._data.visits.table.table_name, "SECRET_ID": self._data.secret.secret_arn},
        )
        function.may_read(self._data.visits)
        function.may_write(self._data.visits)
        function.may_know(self._data.secret)
        call_on_events(function, "Erasures", common=self._common, bus=bus, pattern=ERASURES)
        return function
