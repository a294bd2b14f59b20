"""Alarms: one topic, told when something waits for a person or is about to be lost."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.nag import explain
from infra.settings import Settings

# Stream records live a day. At a quarter of an hour somebody still has all of it to repair what is wrong.
OLDEST_UNPUBLISHED = Duration.minutes(15)


class Alarms(Construct):
    """The alarms' topic, and the kinds of alarm there are."""

    def __init__(self, scope: Construct, name: str, *, settings: Settings) -> None:
        super().__init__(scope, name)
        self._prefix = settings.prefix
        self.topic = sns.Topic(self, "Topic", display_name="Microclimate alarms", enforce_ssl=True)
        if settings.alarm_email:
            self.topic.add_subscription(subscriptions.EmailSubscription(settings.alarm_email))
        explain(
            self,
            {
                "Serverless-SNSRedrivePolicy": "An email subscription: SNS repeats for days what a mail server "
                "refuses, and the alarm itself stays red.",
            },
        )

    def on_message(self, queue: sqs.Queue) -> None:
        """Tell when anything at all is in a dead-letter queue."""
        owner = queue.node.scope.node.id if queue.node.scope else queue.node.id
        self._alarm(
            f"{owner}{queue.node.id}",
            metric=queue.metric_approximate_number_of_messages_visible(statistic="Maximum", period=Duration.minutes(5)),
            threshold=1,
            description=f"Something could not be handled and waits in {owner} {queue.node.id} (docs/runbook.md)",
        )

    def on_errors(self, function: lambda_.Function, name: str) -> None:
        """Tell when a function fails: what people can get wrong is an answer, so each error is a fault."""
        self._alarm(
            f"{name}-Errors",
            metric=function.metric_errors(statistic="Sum", period=Duration.minutes(5)),
            threshold=1,
            description=f"{name} failed",
        )

    def on_iterator_age(self, function: lambda_.Function, name: str) -> None:
        """Tell when a stream's consumer falls behind, hours before records are lost."""
        self._alarm(
            f"{name}-IteratorAge",
            # No label: it would turn the metric into an expression, which the local emulator refuses.
            metric=function.metric("IteratorAge", statistic="Maximum", period=Duration.minutes(5)),
            threshold=OLDEST_UNPUBLISHED.to_milliseconds(),
            description=f"{name} is behind: what it reads is lost 24 hours after it was written",
        )

    def _alarm(self, name: str, *, metric: cloudwatch.IMetric, threshold: float, description: str) -> None:
        alarm = cloudwatch.Alarm(
            self,
            name,
            alarm_name=f"{self._prefix}-{name}",
            alarm_description=description,
            metric=metric,
            threshold=threshold,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))
