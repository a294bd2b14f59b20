"""How functions are called by what happened: table streams, rules on a bus, and the clock."""

import json

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler

from infra.data import DataStack, StoredTable
from infra.function import Common, ServiceFunction
from infra.nag import explain

# An event is right to handle whenever it comes, so waiting out a bad hour is better than giving up; what is
# older than this waits for a person in the dead-letter queue instead.
OLDEST_EVENT = Duration.hours(6)

# Somebody is to be erased: every context that holds something about people listens.
ERASURES = events.EventPattern(source=["microclimate.accounts"], detail_type=["person.erasure_requested"])

# Where Lambda writes invocation records in a bucket, by its own rule.
_FAILURES_PREFIX = "aws/lambda/*"


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
    function.may_follow(stored)
    _let_failures_be_kept(function, data)
    # An L1 resource: CDK's own source would give the function more of the bucket and of the key than it needs.
    lambda_.CfnEventSourceMapping(
        function,
        "Stream",
        function_name=function.function.function_name,
        event_source_arn=stored.table.table_stream_arn,
        starting_position="TRIM_HORIZON",
        batch_size=100,
        bisect_batch_on_function_error=True,
        function_response_types=["ReportBatchItemFailures"],
        maximum_retry_attempts=-1,  # the record's age ends it
        maximum_record_age_in_seconds=oldest.to_seconds(),
        destination_config=lambda_.CfnEventSourceMapping.DestinationConfigProperty(
            on_failure=lambda_.CfnEventSourceMapping.OnFailureProperty(destination=data.failures.bucket_arn)
        ),
        filter_criteria=lambda_.CfnEventSourceMapping.FilterCriteriaProperty(
            filters=[
                lambda_.CfnEventSourceMapping.FilterProperty(pattern=json.dumps(pattern, separators=(",", ":")))
                for pattern in filters
            ]
        )
        if filters
        else None,
    )


def _let_failures_be_kept(function: ServiceFunction, data: DataStack) -> None:
    may_keep(function, data, _FAILURES_PREFIX, "Lambda names the objects itself, by mapping, shard and time.")
    function.may(["s3:ListBucket"], [data.failures.bucket_arn])


def may_keep(function: ServiceFunction, data: DataStack, prefix: str, why: str) -> None:
    """Let a function put objects under ``prefix`` of the failures bucket; ``why`` their names are not known here."""
    bucket = data.failures
    function.may(["s3:PutObject"], [bucket.arn_for_objects(prefix)])
    function.may_use(data.key, "s3", ["kms:Decrypt", "kms:GenerateDataKey"])
    exported = data.resolve(data.export_value(bucket.bucket_arn))["Fn::ImportValue"]
    explain(function.role, {f"AwsSolutions-IAM5[Resource::{exported}/{prefix}]": why})


def may_hand_out(function: ServiceFunction, data: DataStack, prefix: str, why: str) -> None:
    """Let a function put files under ``prefix`` of the exports bucket, and sign addresses that open them."""
    bucket = data.exports
    function.may(["s3:GetObject", "s3:PutObject"], [bucket.arn_for_objects(prefix)])
    function.may_use(data.key, "s3", ["kms:Decrypt", "kms:GenerateDataKey"])
    exported = data.resolve(data.export_value(bucket.bucket_arn))["Fn::ImportValue"]
    explain(function.role, {f"AwsSolutions-IAM5[Resource::{exported}/{prefix}]": why})


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
    _schedule(function, f"rate({interval.to_minutes():.0f} minutes)", oldest=interval, common=common)


def call_daily(function: ServiceFunction, hour: int, timezone: str, *, common: Common) -> None:
    """Call a function once a day, at an hour that clocks in the zone show."""
    _schedule(function, f"cron(0 {hour} * * ? *)", timezone=timezone, oldest=Duration.hours(6), common=common)


def _schedule(
    function: ServiceFunction, expression: str, *, oldest: Duration, common: Common, timezone: str | None = None
) -> None:
    queue = function.is_called_later(common=common, retry_attempts=1, max_event_age=oldest)
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
        schedule_expression=expression,
        schedule_expression_timezone=timezone,
        flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
        target=scheduler.CfnSchedule.TargetProperty(
            arn=function.function.function_arn,
            role_arn=role.role_arn,
            dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=queue.queue_arn),
            retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                maximum_event_age_in_seconds=oldest.to_seconds(), maximum_retry_attempts=1
            ),
        ),
    )
    # The scheduler tries the role when the schedule is made.
    schedule.node.add_dependency(role)
