"""A resource as text, and its conditions."""

import yaml

from greenscale_dashboard.view.resource import Condition, as_yaml, conditions, resource
from greenscale_jobs import JobQueue, RedisAddress, Resource
from greenscale_testing.board import publish


def test_yaml_keeps_the_authors_order_and_can_be_read_back() -> None:
    document = {"kind": "GreenScaleWorkload", "apiVersion": "v1", "spec": {"engine": {"type": "Echo"}, "é": "- :\n# "}}
    text = as_yaml(document)

    assert text.startswith("kind: GreenScaleWorkload\napiVersion: v1\nspec:\n  engine:\n    type: Echo\n  é: ")
    assert yaml.safe_load(text) == document


def test_conditions_are_in_order_with_what_is_not_known_left_open() -> None:
    ready = {
        "type": "Ready",
        "status": "False",
        "reason": "SecretMissing",
        "message": "Create the Secret openai.",
        "lastTransitionTime": "1970-01-01T00:01:40Z",
        "observedGeneration": 2,
    }

    assert conditions([ready, {"type": "Active", "lastTransitionTime": "soon"}, {}]) == [
        Condition("Ready", "False", "SecretMissing", "Create the Secret openai.", 100.0),
        Condition("Active", "", "", "", None),
        Condition("", "", "", "", None),
    ]


async def test_the_resource_is_that_of_the_workload(address: RedisAddress, queue: JobQueue) -> None:
    reported = Resource({"kind": "GreenScaleWorkload"}, {"kind": "ScaledObject"}, ({"type": "Ready"},))
    await publish(queue, resources={"default/assistant": reported})

    assert resource(address, "default", "assistant") == reported
    assert resource(address, "default", "other") is None
