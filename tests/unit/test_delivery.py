"""The states of a delivery, one rule at a time, then what holds for every run of happenings."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from followups import delivery as rules
from followups.delivery import Delivery, Evidence, Identity, Kind, NotReady, State

NOW = datetime(2026, 10, 1, 9, tzinfo=UTC)
RESTING = {State.SENT, State.DELIVERED, State.BOUNCED, State.COMPLAINED, State.SKIPPED, State.FAILED}


def new(kind: Kind = "service") -> Delivery:
    return rules.created(
        Identity(
            delivery_id="0d9c7c4e-6a35-5c8e-9a55-0f4f1f1f0001",
            visit_id="leeds",
            registration_id="r1",
            place=1,
            person="p",
            step="confirmation",
            schedule=0,
            kind=kind,
        ),
        NOW,
    )


def sending(kind: Kind = "service", lease: str = "first") -> Delivery:
    return rules.taken(new(kind), lease, NOW)


def unknown(kind: Kind = "service") -> Delivery:
    return rules.unclear(sending(kind), "ReadTimeoutError", NOW, lease="first")


def heard(kind: Literal["sent", "rejected", "delivered", "bounced", "complained"], message_id: str = "m1") -> Evidence:
    return Evidence(kind, f"SES said {kind}", message_id)


def test_a_new_delivery_is_ready_and_looked_at_again_should_its_queue_message_be_lost() -> None:
    delivery = new()
    assert delivery.state is State.READY
    assert delivery.due_at == NOW + rules.QUEUE_PATIENCE


def test_one_sender_takes_a_delivery_and_a_second_is_refused() -> None:
    with pytest.raises(NotReady):
        rules.taken(sending(), "second", NOW)


def test_an_accepted_delivery_is_sent_and_rests() -> None:
    sent = rules.accepted(sending(), "m1", NOW)
    assert (sent.state, sent.due_at, sent.message_ids) == (State.SENT, None, ("m1",))


@pytest.mark.parametrize("temporary", [True, False])
def test_a_definite_refusal_makes_it_ready_again_after_a_while(temporary: bool) -> None:
    back = rules.not_sent(sending(), "throttled", NOW, lease="first", temporary=temporary)
    assert back.state is State.READY
    with pytest.raises(NotReady):
        rules.taken(back, "too early", NOW)
    assert rules.taken(back, "in time", NOW + rules.backoff(1)).state is State.SENDING


@pytest.mark.parametrize(("temporary", "attempts"), [(True, rules.TEMPORARY_ATTEMPTS), (False, rules.REFUSAL_ATTEMPTS)])
def test_refusals_without_end_end_in_failed_with_the_reason(temporary: bool, attempts: int) -> None:
    delivery, now, count = new(), NOW, 0
    while delivery.state is State.READY:
        now = max(now, delivery.not_before or now)
        taken = rules.taken(delivery, str(count), now)
        delivery = rules.not_sent(taken, "MessageRejected", now, lease=str(count), temporary=temporary)
        count += 1
    assert (delivery.state, count) == (State.FAILED, attempts)
    assert "MessageRejected" in delivery.reason
    assert delivery.due_at is None


def test_backing_off_doubles_up_to_an_hour() -> None:
    waits = [rules.backoff(n) for n in range(1, 30)]
    assert waits[:4] == [timedelta(minutes=m) for m in (1, 2, 4, 8)]
    assert waits[-1] == rules.LONGEST_BACKOFF
    assert waits == sorted(waits)


def test_an_answer_that_says_nothing_makes_it_unknown_never_ready() -> None:
    assert unknown().state is State.UNKNOWN
    with pytest.raises(NotReady):
        rules.taken(unknown(), "another", NOW + timedelta(days=1))


def test_a_sender_that_died_leaves_it_unknown_once_the_lease_is_over() -> None:
    assert rules.lease_expired(sending(), NOW + rules.LEASE - timedelta(seconds=1)).state is State.SENDING
    assert rules.lease_expired(sending(), NOW + rules.LEASE).state is State.UNKNOWN


def test_a_service_message_of_unknown_fate_is_tried_once_more_after_fifteen_minutes() -> None:
    early = NOW + rules.EVIDENCE_PATIENCE - timedelta(seconds=1)
    assert rules.waited(unknown(), early).state is State.UNKNOWN
    again = rules.waited(unknown(), NOW + rules.EVIDENCE_PATIENCE)
    assert (again.state, again.retried) == (State.READY, True)


def test_it_is_tried_once_more_only_once() -> None:
    later = NOW + rules.EVIDENCE_PATIENCE
    second = rules.taken(rules.waited(unknown(), later), "second", later)
    still = rules.unclear(second, "ReadTimeoutError", later, lease="second")
    rests = rules.waited(still, later + rules.EVIDENCE_PATIENCE)
    assert (rests.state, rests.due_at) == (State.UNKNOWN, None)
    assert "organiser" in rests.reason


def test_anything_but_a_service_message_waits_for_an_organiser() -> None:
    rests = rules.waited(unknown("consented"), NOW + rules.EVIDENCE_PATIENCE)
    assert (rests.state, rests.due_at, rests.retried) == (State.UNKNOWN, None, False)
    assert rules.tried_again(rests, NOW).state is State.READY


def test_evidence_spares_the_second_try() -> None:
    settled = rules.settled(unknown(), heard("sent"), NOW)
    assert rules.waited(settled, NOW + timedelta(days=1)) is settled


def test_a_slow_sender_may_still_say_what_became_of_its_own_attempt() -> None:
    given_up = rules.lease_expired(sending(), NOW + rules.LEASE)
    later = NOW + rules.LEASE
    assert rules.accepted(given_up, "m1", later).state is State.SENT
    assert rules.not_sent(given_up, "throttled", later, lease="first", temporary=True).state is State.READY


def test_word_of_an_older_attempt_does_not_free_the_one_under_way() -> None:
    later = NOW + rules.EVIDENCE_PATIENCE
    second = rules.taken(rules.waited(unknown(), later), "second", later)
    assert rules.not_sent(second, "throttled", later, lease="first", temporary=True) is second
    assert rules.unclear(second, "time-out", later, lease="first") is second


def test_a_skipped_delivery_says_why_and_is_not_taken() -> None:
    skipped = rules.skipped(new(), "cancelled since", NOW)
    assert (skipped.state, skipped.reason, skipped.due_at) == (State.SKIPPED, "cancelled since", None)
    with pytest.raises(NotReady):
        rules.taken(skipped, "x", NOW)


def test_a_second_try_that_is_skipped_admits_that_the_first_may_have_arrived() -> None:
    again = rules.waited(unknown(), NOW + rules.EVIDENCE_PATIENCE)
    assert "not known" in rules.skipped(again, "cancelled since", NOW).reason


def test_nothing_but_a_ready_delivery_is_skipped() -> None:
    assert rules.skipped(sending(), "cancelled since", NOW).state is State.SENDING


def test_a_lost_queue_message_is_made_good_and_not_every_time_somebody_looks() -> None:
    later = NOW + rules.QUEUE_PATIENCE
    again = rules.queued_again(new(), later)
    assert again.due_at == later + rules.QUEUE_PATIENCE
    assert rules.queued_again(again, later) is again


def test_what_ses_rejected_for_its_content_is_not_sent_again_by_hand() -> None:
    rejected = rules.settled(sending(), heard("rejected"), NOW)
    assert rejected.state is State.FAILED
    assert rules.tried_again(rejected, NOW) is rejected


def test_the_history_keeps_its_first_line_and_its_last_ones() -> None:
    delivery = new()
    for n in range(100):
        at = NOW + timedelta(hours=n)
        taken = rules.taken(replace(delivery, not_before=None, refusals=0), str(n), at)
        delivery = rules.not_sent(taken, f"throttle {n}", at, lease=str(n), temporary=True)
    assert len(delivery.history) == rules.HISTORY_LENGTH
    assert delivery.history[0].reason == "planned"
    assert delivery.history[-1].reason == "throttle 99"


ALL_EVIDENCE = [heard(kind) for kind in ("sent", "rejected", "delivered", "bounced", "complained")]


@pytest.mark.parametrize("before", [new(), sending(), unknown(), rules.skipped(new(), "cancelled since", NOW)])
def test_evidence_settles_in_every_state_and_its_order_does_not_matter(before: Delivery) -> None:
    for some in (ALL_EVIDENCE, ALL_EVIDENCE[:3], [ALL_EVIDENCE[0], ALL_EVIDENCE[2]]):
        ends = set()
        for order in permutations(some):
            delivery = before
            for evidence in order:
                delivery = rules.settled(delivery, evidence, NOW)
            ends.add((delivery.state, delivery.reason, delivery.due_at))
        assert len(ends) == 1, f"the order of {[e.kind for e in some]} decided: {ends}"


def test_evidence_heard_twice_changes_nothing() -> None:
    once = rules.settled(sending(), heard("delivered"), NOW)
    assert rules.settled(once, heard("delivered"), NOW + timedelta(hours=1)) is once


HAPPENINGS = st.one_of(
    st.tuples(st.just("take")),
    st.tuples(st.just("skip")),
    st.tuples(st.just("accepted"), st.integers(0, 3)),
    st.tuples(st.just("not_sent"), st.integers(0, 3), st.booleans()),
    st.tuples(st.just("unclear"), st.integers(0, 3)),
    st.tuples(st.just("evidence"), st.sampled_from(ALL_EVIDENCE)),
    st.tuples(st.just("settle")),
    st.tuples(st.just("wait"), st.integers(1, 40)),
)


@settings(max_examples=400)
@given(happenings=st.lists(HAPPENINGS, max_size=40), kind=st.sampled_from(["service", "consented"]))
def test_whatever_happens_a_delivery_is_never_stuck_and_never_sent_again_unasked(
    happenings: list[tuple[str, int, bool]], kind: Kind
) -> None:
    delivery, now = new(kind), NOW
    leases: list[str] = []
    may_be_out = False  # an attempt was begun that no definite refusal has taken back
    begun_while_out = 0
    for happening in happenings:
        before = delivery
        match happening:
            case ("take",):
                try:
                    delivery = rules.taken(delivery, str(len(leases)), now)
                except NotReady:
                    continue
                begun_while_out += may_be_out
                may_be_out = True
                leases.append(str(len(leases)))
            case ("skip",):
                delivery = rules.skipped(delivery, "cancelled since", now)
            case ("accepted", int(back)) if len(leases) > back:
                delivery = rules.accepted(delivery, f"m{back}", now)
            case ("not_sent", int(back), bool(temporary)) if len(leases) > back:
                lease = leases[-1 - back]
                delivery = rules.not_sent(delivery, "no", now, lease=lease, temporary=temporary)
                if delivery is not before and not begun_while_out:
                    may_be_out = False
            case ("unclear", int(back)) if len(leases) > back:
                delivery = rules.unclear(delivery, "time-out", now, lease=leases[-1 - back])
            case ("evidence", Evidence() as evidence):
                delivery = rules.settled(delivery, evidence, now)
            case ("settle",):
                delivery = rules.queued_again(rules.waited(rules.lease_expired(delivery, now), now), now)
            case ("wait", int(minutes)):
                now += timedelta(minutes=minutes)
            case _:
                continue
        if delivery is not before:
            assert delivery.version > before.version
        assert delivery.reason
        assert delivery.proof >= before.proof
        assert len(delivery.history) <= rules.HISTORY_LENGTH
        if delivery.state in {State.READY, State.SENDING}:
            assert delivery.due_at is not None, "nobody would ever look at it again"
        if delivery.state in RESTING:
            assert delivery.due_at is None, "settle would look at it for ever"
        if delivery.state is State.UNKNOWN and delivery.due_at is None:
            assert kind == "consented" or delivery.retried
    if begun_while_out:
        assert delivery.retried, "begun again although nobody applied the rule"
        assert kind == "service", "only a service message is tried again unasked"
