"""The durable job queue that all parts of GreenScale share."""

from greenscale_jobs.client import JobClient
from greenscale_jobs.connection.address import RedisAddress
from greenscale_jobs.errors import (
    AccessRefused,
    DuplicateJob,
    JobRefusedByRedis,
    KeyReused,
    QueueDamaged,
    QueueError,
    QueueFull,
    QueueUnavailable,
    SearchTooLong,
    UnknownJob,
)
from greenscale_jobs.fleet import Fleet, Survey
from greenscale_jobs.ids import new_id, new_item
from greenscale_jobs.keys import Keys
from greenscale_jobs.limits import Limits
from greenscale_jobs.maintenance import Maintained
from greenscale_jobs.pushed import parse_item
from greenscale_jobs.queue import JobQueue
from greenscale_jobs.reader import Page
from greenscale_jobs.records import (
    Event,
    InvalidItem,
    Item,
    Job,
    JobError,
    JobState,
    NewerItem,
    Outcome,
    Parameters,
    Turn,
    UnchargedTries,
    Usage,
)
from greenscale_jobs.samples import USUAL_STARTS, Sample, Start, usual
from greenscale_jobs.searching import Found
from greenscale_jobs.worker_side import Claim, Finished
from greenscale_jobs.workloads import STATUS_STALE_SECONDS, Resource, Stats, WorkloadState, WorkloadStatus

__all__ = [
    "STATUS_STALE_SECONDS",
    "USUAL_STARTS",
    "AccessRefused",
    "Claim",
    "DuplicateJob",
    "Event",
    "Finished",
    "Fleet",
    "Found",
    "InvalidItem",
    "Item",
    "Job",
    "JobClient",
    "JobError",
    "JobQueue",
    "JobRefusedByRedis",
    "JobState",
    "KeyReused",
    "Keys",
    "Limits",
    "Maintained",
    "NewerItem",
    "Outcome",
    "Page",
    "Parameters",
    "QueueDamaged",
    "QueueError",
    "QueueFull",
    "QueueUnavailable",
    "RedisAddress",
    "Resource",
    "Sample",
    "SearchTooLong",
    "Start",
    "Stats",
    "Survey",
    "Turn",
    "UnchargedTries",
    "UnknownJob",
    "Usage",
    "WorkloadState",
    "WorkloadStatus",
    "new_id",
    "new_item",
    "parse_item",
    "usual",
]
