"""Metrics, as lines of the log that CloudWatch turns into figures (embedded metric format). No call is made for them.

A dimension is a word out of a short list, such as a step's name: never an id, and nothing about a person. CloudWatch
charges for every combination of them.
"""

from datetime import timedelta
from typing import Literal

type Counted = Literal[
    "Registrations",
    "RegistrationsRefused",
    "Cancellations",
    "PeopleAdmitted",
    "PlacesVoided",
    "Deliveries",
    "Comments",
    "CommentsRefused",
    "CommentsScreened",
    "CommentsReported",
]

type Measured = Literal["OldestCommentWaits"]


def count(what: Counted, value: int = 1, **dimensions: str) -> None:
    """Count something that happened, ``value`` times; nothing where that is none."""
    if value == 0:
        return
    # With the first figure, not with the function: most requests have none.
    from aws_lambda_powertools.metrics import MetricUnit, single_metric

    with single_metric(name=what, unit=MetricUnit.Count, value=value) as metric:
        for name, word in dimensions.items():
            metric.add_dimension(name=name, value=word)


def measure(what: Measured, span: timedelta) -> None:
    """Say how long something takes or waits."""
    from aws_lambda_powertools.metrics import MetricUnit, single_metric

    with single_metric(name=what, unit=MetricUnit.Seconds, value=span.total_seconds()):
        pass
