"""Queues: encrypted, TLS only, and each dead-letter queue with an alarm at its first message."""

from aws_cdk import Duration
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.alarms import Alarms
from infra.nag import explain

# The longest SQS keeps anything: time to come back from a holiday, understand, and replay.
DEAD_LETTERS_KEPT = Duration.days(14)


def dead_letters(scope: Construct, name: str, *, alarms: Alarms) -> sqs.Queue:
    """Make a queue for what could not be handled; its first message raises an alarm."""
    queue = sqs.Queue(
        scope,
        name,
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=DEAD_LETTERS_KEPT,
    )
    explain(
        queue,
        {
            "AwsSolutions-SQS3": "This is a dead-letter queue.",
            "Serverless-SQSRedrivePolicy": "This is a dead-letter queue.",
        },
    )
    alarms.on_message(queue)
    return queue
