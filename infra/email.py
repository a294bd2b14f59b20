"""Email: the SES identity we send as, and the configuration set that reports what became of each message."""

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_ses as ses
from constructs import Construct

from infra.settings import Settings


class Email(Construct):
    """Who sends, and how SES tells what happened."""

    def __init__(self, scope: Construct, name: str, *, settings: Settings) -> None:
        super().__init__(scope, name)
        self.settings = settings
        self.configuration_set = ses.ConfigurationSet(
            self,
            "Events",
            configuration_set_name=settings.prefix,
            # Links in our emails open somebody's registration, so no hop may carry them in clear.
            tls_policy=ses.ConfigurationSetTlsPolicy.REQUIRE,
            reputation_metrics=True,
            suppression_reasons=ses.SuppressionReasons.BOUNCES_AND_COMPLAINTS,
        )
        ses.ConfigurationSetEventDestination(
            self,
            "Destination",
            configuration_set=self.configuration_set,
            # SES knows the default bus only, and refuses any other.
            destination=ses.EventDestination.event_bus(
                events.EventBus.from_event_bus_name(self, "DefaultBus", "default")
            ),
            # Neither opens nor clicks: whether somebody reads their email is not ours to know.
            events=[
                ses.EmailSendingEvent.SEND,
                ses.EmailSendingEvent.REJECT,
                ses.EmailSendingEvent.BOUNCE,
                ses.EmailSendingEvent.COMPLAINT,
                ses.EmailSendingEvent.DELIVERY,
                ses.EmailSendingEvent.DELIVERY_DELAY,
            ],
        )
        self.identity = ses.EmailIdentity(
            self,
            "Identity",
            identity=ses.Identity.domain(settings.sender_domain),
            configuration_set=self.configuration_set,
            feedback_forwarding=False,
        )
        if not settings.is_local:
            self._tell_dkim_records()

    @property
    def sending_arns(self) -> list[str]:
        """What leave to send is given on: SES asks it for the identity and for the configuration set."""
        stack = Stack.of(self)
        return [
            self.identity.email_identity_arn,
            stack.format_arn(
                service="ses",
                resource="configuration-set",
                resource_name=self.configuration_set.configuration_set_name,
            ),
        ]

    def _tell_dkim_records(self) -> None:
        """Output the DNS records with which the domain's owner lets SES sign."""
        for number, record in enumerate(self.identity.dkim_records, start=1):
            CfnOutput(self, f"Dkim{number}", value=f"{record.name} CNAME {record.value}").override_logical_id(
                f"DkimRecord{number}"
            )
