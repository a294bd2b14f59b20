"""Follow-ups: from an event to a delivery, from a delivery to an email, and what SES says became of it."""

from aws_cdk import Duration, Stack
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra import l1
from infra.data import DataStack
from infra.email import Email
from infra.function import LONGEST, Common, ServiceFunction
from infra.http import WayIn
from infra.nag import explain
from infra.queues import dead_letters
from infra.sources import ERASURES, OLDEST_EVENT, call_daily, call_every, call_on_events, call_on_records

# Events that somebody gets an email for; `followups/plan.py` says which.
PLANNED_EVENTS = [
    "registration.confirmed",
    "registration.waiting",
    "registration.admitted",
    "registration.cancelled",
    "registration.link_requested",
    "registration.address_requested",
    "registration.address_changed",
    "person.lookup_requested",
]

# Events that may move a visit's schedules.
SCHEDULING_EVENTS = [
    "visit.published",
    "visit.unpublished",
    "visit.changed",
    "visit.rescheduled",
    "visit.cancelled",
    "visit.shared",
    "visit.attendance_settled",
]

# A plan that changed: neither its runs, which follow from it, nor deliveries.
PLAN_FILTERS: list[dict[str, object]] = [
    {
        "eventName": ["INSERT", "MODIFY"],
        "dynamodb": {"Keys": {"pk": {"S": [{"prefix": "plan#"}]}, "sk": {"S": ["plan", "state"]}}},
    }
]

# Schedules are moved by reading again, so an older record says nothing a newer one does not.
OLDEST_TO_SCHEDULE = Duration.hours(2)

# What of an organiser's visit is about its follow-ups. Full matches, which API Gateway prefers to ``{proxy+}``.
ORGANISERS_PATHS = (
    "plan",
    "plan/variables",
    "plan/preview",
    "plan/timeline",
    "plan/steps/{step}/test",
    "plan/steps/{step}/send-now",
    "plan/steps/{step}/pause",
    "plan/steps/{step}/resume",
    "deliveries",
)

# Events about a whole visit, which everybody registered on it gets an email for.
EVENTS_FOR_EVERYBODY = ["visit.rescheduled", "visit.cancelled", "visit.message_posted"]

# Pages of people planned at once: two big visits do not wait for one another, and the table is not rushed.
PAGES_AT_ONCE = 2

# When organisers get their digest (`followups.plan.DIGEST_AT`).
DIGEST_HOUR, DIGEST_ZONE = 7, "Europe/London"

# What moderators write, and what waits for them; `followups/moderation.py` says what follows.
MODERATION_EVENTS = ["author.messaged", "comments.waiting"]

# Each holds its share of the account's rate (`followups.pace`), so that all together are not throttled.
SENDERS_AT_ONCE = 2

# A delivery that was tried five times and is still in the queue is not one that a sixth try sends.
TRIES = 5


class Followups(Construct):
    """The functions of the follow-ups context, and the queue of deliveries between them."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        common: Common,
        data: DataStack,
        bus: events.EventBus,
        email: Email,
        way_in: WayIn,
    ) -> None:
        super().__init__(scope, name)
        self._common = common
        self._data = data
        self._email = email
        self.deliveries_dead_letters = dead_letters(self, "DeliveriesDeadLetters", alarms=common.alarms)
        self.deliveries = sqs.Queue(
            self,
            "Deliveries",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            # AWS asks for six times the function's time-out, or a slow batch is handed out again.
            visibility_timeout=Duration.seconds(6 * LONGEST.to_seconds()),
            retention_period=Duration.days(4),
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.deliveries_dead_letters, max_receive_count=TRIES),
        )
        self.plan = self._plan(bus)
        self.fan_out = self._fan_out(bus)
        self.moderation = self._moderation(bus)
        self.send = self._send(way_in.base_url)
        self.settle = self._settle()
        self.feedback = self._feedback()
        self.digest = self._digest()
        self.organise = self._organise(way_in)
        self.erase = self._erase(bus)
        self.due_dead_letters = dead_letters(self, "DueDeadLetters", alarms=common.alarms)
        self.due = sqs.Queue(
            self,
            "Due",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            visibility_timeout=Duration.seconds(6 * LONGEST.to_seconds()),
            retention_period=Duration.days(4),
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.due_dead_letters, max_receive_count=TRIES),
        )
        self.when_due = self._when_due()
        self.schedule = self._schedule(bus)

    def _function(self, name: str, handler: str, environment: dict[str, str]) -> ServiceFunction:
        return ServiceFunction(
            self,
            name,
            handler=handler,
            common=self._common,
            environment={"FOLLOWUPS_TABLE": self._data.followups.table.table_name} | environment,
        )

    def _plan(self, bus: events.EventBus) -> ServiceFunction:
        function = self._function(
            "followups-plan",
            "followups.on_event.handler",
            {
                "VISITS_TABLE": self._data.visits.table.table_name,
                "DELIVERIES_QUEUE_URL": self.deliveries.queue_url,
            },
        )
        function.may_read(self._data.visits)
        function.may_read(self._data.followups)
        function.may_write(self._data.followups)
        function.may(["sqs:SendMessage"], [self.deliveries.queue_arn])
        call_on_events(
            function,
            "VisitsEvents",
            common=self._common,
            bus=bus,
            pattern=events.EventPattern(source=["microclimate.visits"], detail_type=PLANNED_EVENTS),
        )
        return function

    def _fan_out(self, bus: events.EventBus) -> ServiceFunction:
        dead = dead_letters(self, "FanOutDeadLetters", alarms=self._common.alarms)
        queue = sqs.Queue(
            self,
            "FanOut",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            visibility_timeout=Duration.seconds(6 * LONGEST.to_seconds()),
            retention_period=Duration.days(4),
            dead_letter_queue=sqs.DeadLetterQueue(queue=dead, max_receive_count=TRIES),
        )
        function = self._function(
            "followups-fan-out",
            "followups.fan_out.handler",
            {
                "VISITS_TABLE": self._data.visits.table.table_name,
                "DELIVERIES_QUEUE_URL": self.deliveries.queue_url,
                "FAN_OUT_QUEUE_URL": queue.queue_url,
            },
        )
        function.may_read(self._data.visits)
        function.may_read(self._data.followups)
        function.may_write(self._data.followups)
        function.may(["sqs:SendMessage"], [self.deliveries.queue_arn, queue.queue_arn])
        function.answers_itself()
        # A page queues the next one. After some sixteen rounds Lambda would take that for a mistake and stop it.
        l1.resource(function.function, lambda_.CfnFunction).recursive_loop = "Allow"
        function.function.add_event_source(
            event_sources.SqsEventSource(
                queue, batch_size=1, report_batch_item_failures=True, max_concurrency=PAGES_AT_ONCE
            )
        )
        explain(
            function,
            {
                "Serverless-LambdaEventSourceMappingDestination": "A queue's mapping has no destination: the "
                "queue's own redrive policy takes what cannot be handled."
            },
        )
        events.Rule(
            self,
            "ForEverybody",
            event_bus=bus,
            event_pattern=events.EventPattern(source=["microclimate.visits"], detail_type=EVENTS_FOR_EVERYBODY),
            targets=[targets.SqsQueue(queue, dead_letter_queue=dead, retry_attempts=185, max_event_age=OLDEST_EVENT)],
        )
        return function

    def _moderation(self, bus: events.EventBus) -> ServiceFunction:
        function = self._function(
            "followups-moderation",
            "followups.on_moderation.handler",
            {
                "COMMENTS_TABLE": self._data.comments.table.table_name,
                "DELIVERIES_QUEUE_URL": self.deliveries.queue_url,
            },
        )
        function.may_read(self._data.comments)
        function.may_read(self._data.followups)
        function.may_write(self._data.followups)
        function.may(["sqs:SendMessage"], [self.deliveries.queue_arn])
        call_on_events(
            function,
            "CommentsEvents",
            common=self._common,
            bus=bus,
            pattern=events.EventPattern(source=["microclimate.comments"], detail_type=MODERATION_EVENTS),
        )
        return function

    def _send(self, base_url: str) -> ServiceFunction:
        settings = self._common.settings
        function = self._function(
            "followups-send",
            "followups.send.handler",
            {
                "VISITS_TABLE": self._data.visits.table.table_name,
                "COMMENTS_TABLE": self._data.comments.table.table_name,
                "SECRET_ID": self._data.secret.secret_arn,
                "BASE_URL": base_url,
                "SENDER": settings.sender,
                "CONFIGURATION_SET": self._email.configuration_set.configuration_set_name,
                "COMMUNITY_NAME": settings.community_name,
                "EMAILS_A_SECOND": f"{settings.emails_a_second / SENDERS_AT_ONCE:g}",
                "ACCOUNTS_TABLE": self._data.accounts.table.table_name,
            },
        )
        function.may_show_the_site(self._data.accounts)
        function.may_read(self._data.visits)
        function.may_read(self._data.comments)
        function.may_read(self._data.followups)
        function.may_write(self._data.followups)
        function.may_know(self._data.secret)
        # SESv2's SendEmail with raw content is checked as SendRawEmail, whatever its name.
        function.may(
            ["ses:SendEmail", "ses:SendRawEmail"],
            self._email.sending_arns,
            {"StringEquals": {"ses:FromAddress": settings.sender_address}},
        )
        function.answers_itself()
        function.function.add_event_source(
            event_sources.SqsEventSource(
                self.deliveries,
                batch_size=10,
                report_batch_item_failures=True,
                max_concurrency=SENDERS_AT_ONCE,
            )
        )
        explain(
            function,
            {
                "Serverless-LambdaEventSourceMappingDestination": "A queue's mapping has no destination: the "
                "queue's own redrive policy takes what cannot be handled."
            },
        )
        return function

    def _settle(self) -> ServiceFunction:
        function = self._function(
            "followups-settle", "followups.settle.handler", {"DELIVERIES_QUEUE_URL": self.deliveries.queue_url}
        )
        function.may_read(self._data.followups)
        function.may_write(self._data.followups)
        function.may(["sqs:SendMessage"], [self.deliveries.queue_arn])
        call_every(function, Duration.minutes(5), common=self._common)
        return function

    def _digest(self) -> ServiceFunction:
        function = self._function(
            "followups-digest",
            "followups.digest.handler",
            {
                "ACCOUNTS_TABLE": self._data.accounts.table.table_name,
                "DELIVERIES_QUEUE_URL": self.deliveries.queue_url,
            },
        )
        function.may_read(self._data.accounts)
        function.may_write(self._data.followups)
        function.may(["sqs:SendMessage"], [self.deliveries.queue_arn])
        call_daily(function, DIGEST_HOUR, DIGEST_ZONE, common=self._common)
        return function

    def _feedback(self) -> ServiceFunction:
        function = self._function("followups-feedback", "followups.feedback.handler", {})
        function.may_read(self._data.followups)
        function.may_write(self._data.followups)
        call_on_events(
            function,
            "SesEvents",
            common=self._common,
            bus=None,
            pattern=events.EventPattern(
                source=["aws.ses"],
                # The default bus hears of every stage's emails.
                detail={
                    "mail": {"tags": {"ses:configuration-set": [self._email.configuration_set.configuration_set_name]}}
                },
            ),
        )
        return function

    def _organise(self, way_in: WayIn) -> ServiceFunction:
        settings = self._common.settings
        function = self._function(
            "followups-organise",
            "followups.organise.handler",
            {
                "VISITS_TABLE": self._data.visits.table.table_name,
                "ACCOUNTS_TABLE": self._data.accounts.table.table_name,
                "BASE_URL": way_in.base_url,
                "ORIGIN_SECRET": way_in.origin_value,
                "COMMUNITY_NAME": settings.community_name,
                "DELIVERIES_QUEUE_URL": self.deliveries.queue_url,
                "SENDER": settings.sender,
            },
        )
        function.may_read(self._data.visits)
        function.may_read(self._data.followups)
        function.may_write(self._data.followups)
        function.may_recognise(self._data.accounts)
        function.may(["sqs:SendMessage"], [self.deliveries.queue_arn])
        retry = apigateway.HttpRouteKey.with_(
            "/api/v1/organiser/deliveries/{delivery_id}/retry", apigateway.HttpMethod.ANY
        )
        way_in.answer(retry, function)
        for page in ("plan", "plan/{step}"):
            way_in.answer(
                apigateway.HttpRouteKey.with_(f"/organise/visits/{{visit_id}}/{page}", apigateway.HttpMethod.ANY),
                function,
            )
        for path in ORGANISERS_PATHS:
            way_in.answer(
                apigateway.HttpRouteKey.with_(
                    f"/api/v1/organiser/visits/{{visit_id}}/{path}", apigateway.HttpMethod.ANY
                ),
                function,
            )
        return function

    def _erase(self, bus: events.EventBus) -> ServiceFunction:
        function = self._function("followups-erase", "followups.on_erasure.handler", {})
        function.may_read(self._data.followups)
        function.may_write(self._data.followups)
        call_on_events(function, "Erasures", common=self._common, bus=bus, pattern=ERASURES)
        return function

    def _when_due(self) -> ServiceFunction:
        function = self._function(
            "followups-due",
            "followups.on_due.handler",
            {
                "VISITS_TABLE": self._data.visits.table.table_name,
                "DELIVERIES_QUEUE_URL": self.deliveries.queue_url,
                "DUE_QUEUE_URL": self.due.queue_url,
            },
        )
        function.may_read(self._data.visits)
        function.may_read(self._data.followups)
        function.may_write(self._data.followups)
        function.may(["sqs:SendMessage"], [self.deliveries.queue_arn, self.due.queue_arn])
        function.answers_itself()
        # A page queues the next one. After some sixteen rounds Lambda would take that for a mistake and stop it.
        l1.resource(function.function, lambda_.CfnFunction).recursive_loop = "Allow"
        function.function.add_event_source(
            event_sources.SqsEventSource(
                self.due, batch_size=1, report_batch_item_failures=True, max_concurrency=PAGES_AT_ONCE
            )
        )
        explain(
            function,
            {
                "Serverless-LambdaEventSourceMappingDestination": "A queue's mapping has no destination: the "
                "queue's own redrive policy takes what cannot be handled."
            },
        )
        return function

    def _schedule(self, bus: events.EventBus) -> ServiceFunction:
        """The function that makes, moves and removes one-off schedules, and the role these send with."""
        stack = Stack.of(self)
        group = scheduler.CfnScheduleGroup(self, "Schedules", name=f"{self._common.settings.prefix}-steps")
        role = iam.Role(
            self,
            "Scheduler",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": stack.account}}
            ),
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["sqs:SendMessage"], resources=[self.due.queue_arn, self.due_dead_letters.queue_arn]
            )
        )
        function = self._function(
            "followups-schedule",
            "followups.on_change.handler",
            {
                "VISITS_TABLE": self._data.visits.table.table_name,
                "DELIVERIES_QUEUE_URL": self.deliveries.queue_url,
                "DUE_QUEUE_URL": self.due.queue_url,
                "DUE_QUEUE_ARN": self.due.queue_arn,
                "DUE_DEAD_LETTERS_ARN": self.due_dead_letters.queue_arn,
                "SCHEDULE_GROUP": f"{self._common.settings.prefix}-steps",
                "SCHEDULER_ROLE_ARN": role.role_arn,
            },
        )
        function.node.add_dependency(group)
        function.may_read(self._data.visits)
        function.may_read(self._data.followups)
        function.may_write(self._data.followups)
        function.may(["sqs:SendMessage"], [self.due.queue_arn])
        ours = stack.format_arn(service="scheduler", resource="schedule", resource_name=f"{group.name}/*")
        function.may(["scheduler:CreateSchedule", "scheduler:UpdateSchedule", "scheduler:DeleteSchedule"], [ours])
        everywhere = "arn:<AWS::Partition>:scheduler:<AWS::Region>:<AWS::AccountId>:schedule"
        explain(
            function.role,
            {
                f"AwsSolutions-IAM5[Resource::{everywhere}/{group.name}/*]": "A schedule is named after its visit "
                "and step, so no name is known before; the group holds nothing but this function's own."
            },
        )
        # It lists by a group's name, which the action knows no resource for.
        function.may(["scheduler:ListSchedules"], ["*"])
        function.may(
            ["iam:PassRole"], [role.role_arn], {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}
        )
        call_on_events(
            function,
            "VisitsEvents",
            common=self._common,
            bus=bus,
            pattern=events.EventPattern(source=["microclimate.visits"], detail_type=SCHEDULING_EVENTS),
        )
        call_on_records(
            function,
            data=self._data,
            stored=self._data.followups,
            oldest=OLDEST_TO_SCHEDULE,
            filters=PLAN_FILTERS,
        )
        return function
