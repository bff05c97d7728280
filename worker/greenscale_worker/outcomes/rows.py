"""What a row of the tables of outcomes is. `refusals` and `endings` have the rows.

The first row that fits counts, so narrow rows stand before wide ones. `docs/engines.md` has the same rows for people.
A remedy has `{address}`, `{key}`, `{model_setting}`, `{model}`, `{parameter}` and `{bytes}`, which are filled in.
"""

import re
from collections.abc import Collection

import msgspec

from greenscale_worker.errors import EngineError
from greenscale_worker.outcomes.bodies import ErrorBody

ANY = range(300, 600)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One row: `name` for people, the outcome, its reason and the rest of the sentence."""

    name: str
    outcome: type[EngineError]
    reason: str
    remedy: str
    once_answered: type[EngineError] | None = None
    """The outcome where the engine has answered another job: then the configuration alone is not to blame."""


class Refusal(Row, frozen=True, kw_only=True):
    """A status from 300 on, or an error within an answer, and what it says; None: whatever it is."""

    statuses: Collection[int] = ANY
    words: re.Pattern[str] | None = None
    page: bool | None = None
    """Whether it must be an HTML page, whose words mean little."""
    route: bool = False
    """It must be how a web framework says that it has no such path."""
    bare: bool = False
    """The engine's address must have no path, which most need (`/v1`)."""
    parameter: str | None = None
    """A parameter must be refused: one of the `job`, or of the `defaults`."""
    names_nothing: bool = False

    def fits(self, status: int, body: ErrorBody, parameter_of: str | None = None, *, is_bare: bool = False) -> bool:
        """Return whether this row applies; `parameter_of`: whose parameter is refused; `is_bare` as in `bare`."""
        return (
            status in self.statuses
            and (self.page is None or self.page == body.is_html)
            and (not self.route or body.is_route_error)
            and (not self.bare or is_bare)
            and (self.parameter is None or self.parameter == parameter_of)
            and (not self.names_nothing or body.names_nothing)
            and (self.words is None or self.words.search(body.text) is not None)
        )


class Ending(Row, frozen=True, kw_only=True):
    """A `finish_reason` in lower case, or what an answer has instead of one (`<...>`)."""

    words: re.Pattern[str]
    text: bool | None = None
    """Whether there must be a text; None: either."""

    def fits(self, ending: str, *, has_text: bool) -> bool:
        """Return whether this row applies."""
        return self.words.search(ending) is not None and self.text in {None, has_text}


class Break(Row, frozen=True, kw_only=True):
    """What happened to a connection, by the name that the transport gives it."""


CHANGE_ADDRESS = "set {address} to the address that ends in /v1, or to the one that its documentation names"
