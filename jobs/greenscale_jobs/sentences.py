"""What a workload is doing, in one sentence: the same for the operator, local mode, the command and the page.

Pure: no I/O, no clock. The facts are the board's, the numbers those of now.
"""

import datetime as dt
import zoneinfo

from greenscale_jobs.durations import DAY, duration, elapsed
from greenscale_jobs.workloads import Kept, Stats, WorkloadState, WorkloadStatus

ASLEEP = "Nothing runs, nothing costs. A prompt wakes it"


def sentence(status: WorkloadStatus, stats: Stats, *, now: float) -> str:
    """Return what a workload is doing; `now` is by the clock of whoever wrote the status."""
    if not status.reason:  # written by another version, which has formed its sentence itself
        return status.message
    match status.state:
        case WorkloadState.DEGRADED:
            return status.problem.message if status.problem else status.message
        case WorkloadState.SUSPENDED:
            suspended = suspension(stats.in_flight, ending(status.ending, status.ending_since, now=now))
            return f"{suspended} Problem: {status.problem.message}" if status.problem else suspended
        case WorkloadState.WAKING:
            return _waking(status, stats, now)
        case WorkloadState.ACTIVE:
            return _active(status, stats, now)
        case WorkloadState.COOLING_DOWN:
            return _cooling_down(status, now)
        case WorkloadState.SCALED_TO_ZERO:
            return f"{ASLEEP}{_in_about(status)}."
        case _:
            return status.message


def suspension(running: int, ending_workers: str) -> str:
    """Return what a suspended workload does; `ending_workers` is empty where none is still ending."""
    if running:
        return f"Takes prompts, claims none; {jobs(running)} still running."
    if ending_workers:
        return f"Takes prompts, runs none; {ending_workers}."
    return "Takes prompts, runs none. Set spec.suspend to false to resume."


def ending(count: int, since: float | None, *, now: float) -> str:
    """Return which workers still hold what they run on, as a clause; empty where none does."""
    if not count:
        return ""
    workers = "1 worker is" if count == 1 else f"{count} workers are"
    return f"{workers} still ending" + ("" if since is None else f" (for {elapsed(now - since)})")


def keeping(kept: Kept, *, now: float) -> str:
    """Return which workers are kept without work, and why, as a clause."""
    workers = "1 worker" if kept.replicas == 1 else f"{kept.replicas} workers"
    if kept.until is None:
        return f"the minimum of {workers} is kept"
    return f"{workers} {'is' if kept.replicas == 1 else 'are'} kept by a schedule until {_until(kept, kept.until, now)}"


def no_report(seconds: float, *, last_state: str) -> str:
    """Return what is known of a workload whose status is too old to say anything about now."""
    return f"No report for {duration(seconds)}; last state: {last_state}."


def without_workload(stats: Stats) -> str:
    """Return what is known of a queue of which there is no status."""
    fault = f" A worker reports: {stats.fault}" if stats.fault else ""
    return f"Queue without a workload: not autoscaled, so its workers are not counted.{fault}"


def jobs(count: int) -> str:
    """Return `1 job` or `12 jobs`."""
    return "1 job" if count == 1 else f"{count} jobs"


def _waking(status: WorkloadStatus, stats: Stats, now: float) -> str:
    parts = []
    if status.waking_since is not None:
        usual = f", usually {duration(status.usual_wake_seconds)}" if status.usual_wake_seconds else ""
        parts.append(f"Waking for {duration(now - status.waking_since)}{usual}")
    if stats.pending:
        parts.append(f"{jobs(stats.pending)} waiting")
    return f"{'; '.join(parts) or 'Waking'}: {status.stage or 'a worker is being started'}."


def _active(status: WorkloadStatus, stats: Stats, now: float) -> str:
    workers = f"{status.replicas} of {status.max_replicas} workers"
    if stats.work:
        return f"{stats.in_flight} running, {stats.pending} waiting, {workers}."
    if status.kept and status.kept.replicas >= status.replicas:
        return f"Idle; {keeping(status.kept, now=now)}."
    return f"Idle, {workers}."


def _cooling_down(status: WorkloadStatus, now: float) -> str:
    if status.reason == "WorkersEnding":
        return f"{ending(status.ending, status.ending_since, now=now)}."
    if status.asleep_at is not None:
        return f"Idle. Asleep again in {max(0.0, status.asleep_at - now):.0f} s."
    if status.kept:
        return f"Idle; when the cooldown is over, {keeping(status.kept, now=now)}."
    return "Idle; the workers stop when the cooldown is over."


def _in_about(status: WorkloadStatus) -> str:
    """Return how long a start usually takes, and of how many that is the median."""
    if not status.usual_wake_seconds:
        return ""
    starts = f"median of the last {status.wakes} starts" if status.wakes > 1 else "the one start so far"
    return f" in about {duration(status.usual_wake_seconds)} ({starts})"


def _until(kept: Kept, until: float, now: float) -> str:
    """Return when a schedule ends, by its own clock: `18:00 (Europe/Berlin)`."""
    try:
        zone, name = zoneinfo.ZoneInfo(kept.timezone), kept.timezone
    except (OSError, ValueError, zoneinfo.ZoneInfoNotFoundError):  # the writer's machine knows it, this one does not
        zone, name = zoneinfo.ZoneInfo("UTC"), "UTC"
    end, today = dt.datetime.fromtimestamp(until, zone), dt.datetime.fromtimestamp(now, zone)
    if end.date() == today.date():
        time = f"{end:%H:%M}"
    else:
        time = f"{end:%a %H:%M}" if until - now < 7 * DAY else f"{end:%Y-%m-%d %H:%M}"
    return f"{time} ({name})"
