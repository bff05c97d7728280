"""What workers report of an engine that cannot do any job: how long a report is news, and what it costs meanwhile.

Pure: no I/O, no clock.
"""

from greenscale_jobs.workloads import Stats

FAULT_SECONDS = 180.0
"""A worker repeats its report at least every minute while the fault lasts: an older one says nothing about now."""

TROUBLE_SECONDS = 900.0
"""A trouble that no worker has noted for so long is over. Until then a new note continues it: jobs wait up to a minute
between two tries, a container up to five minutes for its restart, a pod for its node."""


def seconds_of_news(stats: Stats | None, *, now: float) -> float:
    """Return for how many seconds the reported fault is still news; 0 where there is none."""
    if stats is None or not stats.fault:
        return 0.0
    until = (stats.fault_at or 0.0) + FAULT_SECONDS if stats.fault_until is None else stats.fault_until
    return max(0.0, until - now)


def engine_fault(stats: Stats | None, *, workers: int, suspended: bool, now: float) -> str | None:
    """Return the fault and what it keeps awake, in sentences; None where there is none, or none that is news.

    Jobs count whatever they wait for: which of them is being tried changes from second to second.
    """
    if stats is None or not stats.fault or not seconds_of_news(stats, now=now):
        return None
    jobs = stats.work + stats.delayed
    if suspended or not workers or not jobs:
        return stats.fault
    sentence = stats.fault if stats.fault.endswith((".", "?", "!")) else f"{stats.fault}."
    awake = "1 worker stays" if workers == 1 else f"{workers} workers stay"
    waiting = "1 job waits" if jobs == 1 else f"{jobs} jobs wait"
    return f"{sentence} {awake} awake while {waiting}; set spec.suspend to true to let {_them(workers)} go."


def _them(count: int) -> str:
    return "it" if count == 1 else "them"
