"""What an OpenAI-compatible server's refusal means for the job.

Pure: plain values in, an EngineError out. Only the status and the error's code reach a message: servers repeat
the prompt, or a part of the key, in their texts.
"""

import email.utils
import re
import time
from collections.abc import Mapping
from http import HTTPStatus

from greenscale_worker.errors import EngineError, EngineInTrouble, EngineMisconfigured, JobRejected

TOO_LONG = {"context_length_exceeded", "exceed_context_size_error", "string_above_max_length"}
"""How OpenAI, llama.cpp and vLLM call a prompt that does not fit into the model's context."""

UNKNOWN_MODEL = {"model_not_found", "invalid_model", "model_not_exist"}

REASONS = {
    400: "InvalidRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    408: "Timeout",
    409: "Conflict",
    413: "TooLarge",
    422: "InvalidRequest",
    429: "RateLimited",
}

MOST_RETRY_AFTER_SECONDS = 3600.0
"""A server that asks for more is asked again after an hour."""


def error_of_status(
    status: int, *, code: str | None, kind: str | None, headers: Mapping[str, str], model: str
) -> EngineError:
    """Return what an HTTP answer of 400 and more means. `code` and `kind` are the error object's."""
    names = {name for name in (code, kind) if name}
    told = f"the engine answered {status}" + _named(code or kind)
    reason = REASONS.get(status, "ServerError" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "Refused")
    if names & TOO_LONG:
        return JobRejected("PromptTooLong", f"{told}: the prompt does not fit into the model's context; shorten it")
    if names & UNKNOWN_MODEL:
        return EngineMisconfigured("ModelNotFound", f"{told}: it has no model {model!r}; set engine.openAI.model")
    match status:
        case 401 | 403:
            return EngineMisconfigured(
                reason, f"{told}: it refuses the API key; set OPENAI_API_KEY (engine.openAI.apiKeySecretRef)"
            )
        case 400 | 413 | 422:
            return JobRejected(reason, f"{told}: it will never take this request; change the prompt or its parameters")
        case 404:
            return JobRejected(
                reason, f"{told}: nothing is at this address; see engine.openAI.baseURL (it ends in /v1)"
            )
        case _:
            return EngineInTrouble(reason, f"{told}: it may succeed later", retry_after_seconds=retry_after(headers))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return how many seconds the header Retry-After asks for: a number, or a date of RFC 9110."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(text).timestamp() - time.time()
        except ValueError:
            return None
    return min(MOST_RETRY_AFTER_SECONDS, max(0.0, seconds)) if seconds == seconds else None  # noqa: PLR0124


def _named(code: str | None) -> str:
    # A code is an identifier; whatever else a server puts there may hold the prompt.
    return f" ({code})" if code and re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", code) else ""
