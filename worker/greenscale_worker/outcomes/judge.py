"""How an answer is judged: what came from an engine, and what it means for the job. Decided here and nowhere else.

Pure: plain values in, an EngineError out. The rows are in `refusals` and `endings`. No text of an engine reaches a
message, except a code that looks like one: servers repeat the prompt, or a part of the key.
"""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from greenscale_worker.errors import EngineError, EngineInTrouble
from greenscale_worker.outcomes.bodies import ErrorBody
from greenscale_worker.outcomes.endings import BREAKS, ENDINGS
from greenscale_worker.outcomes.parameters import refused_parameter, setting_of
from greenscale_worker.outcomes.patterns import STATUS_WITHIN
from greenscale_worker.outcomes.refusals import REFUSALS
from greenscale_worker.outcomes.rows import Row
from greenscale_worker.outcomes.waits import wait_seconds

FIRST_REFUSAL, SERVER_ERROR = 300, 500

TOO_MANY_REQUESTS = 429
"""It answers others, and wants fewer jobs at once."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Which engine it is, and the settings that a message names as its remedy."""

    host: str
    model: str
    is_bare: bool = False
    """Whether its address has no path: most need one (`/v1`)."""
    has_answered: bool = False
    """Whether it has answered a job: then its address, key and model are right."""
    address: str = "engine.openAI.baseURL (OPENAI_BASE_URL)"
    key: str = "engine.openAI.apiKeySecretRef (OPENAI_API_KEY)"
    model_setting: str = "engine.openAI.model (GREENSCALE_MODEL)"
    proxy: str | None = None
    """The variable that names the proxy on the way."""


def judge_refusal(
    status: int,
    headers: Mapping[str, str],
    body: ErrorBody,
    *,
    place: Place,
    asked: Collection[str] = (),
    defaults: Collection[str] = (),
) -> EngineError:
    """Return what a refusal means: a status from 300 on, or an error within an answer of 200.

    `headers`: lower-case names. `asked`: the parameters that the job itself asks for, `defaults`: those that its
    workload adds, both as a request names them.
    """
    within = status < FIRST_REFUSAL
    if within:
        status = status_within(body)
    parameter = refused_parameter(body, (*asked, *defaults))
    parameter_of = None if parameter is None else "job" if parameter in asked else "defaults"
    row = next(row for row in REFUSALS if row.fits(status, body, parameter_of, is_bare=place.is_bare))
    what = "sent an error within its answer" if within else f"answered {status}"
    code = f" ({body.code})" if body.code else ""
    sentence = f"{what}{code}: {row.remedy}"
    wait = wait_seconds(status, headers, body.retry_seconds)
    overloaded = status == TOO_MANY_REQUESTS
    return _error(
        row, sentence, place, wait=wait, overloaded=overloaded, parameter=setting_of(parameter) if parameter else ""
    )


def judge_ending(ending: str | None, *, has_text: bool, place: Place, max_answer_bytes: int) -> EngineError | None:
    """Return what the end of an answer means; None: the answer is whole.

    `ending`: its `finish_reason`, or what it has instead (`<none>`, `<page>`, `<malformed>`, `<too large>`).
    """
    ending = (ending or "<none>").lower()
    row = next((row for row in ENDINGS if row.fits(ending, has_text=has_text)), None)
    return _error(row, row.remedy, place, bytes=max_answer_bytes) if row else None


def judge_break(name: str, *, place: Place) -> EngineError:
    """Return what a broken connection means; `name` is that of one of `BREAKS`."""
    row = next(row for row in BREAKS if row.name == name)
    return _error(row, row.remedy, place)


def status_within(body: ErrorBody) -> int:
    """Return the HTTP status that an error within an answer stands for."""
    named = (status for status, words in STATUS_WITHIN if words.search(body.text))
    return body.status or next(named, SERVER_ERROR)


def _error(
    row: Row, sentence: str, place: Place, *, wait: float | None = None, overloaded: bool = False, **more: Any
) -> EngineError:
    known = {
        "address": place.address,
        "key": place.key,
        "model_setting": place.model_setting,
        "model": repr(place.model),
    }
    message = f"the engine at {place.host} {sentence.format(**known, **more)}"
    if place.proxy:
        message += f" (a proxy is in use: {place.proxy})"
    outcome = (row.once_answered if place.has_answered else None) or row.outcome
    if issubclass(outcome, EngineInTrouble):
        return outcome(row.reason, message, retry_after_seconds=wait, overloaded=overloaded)
    return outcome(row.reason, message)
