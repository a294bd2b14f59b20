"""The organisers' page of a visit's figures."""

from kernel.http import Answer
from visits import plots
from visits.console_site import edge, found, show, visit_of
from visits.statistics import Statistics, statistics

STATUSES = {"confirmed": "Confirmed", "waiting": "Waiting", "offered": "Offered a place", "cancelled": "Cancelled"}
ATTENDANCE = {"attended": "Attended", "missed": "Missed", "unknown": "Not marked"}
CONSENTS = {"follow_ups": "Emails after the visit", "introductions": "Introductions"}
YES_NO = {"yes": "Yes", "no": "No"}


@edge.page("GET", "/organise/visits/<visit_id>/statistics", who="organiser")
def statistics_page(visit_id: str) -> Answer:
    """Show registrations over time, statuses, attendance and answers: drawn, and as tables."""
    counters, details = found(visit_id)
    figures = statistics(details)
    return show(
        "console_statistics.html",
        visit=visit_of(counters, details),
        registered=figures.registered,
        extra=figures.extra,
        course=plots.course([(day.date, day.registered, day.total) for day in figures.by_day]),
        plots=_plots(figures),
        texts=[one for one in figures.questions if one.counts is None],
    )


def _plots(figures: Statistics) -> list[dict[str, object]]:
    """Return the bar plots of the page: each with an id, a title and its bars."""
    statuses = [(STATUSES[name], count) for name, count in figures.statuses.items() if count or name != "offered"]
    attendance = [(ATTENDANCE[name], count) for name, count in figures.attendance.items()]
    consents = [(CONSENTS[name], count) for name, count in figures.consents.items()]
    questions: list[dict[str, object]] = [
        {
            "id": f"question-{number}",
            "title": question.label,
            "note": "Asked no more." if question.retired else "",
            "bars": plots.bars((YES_NO.get(one.answer, one.answer), one.count) for one in question.counts),
        }
        for number, question in enumerate(figures.questions)
        if question.counts is not None
    ]
    return [
        {"id": "statuses", "title": "Where people stand", "note": "", "bars": plots.bars(statuses)},
        {"id": "attendance", "title": "Attendance", "note": "", "bars": plots.bars(attendance)},
        *questions,
        {"id": "consents", "title": "What people agreed to", "note": "", "bars": plots.bars(consents)},
    ]
