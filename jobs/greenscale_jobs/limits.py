"""The limits that a queue sets for its jobs and workers."""

import msgspec


class Limits(msgspec.Struct, frozen=True):
    """The limits of one queue; the defaults are the resource's."""

    lease_seconds: float = 30
    """How long a claim lives unrenewed; it is renewed at a third of it, so two renewals may be lost."""
    result_ttl_seconds: int = 86_400
    give_up_after_seconds: float = 86_400
    """How long a job may be tried uncharged, from the first such try."""
    max_losses: int = 5
    """How often a job may be alone with an engine or a worker that is lost."""
