"""The service stack: everything that can be thrown away and deployed again."""

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra import bundle
from infra.accounts import Accounts
from infra.alarms import Alarms
from infra.comments import Comments
from infra.data import DataStack
from infra.email import Email
from infra.failures import FailedPublications
from infra.followups import Followups
from infra.function import Common, ServiceFunction
from infra.http import WayIn
from infra.members import Members
from infra.settings import Settings
from infra.visits import Visits


class ServiceStack(Stack):
    """Functions, the way in, the bus, queues, email and alarms."""

    def __init__(
        self, scope: Construct, *, settings: Settings, data: DataStack, code: bundle.Part, layer: bundle.Part
    ) -> None:
        super().__init__(
            scope,
            f"{settings.prefix}-service",
            description=f"Microclimate, stage {settings.stage}: functions, API, queues, email",
        )
        alarms = Alarms(self, "Alarms", settings=settings)
        common = Common(
            settings=settings,
            code=_asset(code),
            layer=lambda_.LayerVersion(
                self,
                "Dependencies",
                code=_asset(layer),
                description="What uv.lock has for run time",
                compatible_runtimes=[lambda_.Runtime.PYTHON_3_13],
            ),
            alarms=alarms,
            people=data.people,
        )
        bus = events.EventBus(self, "Bus", event_bus_name=settings.prefix, description="What happened in Microclimate")
        way_in = WayIn(self, "WayIn", settings=settings, origin_secret=data.origin_secret)
        email = Email(self, "Email", settings=settings)
        Visits(self, "Visits", common=common, data=data, way_in=way_in, bus=bus)
        Comments(self, "Comments", common=common, data=data, way_in=way_in, bus=bus)
        Accounts(self, "Accounts", common=common, data=data, way_in=way_in)
        Members(self, "Members", common=common, data=data, way_in=way_in, bus=bus)
        followups = Followups(self, "Followups", common=common, data=data, bus=bus, email=email, way_in=way_in)
        failures = FailedPublications(self, "Failures", data=data, alarms=alarms)
        self._output("ApiId", way_in.api.api_id)
        self._output("ApiUrl", way_in.api.api_endpoint)
        self._output("BaseUrl", way_in.base_url)
        self._output("BusName", bus.event_bus_name)
        self._output("DeliveriesQueueUrl", followups.deliveries.queue_url)
        self._output("DeliveriesDeadLettersUrl", followups.deliveries_dead_letters.queue_url)
        self._output("FailedPublicationsQueueUrl", failures.queue.queue_url)
        self._output("ConfigurationSet", email.configuration_set.configuration_set_name)
        self._output("AlarmsTopic", alarms.topic.topic_arn)
        for function in self.node.find_all():
            if isinstance(function, ServiceFunction):
                self._output(_logical(function.node.id) + "Function", function.function.function_name)

    def _output(self, name: str, value: str) -> None:
        CfnOutput(self, f"{name}Output", value=value).override_logical_id(name)


def _asset(part: bundle.Part) -> lambda_.Code:
    """The folder as an asset named by what it was made from: compiled files differ in nothing that matters."""
    return lambda_.Code.from_asset(str(part.folder), asset_hash=part.fingerprint)


def _logical(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("-"))
