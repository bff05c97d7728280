"""One Redis that keeps queues, and what the last survey of it has found."""

import asyncio
import dataclasses
from collections.abc import Sequence

from greenscale_jobs import Fleet, QueueUnavailable, Survey


@dataclasses.dataclass(eq=False)
class SurveyedRedis:
    """One Redis, which keeps the queues of any number of workloads."""

    fleet: Fleet
    survey_now: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)
    """A queue was added."""
    searched_at: float = 0.0
    """When some records were last searched for jobs that are not where they should be, in Unix seconds."""
    published_at: float = 0.0
    """When all statuses were, in Unix seconds."""
    down: bool = False
    """Whether the last survey of its queues failed."""
    has_task: bool = False
    unused: bool = False
    """Whether no workload kept its queue here at the last survey."""
    unreachable: str | None = None
    """Why it did not even answer."""

    async def survey(self, lists: Sequence[str]) -> Survey:
        """Survey its queues, and remember whether it answers."""
        try:
            survey = await self.fleet.survey(lists)
        except QueueUnavailable as error:
            self.unreachable = str(error)
            raise
        self.unreachable = None
        return survey

    def refuse_if_unreachable(self) -> None:
        """Raise at once what its own task has found: to ask again would take seconds of a reconciler's turn."""
        if self.unreachable is not None:
            raise QueueUnavailable(self.unreachable)
