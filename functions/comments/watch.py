"""Lambda `comments-watch`: every five minutes, how long the oldest comment waits; once a day, a reminder."""

from datetime import datetime, timedelta
from typing import Any

from pynamodb.exceptions import PutError

from comments import queues
from comments.model import REMINDERS, Reminder
from kernel import clock, metrics
from kernel.log import logger
from kernel.table import refused

KEPT_FOR = timedelta(days=30)


def handler(event: dict[str, Any], context: object) -> None:
    """Measure, and ask for the reminder where comments have waited for longer than they should."""
    now = clock.now()
    counts = queues.counts()
    waits = timedelta() if counts.oldest_waiting_at is None else now - counts.oldest_waiting_at
    metrics.measure("OldestCommentWaits", waits)
    if waits > queues.TARGET and _reminder(now, counts.queues["pending"]):
        logger.info("moderators reminded", waiting=counts.queues["pending"])


def _reminder(now: datetime, waiting: int) -> bool:
    """Write down that today's reminder is to go out, which its event follows; False where it was before."""
    until = int((now + KEPT_FOR).timestamp())
    reminder = Reminder(REMINDERS, now.date().isoformat(), waiting=waiting, at=now, expires_at=until)
    try:
        reminder.save(Reminder.pk.does_not_exist())
    except PutError as error:
        if refused(error):
            return False
        raise
    return True
