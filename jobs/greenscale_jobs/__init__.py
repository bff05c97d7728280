"""The durable job queue that all parts of GreenScale share."""

from greenscale_jobs.address import RedisAddress
from greenscale_jobs.calls import Claim, Finished, Page, Tended
from greenscale_jobs.client import JobClient
from greenscale_jobs.errors import (
    DuplicateJob,
    KeyReused,
    QueueDamaged,
    QueueError,
    QueueFull,
    QueueUnavailable,
    UnknownJob,
)
from greenscale_jobs.fleet import Fleet, Survey
from greenscale_jobs.ids import new_id, new_item
from greenscale_jobs.keys import Keys
from greenscale_jobs.queue import JobQueue, Limits
from greenscale_jobs.records import (
    STATUS_STALE_SECONDS,
    Event,
    InvalidItem,
    Item,
    Job,
    JobError,
    JobState,
    Outcome,
    Parameters,
    Stats,
    Usage,
    WorkloadStatus,
    at_work,
    parse_item,
)

__all__ = [
    "STATUS_STALE_SECONDS",
    "Claim",
    "DuplicateJob",
    "Event",
    "Finished",
    "Fleet",
    "InvalidItem",
    "Item",
    "Job",
    "JobClient",
    "JobError",
    "JobQueue",
    "JobState",
    "KeyReused",
    "Keys",
    "Limits",
    "Outcome",
    "Page",
    "Parameters",
    "QueueDamaged",
    "QueueError",
    "QueueFull",
    "QueueUnavailable",
    "RedisAddress",
    "Stats",
    "Survey",
    "Tended",
    "UnknownJob",
    "Usage",
    "WorkloadStatus",
    "at_work",
    "new_id",
    "new_item",
    "parse_item",
]
