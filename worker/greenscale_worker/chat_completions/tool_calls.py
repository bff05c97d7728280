"""Tool calls of an answer, put together from their pieces. Pure."""

import json
from typing import Any


class ToolCalls:
    """Merges pieces by their index. False where there are none."""

    def __init__(self) -> None:
        self._calls: dict[int, dict[str, Any]] = {}

    def __bool__(self) -> bool:
        """Whether a tool is called."""
        return bool(self._calls)

    def take(self, calls: Any, function: Any = None) -> int:
        """Take the `tool_calls` of one chunk, or its `function_call`; returns how many bytes they have, about."""
        size = 0
        pieces = calls if isinstance(calls, list) else []
        if isinstance(function, dict):
            pieces = [*pieces, {"index": 0, "function": function}]
        for place, piece in enumerate(pieces):
            if isinstance(piece, dict):
                size += self._take(piece, place)
        return size

    def text(self) -> str:
        """Return them as JSON: `[{"id", "type", "function": {"name", "arguments"}}]`; empty where there are none."""
        return json.dumps([self._calls[index] for index in sorted(self._calls)], ensure_ascii=False) if self else ""

    def _take(self, piece: dict[str, Any], place: int) -> int:
        index = piece.get("index")
        call = self._calls.setdefault(
            index if isinstance(index, int) else place,
            {"id": None, "type": "function", "function": {"name": "", "arguments": ""}},
        )
        if isinstance(piece.get("id"), str):
            call["id"] = piece["id"]
        function = piece.get("function")
        size = 64
        for name in ("name", "arguments"):
            value = function.get(name) if isinstance(function, dict) else None
            if value is not None:
                text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
                call["function"][name] += text
                size += len(text.encode("utf-8", "surrogatepass"))
        return size
