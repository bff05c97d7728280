"""Which fields others have added, by the managed fields of server-side apply, and how they are taken over."""

from typing import Any

import pytest

from greenscale_operator.foreign_fields import INSIST_SECONDS, ForeignMemory
from greenscale_operator.ownership import ForeignField, annexed, foreign_fields, is_annexed

Json = dict[str, Any]

WORKER = 'k:{"name":"worker"}'


def template(pod: Json, **template: Json) -> Json:
    return {"f:spec": {"f:template": {"f:spec": pod, **template}}}


OURS = template({"f:containers": {WORKER: {".": {}, "f:name": {}, "f:resources": {"f:limits": {"f:memory": {}}}}}})


def entry(manager: str, book: Json, operation: str = "Update", **more: str) -> Json:
    return {"manager": manager, "operation": operation, "apiVersion": "apps/v1", "fieldsV1": book, **more}


def live(*entries: Json) -> Json:
    return {"apiVersion": "apps/v1", "metadata": {"managedFields": [entry("greenscale", OURS, "Apply"), *entries]}}


def names(*entries: Json, is_deployment: bool = True) -> list[str]:
    return [str(field) for field in foreign_fields(live(*entries), is_deployment=is_deployment)]


@pytest.mark.parametrize(
    ("book", "expected"),
    [
        pytest.param({"f:spec": {"f:paused": {}}}, "spec.paused (kubectl)", id="a rollout is paused"),
        pytest.param(template({"f:nodeSelector": {}}), "spec.template.spec.nodeSelector (kubectl)", id="an atom"),
        pytest.param(
            template({"f:containers": {WORKER: {"f:env": {".": {}, 'k:{"name":"X"}': {".": {}, "f:value": {}}}}}}),
            "spec.template.spec.containers[worker].env (kubectl)",
            id="the first variable",
        ),
        pytest.param(
            template({"f:containers": {WORKER: {"f:resources": {".": {}, "f:limits": {".": {}, "f:cpu": {}}}}}}),
            "spec.template.spec.containers[worker].resources.limits.cpu (kubectl)",
            id="beside a field of ours",
        ),
        pytest.param(
            {"f:spec": {"f:fallback": {".": {}, "f:failureThreshold": {}, "f:replicas": {}}}},
            "spec.fallback (kubectl)",
            id="an object",
        ),
    ],
)
def test_a_field_that_somebody_added_is_named(book: Json, expected: str) -> None:
    assert names(entry("kubectl", book)) == [expected]


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param([entry("kubectl", {"f:spec": {"f:replicas": {}}})], id="replicas by hand"),
        pytest.param([entry("keda", {"f:spec": {"f:x": {}}}, subresource="scale")], id="a subresource"),
        pytest.param([entry("x", {"f:metadata": {"f:annotations": {"f:a": {}}}, "f:status": {}})], id="not the spec"),
        pytest.param([entry("x", template({}, **{"f:metadata": {"f:annotations": {".": {}}}}))], id="rollout restart"),
        pytest.param(
            [entry("x", template({"f:containers": {'k:{"name":"side"}': {".": {}, "f:image": {}}}}))], id="a sidecar"
        ),
        pytest.param(
            [entry("x", template({"f:volumes": {".": {}, 'k:{"name":"v"}': {".": {}, "f:name": {}}}}))], id="a volume"
        ),
        pytest.param([entry("x", OURS, "Apply")], id="what is ours too"),
        pytest.param([entry("greenscale-create", {"f:spec": {"f:paused": {}}})], id="what we created"),
        pytest.param([{"manager": "x", "operation": "Update"}], id="an entry without a book"),
    ],
)  # fmt: skip
def test_what_others_may_have_is_left_alone(entries: list[Json]) -> None:
    assert names(*entries) == []


def test_nobody_adds_a_container_to_anything_but_a_deployment() -> None:
    assert names(entry("x", {"f:spec": {"f:replicas": {}}}), is_deployment=False) == ["spec.replicas (x)"]


def test_a_foreign_field_becomes_ours_and_the_rest_stays_theirs() -> None:
    foreign = {"f:metadata": {"f:labels": {"f:a": {}}}, "f:spec": {"f:paused": {}, "f:replicas": {}}}
    before = live(entry("kubectl", foreign), entry("keda", {"f:spec": {"f:replicas": {}}}, subresource="scale"))
    fields = foreign_fields(before, is_deployment=True)
    ours, kubectl, keda = annexed(before, "apps/v1", fields)

    assert (ours["manager"], ours["operation"]) == ("greenscale", "Apply")
    assert ours["fieldsV1"] == {"f:spec": {**OURS["f:spec"], "f:paused": {}}}
    assert kubectl["fieldsV1"] == {"f:metadata": {"f:labels": {"f:a": {}}}, "f:spec": {"f:replicas": {}}}
    assert keda["subresource"] == "scale"
    after = {**before, "metadata": {"managedFields": [ours, kubectl, keda]}}
    assert not is_annexed(before, [ours, kubectl, keda])
    assert is_annexed(after, annexed(after, "apps/v1", foreign_fields(after, is_deployment=True)))


def test_of_what_we_created_only_the_replicas_stay_out_of_our_applies() -> None:
    """A field that a later apply leaves out goes, for it is ours alone; replicas never are."""
    created = {"f:metadata": {"f:labels": {".": {}, "f:a": {}}}, "f:spec": {"f:replicas": {}, "f:paused": {}}}
    ours, create = annexed({"metadata": {"managedFields": [entry("greenscale-create", created)]}}, "apps/v1")

    assert ours["fieldsV1"] == {"f:metadata": created["f:metadata"], "f:spec": {"f:paused": {}}}
    assert (create["manager"], create["fieldsV1"]) == ("greenscale-create", {"f:spec": {"f:replicas": {}}})


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


PAUSED = ForeignField("spec.paused", "kubectl", frozenset({("f:spec", "f:paused")}))
INJECTED = ForeignField("spec.x", "greenscale", frozenset({("f:spec", "f:x")}))


def test_a_field_is_removed_once_and_left_where_somebody_insists() -> None:
    memory = ForeignMemory(clock := Clock())
    first = memory.judge("u", [PAUSED])
    again = memory.judge("u", [PAUSED])
    memory.note_removal("u", first.to_remove)
    clock.now += INSIST_SECONDS / 2
    back, later = memory.judge("u", [PAUSED]), memory.judge("u", [PAUSED])
    clock.now += INSIST_SECONDS
    much_later, gone = memory.judge("u", [PAUSED]), memory.judge("u", [])
    made_again = memory.judge("u", [PAUSED])

    assert (first.to_remove, first.news) == ((PAUSED,), ())
    assert again.to_remove == (PAUSED,), "a removal that did not succeed is tried again"
    assert (back.to_remove, back.news) == ((), (PAUSED,))
    assert (later.to_remove, later.news) == ((), ()), "it is reported once"
    assert (much_later.to_remove, gone.to_remove) == ((), ()), "no fight without end"
    assert made_again.to_remove == (PAUSED,)


def test_what_comes_with_our_own_write_is_reported_once_and_left() -> None:
    memory = ForeignMemory(Clock())

    assert memory.judge("u", [INJECTED]).news == (INJECTED,)
    assert memory.judge("u", [INJECTED]).news == ()
    assert memory.judge("u", [INJECTED]).to_remove == ()
