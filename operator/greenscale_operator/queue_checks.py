"""Looks at a workload's queue, and at the Secrets that it and the engine need."""

from greenscale_jobs import QueueUnavailable, RedisAddress
from greenscale_jobs.workloads import Problem
from greenscale_operator.errors import Lasting
from greenscale_operator.objects import Install, redis_host
from greenscale_operator.queues import Queues
from greenscale_operator.reconciliation import Body, QueueFinding, SecretFinding
from greenscale_operator.resource_terms import in_resource_words
from greenscale_operator.secrets import Secrets
from greenscale_operator.watch_cache import Key
from greenscale_operator.workload import Workload

DOWN_SECONDS = 15.0
"""How soon a workload is reconciled again whose Redis does not answer."""


class QueueChecks:
    """Takes queues over, and reports what keeps them from being used."""

    def __init__(self, queues: Queues, secrets: Secrets, install: Install) -> None:
        self._queues = queues
        self._secrets = secrets
        self._install = install

    async def check(self, workload: Workload, body: Body) -> QueueFinding:
        """Take over the workload's queue and return its numbers."""
        key, created = Key(workload.namespace, workload.name), body["metadata"]["creationTimestamp"]
        redis = ""
        try:
            address = await self._address(workload)
            redis = str(address)
            owner = self._queues.queue_owner(key, address, workload.list_name, created=created)
            if owner:
                return QueueFinding(redis=redis, taken=_taken(workload, address, owner))
            return QueueFinding(
                redis=redis, stats=await self._queues.take_over(key, workload, address, created=created)
            )
        except QueueUnavailable as error:
            words = in_resource_words(str(error), workload, self._install)
            return QueueFinding(redis=redis, problem=Problem("RedisUnavailable", words), again=DOWN_SECONDS)
        except Lasting as error:
            return QueueFinding(redis=redis, problem=Problem(error.reason, str(error)), again=error.retry_seconds)

    async def check_api_key(self, workload: Workload) -> SecretFinding:
        """Find out whether the Secret of the engine's key is there."""
        key = workload.engine.open_ai.api_key_secret_ref
        if workload.engine.type != "OpenAI" or key is None:
            return SecretFinding()
        try:
            await self._secrets.value(workload.namespace, key.name, key.key)
        except Lasting as error:
            return SecretFinding(problem=Problem(error.reason, str(error)), again=error.retry_seconds)
        return SecretFinding()

    async def forget(self, key: Key) -> None:
        """Look after the queue of a workload that is gone no longer; its jobs stay."""
        await self._queues.forget(key)

    async def remove(self, workload: Workload, body: Body) -> None:
        """Remove the queue with every job, unless it is an older workload's; raises QueueUnavailable and Lasting."""
        key, created = Key(workload.namespace, workload.name), body["metadata"]["creationTimestamp"]
        address = await self._address(workload)
        if self._queues.queue_owner(key, address, workload.list_name, created=created) is None:
            await self._queues.take_over(key, workload, address, created=created)
            await self._queues.delete(key)

    async def _address(self, workload: Workload) -> RedisAddress:
        redis, namespace = workload.queue.redis, workload.namespace
        password, ca = redis.password_secret_ref, redis.ca_secret_ref
        return RedisAddress(
            host=redis_host(workload, self._install),
            port=redis.port,
            database=redis.database,
            username=redis.username,
            password=await self._secrets.value(namespace, password.name, password.key) if password else None,
            tls=redis.tls,
            ca=await self._secrets.value(namespace, ca.name, ca.key) if ca else None,
        )


def _taken(workload: Workload, address: RedisAddress, owner: Key) -> Problem:
    return Problem(
        "QueueTaken",
        f"The list {workload.list_name} in Redis at {address} is the queue of {owner} already: name another list "
        "(spec.queue.listName), or use another database.",
    )
