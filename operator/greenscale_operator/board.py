"""What the board shows of a workload: its status and its resource, as the page and the command read them.

Pure.
"""

from collections.abc import Sequence
from typing import Any

from greenscale_jobs import Resource, Start, WorkloadStatus
from greenscale_jobs.board import WorkloadIdentity, workload_status
from greenscale_operator.facts import Facts
from greenscale_operator.reconciliation import Reconciliation
from greenscale_operator.redaction import redact
from greenscale_operator.verdict import workload_facts
from greenscale_operator.workload import Workload

Body = dict[str, Any]


def page_resource(reconciliation: Reconciliation, after: Body) -> Resource:
    """Return what the page and the command read of the resource itself; `after` is its new status."""
    scaled_object = reconciliation.scaled_object
    return Resource(
        _without_status(reconciliation.body),
        _without_status(scaled_object) if scaled_object else None,
        tuple(after.get("conditions", ())),
    )


def _without_status(body: Body) -> Body:
    redacted: Body = redact({part: value for part, value in body.items() if part != "status"})
    return redacted


def page_status(workload: Workload, facts: Facts, starts: Sequence[Start]) -> WorkloadStatus:
    """Return what the page and the command read of a workload."""
    return workload_status(identity(workload), workload_facts(facts), starts)


def identity(workload: Workload) -> WorkloadIdentity:
    """Return which workload it is, as the board names it."""
    engine = workload.engine
    return WorkloadIdentity(workload.namespace, workload.name, workload.list_name, engine.type, engine.model)
