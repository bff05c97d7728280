"""What the operator may observe of a workload, for the tests of what it says of it."""

from typing import Any

import msgspec

from greenscale_jobs import Stats
from greenscale_jobs.board import WorkloadIdentity, workload_status
from greenscale_operator.conditions import Condition, conditions
from greenscale_operator.facts import Facts, Scaler, Workers
from greenscale_operator.scalers.keda import Keda
from greenscale_operator.verdict import workload_facts

EMPTY = Stats(0, 0, 0, 0)
NOW = 1_000_000.0
UNTIL = NOW + 11_600
"""18:00 of the same day in Berlin."""

ASLEEP = Facts(
    now=NOW,
    generation=1,
    max_replicas=4,
    cooldown_seconds=60,
    redis="redis:6379",
    stats=EMPTY,
    workers=Workers(),
    scaler=Scaler(ready=True, active=False),
    scaler_terms=Keda().terms("default", "w", "redis:6379"),
    is_accepted=True,
)
"""A workload that is well and has nothing to do."""


def make_facts(**changes: Any) -> Facts:
    return msgspec.structs.replace(ASLEEP, **changes)


RUNNING = {"workers": Workers(replicas=2, ready=2), "scaler": Scaler(ready=True, active=True, last_active=NOW - 5)}


def of(kind: str, facts: Facts) -> Condition:
    return next(condition for condition in conditions(facts) if condition.type == kind)


def sentence(facts: Facts) -> str:
    """Return what the board says of a workload."""
    return workload_status(WorkloadIdentity("shop", "w", "jobs", "Echo", None), workload_facts(facts), ()).message
