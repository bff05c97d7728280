"""The parameters of a request: whose they are, and which of them an engine refuses. Pure."""

import re
from collections.abc import Collection

from greenscale_worker.outcomes.bodies import ErrorBody
from greenscale_worker.outcomes.patterns import UNKNOWN_NAME

SETTINGS = {
    "max_tokens": "maxTokens",
    "max_completion_tokens": "maxTokens",
    "temperature": "temperature",
    "system": "system",
}
"""What a request calls a parameter, and what the user calls it."""

OTHER_LIMIT = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
"""OpenAI's newer models refuse the old name, other servers know only that."""

MENTIONS = {
    "system": re.compile(
        r"\bsystem['\"` ]*(role|message|prompt|instruction)|role[^|]{0,40}\bsystem\b|developer instruction|"
        r"messages?[\[.]0\]?\.role"
    ),
    "stream": re.compile(r"['\"`]stream['\"`]|verified to stream|\bstreaming\b[^|]{0,40}\b(not|un)"),
}
"""How a text mentions a parameter whose name is a common word."""


def refused_parameter(body: ErrorBody, sent: Collection[str]) -> str | None:
    """Return which parameter of `sent` a refusal is about: what `param` or `loc` names, else the first in its text."""
    for name in sent:
        if name in body.fields or (name in MENTIONS and any(MENTIONS[name].search(field) for field in body.fields)):
            return name
    found = {name: match.start() for name in sent if (match := _mention(name).search(body.text))}
    return min(found, key=lambda name: found[name]) if found else None


def ours_refused(status: int, body: ErrorBody, own: Collection[str]) -> str | None:
    """Return which of the parameters that we added or named ourselves is refused, so that it is left out or renamed.

    `status` 200: an error within an answer.
    """
    if status not in {200, 400, 422}:
        return None
    name = refused_parameter(body, own)
    if name == "stream_options":
        return name
    unknown = UNKNOWN_NAME.search(body.text) is not None
    return name if name in {"stream", *OTHER_LIMIT} and unknown else None


def setting_of(parameter: str) -> str:
    """Return what a user calls a parameter of the request."""
    return SETTINGS.get(parameter, parameter)


def _mention(name: str) -> re.Pattern[str]:
    return MENTIONS.get(name) or re.compile(rf"(?<![\w.]){re.escape(name)}(?!\w)")
