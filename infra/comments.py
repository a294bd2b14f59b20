"""Comments: pages and API, screening, and what follows from a change."""

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_events as events
from constructs import Construct

from infra.data import DataStack
from infra.function import Common, ServiceFunction
from infra.http import WayIn
from infra.sources import ERASURES, call_every, call_on_events, call_on_records, may_keep

PATHS = (
    "/stories",
    "/stories/{proxy+}",
    "/comments/{proxy+}",
    "/comments-policy",
    "/comment-counts",
    "/api/v1/stories/{proxy+}",
    "/api/v1/comments/{proxy+}",
    "/api/v1/comment-counts",
)

MODERATION = "/api/v1/moderation/{proxy+}"
ROOM = ("/moderate", "/moderate/{proxy+}")

# As for visits: while the bus is down nothing is lost, and the alarm on the iterator's age comes first.
OLDEST_TO_PUBLISH = Duration.hours(2)


class Comments(Construct):
    """The functions of the comments context."""

    def __init__(
        self, scope: Construct, name: str, *, common: Common, data: DataStack, way_in: WayIn, bus: events.EventBus
    ) -> None:
        super().__init__(scope, name)
        self._common = common
        self._data = data
        self.web = self._web(way_in)
        self.moderate = self._for_moderators("comments-moderate", "comments.moderate.handler", way_in, (MODERATION,))
        self.room = self._for_moderators("comments-room", "comments.room.handler", way_in, ROOM)
        self.screen = self._screen(bus)
        self.erase = self._erase(bus)
        self.watch = self._watch()
        self.publish = self._publish(bus)

    def _function(self, name: str, handler: str, environment: dict[str, str]) -> ServiceFunction:
        return ServiceFunction(
            self,
            name,
            handler=handler,
            common=self._common,
            environment={"COMMENTS_TABLE": self._data.comments.table.table_name} | environment,
        )

    def _web(self, way_in: WayIn) -> ServiceFunction:
        function = self._function(
            "comments-web",
            "comments.web.handler",
            {
                "ACCOUNTS_TABLE": self._data.accounts.table.table_name,
                "BASE_URL": way_in.base_url,
                "ORIGIN_SECRET": way_in.origin_value,
                "SECRET_ID": self._data.secret.secret_arn,
                "COMMUNITY_NAME": self._common.settings.community_name,
                "RATE_LIMITS": self._common.settings.rate_limits,
            },
        )
        self._may_move_comments(function)
        function.may_recognise(self._data.accounts)
        function.may_know(self._data.secret)
        for path in PATHS:
            way_in.answer(apigateway.HttpRouteKey.with_(path, apigateway.HttpMethod.ANY), function)
        return function

    def _for_moderators(self, name: str, handler: str, way_in: WayIn, paths: Sequence[str]) -> ServiceFunction:
        function = self._function(
            name,
            handler,
            {
                "ACCOUNTS_TABLE": self._data.accounts.table.table_name,
                "BASE_URL": way_in.base_url,
                "ORIGIN_SECRET": way_in.origin_value,
                "COMMUNITY_NAME": self._common.settings.community_name,
            },
        )
        self._may_move_comments(function)
        function.may_recognise(self._data.accounts)
        for path in paths:
            way_in.answer(apigateway.HttpRouteKey.with_(path, apigateway.HttpMethod.ANY), function)
        return function

    def _screen(self, bus: events.EventBus) -> ServiceFunction:
        function = self._function("comments-screen", "comments.on_submitted.handler", {})
        self._may_move_comments(function)
        call_on_events(
            function,
            "CommentSubmitted",
            common=self._common,
            bus=bus,
            pattern=events.EventPattern(source=["microclimate.comments"], detail_type=["comment.submitted"]),
        )
        return function

    def _erase(self, bus: events.EventBus) -> ServiceFunction:
        function = self._function("comments-erase", "comments.on_erasure.handler", {})
        self._may_move_comments(function)
        call_on_events(function, "Erasures", common=self._common, bus=bus, pattern=ERASURES)
        return function

    def _watch(self) -> ServiceFunction:
        function = self._function("comments-watch", "comments.watch.handler", {})
        function.may_read(self._data.comments)
        function.may_write(self._data.comments)
        call_every(function, Duration.minutes(5), common=self._common)
        return function

    def _may_move_comments(self, function: ServiceFunction) -> None:
        """Let it move comments, which puts and deletes what the public reads, and deletes nothing else."""
        function.may_read(self._data.comments)
        function.may_write(self._data.comments)
        function.may_delete(self._data.comments, "story#*")

    def _publish(self, bus: events.EventBus) -> ServiceFunction:
        function = self._function(
            "comments-publish",
            "comments.publish.handler",
            {"BUS_NAME": bus.event_bus_name, "FAILURES_BUCKET": self._data.failures.bucket_name},
        )
        may_keep(function, self._data, "not-understood/*", "A record that nobody understands is kept by its own id.")
        function.may(["events:PutEvents"], [bus.event_bus_arn])
        call_on_records(function, data=self._data, stored=self._data.comments, oldest=OLDEST_TO_PUBLISH)
        self._common.alarms.on_iterator_age(function.function, "comments-publish")
        return function
