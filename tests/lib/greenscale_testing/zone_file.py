"""A time zone of one's own, whose clocks change when a test wants them to (TZif, RFC 9636)."""

import io
import struct
import zoneinfo


def zone_file(changes_at: int, before: int, after: int) -> bytes:
    """Return a zone whose offset from UTC, in seconds, changes once."""
    return _block(b"2", ">i", changes_at, before, after) + _block(b"2", ">q", changes_at, before, after) + b"\n\n"


def zone(changes_at: int, before: int, after: int) -> zoneinfo.ZoneInfo:
    """Return such a zone, read."""
    return zoneinfo.ZoneInfo.from_file(io.BytesIO(zone_file(changes_at, before, after)), key="Test/Zone")


def _block(version: bytes, time: str, changes_at: int, before: int, after: int) -> bytes:
    names = b"BEF\0AFT\0"
    header = b"TZif" + version + bytes(15) + struct.pack(">6l", 0, 0, 0, 1, 2, len(names))
    types = struct.pack(">lBB", before, 0, 0) + struct.pack(">lBB", after, int(after > before), 4)
    return header + struct.pack(time, changes_at) + b"\1" + types + names
