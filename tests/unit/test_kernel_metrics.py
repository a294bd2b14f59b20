"""Figures for CloudWatch, as lines of the log."""

import json

import pytest

from kernel import metrics


def test_a_figure_is_a_line_of_the_log_that_cloudwatch_understands(capsys: pytest.CaptureFixture[str]) -> None:
    metrics.count("Registrations", status="waiting")

    line = json.loads(capsys.readouterr().out)
    [described] = line["_aws"]["CloudWatchMetrics"]
    assert line["Registrations"] == [1.0]
    assert line["status"] == "waiting"
    assert described["Namespace"] == "Microclimate"
    assert described["Metrics"] == [{"Name": "Registrations", "Unit": "Count"}]
    assert "status" in described["Dimensions"][0]


def test_nothing_that_happened_is_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    metrics.count("PeopleAdmitted", 0)

    assert capsys.readouterr().out == ""
