"""The job queue for asyncio: what workers, the operator and local mode use.

Every effect is one Lua script (`lua/`): a process killed between any two instructions loses nothing.
"""

import asyncio
import contextlib
import datetime as dt
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Self, TypeVar, cast

import msgspec
from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from greenscale_jobs import protocol, reading
from greenscale_jobs.connection import server_checks
from greenscale_jobs.connection.address import RedisAddress
from greenscale_jobs.connection.fast_connection import FastConnection
from greenscale_jobs.engine_report import FAULT_SECONDS
from greenscale_jobs.errors import FOREIGN_TYPE, REDIS_ERRORS, QueueError, QueueUnavailable, damage, demoted, translate
from greenscale_jobs.ids import new_id
from greenscale_jobs.keys import DEFAULT_LIST, RESOURCES, WORKLOADS, Keys
from greenscale_jobs.protocol import Call, Claim, Finished, Maintained, Page, Redriven
from greenscale_jobs.records import Event, Item, Job, JobState, Parameters, Turn
from greenscale_jobs.samples import SAMPLES_KEPT, STARTS_KEPT, USUAL_STARTS, Sample, Start, read_starts, sample_fields
from greenscale_jobs.scripts import script_sha, script_text
from greenscale_jobs.workloads import Resource, Stats, WorkloadStatus

T = TypeVar("T")

EVENT_WAIT_SECONDS = 2.0
"""How long one read waits for a job's next event; below the command timeout."""


BLOCKED_TOO_LONG_SECONDS = 5.0
"""Redis ends a blocking command in time; one that is this late is lost."""

NO_EXTRA_KEYS: Mapping[str, str] = {}

DELETE_BATCH = 1000
"""Keys looked at in one step of removing a queue."""


class Limits(msgspec.Struct, frozen=True):
    """What a queue holds its workers to; the defaults are the resource's."""

    lease_seconds: float = 30
    """How long a claim lives unrenewed; it is renewed at a third of it, so two renewals may be lost."""
    result_ttl_seconds: int = 86_400
    give_up_after_seconds: float = 86_400
    """How long a job may be tried uncharged, from the first such try."""
    max_losses: int = 5
    """How often a job may be alone with an engine or a worker that is lost."""


class JobQueue:
    """One queue. Methods raise QueueUnavailable while Redis cannot be used; the caller may try again.

    `clock` gives Unix seconds in place of Redis' own time; only tests need it. A `connection` is shared with other
    queues and closed by whoever made it.
    """

    def __init__(
        self,
        address: RedisAddress,
        list_name: str = DEFAULT_LIST,
        *,
        limits: Limits | None = None,
        clock: Callable[[], float] | None = None,
        connection: Redis | None = None,
    ) -> None:
        self.address = address
        self.keys = Keys(list_name)
        self.limits = limits or Limits()
        self._clock = clock
        self._shared = connection is not None
        self._redis = connection or address.connect()
        # A blocking move waits longer than any command may: it has a lane of its own.
        self._fast, self._blocking = FastConnection(address), FastConnection(address)
        self._blocked_client: int | None = None

    async def aclose(self) -> None:
        """Close the connections; nothing that was claimed is given back by it."""
        if not self._shared:
            await self._redis.aclose()
        await self._fast.aclose()
        await self._blocking.aclose()

    async def __aenter__(self) -> Self:
        """Return the queue; it is closed at the end of the block."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self.aclose()

    # What a producer does.

    async def submit(
        self,
        prompt: str,
        *,
        job_id: str | None = None,
        parameters: Parameters | None = None,
        history: Sequence[Turn] = (),
        idempotency_key: str | None = None,
        delay_seconds: float = 0,
        at: dt.datetime | None = None,
    ) -> str:
        """Put one prompt on the list and return its job's id; `history` is what was said before it, oldest first.

        With `delay_seconds` or `at` it waits among the delayed until then; a time that has passed is now. The same
        `idempotency_key` gives the same job for as long as that is known, whatever became of it.
        Whoever gets no answer (QueueUnavailable) may submit again with the same key, or with the same `job_id`:
        DuplicateJob then means that it was heard the first time.

        Raises:
            InvalidItem: The prompt is blank, it is too large with its history, or the id, the key or the time has a
                wrong form.
            QueueFull: `maxLength` jobs wait already, be it for a worker or for their time.
            DuplicateJob: A job with this id exists.
            KeyReused: The key stands for another prompt, other parameters or another history.
        """
        return await self._run(
            protocol.submit(
                prompt,
                job_id=job_id,
                parameters=parameters,
                history=history,
                idempotency_key=idempotency_key,
                delay_seconds=delay_seconds,
                at=at,
            )
        )

    async def submit_many(
        self,
        items: Sequence[Item],
        *,
        delay_seconds: float = 0,
        at: dt.datetime | None = None,
        again: bool = False,
    ) -> None:
        """Put all of these on the list or among the delayed, or none; raises as `submit` does.

        With `again` those that are known already and are the very same stay as they are, whatever became of them:
        whoever got no answer, or stopped half-way, may send all of them once more.
        """
        await self._run(protocol.submit_many(items, delay_seconds=delay_seconds, at=at, again=again))

    async def cancel(self, job_id: str) -> JobState:
        """Cancel a job and return the state it was in; a running one ends when its worker renews next."""
        return await self._run(protocol.cancel(job_id))

    async def redrive(self, job_ids: Sequence[str]) -> list[str]:
        """Send dead jobs again, with all attempts, and put strays back; return both. `maxLength` does not bar them."""
        return [job_id for call in protocol.redrive(job_ids) for job_id in await self._run(call)]

    async def redrive_all(self, *, told: Redriven | None = None) -> int:
        """Send again what is dead now, oldest first, in steps that block Redis for an instant; return how many.

        What dies meanwhile is left for the next time.
        """
        left, sent = (await self.stats()).dead, 0
        while left > 0:
            taken, job_ids = await self._run(protocol.redrive_oldest(left))
            if taken == 0:  # somebody else sends them too
                break
            left, sent = left - taken, sent + len(job_ids)
            if told:
                told(job_ids, left)
        return sent

    # What a worker does.

    async def claim(
        self, worker: str, count: int = 1, *, in_hand: int = 0, suspect_first: bool = True
    ) -> list[Claim] | None:
        """Lease up to `count` jobs, oldest first; or one suspect, alone, if the worker has nothing `in_hand`.

        None: nothing may be claimed now, for the queue is suspended, or a suspect waits until the hand is empty.
        Without `suspect_first` a suspect is claimed only where nothing else waits, so that it starves nobody.
        """
        return await self._run(self._claiming(worker, count, in_hand=in_hand, suspect_first=suspect_first))

    async def claim_when_there(
        self, worker: str, count: int, *, seconds: float, in_hand: int = 0, suspect_first: bool = True
    ) -> list[Claim] | None:
        """Do as `claim`, but wait for a job, at most so long; `stop_waiting` ends it sooner.

        The blocking move and the claim go out together: Redis runs the second when the first is over, so that a job
        which comes is leased without another round trip. What a process that died in between has left in
        `<list>:claiming` is taken by any worker's next claim, and returned by tending. Cancelling this may leave
        a job leased to nobody until its lease ends.
        """
        call = self._claiming(worker, count, in_hand=in_hand, suspect_first=suspect_first)
        try:
            async with asyncio.timeout(seconds + BLOCKED_TOO_LONG_SECONDS):
                return await self._move_and_claim(call, seconds)
        except TimeoutError:
            raise QueueUnavailable(f"Redis at {self.address} went silent") from None

    async def stop_waiting(self) -> bool:
        """Have a `claim_when_there` that waits return what there is; says whether it heard."""
        if self._blocked_client is None:
            return False
        return bool(await self._guard(self._fast.run("CLIENT", "UNBLOCK", self._blocked_client)))

    async def renew(self, claims: Sequence[Claim]) -> list[str]:
        """Prolong leases; says for each claim whether it is held, to cancel, or lost."""
        return await self._run(protocol.renew(claims, lease_seconds=self.limits.lease_seconds))

    async def emit(self, pieces: Iterable[tuple[Claim, str]], *, batch: str = "") -> None:
        """Show pieces of answers to those who watch; a lost claim writes nothing.

        Said again under the name of a `batch`, they are shown once.
        """
        await self._run(protocol.emit(pieces, batch=batch))

    async def finish(self, results: Sequence[Finished]) -> list[bool]:
        """Store results and drop their claims; says for each whether the claim still held."""
        call = protocol.finish(results, result_ttl_seconds=self.limits.result_ttl_seconds)
        return await self._run(call)

    async def retry(self, claim: Claim, reason: str, message: str, *, delay_seconds: float) -> str:
        """End an attempt that failed; the job is due again after the delay. Returns its new state."""
        return await self._run(
            protocol.give_up(claim, "retry", delay_seconds=delay_seconds, reason=reason, message=message)
        )

    async def bury(self, claim: Claim, reason: str, message: str) -> str:
        """Move a job that can never succeed to the dead. Returns its new state."""
        return await self._run(protocol.give_up(claim, "dead", reason=reason, message=message))

    async def postpone(
        self, claim: Claim, reason: str, message: str, *, delay_seconds: float, behind: bool = False
    ) -> str:
        """End an attempt that costs the job nothing: it is due again after the delay. Returns its new state.

        It then comes before those that wait, or `behind` them. `limits.give_up_after_seconds` after its first such
        try it is dead; time in which the queue was suspended does not count, nor does the wait for a worker of a newer
        version (the reason `NewerVersion`).
        """
        how, limit = ("behind" if behind else "postpone"), self.limits.give_up_after_seconds
        return await self._run(
            protocol.give_up(claim, how, delay_seconds=delay_seconds, reason=reason, message=message, limit=limit)
        )

    async def lose(self, claim: Claim, reason: str, message: str) -> str:
        """Hand back a job whose engine was lost with it in hand. Returns its new state.

        After two losses in company it is a suspect, which is claimed alone; it is dead after `limits.max_losses` alone.
        """
        return await self._run(
            protocol.give_up(claim, "lost", reason=reason, message=message, limit=self.limits.max_losses)
        )

    async def release(self, claim: Claim) -> str:
        """Hand a job back as if it had never been claimed: it is the next one. Returns its new state."""
        return await self._run(protocol.give_up(claim, "release"))

    async def report_fault(
        self, message: str, *, after_seconds: float = 0, news_seconds: float = FAULT_SECONDS
    ) -> float:
        """Note what keeps the engine from working at all; the next finished job withdraws it.

        It is reported once no job has been answered for `after_seconds` since any worker's first note, and is then news
        for `news_seconds`. Returns 0 if it is reported, else in how many seconds a note will be.
        """
        return await self._run(protocol.report_fault(message, after_seconds=after_seconds, news_seconds=news_seconds))

    async def register(self, worker: str, *, seconds: float) -> None:
        """Count this worker as alive for so many seconds: KEDA takes none away while there is work."""
        await self._run(protocol.register(worker, seconds=seconds))

    async def unregister(self, worker: str) -> None:
        """Count this worker no longer: it ends, and must not be replaced for that."""
        await self._run(protocol.register(worker, seconds=0))

    # What keeps the queue moving.

    async def maintain(self) -> Maintained:
        """Move on stranded claims, expired leases and due retries."""
        return await self._run(protocol.maintain(max_losses=self.limits.max_losses))

    async def configure(self, *, max_length: int, result_ttl_seconds: int, paused: bool) -> None:
        """Tell producers and workers what the resource says of this queue."""
        await self._run(protocol.configure(max_length=max_length, result_ttl_seconds=result_ttl_seconds, paused=paused))

    async def recover(self, job_ids: Sequence[str]) -> list[str]:
        """Put back those of these jobs that are not where their records say, if no job waits; return them."""
        return await self._run(protocol.recover(job_ids, if_none_waits=True))

    async def delete(self) -> None:
        """Remove the queue and all of its jobs, answered or not; for a workload that is gone for good."""
        await self._guard(self._redis.unlink(*self.keys.types))
        for pattern in self.keys.job_patterns:
            cursor = 0
            while True:
                cursor, keys = await self._guard(self._redis.scan(cursor, match=pattern, count=DELETE_BATCH))
                if keys:
                    await self._guard(self._redis.unlink(*keys))
                if cursor == 0:
                    break

    async def put_workload(self, status: WorkloadStatus) -> None:
        """Tell the page and the command of a workload."""
        field = f"{status.namespace}/{status.name}"
        await self._guard(self._redis.hset(WORKLOADS, field, msgspec.json.encode(status)), {WORKLOADS: "hash"})

    async def put_resource(self, namespace: str, name: str, resource: Resource) -> None:
        """Tell the page and the command what was applied and what became of it."""
        await self._guard(
            self._redis.hset(RESOURCES, f"{namespace}/{name}", msgspec.json.encode(resource)), {RESOURCES: "hash"}
        )

    async def sample(self, sample: Sample) -> None:
        """Add a point to the charts' line, which keeps about `SAMPLES_KEPT`; its time is Redis' own."""
        await self._guard(self._redis.xadd(self.keys.history, sample_fields(sample), maxlen=SAMPLES_KEPT))

    async def note_start(self, seconds: float) -> None:
        """Remember how long a start from zero took that is over now."""
        fields: dict[Any, Any] = {"seconds": f"{seconds:.3f}"}
        await self._guard(self._redis.xadd(self.keys.starts, fields, maxlen=STARTS_KEPT, approximate=False))

    # What anyone may look at.

    async def stats(self) -> Stats:
        """Return the queue's numbers at one instant."""
        return await self._run(protocol.stats())

    async def starts(self, limit: int = USUAL_STARTS) -> list[Start]:
        """Return the last starts from zero, newest first."""
        return read_starts(await self._guard(self._redis.xrevrange(self.keys.starts, count=limit)))

    async def job(self, job_id: str) -> Job:
        """Return one job; raises UnknownJob."""
        return await self._run(protocol.job(job_id))

    async def jobs(self, state: JobState, *, offset: int = 0, limit: int = 50) -> Page:
        """Return some jobs of one state."""
        return await self._run(protocol.page(state, offset=offset, limit=limit))

    async def events(self, job_id: str, *, after: str = "0") -> AsyncIterator[Event]:
        """Yield what happens to a job, from its beginning or after the event `after`, until it is final."""
        while True:
            reading_on = self._redis.xread({self.keys.events(job_id): after}, block=int(EVENT_WAIT_SECONDS * 1000))
            reply = await self._guard(reading_on, self.keys.types_of_job(job_id))
            events = reading.read_events(reply)
            for event in events:
                yield event
                after = event.id
            if is_over(events) or (may_be_over(events) and (await self.job(job_id)).state.final):
                return

    async def dangers(self) -> list[str]:
        """Say in which ways this Redis may lose jobs by how it is set up, each with its remedy."""
        info = server_checks.read_info(await self._guard(self._fast.run("INFO")))
        return [f"Redis at {self.address} {danger}" for danger in server_checks.dangers(info)]

    async def ping(self) -> None:
        """Raise QueueUnavailable unless Redis answers."""
        await self._guard(self._redis.ping())

    def _claiming(self, worker: str, count: int, *, in_hand: int, suspect_first: bool) -> Call[list[Claim] | None]:
        return protocol.claim(
            count,
            in_hand=in_hand,
            suspect_first=suspect_first,
            lease_seconds=self.limits.lease_seconds,
            worker=worker,
            token=secrets.token_hex(8),
            seed=new_id(),
        )

    async def _move_and_claim(self, call: Call[list[Claim] | None], seconds: float) -> list[Claim] | None:
        move = ("BLMOVE", self.keys.list_name, self.keys.claiming, "RIGHT", "LEFT", seconds)
        claim = ("EVALSHA", script_sha(call.script), 1, self.keys.list_name, *self._args(call))
        try:
            if self._blocked_client is None:
                client_id = await self._guard(self._blocking.run("CLIENT", "ID"))
                await self._guard(self._blocking.run("SCRIPT", "LOAD", script_text(call.script)))
                self._blocked_client = client_id
            moved, reply = await self._guard(self._blocking.ask(move, claim, seconds=None))
            # The claim was made whatever became of the move, which a full Redis refuses: what it got must not be lost.
            if isinstance(reply, NoScriptError):
                return await self._run(call)
            await self._check(reply)
            claims = call.read(reply)
            if claims == []:
                await self._check(moved)
        except BaseException:
            self._blocked_client = None  # the connection may be another by the next time
            raise
        return claims

    async def _run(self, call: Call[T]) -> T:
        args = (self.keys.list_name, *self._args(call))
        try:
            reply = await self._command(call, "EVALSHA", script_sha(call.script), 1, *args)
        except _ScriptForgotten:
            reply = await self._command(call, "EVAL", script_text(call.script), 1, *args)
        return call.read(reply)

    async def _command(self, call: Call[Any], *command: protocol.Argument) -> Any:
        types = self.keys.types_of_job(call.job_id) if call.job_id else NO_EXTRA_KEYS
        if self._shared:
            return await self._guard(self._redis.execute_command(*command), types)  # type: ignore[no-untyped-call]
        return await self._guard(self._fast.run(*command), types)

    def _args(self, call: Call[Any]) -> list[protocol.Argument]:
        return ["" if self._clock is None else f"{self._clock():.3f}", *call.args]

    async def _guard(self, reply: Awaitable[T], types: Mapping[str, str] = NO_EXTRA_KEYS) -> T:
        try:
            answer = await reply
        except NoScriptError as error:
            raise _ScriptForgotten from error
        except REDIS_ERRORS as error:
            _stay_cancelled()
            await self._check(error, types)
            raise
        _stay_cancelled()
        return answer

    async def _check(self, answer: Any, types: Mapping[str, str] = NO_EXTRA_KEYS) -> None:
        """Raise what an answer means if it is an error; `types` has the keys used beside those the queue has once."""
        if isinstance(answer, Exception):
            if demoted(answer):
                await self._reconnect()
            raise await self._meaning(answer, types) from answer

    async def _meaning(self, error: Exception, types: Mapping[str, str]) -> QueueError:
        if FOREIGN_TYPE not in str(error):
            return translate(error, str(self.address))
        types, found = {**types, **self.keys.types}, []
        with contextlib.suppress(QueueUnavailable):
            found = [cast("bytes", await self._guard(self._redis.type(key))) for key in types]
        return damage(str(self.address), types, found)

    async def _reconnect(self) -> None:
        await self._redis.connection_pool.disconnect(inuse_connections=False)
        for lane in (self._fast, self._blocking):
            lane.reconnect()


def is_over(events: Sequence[Event]) -> bool:
    """Whether no event follows these, all that there were."""
    return bool(events) and events[-1].type in {"done", "cancelled"}


def may_be_over(events: Sequence[Event]) -> bool:
    """Whether only the job's state tells if events follow these: a dead one may have been sent again."""
    return not events or events[-1].final


class _ScriptForgotten(Exception):
    """Redis has been restarted, or told to forget its scripts."""


def _stay_cancelled() -> None:
    """Raise CancelledError if this task was cancelled while redis-py connected: it swallows that (8.1.0)."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
