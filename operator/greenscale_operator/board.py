"""What the board shows of a workload: its status and its resource, as the page and the command read them.

Pure.
"""

from collections.abc import Sequence
from typing import Any

from greenscale_jobs import Resource, Start, Stats, WorkloadStatus, usual
from greenscale_operator.conditions import asleep_at, running, sentence, state
from greenscale_operator.facts import Facts
from greenscale_operator.reconciliation import Reconciliation
from greenscale_operator.redaction import shown
from greenscale_operator.workload import Workload

Body = dict[str, Any]


def page_resource(look: Reconciliation, after: Body) -> Resource:
    """Return what the page and the command are told of the resource itself; `after` is its new status."""
    scaled = look.scaled_object
    return Resource(
        _shown_object(look.body), _shown_object(scaled) if scaled else None, tuple(after.get("conditions", ()))
    )


def _shown_object(body: Body) -> Body:
    whole: Body = shown({part: told for part, told in body.items() if part != "status"})
    return whole


def page_status(workload: Workload, facts: Facts, starts: Sequence[Start]) -> WorkloadStatus:
    """Return what the page and the command are told."""
    stats = facts.stats or Stats(0, 0, 0, 0)
    return WorkloadStatus(
        namespace=workload.namespace,
        name=workload.name,
        list_name=workload.list_name,
        state=state(facts),
        message=sentence(facts),
        replicas=running(facts),
        max_replicas=facts.max_replicas,
        engine=workload.engine.type,
        model=workload.engine.model,
        queue={
            "pending": stats.pending,
            "inFlight": stats.in_flight,
            "delayed": stats.delayed,
            "dead": stats.dead,
        },
        sampled_at=facts.now,
        waking_since=facts.waking_since,
        asleep_at=asleep_at(facts),
        usual_wake_seconds=usual(starts),
        wakes=len(starts),
    )
