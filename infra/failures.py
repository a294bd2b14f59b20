"""What the publisher could not publish: Lambda puts it into the failures bucket, and here somebody is told."""

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra import l1
from infra.alarms import Alarms
from infra.data import DataStack
from infra.queues import dead_letters


class FailedPublications(Construct):
    """A queue with one message for each object in the failures bucket, so that its alarm speaks for them.

    The objects themselves are read by the key in the message (docs/runbook.md, *Replay*).
    """

    def __init__(self, scope: Construct, name: str, *, data: DataStack, alarms: Alarms) -> None:
        super().__init__(scope, name)
        self.queue = dead_letters(self, "Objects", alarms=alarms)
        # An L1 property: the bucket's own method would bring a custom resource to set the same thing.
        resource = l1.resource(data.failures, s3.CfnBucket)
        resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
        )
        events.Rule(
            self,
            "Created",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={"bucket": {"name": [data.failures.bucket_name]}},
            ),
            targets=[
                targets.SqsQueue(
                    self.queue,
                    # Undeliverable to the queue, so kept for it by another that is alarmed just the same.
                    dead_letter_queue=dead_letters(self, "Undelivered", alarms=alarms),
                    retry_attempts=185,
                    max_event_age=Duration.hours(24),
                )
            ],
        )
