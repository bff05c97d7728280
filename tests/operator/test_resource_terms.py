"""What is wrong with Redis, in the words of the resource."""

import re
import socket

import pytest

from greenscale_jobs.errors import MEANINGS
from greenscale_operator.objects import Install
from greenscale_operator.resource_terms import in_resource_words
from greenscale_operator.workload import Workload, parse


def workload(**redis: object) -> Workload:
    metadata = {"name": "w", "namespace": "shop"}
    return parse({"metadata": metadata, "spec": {"engine": {"type": "Echo"}, "queue": {"redis": redis}}})


@pytest.mark.parametrize("meaning", [sentence for _, _, sentence in MEANINGS])
def test_no_variable_is_left(meaning: str) -> None:
    sentence = in_resource_words(meaning, workload(host="r.x"), Install())

    assert not re.search(r"REDIS_[A-Z]", sentence)
    assert ("REDIS_" in meaning) == ("spec.queue.redis." in sentence)


UNKNOWN = f"Redis at x does not answer ({socket.gaierror(-2, 'Name or service not known')}). Are REDIS_HOST ... right?"


@pytest.mark.parametrize(
    ("redis", "expected"),
    [
        pytest.param(
            {"host": "own"},
            "Redis' host own cannot be looked up. A bare Service name is looked up in the installation's namespace "
            "(own.greenscale-system.svc was tried): for a Service in another one write NAME.NAMESPACE in "
            "spec.queue.redis.host, such as own.shop.",
            id="a bare name",
        ),
        pytest.param(
            {"host": "own.elsewhere"},
            "Redis' host own.elsewhere cannot be looked up: is spec.queue.redis.host right?",
            id="a whole name",
        ),
        pytest.param(
            {},
            "The installation's Redis, redis-service.greenscale-system.svc, cannot be looked up: is there a Service of "
            "that name? Otherwise set spec.queue.redis.host, or GREENSCALE_REDIS_HOST of the operator.",
            id="the installation's",
        ),
    ],
)
def test_a_host_that_cannot_be_looked_up(redis: dict[str, object], expected: str) -> None:
    assert in_resource_words(UNKNOWN, workload(**redis), Install()) == expected
