"""What is kept of a queue's past: samples for charts, and its starts from zero.

Pure: no I/O, no clock. Redis' own time is in the entries' ids.
"""

import contextlib
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

import msgspec

from greenscale_jobs.workloads import Stats

T = TypeVar("T")

SAMPLES_KEPT = 4320
"""The charts' line: half a day of a busy queue, much more of a quiet one, which is sampled when it changes."""

COUNTED_SECONDS = 60.0
"""Where nothing but the counters changes, a sample as often as this is enough."""

STARTS_KEPT = 100
"""Starts from zero that a queue remembers."""

USUAL_STARTS = 20
"""The usual time is the median of the last so many: an image may have grown since earlier ones."""

MAX_START_SECONDS = 86_400.0
"""A start that took longer than a day is damage."""

Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""As Redis counts: a number above is damage."""


class Sample(msgspec.Struct, frozen=True, rename="camel"):
    """A queue's numbers at one instant. A chart's rates are the differences of the counters."""

    at: float
    """Unix seconds."""
    pending: Count
    in_flight: Count
    replicas: Count
    done: Count
    """Jobs, since the queue exists; so are the next two."""
    dead: Count
    tokens: Count | None
    """Of prompts and answers of all done jobs; None where no engine reported any."""

    @classmethod
    def of(cls, stats: Stats, *, replicas: int, at: float) -> "Sample":
        """Return the sample of a queue whose numbers are `stats`."""
        counters = stats.counters
        return cls(
            at,
            stats.pending,
            stats.in_flight,
            replicas,
            counters.get("done", 0),
            counters.get("dead", 0),
            counters.get("tokens"),
        )

    def follows(self, before: "Sample | None") -> bool:
        """Return whether it is worth keeping after `before`, the last that was."""
        if before is None or before.lengths != self.lengths:
            return True
        return before.counters != self.counters and self.at - before.at >= COUNTED_SECONDS

    @property
    def lengths(self) -> tuple[int, ...]:
        """What goes up and down."""
        return self.pending, self.in_flight, self.replicas

    @property
    def counters(self) -> tuple[int | None, ...]:
        """What only grows."""
        return self.done, self.dead, self.tokens


class Start(msgspec.Struct, frozen=True):
    """One start from zero: from the decision to have a worker to its first claim."""

    at: float
    """When it was over, in Unix seconds."""
    seconds: Annotated[float, msgspec.Meta(ge=0, le=MAX_START_SECONDS)]


def usual(starts: Sequence[Start]) -> float | None:
    """Return how many seconds a start usually takes; None where none is known."""
    from statistics import median  # noqa: PLC0415 - a worker that starts needs none, and waits for no decimal fractions

    return median(start.seconds for start in starts) if starts else None


def sample_fields(sample: Sample) -> dict[Any, Any]:
    """Return what the stream holds of a sample; its time is the entry's."""
    fields = msgspec.to_builtins(sample)
    return {name: value for name, value in fields.items() if name != "at" and value is not None}


def read_samples(entries: Any) -> list[Sample]:
    """Turn entries of `<list>:history` into samples, in their order; what cannot be read is left out."""
    return _read(entries, Sample, tokens=None)


def read_starts(entries: Any) -> list[Start]:
    """Turn entries of `<list>:starts` into starts, in their order; what cannot be read is left out."""
    return _read(entries, Start)


def _read(entries: Any, kind: type[T], **defaults: Any) -> list[T]:
    found = []
    for entry_id, fields in entries:
        texts = {name.decode(errors="replace"): value.decode(errors="replace") for name, value in fields.items()}
        # One entry of another version or hand must not hide all others.
        with contextlib.suppress(msgspec.ValidationError):
            found.append(msgspec.convert({**defaults, **texts, "at": _at(entry_id)}, kind, strict=False))
    return found


def _at(entry_id: bytes) -> float:
    return int(entry_id.partition(b"-")[0]) / 1000
