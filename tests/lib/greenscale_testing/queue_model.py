"""The queue's rules as plain Python: what Redis must hold after each call, without Redis and without Lua.

Pure: the time is an argument of the model, and so are the ids and tokens that the queue draws.
"""

import dataclasses
import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from greenscale_jobs.engine_report import FAULT_SECONDS, TROUBLE_SECONDS

Event = tuple[str, int, str]
"""Its type, the attempt and the text."""

DEFAULT_TTL = 86_400
DEFAULT_LENGTH = 10_000
WORKER_LOST = "WorkerLost"
PATIENCE_SECONDS, DRAIN_SECONDS = 30, 15


@dataclasses.dataclass
class ModelJob:
    """One job; None is a field that the hash lacks."""

    state: str
    item: bytes
    submitted_at: float | None = None
    attempts: int | None = None
    token: str | None = None
    worker: str | None = None
    claimed_at: float | None = None
    due_at: float | None = None
    finished_at: float | None = None
    cancel: bool = False
    result: str | None = None
    settled_by: str | None = None
    """The token that ended the last attempt that was ended by its worker."""
    last_batch: str | None = None
    """The last batch of pieces that has a name."""
    behind: bool = False
    losses: int | None = None
    lost_alone: int | None = None
    alone: bool = False
    suspect_since: float | None = None
    drained: tuple[str, float] | None = None
    """The worker that drains for it, and until when it may."""
    uncharged: tuple[int, float, float, str, str, float] | None = None
    """Count, first and last time, reason, message, and for how long the queue had been suspended at the first."""
    errors: list[tuple[str, int, float]] = dataclasses.field(default_factory=list)
    """Reason, attempt and time."""
    events: list[Event] = dataclasses.field(default_factory=list)
    expires_at: float | None = None
    """When Redis forgets the job with its events; None is never."""
    events_expire: bool = False

    def fields(self) -> dict[str, Any]:
        """Return what its hash must hold."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        del values["events"], values["events_expire"], values["expires_at"]
        return {**values, "errors": list(self.errors), "expires": self.expires_at is not None}


class QueueModel:
    """One queue. The lists are as LRANGE gives them: the newest first, the next to be taken last."""

    def __init__(
        self, clock: Callable[[], float], *, lease: float, max_losses: int, give_up_after: float, ttl: int
    ) -> None:
        self._clock = clock
        self._lease, self._max_losses, self._give_up_after, self._ttl = lease, max_losses, give_up_after, ttl
        self.waiting: list[bytes] = []
        self.claiming: list[bytes] = []
        self.inflight: dict[str, float] = {}
        self.delayed: dict[str, float] = {}
        self.done: dict[str, float] = {}
        self.dead: list[tuple[str, str, int, float]] = []
        self.jobs: dict[str, ModelJob] = {}
        self.config: dict[str, float] = {}
        self.counters: Counter[str] = Counter()
        self.fault: tuple[str, float, float] | None = None
        self.trouble: tuple[float, float] | None = None
        self.history: list[dict[str, float]] = []
        self.starts: list[dict[str, float]] = []
        self.workers: dict[str, float] = {}
        """Until when each counts."""

    def snapshot(self) -> dict[str, Any]:
        """Return all that Redis must hold, in the form of `queue_state.observe`."""
        parts: dict[str, Any] = {
            "waiting": self.waiting,
            "claiming": self.claiming,
            "inflight": self.inflight,
            "delayed": self.delayed,
            "done": self.done,
            "dead": self.dead,
            "config": self.config,
            "counters": dict(self.counters),
            "fault": self.fault,
            "trouble": self.trouble,
            "history": self.history,
            "starts": self.starts,
            "workers": self.workers,
        }
        for job_id, job in self.jobs.items():
            parts[f"job {job_id}"] = job.fields()
            if job.events:
                parts[f"events {job_id}"] = (job.events_expire, job.events)
        return parts

    # What a producer does.

    def submit(self, items: Sequence[tuple[str, bytes]], *, delay: float = 0.0, keyed: bool = False) -> str:
        """Answer `ok`, `full`, `duplicate`, or `reused` of a key that stands for another item."""
        fresh = [(job_id, item) for job_id, item in items if job_id not in self.jobs]
        if len(fresh) < len(items):
            if not keyed:
                return "duplicate"
            if any(self.jobs[job_id].item != item for job_id, item in items if job_id in self.jobs):
                return "reused"
        waiting = len(self.waiting) + len(self.delayed)
        if fresh and waiting + len(fresh) > self.config.get("maxLength", DEFAULT_LENGTH):
            return "full"
        for job_id, item in fresh:
            job = self.jobs[job_id] = ModelJob("waiting", item, submitted_at=self._clock())
            if delay:
                job.state, job.due_at = "delayed", self._clock() + delay
                self._wait_until(job_id, job.due_at)
            else:
                self.waiting.insert(0, item)
        for job_id, _ in items:
            if (job_id, _) not in fresh:
                self.recover(job_id)
        self.counters += Counter(submitted=len(fresh))
        return "ok"

    def _wait_until(self, job_id: str, due: float) -> None:
        """Put it behind the others that are due at the same instant, or within 20 ms."""
        last = max((at for at in self.delayed.values() if due <= at <= due + 0.02), default=None)
        self.delayed[job_id] = due if last is None else float(f"{max(due, last + 1e-6):.6f}")

    def recover(self, job_id: str) -> bool:
        """Put a job back that is not where its record says."""
        job = self.jobs.get(job_id)
        if job is None or not self.is_stray(job_id, job):
            return False
        if job.state == "running":
            self.inflight[job_id] = self._clock() + 30
        elif job.state == "delayed":
            self._wait_until(job_id, self._clock() if job.due_at is None else job.due_at)
        else:
            self.waiting.insert(0, reference(job_id))
            job.events.append(("waiting", 0, ""))
        return True

    def is_stray(self, job_id: str, job: ModelJob) -> bool:
        """Return whether it is not where its record says."""
        match job.state:
            case "running":
                return job_id not in self.inflight
            case "delayed":
                return job_id not in self.delayed
            case "waiting":
                forms = {reference(job_id), job.item} if given_id(job.item) == job_id else {reference(job_id)}
                return not forms & {*self.waiting, *self.claiming}
            case _:
                return False

    def recover_if_none_waits(self, job_ids: Sequence[str]) -> list[str]:
        """Do as the operator, which looks for strays only then."""
        if self.waiting or self.claiming:
            return []
        return [job_id for job_id in job_ids if self.recover(job_id)]

    def configure(self, max_length: int, ttl: int, *, paused: bool) -> None:
        """Write what the resource says, and count for how long the queue is suspended."""
        self.config |= {"maxLength": max_length, "resultTTLSeconds": ttl, "paused": int(paused)}
        if paused:
            self.config.setdefault("suspendedAt", self._clock())
        elif "suspendedAt" in self.config:
            self.config["suspendedSeconds"] = self._suspended_seconds()
            del self.config["suspendedAt"]

    def _suspended_seconds(self) -> float:
        now = self._clock()
        return self.config.get("suspendedSeconds", 0) + now - self.config.get("suspendedAt", now)

    def cancel(self, job_id: str) -> str | None:
        """Answer the state before; None for a job that nobody knows."""
        job = self.jobs.get(job_id)
        if job is None:
            return None
        before = job.state
        if before == "running":
            job.cancel = True
        elif before in {"waiting", "delayed"}:
            self.delayed.pop(job_id, None)
            self._take_out(job_id, job)
            self._end_cancelled(job_id, job)
        return before

    def _take_out(self, job_id: str, job: ModelJob) -> None:
        for where in (self.waiting, self.claiming):
            for raw in (reference(job_id), job.item) if given_id(job.item) == job_id else (reference(job_id),):
                if raw in where:
                    where.remove(raw)
                    return

    def redrive(self, job_ids: Sequence[str]) -> list[str]:
        """Answer those that were dead, or strays."""
        return [job_id for job_id in job_ids if self._revive(job_id) or self.recover(job_id)]

    def _revive(self, job_id: str) -> bool:
        job = self.jobs.get(job_id)
        if job is None or job.state != "dead":
            return False
        self.dead = [entry for entry in self.dead if entry[0] != job_id]
        job.attempts, job.finished_at, job.events_expire = 0, None, False
        job.uncharged = None
        self._clear(job)
        self._send(job_id)
        return True

    def _clear(self, job: ModelJob) -> None:
        """Forget what it was suspected of."""
        job.losses = job.lost_alone = job.suspect_since = job.drained = None

    def _send(self, job_id: str) -> None:
        """Put it behind those that wait."""
        job = self.jobs[job_id]
        job.state = "waiting"
        self.waiting.insert(0, reference(job_id))
        job.events.append(("waiting", job.attempts or 0, ""))

    # What a worker does.

    def claim(
        self,
        worker: str,
        want: int,
        token: str,
        new_ids: dict[int, str],
        *,
        in_hand: int = 0,
        suspect_first: bool = True,
    ) -> list[tuple[str, bytes, int, bool]] | None:
        """Answer id, item, attempt and whether it is alone of each claim; None where nothing may be claimed.

        `new_ids`: for the n-th taken, from 1.
        """
        if self.config.get("paused"):
            self._return_claiming()
            return None
        claims: list[tuple[str, bytes, int, bool]] = []
        aside: list[bytes] = []
        number = 0
        taken = self._take(want, [self.claiming.pop() for _ in range(min(want, len(self.claiming)))])
        while taken:
            for place, raw in enumerate(taken):
                number += 1
                suspect = self._suspect(raw)
                if suspect is None:
                    claims += self._claim_one(raw, worker, token, new_ids, number)
                    continue
                first = not claims and not aside
                if first and not in_hand and suspect_first:
                    self.waiting += reversed(taken[place + 1 :])
                    return self._claim_alone(raw, worker, token)
                if first and in_hand and self._drains(suspect, worker):
                    self.waiting += reversed(taken[place:])
                    return None
                aside.append(raw)
            taken = self._take(want - len(claims), []) if aside else []
        assert not new_ids, f"{new_ids} are new jobs that nobody asked for"
        alone = bool(aside) and not claims and not in_hand
        self.waiting += reversed(aside[1:] if alone else aside)
        if alone:
            return self._claim_alone(aside[0], worker, token)
        return None if aside and not claims else claims

    def claim_again(self, token: str) -> list[tuple[str, bytes, int, bool]]:
        """Answer what was leased with this token already, each with a new lease: the soonest end first, then by id."""
        mine = [job_id for job_id in self.inflight if self.jobs[job_id].token == token]
        mine.sort(key=lambda job_id: (self.inflight[job_id], job_id))
        for job_id in mine:
            self.inflight[job_id] = self._clock() + self._lease
        jobs = [(job_id, self.jobs[job_id]) for job_id in mine]
        return [(job_id, job.item, job.attempts or 1, job.alone) for job_id, job in jobs]

    def _take(self, count: int, taken: list[bytes]) -> list[bytes]:
        return taken + [self.waiting.pop() for _ in range(min(count - len(taken), len(self.waiting)))]

    def _known(self, raw: bytes) -> ModelJob | None:
        job_id = given_id(raw)
        return self.jobs.get(job_id) if job_id else None

    def _is_duplicate(self, raw: bytes) -> bool:
        known = self._known(raw)
        return known is not None and not (
            known.state == "waiting" and raw in {known.item, reference(given_id(raw) or "")}
        )

    def _suspect(self, raw: bytes) -> ModelJob | None:
        known = self._known(raw)
        return known if known and not self._is_duplicate(raw) and known.suspect_since is not None else None

    def _drains(self, job: ModelJob, worker: str) -> bool:
        """Return whether this worker is the one that claims nothing until its hand is empty."""
        now = self._clock()
        if now - (job.suspect_since or 0) < PATIENCE_SECONDS:
            return False
        if job.drained and job.drained[0] != worker and now < job.drained[1]:
            return False
        job.drained = worker, now + DRAIN_SECONDS
        return True

    def _claim_alone(self, raw: bytes, worker: str, token: str) -> list[tuple[str, bytes, int, bool]]:
        ((job_id, item, attempt, _),) = self._claim_one(raw, worker, token, {}, 0)
        self.jobs[job_id].alone, self.jobs[job_id].drained = True, None
        return [(job_id, item, attempt, True)]

    def _claim_one(
        self, raw: bytes, worker: str, token: str, new_ids: dict[int, str], number: int
    ) -> list[tuple[str, bytes, int, bool]]:
        if self._is_duplicate(raw):
            duplicate = self.jobs[new_ids.pop(number)] = ModelJob("dead", raw)
            self._bury(next(reversed(self.jobs)), duplicate, "DuplicateId", attempts=0)
            return []
        job_id = given_id(raw) or new_ids.pop(number)
        job = self.jobs.setdefault(job_id, ModelJob("waiting", raw))
        job.state, job.attempts = "running", (job.attempts or 0) + 1
        job.token, job.worker, job.claimed_at = token, worker, self._clock()
        self.inflight[job_id] = self._clock() + self._lease
        job.events.append(("claimed", job.attempts, worker))
        return [(job_id, job.item, job.attempts, False)]

    def holds(self, job_id: str, token: str) -> ModelJob | None:
        """Return the job if this token holds it."""
        job = self.jobs.get(job_id)
        return job if job and job.token == token else None

    def renew(self, job_id: str, token: str) -> str:
        """Answer held, cancel or lost."""
        job = self.holds(job_id, token)
        if not job:
            return "lost"
        self.inflight[job_id] = self._clock() + self._lease
        return "cancel" if job.cancel else "held"

    def emit(self, job_id: str, token: str, attempt: int, text: str, batch: str) -> None:
        """Add a piece of an answer, unless its batch was shown just before."""
        job = self.holds(job_id, token)
        if job and (not batch or job.last_batch != batch):
            job.events.append(("delta", attempt, text))
            job.last_batch = batch or job.last_batch

    def finish(self, job_id: str, token: str, text: str, unseen: str, tokens: int = 0) -> bool:
        """Answer whether it was stored, now or when it was said before."""
        job = self.holds(job_id, token)
        if not job:
            return self.settled_by(job_id, token) is not None
        self._drop_claim(job_id, job)
        job.settled_by = token
        job.state, job.result, job.finished_at, job.cancel = "done", text, self._clock(), False
        self._clear(job)
        if unseen:
            job.events.append(("delta", job.attempts or 0, unseen))
        job.events.append(("done", job.attempts or 0, ""))
        self._expire(job_id, job, self._ttl)
        self.fault = self.trouble = None
        self.counters += Counter(done=1, tokens=tokens)
        return True

    def give_up(self, job_id: str, token: str, how: str, *, delay: float, reason: str, message: str) -> str:
        """Answer the new state, the present one where it was said before, or `lost`."""
        job = self.holds(job_id, token)
        if not job:
            return self.settled_by(job_id, token) or "lost"
        job.settled_by = token
        attempts = job.attempts or 0
        if job.cancel:
            self._end_cancelled(job_id, job)
        elif how == "dead":
            self.trouble = None
            self._bury(job_id, job, reason, attempts=attempts, message=message)
        elif how == "release":
            self._wait_again(job_id, job, attempts - 1)
        elif how == "lost":
            self.counters["lost"] += 1
            self._lose(job_id, job, reason, message)
        elif how in {"postpone", "behind"}:
            self._postpone(job_id, job, delay, reason, message, behind=how == "behind")
        else:
            job.errors.append((reason, attempts, self._clock()))
            self._delay(job_id, job, delay, message, "retried")
        return job.state

    def _delay(self, job_id: str, job: ModelJob, delay: float, message: str, counter: str) -> None:
        self._drop_claim(job_id, job)
        job.state, job.due_at = "delayed", self._clock() + delay
        self._wait_until(job_id, job.due_at)
        job.events.append(("delayed", job.attempts or 0, message))
        self.counters[counter] += 1

    def _postpone(self, job_id: str, job: ModelJob, delay: float, reason: str, message: str, *, behind: bool) -> None:
        now, suspended = self._clock(), self._suspended_seconds()
        job.attempts = max(0, (job.attempts or 0) - 1)
        count, first, before = 0, now, suspended
        if job.uncharged:
            count, first, *_, before = job.uncharged
        job.uncharged = (count + 1, first, now, reason, message, before)
        if now - first - (suspended - before) >= self._give_up_after:
            why = f"; given up after {count + 1} tries in {self._give_up_after:g} s (queue.giveUpAfterSeconds)"
            self._bury(job_id, job, reason, attempts=job.attempts, message=message + why)
            return
        job.behind = behind
        self._delay(job_id, job, delay, message, "postponed")

    def _lose(self, job_id: str, job: ModelJob, reason: str, message: str) -> None:
        """An engine or a worker was lost with it in hand."""
        attempts = job.attempts or 0
        alone = job.alone
        job.losses = (job.losses or 0) + (not alone)
        job.lost_alone = (job.lost_alone or 0) + alone
        if alone and job.lost_alone >= self._max_losses:
            why = f"; it was alone there for the {job.lost_alone}. time (queue.maxLosses)"
            self._bury(job_id, job, reason, attempts=attempts, message=message + why)
            return
        job.errors.append((reason, attempts, self._clock()))
        self._wait_again(job_id, job, max(0, attempts - 1))
        if job.losses > 1:
            job.suspect_since = self._clock()

    def settled_by(self, job_id: str, token: str) -> str | None:
        """Return the state of a job whose last settled attempt had this token."""
        job = self.jobs.get(job_id)
        return job.state if job and job.settled_by == token else None

    def register(self, worker: str, seconds: float) -> None:
        """Count a worker for so long; those whose time is over count no more."""
        self.workers = {name: until for name, until in self.workers.items() if until > self._clock()}
        self.workers[worker] = self._clock() + seconds

    def unregister(self, worker: str) -> None:
        """Count a worker no longer."""
        self.register(worker, 0)
        del self.workers[worker]

    def report_fault(self, message: str, *, after: float) -> float:
        """Note what is wrong with the engine; answers in how many seconds it is to be reported."""
        now = self._clock()
        since, noted_at = self.trouble or (now, now)
        since = now if now - noted_at > TROUBLE_SECONDS else since
        self.trouble = (since, now)
        wait = max(0.0, since + after - now)
        if wait == 0:
            self.fault = (message, now, now + FAULT_SECONDS)
        return wait

    # What keeps the queue moving.

    def maintain(self) -> tuple[int, int, int, int]:
        """Answer how many were stranded, expired, due and dead."""
        now = self._clock()
        self.done = {job_id: at for job_id, at in self.done.items() if at > now}
        stranded = self._return_claiming()
        expired = buried = 0
        for job_id in reversed(self._over(self.inflight)):  # the first to end is the next to be taken
            job = self.jobs[job_id]
            if job.cancel:
                self._end_cancelled(job_id, job)
                continue
            self._lose(job_id, job, WORKER_LOST, f"worker {job.worker} stopped renewing its lease")
            buried += job.state == "dead"
            expired += job.state != "dead"
        due = self._over(self.delayed)
        fronts = []
        for job_id in due:
            job = self.jobs[job_id]
            del self.delayed[job_id]
            if job.attempts is None or job.behind:
                self._send(job_id)
            else:
                fronts.append((job_id, job, job.attempts))
            job.due_at, job.behind = None, False
        for job_id, job, attempts in reversed(fronts):
            self._wait_again(job_id, job, attempts)
        self.counters += Counter(expired=expired)
        return stranded, expired, len(due), buried

    def strand(self) -> None:
        """Do as BLMOVE, with nobody there to go on."""
        self.claiming.insert(0, self.waiting.pop())

    def forget_expired(self) -> list[str]:
        """Forget what Redis would have by now; answer the ids."""
        gone = [job_id for job_id, job in self.jobs.items() if job.expires_at and job.expires_at <= self._clock()]
        for job_id in gone:
            del self.jobs[job_id]
        return gone

    def _over(self, ends: dict[str, float]) -> list[str]:
        return [
            job_id for job_id, at in sorted(ends.items(), key=lambda entry: (entry[1], entry[0])) if at <= self._clock()
        ]

    def _return_claiming(self) -> int:
        stranded, self.claiming = self.claiming, []
        self.waiting += stranded
        return len(stranded)

    def _drop_claim(self, job_id: str, job: ModelJob) -> None:
        self.inflight.pop(job_id, None)
        job.token, job.alone = None, False

    def _wait_again(self, job_id: str, job: ModelJob, attempts: int) -> None:
        self._drop_claim(job_id, job)
        job.state, job.attempts = "waiting", attempts
        self.waiting.append(reference(job_id))
        job.events.append(("waiting", attempts, ""))

    def _bury(self, job_id: str, job: ModelJob, reason: str, *, attempts: int, message: str | None = None) -> None:
        self._drop_claim(job_id, job)
        now = self._clock()
        job.state, job.attempts, job.finished_at, job.events_expire = "dead", attempts, now, True
        job.errors.append((reason, attempts, now))
        self.dead.insert(0, (job_id, reason, attempts, now))
        job.events.append(("dead", attempts, duplicate_message(job.item) if message is None else message))
        self.counters["dead"] += 1

    def _end_cancelled(self, job_id: str, job: ModelJob) -> None:
        self._drop_claim(job_id, job)
        job.state, job.finished_at, job.due_at, job.cancel = "cancelled", self._clock(), None, False
        job.behind = False
        job.events.append(("cancelled", job.attempts or 0, ""))
        self._expire(job_id, job, self.config.get("resultTTLSeconds", DEFAULT_TTL))
        self.counters["cancelled"] += 1

    def _expire(self, job_id: str, job: ModelJob, ttl: float) -> None:
        self.done[job_id] = job.expires_at = self._clock() + ttl
        job.events_expire = True


def reference(job_id: str) -> bytes:
    """Return how a job that was claimed once stands on the list."""
    return b'{"id":"%s"}' % job_id.encode()


def given_id(raw: bytes) -> str | None:
    """Return the id that an item gives itself."""
    try:
        document = json.loads(raw)
    except ValueError:
        return None
    job_id = document.get("id") if isinstance(document, dict) else None
    return job_id if isinstance(job_id, str) and re.fullmatch(r"[A-Za-z0-9][\w.-]{0,63}", job_id) else None


def duplicate_message(raw: bytes) -> str:
    """Return what is said of an item whose id was taken."""
    return f"a job with the id {given_id(raw)} exists already; send it without an id, or with a new one"
