"""Answers the kubelet: GET /livez, whether the worker's loop turns, and GET /readyz, whether it can work on jobs.

The same event loop answers.
"""

import asyncio
import json
import time
from typing import Any

STALE_SECONDS = 60.0
"""The claim loop turns at least every 20 s, whatever Redis does; three turns missed are a hang."""

SILENT_SECONDS = 30.0
"""Maintenance asks Redis every 10 s, whatever the worker does; three answers missed are an outage."""


class Pulse:
    """When the claim loop last turned, and what the worker's loops know of the engine and of Redis."""

    def __init__(self) -> None:
        self._beaten_at = self._answered_at = time.monotonic()
        self._is_engine_ready = False
        self._refusal: str | None = "no claim has been answered by Redis yet"

    def beat(self) -> None:
        """Note that the loop turned."""
        self._beaten_at = time.monotonic()

    def engine_is_ready(self) -> None:
        """Note that the engine can take jobs from now on."""
        self._is_engine_ready = True

    def redis_answered(self) -> None:
        """Note that Redis answered something."""
        self._answered_at = time.monotonic()

    def claims_answered(self) -> None:
        """Note that Redis answered a claim, with jobs or without."""
        self._refusal = None

    def claims_failed(self, why: str) -> None:
        """Note that a claim could not be made; `why` is a sentence."""
        self._refusal = why

    @property
    def is_claiming(self) -> bool:
        """Whether the last claim was answered."""
        return self._refusal is None

    @property
    def age_seconds(self) -> float:
        """How long ago the loop turned."""
        return time.monotonic() - self._beaten_at

    @property
    def why_not_ready(self) -> str | None:
        """Return why no job can be worked on, as a sentence; None if it can.

        A worker that claims nothing for now (its hand is full, its queue is suspended, its engine asked for a pause,
        it is ending) is ready all the same.
        """
        if not self._is_engine_ready:
            return "the engine is not ready yet"
        if self._refusal is not None:
            return self._refusal
        silent = time.monotonic() - self._answered_at
        return f"Redis has not answered for {silent:.0f} s" if silent > SILENT_SECONDS else None


async def serve_liveness(pulse: Pulse, port: int) -> asyncio.Server:
    """Answer both on `port`: 200 for yes, 503 for no."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(5):
                request = await reader.readuntil(b"\r\n\r\n")
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            writer.close()
            return
        status, body = _reply(request, pulse)
        text = json.dumps(body)
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(text)}"
        writer.write(f"{head}\r\nConnection: close\r\n\r\n{text}".encode())
        writer.close()

    return await asyncio.start_server(answer, port=port)


def _reply(request: bytes, pulse: Pulse) -> tuple[str, dict[str, Any]]:
    match request.partition(b" ")[2].partition(b" ")[0].partition(b"?")[0]:
        case b"/livez":
            return _status(is_well=pulse.age_seconds < STALE_SECONDS), {"lastTurnSeconds": round(pulse.age_seconds, 3)}
        case b"/readyz":
            why = pulse.why_not_ready
            return _status(is_well=why is None), {"ready": why is None, **({} if why is None else {"why": why})}
        case _:
            return "404 Not Found", {"paths": ["/livez", "/readyz"]}


def _status(*, is_well: bool) -> str:
    return "200 OK" if is_well else "503 Service Unavailable"
