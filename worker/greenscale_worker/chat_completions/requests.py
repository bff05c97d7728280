"""The request to an OpenAI-compatible server, and which parts of it we added ourselves. Pure."""

from typing import Any

import msgspec

from greenscale_jobs.records import Item, Parameters
from greenscale_worker.outcomes.parameters import OTHER_LIMIT


class Dialect(msgspec.Struct, frozen=True):
    """Which of our own additions this server takes, and under which names; learned from its refusals."""

    limit: str
    """Its name for the limit of an answer: `max_tokens`, or `max_completion_tokens`."""
    streams: bool = True
    counts: bool = True
    """Whether it takes `stream_options`, so that a stream ends with its tokens counted."""
    is_renamed: bool = False
    """Whether `limit` is the second name that was tried: there is no third."""

    @property
    def own(self) -> tuple[str, ...]:
        """The additions that may be refused, and are then left out or renamed."""
        counts = ("stream_options",) if self.streams and self.counts else ()
        return (*counts, *(() if self.is_renamed else (self.limit,)), *(("stream",) if self.streams else ()))

    def without(self, name: str) -> "Dialect":
        """Return the dialect of a server that refuses `name`, one of `own`."""
        match name:
            case "stream_options":
                return msgspec.structs.replace(self, counts=False)
            case "stream":
                return msgspec.structs.replace(self, streams=False)
            case _:
                return msgspec.structs.replace(self, limit=OTHER_LIMIT[name], is_renamed=True)


class Request(msgspec.Struct, frozen=True):
    """A request's body, and the names of parameters: the job's own, its workload's, and those that we added."""

    body: dict[str, Any]
    asked: tuple[str, ...]
    defaults: tuple[str, ...]
    own: tuple[str, ...]


def request_for(item: Item, *, model: str, defaults: Parameters, dialect: Dialect) -> Request:
    """Return what is sent for one job."""
    parameters = item.parameters.over(defaults)
    messages = [{"role": turn.role, "content": turn.content} for turn in item.history]
    messages.append({"role": "user", "content": item.prompt})
    if parameters.system:
        messages.insert(0, {"role": "system", "content": parameters.system})
    body: dict[str, Any] = {"model": model, "messages": messages}
    if dialect.streams:
        body["stream"] = True
        if dialect.counts:
            body["stream_options"] = {"include_usage": True}
    if parameters.max_tokens is not None:
        body[dialect.limit] = parameters.max_tokens
    if parameters.temperature is not None:
        body["temperature"] = parameters.temperature
    asked = _names(item.parameters, dialect)
    added = tuple(name for name in _names(defaults, dialect) if name not in asked)
    return Request(body, asked, added, own=tuple(name for name in dialect.own if name in body))


def _names(parameters: Parameters, dialect: Dialect) -> tuple[str, ...]:
    given = {
        dialect.limit: parameters.max_tokens is not None,
        "temperature": parameters.temperature is not None,
        "system": bool(parameters.system),
    }
    return tuple(name for name, is_given in given.items() if is_given)
