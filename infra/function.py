"""A function as every one of ours is: its own role with nothing in it, its own log group, traced, alarmed."""

from dataclasses import dataclass

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra import l1
from infra.alarms import Alarms
from infra.data import StoredTable
from infra.nag import explain
from infra.queues import dead_letters
from infra.settings import Settings

# The line's sweep takes a place for abandoned after five minutes, and so counts on no function running longer
# than this.
LONGEST = Duration.seconds(30)

_ARCHITECTURES = {"aarch64": lambda_.Architecture.ARM_64, "x86_64": lambda_.Architecture.X86_64}


@dataclass(frozen=True)
class Common:
    """What all functions have in common: settings, the two assets, who is told when one fails, and whom they serve."""

    settings: Settings
    code: lambda_.Code
    layer: lambda_.ILayerVersion
    alarms: Alarms
    people: cognito.IUserPool


class ServiceFunction(Construct):
    """A Lambda function with least privilege: it may do nothing until a ``may_…`` method says so."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        handler: str,
        common: Common,
        environment: dict[str, str],
        timeout: Duration = LONGEST,
        memory_mb: int = 512,
    ) -> None:
        """Make a function.

        Args:
            name: its name without the stage's prefix; also the service name in logs and metrics.
            handler: ``package.module.handler``, below ``functions/``.
            common: what it shares with the others.
            environment: what it needs beyond what every function has.
            timeout: at most `LONGEST`.
            memory_mb: 512 buys a third of a processor. Importing runs on a whole one whatever the size, and a
                request then waits for DynamoDB more than it computes, so more would cost without being felt.
        """
        super().__init__(scope, name)
        settings = common.settings
        self._settings = settings
        self._people = common.people
        full_name = f"{settings.prefix}-{name}"
        log_group = logs.LogGroup(
            self,
            "Logs",
            log_group_name=f"/aws/lambda/{full_name}",
            retention=retention(settings.log_retention_days),
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        log_group.grant_write(self.role)
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=full_name,
            handler=handler,
            code=common.code,
            layers=[common.layer],
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=_ARCHITECTURES[settings.architecture],
            memory_size=memory_mb,
            timeout=timeout,
            role=self.role,
            log_group=log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            # Lambda keeps back what is below; what is logged at all, LOG_LEVEL says.
            application_log_level_v2=lambda_.ApplicationLogLevel.DEBUG,
            # Lambda's own segments only: the X-Ray SDK would cost 400 ms of a cold start.
            tracing=lambda_.Tracing.ACTIVE,
            environment=_environment(name, settings) | environment,
        )
        explain(
            self.role,
            {"AwsSolutions-IAM5[Resource::*]": "X-Ray's actions, and dynamodb:ListStreams, know no resources."},
        )
        explain(
            self,
            {
                "Serverless-LambdaLatestVersion": "python3.13 is what the dependencies are locked and compiled "
                "for; a newer runtime is a change of the project, not of one function.",
                "AwsSolutions-L1": "python3.13 is what the dependencies are locked and compiled for; a newer "
                "runtime is a change of the project, not of one function.",
            },
        )
        common.alarms.on_errors(self.function, name)

    def answers_itself(self) -> None:
        """Say that callers wait for the answer (HTTP, streams, queues), so nothing is left in Lambda's own queue."""
        explain(
            self,
            {
                "Serverless-LambdaDLQ": "Invoked synchronously: the caller sees the failure, and its source "
                "retries and has its own place for what cannot be handled."
            },
        )

    def is_called_later(self, *, common: Common, retry_attempts: int, max_event_age: Duration) -> sqs.Queue:
        """Say that events wait for it in Lambda's own queue, and what becomes of one that fails for good.

        Returns the function's dead-letter queue, which whoever calls it uses as well: one place to look, one
        kind of message (the event as it was), one way to replay it.
        """
        queue = dead_letters(self, "DeadLetters", alarms=common.alarms)
        self.function.configure_async_invoke(retry_attempts=retry_attempts, max_event_age=max_event_age)
        resource = l1.resource(self.function, lambda_.CfnFunction)
        resource.dead_letter_config = lambda_.CfnFunction.DeadLetterConfigProperty(target_arn=queue.queue_arn)
        self.role.add_to_policy(iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[queue.queue_arn]))
        explain(
            self,
            {
                "Serverless-LambdaAsyncFailureDestination": "The dead-letter queue takes the event as it was, as "
                "the rule's does, so a replay is one kind of message; a destination would wrap it."
            },
        )
        return queue

    def may_read(self, stored: StoredTable) -> None:
        """Let it read a table and its indexes. Scans are on no request path, so not here."""
        self._allow(["dynamodb:BatchGetItem", "dynamodb:GetItem"], [stored.table.table_arn])
        self._allow(["dynamodb:Query"], [stored.table.table_arn, *stored.index_arns])
        self.may_use(stored.key, "dynamodb", ["kms:Decrypt", "kms:DescribeKey"])

    def may_write(self, stored: StoredTable) -> None:
        """Let it write a table. Nothing is deleted: tombstones and time to live do that."""
        self._allow(
            ["dynamodb:ConditionCheckItem", "dynamodb:PutItem", "dynamodb:UpdateItem"], [stored.table.table_arn]
        )
        self.may_use(
            stored.key,
            "dynamodb",
            ["kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"],
        )

    def may_update(self, stored: StoredTable) -> None:
        """Let it change items of a table, but make none."""
        self._allow(["dynamodb:UpdateItem"], [stored.table.table_arn])
        self.may_use(
            stored.key,
            "dynamodb",
            ["kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"],
        )

    def may_delete(self, stored: StoredTable, leading: str) -> None:
        """Let it delete items whose partition key is like ``leading``: copies, never what they were made from."""
        only: dict[str, object] = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [leading]}}
        self._allow(["dynamodb:DeleteItem"], [stored.table.table_arn], only)

    def may_recognise(self, accounts: StoredTable) -> None:
        """Let it find out who is asking (sessions, API tokens, when they were last used), and keep the audit log."""
        self.may_read(accounts)
        self.may_update(accounts)
        self.may_ask_about_people()
        own: dict[str, object] = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["audit#*"]}}
        self._allow(["dynamodb:PutItem"], [accounts.table.table_arn], own)

    def may_show_the_site(self, accounts: StoredTable) -> None:
        """Let it read the community's settings, which every page and email shows (`kernel.site`)."""
        own: dict[str, object] = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["settings"]}}
        self._allow(["dynamodb:GetItem"], [accounts.table.table_arn], own)
        self.may_use(accounts.key, "dynamodb", ["kms:Decrypt", "kms:DescribeKey"])

    def may_ask_about_people(self) -> None:
        """Let it ask the user pool whether somebody still is there, and which groups they are in."""
        self.function.add_environment("USER_POOL_ID", self._people.user_pool_id)
        self._allow(["cognito-idp:AdminGetUser", "cognito-idp:AdminListGroupsForUser"], [self._people.user_pool_arn])

    def may_remember(self, accounts: StoredTable) -> None:
        """Let it look up a session, to show somebody what they told us; it decides nothing by it."""
        own: dict[str, object] = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["session#*"]}}
        self.function.add_environment("USER_POOL_ID", self._people.user_pool_id)  # `kernel.access` names it
        self._allow(["dynamodb:GetItem"], [accounts.table.table_arn], own)

    def may_follow(self, stored: StoredTable) -> None:
        """Let it read what happens to a table, as Lambda does on its behalf."""
        stream = stored.table.table_stream_arn
        if stream is None:
            raise ValueError(f"{stored.table.node.id} has no stream")
        self._allow(["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"], [stream])
        self._allow(["dynamodb:ListStreams"], ["*"])
        self.may_use(stored.key, "dynamodb", ["kms:Decrypt"])

    def may_know(self, secret: secretsmanager.ISecret) -> None:
        """Let it read a secret's value."""
        self._allow(["secretsmanager:GetSecretValue"], [secret.secret_arn])

    def may(self, actions: list[str], resources: list[str], conditions: dict[str, object] | None = None) -> None:
        """Let it do what no method above has a word for."""
        self._allow(actions, resources, conditions)

    def _allow(self, actions: list[str], resources: list[str], conditions: dict[str, object] | None = None) -> None:
        self.role.add_to_policy(iam.PolicyStatement(actions=actions, resources=resources, conditions=conditions))

    def may_use(self, key: kms.IKey | None, service: str, actions: list[str]) -> None:
        """Let it use a key, where there is one, and only by way of the service whose data it encrypts."""
        if key is not None:
            via = f"{service}.{self.function.stack.region}.amazonaws.com"
            self._allow(actions, [key.key_arn], {"StringEquals": {"kms:ViaService": via}})

    def entry(self) -> lambda_.IFunction:
        """Return what callers should call: the function, or its snapshot where the stage has SnapStart on."""
        if not self._settings.snap_start:
            return self.function
        resource = l1.resource(self.function, lambda_.CfnFunction)
        resource.snap_start = lambda_.CfnFunction.SnapStartProperty(apply_on="PublishedVersions")
        return lambda_.Alias(self, "Live", alias_name="live", version=self.function.current_version)


def _environment(name: str, settings: Settings) -> dict[str, str]:
    environment = {
        "STAGE": settings.stage,
        "LOG_LEVEL": settings.log_level,
        "POWERTOOLS_SERVICE_NAME": name,
        "POWERTOOLS_METRICS_NAMESPACE": "Microclimate",
    }
    return environment | ({"CLOCK_FILE": settings.clock_file} if settings.clock_file else {})


def retention(days: int) -> logs.RetentionDays:
    """Return how long CloudWatch keeps a log, of the spans it knows and we allow.

    Raises:
        ValueError: naming the spans there are.
    """
    spans = {
        1: logs.RetentionDays.ONE_DAY,
        7: logs.RetentionDays.ONE_WEEK,
        14: logs.RetentionDays.TWO_WEEKS,
        30: logs.RetentionDays.ONE_MONTH,
        90: logs.RetentionDays.THREE_MONTHS,
        365: logs.RetentionDays.ONE_YEAR,
    }
    if days not in spans:
        raise ValueError(f"log_retention_days must be one of {', '.join(map(str, spans))}, not {days}")
    return spans[days]
