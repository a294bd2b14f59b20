"""cdk-nag: which rule packs hold, and how an exception is explained beside the resource that needs it."""

from aws_cdk import Acknowledgment, App, Validations
from cdk_nag import AwsSolutionsChecks, ServerlessChecks
from constructs import IConstruct


def hold_to_rules(app: App) -> None:
    """Let the synthesis fail at what AwsSolutions and Serverless find and nobody has explained."""
    Validations.of(app).add_plugins(AwsSolutionsChecks(app), ServerlessChecks(app))


def explain(construct: IConstruct, rules: dict[str, str]) -> None:
    """Acknowledge findings on a construct and what is in it: rule id to the reason.

    A rule that finds several things at once names each in brackets (``AwsSolutions-IAM5[Resource::*]``), and
    each needs its own reason.
    """
    Validations.of(construct).acknowledge(*(Acknowledgment(id=rule, reason=reason) for rule, reason in rules.items()))
