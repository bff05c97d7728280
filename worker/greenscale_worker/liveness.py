"""Proves that the worker's loop turns: GET /livez, answered by that very loop."""

import asyncio
import json
import time

STALE_SECONDS = 60.0
"""The claim loop turns at least every 20 s, whatever Redis does; three turns missed are a hang."""


class Pulse:
    """When the claim loop last turned."""

    def __init__(self) -> None:
        self._beaten_at = time.monotonic()

    def beat(self) -> None:
        """Note that the loop turned."""
        self._beaten_at = time.monotonic()

    @property
    def age_seconds(self) -> float:
        """How long ago the loop turned."""
        return time.monotonic() - self._beaten_at


async def serve_liveness(pulse: Pulse, port: int) -> asyncio.Server:
    """Answer 200 on `port` while the pulse is fresh, 503 once it is stale; whatever the path."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(5):
                await reader.readuntil(b"\r\n\r\n")
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            writer.close()
            return
        age = pulse.age_seconds
        status = "200 OK" if age < STALE_SECONDS else "503 Service Unavailable"
        body = json.dumps({"lastTurnSeconds": round(age, 3)})
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        writer.write(f"{head}\r\nConnection: close\r\n\r\n{body}".encode())
        writer.close()

    return await asyncio.start_server(answer, port=port)
