"""What becomes of fields that others add to our objects: they are removed, unless somebody insists on them."""

import dataclasses
from collections.abc import Callable, Sequence

from greenscale_operator.ownership import ForeignField

INSIST_SECONDS = 600.0
"""A field that was removed and is back within this time is one that somebody insists on: no fight without end."""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What to do about the foreign fields of one object."""

    to_remove: tuple[ForeignField, ...] = ()
    news: tuple[ForeignField, ...] = ()
    """Those that are left from now on."""


class ForeignMemory:
    """Remembers what was removed and what was left; all of it may be lost with the process."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._removed_at: dict[tuple[str, str], float] = {}
        self._left: dict[str, frozenset[str]] = {}
        """By object: the names of the fields that are left."""

    def judge(self, uid: str, fields: Sequence[ForeignField]) -> Verdict:
        """Return which of an object's foreign fields are to go, and which are left."""
        now, left = self._clock(), self._left.pop(uid, frozenset())
        self._removed_at = {key: at for key, at in self._removed_at.items() if now - at < INSIST_SECONDS}
        kept = [
            field for field in fields if field.is_ours or field.name in left or (uid, field.name) in self._removed_at
        ]
        if kept:
            self._left[uid] = frozenset(field.name for field in kept)
        to_remove = tuple(field for field in fields if field not in kept)
        return Verdict(to_remove, tuple(field for field in kept if field.name not in left))

    def note_removal(self, uid: str, fields: Sequence[ForeignField]) -> None:
        """Take note that these were removed just now."""
        now = self._clock()
        self._removed_at.update({(uid, field.name): now for field in fields})
