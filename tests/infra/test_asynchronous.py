"""Nothing that happens later is lost in silence: retries, dead letters and alarms of every such path."""

from itertools import chain

from infra.settings import STAGES, Stage
from tests.infra.conftest import Resource, Synthesis
from tests.infra.policies import Permission, function_name, permissions, readable

# Who reads a stream for some of its records alone.
FILTERED = {"visits-line", "accounts-publish", "followups-schedule"}

# Who takes a page of people a message, and queues the next one.
PAGING = {"followups-fan-out", "followups-due"}


def test_every_source_reports_the_records_that_failed_and_no_others(synthesis: Synthesis) -> None:
    for mapping in synthesis.all("AWS::Lambda::EventSourceMapping"):
        assert mapping.properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"], mapping


def test_every_stream_retries_splits_batches_and_gives_up_into_the_bucket(synthesis: Synthesis) -> None:
    for mapping in _streams(synthesis):
        assert mapping.properties["BisectBatchOnFunctionError"] is True, mapping
        assert mapping.properties["MaximumRetryAttempts"] == -1, f"{mapping}: the record's age ends it, not a count"
        assert 60 <= mapping.properties["MaximumRecordAgeInSeconds"] <= 6 * 3600, f"{mapping}: streams live a day"
        assert mapping.properties["StartingPosition"] == "TRIM_HORIZON", f"{mapping} would miss what came before"
        destination = mapping.properties["DestinationConfig"]["OnFailure"]["Destination"]
        assert readable(synthesis, mapping, destination) == "<Failures.Arn>", mapping


def test_whoever_reads_a_stream_may_put_failures_into_the_bucket(synthesis: Synthesis) -> None:
    for mapping in _streams(synthesis):
        allowed = permissions(synthesis, _function_of(synthesis, mapping))
        assert Permission("s3:PutObject", "<Failures.Arn>/aws/lambda/*") in allowed, mapping


def test_a_publisher_sees_every_record_but_for_sessions_and_the_line_what_frees_or_admits(synthesis: Synthesis) -> None:
    for mapping in _streams(synthesis):
        filtered = "FilterCriteria" in mapping.properties
        assert filtered == (function_name(_function_of(synthesis, mapping)) in FILTERED), mapping


def test_every_queues_reader_is_held_back_and_has_time_enough(synthesis: Synthesis) -> None:
    for mapping in _queues_read(synthesis):
        function = _function_of(synthesis, mapping)
        queue = _by_id(synthesis, mapping, mapping.properties["EventSourceArn"]["Fn::GetAtt"][0])
        assert mapping.properties["ScalingConfig"]["MaximumConcurrency"] == 2, mapping
        # A page of people is work enough for one call.
        assert mapping.properties["BatchSize"] == (1 if function_name(function) in PAGING else 10), mapping
        assert queue.properties["VisibilityTimeout"] >= 6 * function.properties["Timeout"], queue


def test_every_queue_is_encrypted_and_hands_what_fails_to_a_dead_letter_queue(synthesis: Synthesis) -> None:
    for stage in STAGES:
        dead = _dead_letter_queues(synthesis, stage)
        for queue in synthesis.all("AWS::SQS::Queue", stage):
            assert queue.properties["SqsManagedSseEnabled"] is True, queue
            if queue.logical_id in dead:
                assert queue.properties["MessageRetentionPeriod"] == 14 * 24 * 3600, queue
            else:
                assert queue.properties["RedrivePolicy"]["maxReceiveCount"] >= 3, queue


def test_the_first_message_in_any_dead_letter_queue_raises_an_alarm(synthesis: Synthesis) -> None:
    for stage in STAGES:
        alarmed = {
            alarm.properties["Dimensions"][0]["Value"]["Fn::GetAtt"][0]
            for alarm in synthesis.all("AWS::CloudWatch::Alarm", stage)
            if alarm.properties["MetricName"] == "ApproximateNumberOfMessagesVisible"
            and alarm.properties["Threshold"] == 1
        }
        assert alarmed == _dead_letter_queues(synthesis, stage)


def test_every_rule_retries_and_keeps_what_it_cannot_deliver(synthesis: Synthesis) -> None:
    for rule in synthesis.all("AWS::Events::Rule"):
        for target in rule.properties["Targets"]:
            assert "Arn" in target["DeadLetterConfig"], rule
            assert target["RetryPolicy"]["MaximumRetryAttempts"] == 185, rule
            assert 3600 <= target["RetryPolicy"]["MaximumEventAgeInSeconds"] <= 86400, rule


def test_every_schedule_keeps_what_it_cannot_deliver_and_does_not_catch_up(synthesis: Synthesis) -> None:
    for schedule in synthesis.all("AWS::Scheduler::Schedule"):
        target = schedule.properties["Target"]
        assert "Arn" in target["DeadLetterConfig"], schedule
        daily = schedule.properties["ScheduleExpression"] == "cron(0 7 * * ? *)"
        assert schedule.properties.get("ScheduleExpressionTimezone") == ("Europe/London" if daily else None), schedule
        assert daily or schedule.properties["ScheduleExpression"] == "rate(5 minutes)", schedule
        age = 6 * 3600 if daily else 300
        assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": age, "MaximumRetryAttempts": 1}, schedule


def test_the_digest_comes_when_the_plan_says(synthesis: Synthesis) -> None:
    import followups.plan
    from infra import followups as stack

    assert (followups.plan.DIGEST_AT.hour, str(followups.plan._DIGEST_ZONE)) == (stack.DIGEST_HOUR, stack.DIGEST_ZONE)


def test_every_function_called_later_says_how_often_how_long_and_where_to(synthesis: Synthesis) -> None:
    for stage in STAGES:
        configured = {
            one.properties["FunctionName"]["Ref"]: one.properties
            for one in synthesis.all("AWS::Lambda::EventInvokeConfig", stage)
        }
        called = _called_later(synthesis, stage)
        assert set(configured) == called
        for function in synthesis.all("AWS::Lambda::Function", stage):
            if function.logical_id not in called:
                assert "DeadLetterConfig" not in function.properties, function
                continue
            queue = function.properties["DeadLetterConfig"]["TargetArn"]["Fn::GetAtt"][0]
            assert queue in _dead_letter_queues(synthesis, stage), function
            assert 0 < configured[function.logical_id]["MaximumEventAgeInSeconds"] <= 6 * 3600, function
            assert 1 <= configured[function.logical_id]["MaximumRetryAttempts"] <= 2, function
            sends = Permission("sqs:SendMessage", readable(synthesis, function, {"Fn::GetAtt": [queue, "Arn"]}))
            assert sends in permissions(synthesis, function), function


def test_every_function_is_called_by_something(synthesis: Synthesis) -> None:
    for stage in STAGES:
        mapped = {
            one.properties["FunctionName"]["Ref"] for one in synthesis.all("AWS::Lambda::EventSourceMapping", stage)
        }
        answering = {
            one.properties["IntegrationUri"]["Fn::GetAtt"][0]
            for one in synthesis.all("AWS::ApiGatewayV2::Integration", stage)
        }
        all_functions = {one.logical_id for one in synthesis.all("AWS::Lambda::Function", stage)}
        assert mapped | answering | _called_later(synthesis, stage) == all_functions


def test_a_failing_function_raises_an_alarm(synthesis: Synthesis) -> None:
    for stage in STAGES:
        alarmed = {
            alarm.properties["Dimensions"][0]["Value"]["Ref"]
            for alarm in synthesis.all("AWS::CloudWatch::Alarm", stage)
            if alarm.properties["MetricName"] == "Errors" and alarm.properties["Namespace"] == "AWS/Lambda"
        }
        assert alarmed == {one.logical_id for one in synthesis.all("AWS::Lambda::Function", stage)}


def test_an_alarm_comes_hours_before_an_unpublished_record_is_lost(synthesis: Synthesis) -> None:
    for stage in STAGES:
        ages = [
            alarm
            for alarm in synthesis.all("AWS::CloudWatch::Alarm", stage)
            if alarm.properties["MetricName"] == "IteratorAge"
        ]
        assert ages, stage
        assert all(alarm.properties["Threshold"] <= 3600 * 1000 for alarm in ages), stage


def test_every_alarm_reaches_the_topic(synthesis: Synthesis) -> None:
    for alarm in synthesis.all("AWS::CloudWatch::Alarm"):
        assert alarm.properties["AlarmActions"], alarm


def test_an_object_in_the_failures_bucket_becomes_a_message_somebody_is_told_of(synthesis: Synthesis) -> None:
    for stage in STAGES:
        for bucket in synthesis.all("AWS::S3::Bucket", stage):
            if not bucket.logical_id.startswith("Failures"):
                assert "NotificationConfiguration" not in bucket.properties, bucket
                continue
            configuration = bucket.properties["NotificationConfiguration"]["EventBridgeConfiguration"]
            assert configuration == {"EventBridgeEnabled": True}, bucket
        rules = [
            rule
            for rule in synthesis.all("AWS::Events::Rule", stage)
            if rule.properties["EventPattern"]["source"] == ["aws.s3"]
        ]
        assert rules, stage


def test_what_people_get_emails_for_is_heard_by_who_plans_them(synthesis: Synthesis) -> None:
    import followups.plan

    for stage in STAGES:
        heard = [
            set(rule.properties["EventPattern"]["detail-type"])
            for rule in synthesis.all("AWS::Events::Rule", stage)
            if rule.properties["EventPattern"]["source"] == ["microclimate.visits"]
            and "EventBusName" in rule.properties
        ]
        assert set(followups.plan.ABOUT_VISITS) in heard, stage
        assert set(followups.plan.DETAIL_TYPES) in heard, stage


def test_who_queues_their_own_next_page_is_not_taken_for_a_mistake(synthesis: Synthesis) -> None:
    for function in synthesis.all("AWS::Lambda::Function"):
        expected = "Allow" if function_name(function) in PAGING else None
        assert function.properties.get("RecursiveLoop") == expected, function


def test_ses_reports_on_the_default_bus_and_only_our_own_emails_are_settled(synthesis: Synthesis) -> None:
    for stage in STAGES:
        [configuration] = synthesis.all("AWS::SES::ConfigurationSet", stage)
        name = {"Ref": configuration.logical_id}
        assert configuration.properties["DeliveryOptions"]["TlsPolicy"] == "REQUIRE"
        [destination] = synthesis.all("AWS::SES::ConfigurationSetEventDestination", stage)
        bus = destination.properties["EventDestination"]["EventBridgeDestination"]["EventBusArn"]
        assert readable(synthesis, destination, bus).endswith(":event-bus/default")
        assert not {"open", "click"} & set(destination.properties["EventDestination"]["MatchingEventTypes"])
        [rule] = [
            rule
            for rule in synthesis.all("AWS::Events::Rule", stage)
            if rule.properties["EventPattern"]["source"] == ["aws.ses"]
        ]
        assert rule.properties["EventPattern"]["detail"]["mail"]["tags"]["ses:configuration-set"] == [name]
        assert "EventBusName" not in rule.properties


def _streams(synthesis: Synthesis) -> list[Resource]:
    found = [one for one in synthesis.all("AWS::Lambda::EventSourceMapping") if "StartingPosition" in one.properties]
    assert found
    return found


def _queues_read(synthesis: Synthesis) -> list[Resource]:
    found = [
        one for one in synthesis.all("AWS::Lambda::EventSourceMapping") if "StartingPosition" not in one.properties
    ]
    assert found
    return found


def _function_of(synthesis: Synthesis, mapping: Resource) -> Resource:
    return _by_id(synthesis, mapping, mapping.properties["FunctionName"]["Ref"])


def _by_id(synthesis: Synthesis, near: Resource, logical_id: str) -> Resource:
    [found] = [one for one in synthesis.everything(near.stage) if one.logical_id == logical_id]
    return found


def _called_later(synthesis: Synthesis, stage: Stage) -> set[str]:
    """The functions that rules and schedules call, which both do without waiting."""
    rules = synthesis.all("AWS::Events::Rule", stage)
    arns = chain(
        (target["Arn"] for rule in rules for target in rule.properties["Targets"]),
        (one.properties["Target"]["Arn"] for one in synthesis.all("AWS::Scheduler::Schedule", stage)),
    )
    functions = {one.logical_id for one in synthesis.all("AWS::Lambda::Function", stage)}
    return {arn["Fn::GetAtt"][0] for arn in arns} & functions


def _dead_letter_queues(synthesis: Synthesis, stage: Stage) -> set[str]:
    """Every queue that nothing reads but a person."""
    read = {one.properties["EventSourceArn"]["Fn::GetAtt"][0] for one in _queues_read(synthesis) if one.stage == stage}
    return {one.logical_id for one in synthesis.all("AWS::SQS::Queue", stage)} - read
