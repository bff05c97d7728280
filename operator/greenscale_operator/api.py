"""One request to the Kubernetes API: plain dicts in, plain dicts out, and errors by what comes of them.

The client's own methods turn answers into typed objects, which drops what they do not know, and give nothing back for
an apply that creates (kubernetes 37.0.2); its requests, its way in and its TLS are used here.
"""

import re
from typing import Any

import aiohttp
import msgspec
from kubernetes.aio import client
from kubernetes.aio.client.exceptions import ApiException

from greenscale_operator.errors import (
    SERVER_ERROR,
    ClusterError,
    Forbidden,
    Gone,
    KindMissing,
    QuotaExceeded,
    Rejected,
    Unavailable,
)
from greenscale_operator.kinds import Kind

Json = dict[str, Any]

TIMEOUT_SECONDS = 20.0

JSON, APPLY, MERGE = "application/json", "application/apply-patch+yaml", "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"

FORBIDDEN, NOT_FOUND, CONFLICT = 403, 404, 409

PASSING = {401, 408, 425, 429}
"""Of the 4xx those that the same request need not meet again."""

SCHEMA_REFUSALS = (
    "failed to create typed patch object",
    "failed to create typed live object",
    "field not declared in schema",
    "duplicate entries for key",
    "unable to convert",
    "failed to convert",
    "cannot unmarshal",
    "quantities must match",
)
"""How the API server says, with a 500, that an object does not fit its schema: it will not fit the next time either."""

RIGHT_MISSING = re.compile(r'forbidden: User "[^"]*" cannot \S+ (resource|path) ')
"""RBAC's own words; a quota, a policy and a webhook answer with a 403 as well, and no right helps there."""

MAX_WORDS = 4096
"""Of an answer; two of them fit into a condition."""


class Api:
    """The API server."""

    def __init__(self, api: client.ApiClient) -> None:
        self._api = api

    async def ask(
        self,
        method: str,
        kind: Kind,
        path: str,
        *,
        what: str,
        query: dict[str, str] | None = None,
        body: Json | list[Json] | None = None,
        content_type: str = JSON,
    ) -> Json:
        """Return the answer's object. `what` says in a few words what of `kind` is asked, for errors.

        Raises:
            ClusterError: One of `errors`; a 409 is Gone.
        """
        try:
            # Without the body: it is plain JSON already, which the client would copy part by part.
            method, url, headers, *_ = await self._api.param_serialize(
                method,
                path,
                query_params=list((query or {}).items()),
                header_params={"Accept": JSON, "Content-Type": content_type},
                auth_settings=["BearerToken"],
            )
            response = await self._api.call_api(method, url, headers, body, _request_timeout=TIMEOUT_SECONDS)
            data = await response.read()  # type: ignore[no-untyped-call]
            self._api.response_deserialize(response, {"2XX": "bytes", "default": "object"})
            answer: Json = msgspec.json.decode(data)
        except ApiException as error:
            raise translate(error, what, kind) from error
        except (aiohttp.ClientError, TimeoutError, OSError, msgspec.DecodeError) as error:
            raise Unavailable(f"Kubernetes did not answer when asked to {what}: {type(error).__name__}.") from error
        return answer


def translate(error: ApiException, what: str, kind: Kind) -> ClusterError:
    """Return our error for the API's. Pure."""
    body = _decoded(error.body)
    details = body.get("details") or {}
    words = str(body.get("message") or error.reason).strip().rstrip(".")[:MAX_WORDS] + "."
    sentence = f"Kubernetes refused to {what}: {words}"
    status = error.status
    if status == NOT_FOUND:
        # A 404 that names no object is about the kind: it is not installed.
        return Gone(sentence) if details.get("name") else KindMissing(kind.missing or sentence, kind.missing_reason)
    if status == CONFLICT:
        return Gone(sentence)
    if status == FORBIDDEN and RIGHT_MISSING.search(words):
        return Forbidden(f"{sentence} Grant it to the operator's ServiceAccount.")
    if status == FORBIDDEN and "exceeded quota" in words:
        return QuotaExceeded(sentence)
    if status == SERVER_ERROR and any(refusal in words for refusal in SCHEMA_REFUSALS):
        return Rejected(sentence)
    if status is not None and SERVER_ERROR > status not in PASSING:
        return Rejected(sentence)
    return Unavailable(f"Kubernetes could not {what} ({status}): {words}", status=status)


def _decoded(body: str | None) -> Json:
    try:
        decoded = msgspec.json.decode(body or "")
    except msgspec.DecodeError:
        return {}
    return decoded if isinstance(decoded, dict) else {}
