"""A problem of the queue in the resource's words: its errors speak of the variables that a worker or a client reads.

Pure.
"""

import re

from greenscale_operator.objects import Install, redis_host
from greenscale_operator.workload import Workload

FIELDS = {
    "REDIS_HOST": "host",
    "REDIS_PORT": "port",
    "REDIS_DB": "database",
    "REDIS_USERNAME": "username",
    "REDIS_PASSWORD": "passwordSecretRef",
    "REDIS_TLS": "tls",
    "REDIS_CA": "caSecretRef",
}

VARIABLE = re.compile(rf"\b({'|'.join(FIELDS)})\b")

UNRESOLVED = (
    "Name or service not known",
    "Temporary failure in name resolution",
    "No address associated",
    "nodename nor",
)
"""How a resolver says that it does not know a name."""


def in_resource_words(message: str, workload: Workload, install: Install) -> str:
    """Return a message about Redis with the fields of the spec in place of the variables."""
    if any(words in message for words in UNRESOLVED):
        return _unresolved(workload, install)
    return VARIABLE.sub(lambda found: f"spec.queue.redis.{FIELDS[found[1]]}", message)


def _unresolved(workload: Workload, install: Install) -> str:
    given, tried = workload.queue.redis.host, redis_host(workload, install)
    if given is None:
        return (
            f"The installation's Redis, {tried}, cannot be looked up: is there a Service of that name? Otherwise set "
            "spec.queue.redis.host, or GREENSCALE_REDIS_HOST of the operator."
        )
    if given == tried:
        return f"Redis' host {tried} cannot be looked up: is spec.queue.redis.host right?"
    return (
        f"Redis' host {given} cannot be looked up. A bare Service name is looked up in the installation's namespace "
        f"({tried} was tried): for a Service in another one write NAME.NAMESPACE in spec.queue.redis.host, such as "
        f"{given}.{workload.namespace}."
    )
