"""How a call can end without an answer, before `outcomes` judges it. Imports nothing that takes long."""

from typing import Any


class Broken(Exception):
    """A call broke. `name`: the row of `outcomes.endings.BREAKS`. `is_stale`: on a used connection, unanswered."""

    def __init__(self, name: str, *, is_stale: bool = False) -> None:
        super().__init__(name)
        self.name = name
        self.is_stale = is_stale


class Refused(Exception):
    """The status is not 2xx, or it is and the answer holds an error (then `is_begun` where there was text before it).

    `headers` have lower-case names. `body`: bytes, or the error as it was decoded. `is_cut`: the body is longer.
    """

    def __init__(
        self,
        status: int,
        body: Any,
        *,
        headers: dict[str, str] | None = None,
        is_cut: bool = False,
        is_begun: bool = False,
    ) -> None:
        super().__init__(str(status))
        self.status = status
        self.body = body
        self.headers = headers or {}
        self.is_cut = is_cut
        self.is_begun = is_begun
