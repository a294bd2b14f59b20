"""Comments: pages and API, screening, and what follows from a change."""

from aws_cdk import Duration
from aws_cdk import aws_events as events
from constructs import Construct

from infra.data import DataStack
from infra.function import Common, ServiceFunction
from infra.sources import call_on_records, may_keep

# As for visits: while the bus is down nothing is lost, and the alarm on the iterator's age comes first.
OLDEST_TO_PUBLISH = Duration.hours(2)


class Comments(Construct):
    """The functions of the comments context."""

    def __init__(self, scope: Construct, name: str, *, common: Common, data: DataStack, bus: events.EventBus) -> None:
        super().__init__(scope, name)
        self._common = common
        self._data = data
        self.publish = self._publish(bus)

    def _function(self, name: str, handler: str, environment: dict[str, str]) -> ServiceFunction:
        return ServiceFunction(
            self,
            name,
            handler=handler,
            common=self._common,
            environment={"COMMENTS_TABLE": self._data.comments.table.table_name} | environment,
        )

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
