"""What a worker does with a queue: claim jobs, renew their leases, show and store answers, end attempts.

Asyncio only. Every effect is one script (`lua/`): a process killed between any two instructions loses nothing.
"""

import asyncio
import contextlib
import functools
import secrets
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import msgspec

from greenscale_jobs.asyncio_runner import AsyncioQueue
from greenscale_jobs.connection import server_checks
from greenscale_jobs.connection.fast_connection import FastConnection
from greenscale_jobs.engine_report import FAULT_SECONDS, TROUBLE_SECONDS
from greenscale_jobs.errors import QueueUnavailable
from greenscale_jobs.ids import new_id
from greenscale_jobs.protocol import (
    Argument,
    Commands,
    Script,
    failed,
    ignore,
    read_ids,
    script,
    types_of,
    utf8,
)
from greenscale_jobs.records import MAX_ITEM_BYTES, Outcome
from greenscale_jobs.scripts import script_text

MAX_MESSAGE_CHARS = 2000
"""How much of an error's text is kept: it is stored three times, and read by people."""

BLOCKED_TOO_LONG_SECONDS = 5.0
"""Redis ends a blocking command in time; one that is this late is lost."""


class Claim(msgspec.Struct, frozen=True):
    """A job that this worker holds until its lease ends; `token` proves it."""

    id: str
    token: str
    attempt: int
    raw: bytes
    """The item as it was pushed; `pushed.parse_item` reads it."""
    alone: bool = False
    """Whether it is a suspect: no other job may run beside it."""

    def __repr__(self) -> str:
        """Name the job, without the prompt."""
        return f"Claim(id={self.id!r}, attempt={self.attempt})"


class Finished(msgspec.Struct, frozen=True):
    """A claim's result, to be stored."""

    claim: Claim
    text: str
    outcome: Outcome
    unseen: str = ""
    """The piece of the text that has not been emitted yet."""

    def __repr__(self) -> str:
        """Name the claim, without the answer."""
        return f"Finished({self.claim})"


class WorkerSide(AsyncioQueue):
    """The methods of a worker."""

    _blocked_client: int | None = None
    _unanswered: str | None = None
    """The token of a claim whose reply did not come. The next claim asks with it for what that one may have leased."""

    @functools.cached_property
    def _blocking(self) -> FastConnection:
        """A blocking move waits longer than any command may: it has a connection of its own, made when it is needed."""
        return FastConnection(self.address)

    async def aclose(self) -> None:
        """Close the connections; claims are not given back."""
        await super().aclose()
        await self._blocking.aclose()

    async def claim(
        self, worker: str, count: int = 1, *, in_hand: int = 0, suspect_first: bool = True
    ) -> list[Claim] | None:
        """Lease up to `count` jobs, oldest first; or one suspect, alone, if the worker has nothing `in_hand`.

        None: nothing may be claimed now, since the queue is suspended, or a suspect waits until the hand is empty.
        Without `suspect_first` a suspect is claimed only where nothing else waits, so that it starves nobody. What a
        claim leased whose reply did not come is returned by the next.
        """
        with self._claiming(worker, count, in_hand=in_hand, suspect_first=suspect_first) as claiming:
            return await self._call(claiming)

    async def claim_when_there(
        self, worker: str, count: int, *, seconds: float, in_hand: int = 0, suspect_first: bool = True
    ) -> list[Claim] | None:
        """Do as `claim`, but wait for a job, at most so long; `stop_waiting` ends it sooner.

        The blocking move and the claim go out together: Redis runs the second when the first is over, so that a job
        which comes is leased without another round trip. What a process that died in between has left in
        `<list>:claiming` is taken by any worker's next claim, and returned by `maintain`. Cancelling this may leave
        a job leased to nobody until the next claim, or until its lease ends.
        """
        if self._unanswered:
            claims = await self.claim(worker, count, in_hand=in_hand, suspect_first=suspect_first)
            if claims != []:
                return claims
        try:
            with self._claiming(worker, count, in_hand=in_hand, suspect_first=suspect_first) as claiming:
                async with asyncio.timeout(seconds + BLOCKED_TOO_LONG_SECONDS):
                    return await self._move_and_claim(claiming, seconds)
        except TimeoutError:
            raise QueueUnavailable(f"Redis at {self.address} went silent") from None

    async def stop_waiting(self) -> bool:
        """Have a `claim_when_there` that waits return what there is; return whether one was waiting."""
        if self._blocked_client is None:
            return False
        return bool(await self._send_directly("CLIENT", "UNBLOCK", self._blocked_client))

    async def renew(self, claims: Sequence[Claim]) -> list[str]:
        """Prolong leases; return for each claim: held, cancel or lost."""
        args: list[Argument] = [self.limits.lease_seconds]
        for held in claims:
            args += [held.id, held.token]
        return await self._call(script(self.keys, "renew", args, read_ids))

    async def emit(self, pieces: Iterable[tuple[Claim, str]], *, batch: str = "") -> None:
        """Show pieces of answers to those who watch; a lost claim writes nothing.

        Pieces that are sent again under the name of the same `batch` are shown once.
        """
        args: list[Argument] = [batch]
        for held, text in pieces:
            args += [held.id, held.token, held.attempt, utf8(text)]
        await self._call(script(self.keys, "emit", args, ignore))

    async def finish(self, results: Sequence[Finished]) -> list[bool]:
        """Store results and drop their claims; return for each whether the claim still held."""
        args: list[Argument] = [self.limits.result_ttl_seconds]
        for result in results:
            usage = result.outcome.usage
            args += [
                result.claim.id,
                result.claim.token,
                _outcome(result.outcome),
                utf8(result.text),
                utf8(result.unseen),
                (usage and usage.total) or "",
            ]
        return await self._call(script(self.keys, "finish", args, lambda reply: [bool(stored) for stored in reply]))

    async def retry(self, claim: Claim, reason: str, message: str, *, delay_seconds: float) -> str:
        """End an attempt that failed; the job is due again after the delay. Returns its new state."""
        return await self._give_up(claim, "retry", reason, message, delay_seconds=delay_seconds)

    async def bury(self, claim: Claim, reason: str, message: str) -> str:
        """Move a job that can never succeed to the dead. Returns its new state."""
        return await self._give_up(claim, "dead", reason, message)

    async def postpone(
        self, claim: Claim, reason: str, message: str, *, delay_seconds: float, behind: bool = False
    ) -> str:
        """End an attempt that costs the job nothing: it is due again after the delay. Returns its new state.

        It then comes before those that wait, or `behind` them. `limits.give_up_after_seconds` after its first such
        try it is dead; time in which the queue was suspended does not count, nor does the wait for a worker of a newer
        version (the reason `NewerVersion`).
        """
        how, limit = ("behind" if behind else "postpone"), self.limits.give_up_after_seconds
        return await self._give_up(claim, how, reason, message, delay_seconds=delay_seconds, limit=limit)

    async def lose(self, claim: Claim, reason: str, message: str) -> str:
        """Release a job whose engine was lost with it in hand. Returns its new state.

        After two losses in company it is a suspect, which is claimed alone; it is dead after `limits.max_losses` alone.
        """
        return await self._give_up(claim, "lost", reason, message, limit=self.limits.max_losses)

    async def release(self, claim: Claim) -> str:
        """Release a job as if it had never been claimed: it is next in line. Returns its new state."""
        return await self._give_up(claim, "release")

    async def report_fault(
        self, message: str, *, after_seconds: float = 0, news_seconds: float = FAULT_SECONDS
    ) -> float:
        """Note what keeps the engine from working at all; the next finished job withdraws it.

        It is reported once no job has been answered for `after_seconds` since any worker's first note, and is then news
        for `news_seconds`. Returns 0 if it is reported, else in how many seconds a note will be.
        """
        args = (_message(message), after_seconds, news_seconds, TROUBLE_SECONDS)
        return await self._call(script(self.keys, "report_fault", args, float))

    async def register(self, worker: str, *, seconds: float) -> None:
        """Count this worker as alive for so many seconds: KEDA removes none while there is work."""
        await self._call(script(self.keys, "register", (utf8(worker), seconds), ignore))

    async def unregister(self, worker: str) -> None:
        """Stop counting this worker: it ends, and must not be replaced for that."""
        await self.register(worker, seconds=0)

    async def dangers(self) -> list[str]:
        """Return in which ways this Redis may lose jobs because of its settings, each with its remedy."""
        info = server_checks.read_info(await self._send_directly("INFO"))
        return [f"Redis at {self.address} {danger}" for danger in server_checks.dangers(info)]

    @contextlib.contextmanager
    def _claiming(
        self, worker: str, count: int, *, in_hand: int, suspect_first: bool
    ) -> Iterator[Script[list[Claim] | None]]:
        """Give the call that claims, under the token of the last one if that failed within the block."""
        unanswered, self._unanswered = self._unanswered, None
        token = unanswered or secrets.token_hex(8)

        def read(reply: list[Any]) -> list[Claim] | None:
            if reply[0] in {b"paused", b"hold"}:
                return None
            alone = reply[0] == b"alone"
            triples = zip(reply[1::3], reply[2::3], reply[3::3], strict=True)
            return [Claim(job_id.decode(), token, attempt, raw, alone) for job_id, raw, attempt in triples]

        lease, name, seed = self.limits.lease_seconds, utf8(worker), new_id()
        again = "1" if unanswered else ""
        args = (count, lease, name, token, seed, MAX_ITEM_BYTES, in_hand, int(suspect_first), again)
        try:
            yield script(self.keys, "claim", args, read)
        except BaseException:
            self._unanswered = token
            raise

    async def _move_and_claim(self, claiming: Script[list[Claim] | None], seconds: float) -> list[Claim] | None:
        moving = self._direct("BLMOVE", self.keys.list_name, self.keys.claiming, "RIGHT", "LEFT", seconds)
        try:
            if self._blocked_client is None:
                client_id = await self._send_directly("CLIENT", "ID", over=self._blocking)
                await self._send_directly("SCRIPT", "LOAD", script_text(claiming.name), over=self._blocking)
                self._blocked_client = client_id
            commands = [*moving.commands(""), *claiming.commands(self._now())]
            replies = await self._ask(commands, partial(self._blocking.ask, seconds=None))
            moved, claimed = replies[:1], replies[-1:]
            # The claim was made whatever became of the move, which a full Redis refuses: what it got must not be lost.
            if failed(claimed):
                return await self._after_failure(claiming, claimed, self._send_script)
            claims = claiming.result(claimed)
            if claims == [] and failed(moved):
                await self._after_failure(moving, moved, self._send_script)
        except BaseException:
            self._blocked_client = None  # the connection may be another by the next time
            raise
        return claims

    async def _send_directly(self, *command: Argument, over: FastConnection | None = None) -> Any:
        """Send one command, not a script, over a fast connection, and return its reply as Redis gives it."""
        return await self._call(self._direct(*command), (over or self._fast).ask)

    def _direct(self, *command: Argument) -> Commands[Any]:
        return Commands([command], lambda replies: replies[0], lambda: types_of(self.keys))

    async def _give_up(
        self, held: Claim, how: str, reason: str = "", message: str = "", *, delay_seconds: float = 0, limit: float = 0
    ) -> str:
        """End an attempt without a result; `how` is the script's word. Returns the new state, or `lost`."""
        args = (held.id, held.token, how, delay_seconds, utf8(reason), _message(message), limit)
        return await self._call(script(self.keys, "give_up", args, lambda reply: str(reply.decode())))

    async def _reconnect(self) -> None:
        await super()._reconnect()
        self._blocking.reconnect()


def _message(text: str) -> bytes:
    """Return an error's text as it is stored."""
    return utf8(text if len(text) <= MAX_MESSAGE_CHARS else f"{text[:MAX_MESSAGE_CHARS]} ...")


def _outcome(outcome: Outcome) -> bytes:
    try:
        return msgspec.json.encode(outcome)
    except UnicodeEncodeError:
        texts = {
            name: utf8(value).decode()
            for name, value in msgspec.structs.asdict(outcome).items()
            if isinstance(value, str)
        }
        return msgspec.json.encode(msgspec.structs.replace(outcome, **texts))
