"""How functions are called by what happened: table streams, rules on a bus, and the clock."""

import jsii
from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_scheduler as scheduler

from infra.data import DataStack, StoredTable
from infra.function import Common, ServiceFunction
from infra.nag import explain

# An event is right to handle whenever it comes, so waiting out a bad hour is better than giving up; what is
# older than this waits for a person in the dead-letter queue instead.
OLDEST_EVENT = Duration.hours(6)

# Where Lambda writes invocation records in a bucket, by its own rule.
_FAILURES_PREFIX = "aws/lambda/*"


@jsii.implements(lambda_.IEventSourceDlq)
class _FailureBucket:
    """The failures bucket as an on-failure destination, with leave to put objects and no more."""

    def __init__(self, data: DataStack, function: ServiceFunction) -> None:
        self._data = data
        self._function = function

    def bind(
        self,
        _target: lambda_.IEventSourceMapping,
        _target_handler: lambda_.IFunction,
    ) -> lambda_.DlqDestinationConfig:
        bucket = self._data.failures
        self._function.may(["s3:PutObject"], [bucket.arn_for_objects(_FAILURES_PREFIX)])
        self._function.may(["s3:ListBucket"], [bucket.bucket_arn])
        if self._data.key:
            self._function.may(
                ["kms:GenerateDataKey", "kms:Decrypt"],
                [self._data.key.key_arn],
                {"StringEquals": {"kms:ViaService": f"s3.{self._data.region}.amazonaws.com"}},
            )
        return lambda_.DlqDestinationConfig(destination=bucket.bucket_arn)


def call_on_records(
    function: ServiceFunction,
    *,
    data: DataStack,
    stored: StoredTable,
    oldest: Duration,
    filters: list[dict[str, object]] | None = None,
) -> None:
    """Call a function with the records of a table's stream.

    A failing record is retried, alone in the end (batches are split), until it is `oldest`; then it goes whole
    into the failures bucket, and the rest of its shard moves on.
    """
    function.answers_itself()
    if stored.key:
        function.may(
            ["kms:Decrypt"],
            [stored.key.key_arn],
            {"StringEquals": {"kms:ViaService": f"dynamodb.{data.region}.amazonaws.com"}},
        )
    function.function.add_event_source(
        event_sources.DynamoEventSource(
            stored.table,
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            batch_size=100,
            bisect_batch_on_error=True,
            report_batch_item_failures=True,
            retry_attempts=-1,
            max_record_age=oldest,
            on_failure=_FailureBucket(data, function),
            filters=[lambda_.FilterCriteria.filter(one) for one in filters] if filters else None,
        )
    )
    exported = data.resolve(data.export_value(data.failures.bucket_arn))["Fn::ImportValue"]
    explain(
        function.role,
        {
            f"AwsSolutions-IAM5[Resource::{exported}/{_FAILURES_PREFIX}]": "Lambda names the objects itself, by "
            "mapping, shard and time."
        },
    )


def call_on_events(
    function: ServiceFunction,
    name: str,
    *,
    common: Common,
    pattern: events.EventPattern,
    bus: events.IEventBus | None,
) -> None:
    """Call a function with the events of a bus (None is the account's default one) that fit a pattern."""
    queue = function.is_called_later(common=common, retry_attempts=2, max_event_age=OLDEST_EVENT)
    events.Rule(
        function,
        name,
        event_bus=bus,
        event_pattern=pattern,
        targets=[
            targets.LambdaFunction(
                function.function, dead_letter_queue=queue, retry_attempts=185, max_event_age=OLDEST_EVENT
            )
        ],
    )


def call_every(function: ServiceFunction, interval: Duration, *, common: Common) -> None:
    """Call a function again and again. One that failed is not worth repeating once the next is due."""
    queue = function.is_called_later(common=common, retry_attempts=1, max_event_age=interval)
    role = iam.Role(
        function,
        "Scheduler",
        assumed_by=iam.ServicePrincipal(
            "scheduler.amazonaws.com",
            conditions={"StringEquals": {"aws:SourceAccount": Stack.of(function).account}},
        ),
    )
    role.add_to_policy(
        iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[function.function.function_arn])
    )
    role.add_to_policy(iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[queue.queue_arn]))
    # An L1 resource: CDK's own target would also let the scheduler call every version of the function.
    schedule = scheduler.CfnSchedule(
        function,
        "Schedule",
        schedule_expression=f"rate({interval.to_minutes():.0f} minutes)",
        flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
        target=scheduler.CfnSchedule.TargetProperty(
            arn=function.function.function_arn,
            role_arn=role.role_arn,
            dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=queue.queue_arn),
            retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                maximum_event_age_in_seconds=interval.to_seconds(), maximum_retry_attempts=1
            ),
        ),
    )
    # The scheduler tries the role when the schedule is made.
    schedule.node.add_dependency(role)
