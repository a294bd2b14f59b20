"""Lambda `visits-line`: what changed in the line moves the line. Reconciles each visit of a batch once."""

from collections import defaultdict
from typing import Any

from pynamodb.exceptions import PynamoDBException

from kernel import clock, metrics
from kernel.errors import Problem
from kernel.log import logger
from visits.line import GONE
from visits.reconcile import reconcile


def handler(event: dict[str, Any], context: object) -> dict[str, list[dict[str, str]]]:
    """Reconcile the visits of a batch of stream records; a partial batch response.

    What a record shows only says where to look: reconciling reads the table.
    """
    freed: dict[str, set[int]] = defaultdict(set)
    first: dict[str, str] = {}
    for record in event["Records"]:
        seen = record["dynamodb"]
        pk, sk = seen["Keys"]["pk"]["S"], seen["Keys"]["sk"]["S"]
        if not pk.startswith("visit#"):
            continue
        visit_id = pk.removeprefix("visit#")
        first.setdefault(visit_id, seen["SequenceNumber"])
        status = seen.get("NewImage", {}).get("status", {}).get("S")
        if sk.startswith("place#") and status in GONE:
            freed[visit_id].add(int(sk.removeprefix("place#")))
    failed = [first[visit_id] for visit_id in first if not _reconciled(visit_id, freed[visit_id])]
    # Sequence numbers are decimal and have no fixed width: compare them as numbers.
    return {"batchItemFailures": [{"itemIdentifier": min(failed, key=int)}] if failed else []}


def _reconciled(visit_id: str, freed: set[int]) -> bool:
    try:
        admitted = reconcile(visit_id, now=clock.now(), also=sorted(freed))
    except (PynamoDBException, Problem) as error:
        logger.warning("reconcile failed", visit_id=visit_id, error=type(error).__name__)
        return False
    metrics.count("PeopleAdmitted", admitted)
    if admitted:
        logger.info("admitted", visit_id=visit_id, people=admitted)
    return True
