"""What may go wrong with a single call, and what it may cost the job: drawn by seed, job and call, so always the same.

Some of it may last: then it is an outage, and every call meets it.
"""

import dataclasses
import email.utils
import enum
import random
import time
from collections import Counter
from collections.abc import Callable

from greenscale_testing.chaos_kinds import text_of
from greenscale_testing.chaos_wire import (
    DONE,
    End,
    Reply,
    Request,
    delta,
    error,
    event,
    hanging,
    streamed,
    whole,
    words_of,
    zipped,
)


class Cost(enum.Enum):
    """Whom a trouble is charged to."""

    NOTHING = enum.auto()
    """The engine's or the configuration's fault: the workload slows down."""
    DOUBT = enum.auto()
    """The job's fault or the configuration's: two in a row, with others done meanwhile, and the job is dead."""
    ATTEMPT = enum.auto()
    """Failed, may succeed."""
    LOSS = enum.auto()
    """The connection broke with the job in hand."""


MAX_ATTEMPTS = 5
"""Of the workers that are tried with this engine."""

MOST = {Cost.NOTHING: 10_000, Cost.DOUBT: 1, Cost.ATTEMPT: MAX_ATTEMPTS - 1, Cost.LOSS: 1}
"""How much of each one job may meet and be done all the same."""


@dataclasses.dataclass(frozen=True)
class Trouble:
    """One way in which a call can go wrong."""

    name: str
    cost: Cost
    reply: Callable[[Request], Reply]
    applies: Callable[[Request], bool] = lambda _: True
    lasting: bool = False
    """Whether it may be an outage."""
    hangs: bool = False
    """Whether its calls are taken and not answered: `GET /health` says that all is well."""
    answers: bool = False
    """Whether its calls get the plain answer in the end, which is no answer to a job of another kind."""


RATE = 0.15
"""How many of the calls are disturbed."""

QUICK = "0.4"
"""Seconds, where a server says how long to wait: a test cannot wait for real ones."""


def _half(request: Request) -> list[bytes]:
    events = words_of(text_of(request.number))
    return events[: max(2, len(events) // 2)]


def _ended(reason: str) -> Callable[[Request], Reply]:
    return lambda request: streamed([*_half(request), event(delta(finish_reason=reason)), DONE])


def _choice_error(request: Request) -> Reply:
    broken = delta()
    broken["choices"][0]["error"] = {"code": 502, "message": "provider disconnected"}
    broken["choices"][0]["finish_reason"] = "error"
    return streamed([*_half(request), event(broken), DONE])


def _inside(code: object, **more: object) -> Callable[[Request], Reply]:
    return lambda _: streamed([event({"error": {"message": "no", "code": code, **more}})])


def _inside_late(request: Request) -> Reply:
    return streamed([*_half(request), event({"error": {"message": "died", "code": 500, "type": "server_error"}})])


def _limited(**headers: str) -> Callable[[Request], Reply]:
    return lambda _: error(429, "slow down", type="rate_limit_error", code="rate_limit_exceeded", headers=headers)


def _dated(_: Request) -> Reply:
    headers = {"Retry-After": email.utils.formatdate(time.time() + 1, usegmt=True)}
    return error(503, "busy", headers=headers)


def _gemini_limit(_: Request) -> Reply:
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{QUICK}s"}
    return whole(429, [{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "", "details": [info]}}])


def _gemini_key(_: Request) -> Reply:
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]
    return whole(400, [{"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT", "details": details}}])


def _always(reply: Callable[[], Reply]) -> Callable[[Request], Reply]:
    return lambda _: reply()


def _free(name: str, reply: Callable[[Request], Reply], *, lasting: bool = False) -> Trouble:
    return Trouble(name, Cost.NOTHING, reply, lasting=lasting)


HTML = b"<html><head><title>404 Not Found</title></head><body>nginx</body></html>"

FREE = [
    _free("429", _limited(), lasting=True),
    _free("429-retry-after", _limited(Retry_After="1"), lasting=True),
    _free("429-retry-after-ms", _limited(retry_after_ms="400")),
    _free("429-reset", _limited(x_ratelimit_remaining_requests="0", x_ratelimit_reset_requests=f"{QUICK}s")),
    _free("429-retry-delay", _gemini_limit),
    _free("503", _always(lambda: error(503, "The request queue is full.", nested=False)), lasting=True),
    _free("503-text", _always(lambda: whole(503, b"upstream connect error", kind="text/plain"))),
    _free("503-retry-after", _always(lambda: error(503, "loading", headers={"Retry-After": QUICK})), lasting=True),
    _free("503-date", _dated),
    _free("529", _always(lambda: error(529, "Overloaded", type="overloaded_error")), lasting=True),
    _free("inside-429", _inside(429)),
    _free("inside-503", _inside("503", type="overloaded")),
    _free("inside-401", _inside(401)),
    _free("401", _always(lambda: error(401, "Incorrect API key", code="invalid_api_key")), lasting=True),
    _free("key-of-gemini", _gemini_key, lasting=True),
    _free("402", _always(lambda: error(402, "Insufficient credits", code=402)), lasting=True),
    _free("quota", _always(lambda: error(429, "You exceeded", code="insufficient_quota")), lasting=True),
    _free("budget", _always(lambda: error(400, "Budget exceeded", type="budget_exceeded", code="400"))),
    _free("no-model-vllm", _always(lambda: error(404, "The model `m` does not exist", type="NotFoundError", code=404))),
    _free("model-of-ollama", _always(lambda: error(404, "model 'm' not found, try pulling it", type="api_error"))),
    _free("no-model-azure", _always(lambda: error(404, "The API deployment does not", code="DeploymentNotFound"))),
    _free("no-model-litellm", _always(lambda: error(400, "Invalid model name passed in model=m", code="400"))),
    _free("no-model-deepseek", _always(lambda: error(400, "Model Not Exist", type="invalid_request_error"))),
]

COSTLY = [
    Trouble("no-v1", Cost.DOUBT, _always(lambda: whole(404, {"detail": "Not Found"})), lasting=True),
    Trouble("no-v1-html", Cost.DOUBT, _always(lambda: whole(404, HTML, kind="text/html")), lasting=True),
    Trouble("403", Cost.DOUBT, _always(lambda: error(403, "no", type="permission_error")), lasting=True),
    Trouble("400-bare", Cost.DOUBT, _always(lambda: whole(400, b"Bad Request", kind="text/plain"))),
    Trouble("no-v1-page", Cost.DOUBT, _always(lambda: whole(200, b"Unexpected endpoint.", kind="text/plain"))),
    Trouble("redirect", Cost.DOUBT, _always(lambda: whole(307, b"", Location="/v1/chat/completions")), lasting=True),
    Trouble("redirect-away", Cost.DOUBT, _always(lambda: whole(308, b"", Location="http://127.0.0.2:9/v1"))),
    Trouble("500", Cost.ATTEMPT, _always(lambda: error(500, "oops", type="server_error")), lasting=True),
    Trouble("502", Cost.ATTEMPT, _always(lambda: whole(502, b"<html>bad gateway</html>", kind="text/html"))),
    Trouble("504", Cost.ATTEMPT, _always(lambda: whole(504, b""))),
    Trouble("abort", Cost.ATTEMPT, _ended("abort")),
    Trouble("error", Cost.ATTEMPT, _ended("error")),
    Trouble("no-resource", Cost.ATTEMPT, _ended("insufficient_system_resource")),
    Trouble("choice-error", Cost.ATTEMPT, _choice_error),
    Trouble("inside-500", Cost.ATTEMPT, _inside(500, type="server_error")),
    Trouble("inside-late", Cost.ATTEMPT, _inside_late),
    Trouble("early-end", Cost.ATTEMPT, lambda request: streamed(_half(request))),
    Trouble("early-done", Cost.ATTEMPT, lambda _: streamed([DONE])),
    Trouble("empty", Cost.ATTEMPT, lambda _: streamed([])),
    Trouble("garbage", Cost.ATTEMPT, lambda request: streamed([*_half(request), b'data: {"choices": [}\n\n'])),
    Trouble("broken-gzip", Cost.ATTEMPT, lambda _: zipped([], good=False)),
    Trouble("cut", Cost.LOSS, lambda request: streamed(_half(request), terminated=False, end=End.CLOSE)),
    Trouble("reset", Cost.LOSS, lambda request: streamed(_half(request), terminated=False, end=End.RESET)),
]

RETRIED_AT_ONCE = [
    Trouble("reset-reused", Cost.NOTHING, lambda _: Reply((), End.RESET), lambda request: request.reused),
    Trouble("closed-reused", Cost.NOTHING, lambda _: Reply((), End.CLOSE), lambda request: request.reused),
    Trouble(
        "no-stream-options",
        Cost.NOTHING,
        _always(lambda: whole(422, {"detail": [{"loc": ["body", "stream_options"], "type": "extra_forbidden"}]})),
        lambda request: "stream_options" in request.body,
    ),
    Trouble(
        "no-max-tokens",
        Cost.NOTHING,
        _always(lambda: error(400, "Use 'max_completion_tokens' instead.", param="max_tokens", code="unsupported")),
        lambda request: "max_tokens" in request.body,
    ),
]

TROUBLES = [*FREE, *COSTLY, *RETRIED_AT_ONCE]


def _hanging(after: int, *, goes_on: bool) -> Callable[[Request], Reply]:
    """Return how the good answer stops: after 0 steps nothing has come, after 1 its head, after 3 some of its text."""
    return lambda request: hanging(
        streamed([*words_of(text_of(request.number), "stop"), DONE]), after=after, goes_on=goes_on
    )


HANGS = [
    Trouble("hangs", Cost.NOTHING, _hanging(0, goes_on=True), lasting=True, hangs=True, answers=True),
    Trouble("hangs-after-head", Cost.NOTHING, _hanging(1, goes_on=True), lasting=True, hangs=True, answers=True),
    Trouble("hangs-within", Cost.NOTHING, _hanging(3, goes_on=True), lasting=True, hangs=True, answers=True),
    Trouble("hangs-and-dies", Cost.LOSS, _hanging(0, goes_on=False), lasting=True, hangs=True),
    Trouble("hangs-within-and-dies", Cost.LOSS, _hanging(3, goes_on=False), lasting=True, hangs=True),
]
"""Outages in which the engine takes calls and says nothing, or no more."""

SILENT = Trouble("silent", Cost.ATTEMPT, lambda _: Reply((), End.HOLD), hangs=True)
"""The same until the job's time limit: for runs that have time for it."""

BY_NAME = {trouble.name: trouble for trouble in [*TROUBLES, *HANGS, SILENT]}


GROUPS, WEIGHTS = (FREE, COSTLY, RETRIED_AT_ONCE), (1, 6, 3)
"""The first makes a worker pause for seconds: more of it would leave no time for the rest."""


def drawn(seed: int, number: int, call: int) -> Trouble | None:
    """Return what this call of this job is to meet."""
    chance = random.Random(f"{seed} {number} {call}")  # noqa: S311 - the same again
    if chance.random() >= RATE:
        return None
    return chance.choice(chance.choices(GROUPS, WEIGHTS)[0])


class Met:
    """What each job has met, so that none meets more than it can bear.

    An `episode` is one outage, or any single call: in one outage a job may be refused by doubt as often as it is asked.
    """

    def __init__(self) -> None:
        self._met: dict[int, Counter[Cost]] = {}
        self._doubted_in: dict[int, int] = {}

    def bears(self, number: int, cost: Cost, episode: int = 0) -> bool:
        """Return whether the job may meet one more."""
        met = self._met.get(number, Counter())
        if cost is Cost.DOUBT and met[cost]:
            return episode > 0 and self._doubted_in[number] == episode
        return met[cost] < MOST[cost]

    def note(self, number: int, cost: Cost, episode: int = 0) -> None:
        """Take note of one."""
        self._met.setdefault(number, Counter())[cost] += 1
        if cost is Cost.DOUBT:
            self._doubted_in[number] = episode
