"""What is judged of a workload: the operator's facts, as `greenscale_jobs.judgement` takes them.

Pure: no I/O, no clock.
"""

from greenscale_jobs.judgement import Verdict, WorkloadFacts, judge, keeps
from greenscale_operator.facts import Facts
from greenscale_operator.problems import blocking, serving


def verdict(facts: Facts) -> Verdict:
    """Return what a workload is doing."""
    return judge(workload_facts(facts))


def workload_facts(facts: Facts) -> WorkloadFacts:
    """Return what a workload is judged by."""
    return WorkloadFacts(
        now=facts.now,
        stats=facts.stats,
        replicas=facts.workers.replicas if facts.workers else None,
        max_replicas=facts.max_replicas,
        serving=serving(facts),
        ending=facts.pods.ending,
        ending_since=facts.pods.ending_since,
        suspended=facts.suspend,
        problem=blocking(facts),
        kept=keeps(facts.min_replicas, facts.kept),
        waking_since=facts.waking_since,
        stage=facts.pods.doing,
        last_active=facts.scaler.last_active if facts.scaler else None,
        cooldown_seconds=facts.cooldown_seconds,
    )
