"""A user's podTemplate over ours, by Kubernetes' own merge keys, and what is no podTemplate named by its path."""

from typing import Any

import pytest

from greenscale_operator.manifest import config_maps, deployment, grace_seconds, manifests, with_config
from greenscale_operator.objects import Install, selector
from greenscale_operator.overlay import InvalidPodTemplate, by_name, overlay
from greenscale_operator.scalers.keda import Keda
from greenscale_operator.workload import Engine, InvalidWorkload, Queue, Server, Worker, Workload

Json = dict[str, Any]

SERVER = Engine("Server", server=Server("i", "m"))


def pod(engine: Engine = SERVER, *, timeout: int = 600, **worker: Any) -> Json:
    asked = Workload(
        name="w", namespace="team", engine=engine, worker=Worker(**worker), queue=Queue(job_timeout_seconds=timeout)
    )
    spec: Json = deployment(asked, Install())["spec"]["template"]["spec"]
    return spec


def overlaid(container: Json, **worker: Any) -> Json:
    template = {"spec": {"containers": [{"name": "worker", **container}]}}
    merged: Json = pod(pod_template=template, **worker)["containers"][0]
    return merged


def variables(container: Json) -> dict[str, Json]:
    names = [entry["name"] for entry in container["env"]]
    assert len(names) == len(set(names)), "an apply refuses a name that stands twice"
    return {entry.pop("name"): entry for entry in container["env"]}


@pytest.mark.parametrize(
    ("base", "patch", "expected"),
    [
        pytest.param({"a": 1, "b": 2}, {"b": 3}, {"a": 1, "b": 3}, id="keys merge"),
        pytest.param({"a": 1, "b": 2}, {"b": None}, {"a": 1}, id="null removes"),
        pytest.param({}, {"a": {"b": None, "c": 1}}, {"a": {"c": 1}}, id="null within what is new"),
        pytest.param({"a": [1, 2]}, {"a": [3]}, {"a": [3]}, id="lists are replaced"),
        pytest.param(
            {"containers": [{"name": "x", "v": 1}, {"name": "y"}]},
            {"containers": [{"name": "z"}, {"name": "x", "w": 2}]},
            {"containers": [{"name": "x", "v": 1, "w": 2}, {"name": "y"}, {"name": "z"}]},
            id="containers by name",
        ),
        pytest.param(
            {"containers": [{"name": "x"}, {"name": "y"}]},
            {"containers": [{"name": "x", "$patch": "delete"}]},
            {"containers": [{"name": "y"}]},
            id="an entry is deleted",
        ),
        pytest.param(
            {"containers": [{"name": "x"}]},
            {"containers": [{"$patch": "replace"}, {"name": "y"}]},
            {"containers": [{"name": "y"}]},
            id="a list is replaced",
        ),
        pytest.param({"a": {"b": 1}}, {"a": {"$patch": "replace", "c": 2}}, {"a": {"c": 2}}, id="replaced"),
        pytest.param({"a": {"b": 1}, "d": 1}, {"a": {"$patch": "delete"}}, {"d": 1}, id="deleted"),
        pytest.param({"a": {"b": 1}}, {"a": {"$patch": "merge", "c": 2}}, {"a": {"b": 1, "c": 2}}, id="merged"),
        pytest.param(
            {"volumeMounts": [{"name": "v", "mountPath": "/a"}]},
            {"volumeMounts": [{"name": "v", "mountPath": "/b"}, {"name": "w", "mountPath": "/a"}]},
            {"volumeMounts": [{"name": "w", "mountPath": "/a"}, {"name": "v", "mountPath": "/b"}]},
            id="two mounts of one volume",
        ),
        pytest.param(
            {"ports": [{"containerPort": 1, "protocol": "TCP", "name": "a"}]},
            {"ports": [{"containerPort": 1, "name": "b"}, {"containerPort": 1, "protocol": "UDP"}]},
            {
                "ports": [
                    {"containerPort": 1, "protocol": "TCP", "name": "b"},
                    {"containerPort": 1, "protocol": "UDP"},
                ]
            },
            id="ports by number and protocol",
        ),
        pytest.param(
            {},
            {
                "topologySpreadConstraints": [
                    {"topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "maxSkew": 2},
                    {"topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway", "maxSkew": 1},
                ]
            },
            {
                "topologySpreadConstraints": [
                    {"topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "maxSkew": 2},
                    {"topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway", "maxSkew": 1},
                ]
            },
            id="two constraints of one topology",
        ),
        pytest.param(
            {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {}}}]},
            {"env": [{"name": "A", "value": "1"}]},
            {"env": [{"name": "A", "value": "1"}]},
            id="a variable has one source",
        ),
        pytest.param(
            {"volumes": [{"name": "v", "emptyDir": {"sizeLimit": "1Gi"}}, {"name": "w", "emptyDir": {}}]},
            {"volumes": [{"name": "v", "hostPath": {"path": "/"}}, {"name": "w", "emptyDir": {"medium": "Memory"}}]},
            {"volumes": [{"name": "v", "hostPath": {"path": "/"}}, {"name": "w", "emptyDir": {"medium": "Memory"}}]},
            id="a volume has one source",
        ),
        pytest.param(
            {"tolerations": [{"key": "a"}]}, {"tolerations": [{"key": "b"}]}, {"tolerations": [{"key": "b"}]},
            id="tolerations are replaced",
        ),
    ],
)  # fmt: skip
def test_overlay(base: object, patch: object, expected: object) -> None:
    assert overlay(base, patch) == expected


@pytest.mark.parametrize(
    ("patch", "problem"),
    [
        ({"spec": []}, "spec.worker.podTemplate.spec is a list where an object belongs"),
        ({"spec": "x"}, "spec.worker.podTemplate.spec is a text where an object belongs"),
        ({"spec": {"containers": {}}}, "spec.worker.podTemplate.spec.containers is an object where a list belongs"),
        (
            {"spec": {"containers": ["x"]}},
            "podTemplate.spec.containers[0] is a text where an object belongs",
        ),
        ({"spec": {"containers": [None]}}, "spec.worker.podTemplate.spec.containers[0] is null where a value belongs"),
        ({"spec": {"containers": [{"image": "x"}]}}, "spec.worker.podTemplate.spec.containers[0].name is missing"),
        ({"spec": {"containers": [{"name": "worker", "env": {}}]}}, "containers[worker].env is an object where a list"),
        ({"spec": {"containers": [{"name": "worker", "ports": [{"name": "p"}]}]}}, "ports[0].containerPort is missing"),
        ({"metadata": {"labels": 3}}, "spec.worker.podTemplate.metadata.labels is a number where an object belongs"),
        ({"$patch": "delete"}, "spec.worker.podTemplate deletes the container worker"),
        ({"spec": None}, "spec.worker.podTemplate deletes the container worker"),
        ({"spec": {"containers": None}}, "spec.worker.podTemplate deletes the container worker"),
        ({"metadata": {"$patch": "delete"}}, "spec.worker.podTemplate deletes the container worker"),
        ({"spec": {"containers": [{"name": "worker", "$patch": "delete"}]}}, "deletes the container worker"),
        (
            {"spec": {"$patch": "retain"}},
            "podTemplate.spec.$patch is 'retain': use merge, replace or delete",
        ),
        ({"spec": {"$setElementOrder/containers": []}}, "$setElementOrder/containers is not supported"),
    ],
)
def test_what_cannot_be_laid_over_ours_is_named_by_its_path(patch: Json, problem: str) -> None:
    with pytest.raises(InvalidPodTemplate) as refusal:
        pod(pod_template=patch)

    assert problem in str(refusal.value)


ODD: list[Any] = [None, [], [None], [1], {}, {"a": None}, "x", 1, True, [{"name": []}], {"$patch": []}, [[]], [{}]]


@pytest.mark.parametrize("path", ["metadata", "metadata.labels", "metadata.annotations", "spec", "spec.containers",
                                  "spec.initContainers", "spec.volumes", "spec.terminationGracePeriodSeconds",
                                  "spec.securityContext", "spec.imagePullSecrets"])  # fmt: skip
@pytest.mark.parametrize("odd", ODD, ids=str)
def test_no_shape_raises_anything_else(path: str, odd: Any) -> None:
    """Kubernetes refuses by itself what merges and is still no pod."""
    patch = odd
    for part in reversed(path.split(".")):
        patch = {part: patch}
    try:
        asked = Workload(name="w", namespace="team", engine=SERVER, worker=Worker(pod_template=patch))
        assert with_config(deployment(asked, Install()), "digest")
        assert config_maps(deployment(asked, Install())) == []
    except InvalidWorkload as error:
        assert str(error).startswith("spec.worker.podTemplate")  # noqa: PT017 - most shapes raise nothing


@pytest.mark.parametrize(
    "field", ["env", "envFrom", "ports", "volumeMounts", "resources", "livenessProbe", "image", "command"]
)
@pytest.mark.parametrize("odd", ODD, ids=str)
def test_no_shape_within_the_container_raises_anything_else(field: str, odd: Any) -> None:
    try:
        merged = overlaid({field: odd})
        assert config_maps({"spec": {"template": {"spec": {"containers": [merged]}}}}) == []
    except InvalidWorkload as error:
        assert "spec.worker.podTemplate.spec.containers[worker]" in str(error)  # noqa: PT017 - as above


def test_the_users_environment_wins() -> None:
    """An apply refuses two variables of one name, and the whole Deployment with them."""
    merged = overlaid({}, env=({"name": "GREENSCALE_LOG_FORMAT", "value": "text"}, {"name": "A", "value": "1"}))

    assert variables(merged)["GREENSCALE_LOG_FORMAT"] == {"value": "text"}


def test_a_variable_given_twice_has_its_last_value_at_its_last_place() -> None:
    """It may refer to the variables before it."""
    base = [{"name": "A", "value": "ours"}, {"name": "B", "value": "2"}]
    added = [{"name": "C", "value": "1"}, {"name": "A", "value": "$(C)"}, {"name": "C", "value": "3"}]

    assert by_name(base, added) == [base[1], added[1], added[2]]


def test_the_model_servers_environment_and_the_pull_secrets_are_merged_by_name_too() -> None:
    engine = Engine("Server", server=Server("i", "m", env=({"name": "A", "value": "1"}, {"name": "A", "value": "2"})))
    spec = pod(engine, image_pull_secrets=({"name": "s"}, {"name": "s"}))

    assert spec["initContainers"][0]["env"] == [{"name": "A", "value": "2"}]
    assert spec["imagePullSecrets"] == [{"name": "s"}]


def test_another_port_leaves_ours_and_its_probe() -> None:
    merged = overlaid({"ports": [{"containerPort": 9090}, {"containerPort": 8080, "name": "renamed"}]})

    assert [port["containerPort"] for port in merged["ports"]] == [8080, 9090]
    assert merged["livenessProbe"]["httpGet"]["port"] == 8080, "not by a name that somebody may change"


@pytest.mark.parametrize(
    ("termination", "grace"),
    [(0, 0), (1, 0), (2, 0), (3, 1), (10, 3), (30, 10), (31, 11), (630, 610), (999_999, 172_800)],
)
def test_a_worker_keeps_time_to_release_jobs(termination: int, grace: int) -> None:
    assert grace_seconds(termination) == grace


@pytest.mark.parametrize(
    ("template", "grace"),
    [
        pytest.param({}, "110", id="ours"),
        pytest.param({"spec": {"terminationGracePeriodSeconds": 3}}, "1", id="three seconds"),
        pytest.param({"spec": {"terminationGracePeriodSeconds": 3600}}, "3580", id="an hour"),
        pytest.param({"spec": {"terminationGracePeriodSeconds": None}}, "10", id="Kubernetes' own"),
        pytest.param({"spec": {"terminationGracePeriodSeconds": "x"}}, "110", id="what Kubernetes refuses"),
    ],
)
def test_the_worker_knows_how_long_its_pod_has_to_end(template: Json, grace: str) -> None:
    worker = pod(timeout=100, pod_template=template)["containers"][0]

    assert variables(worker)["GREENSCALE_GRACE_SECONDS"] == {"value": grace}


def test_labels_and_annotations_reach_the_deployment_its_pods_and_the_scaled_object() -> None:
    asked = Workload(name="w", namespace="team", engine=SERVER, labels={"cost": "a"}, annotations={"scrape": "yes"})
    made = manifests(asked, Keda())
    pods = made[0]["spec"]["template"]["metadata"]

    assert [one["metadata"]["labels"]["cost"] for one in made] == ["a", "a"]
    assert [one["metadata"]["annotations"]["scrape"] for one in made] == ["yes", "yes"]
    assert (pods["labels"]["cost"], pods["annotations"]["scrape"]) == ("a", "yes")
    assert made[0]["spec"]["selector"]["matchLabels"] == selector(asked), "a selector cannot be changed"


def test_every_way_to_refer_to_a_config_map_is_found() -> None:
    worker = {
        "env": [
            {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "a", "key": "k"}}},
            {"name": "B", "value": "b"},
        ],
        "envFrom": [{"configMapRef": {"name": "c"}}, {"secretRef": {"name": "not-read"}}],
    }
    sources = [{"configMap": {"name": "d"}}, {"secret": {"name": "not-read"}}]
    volumes = [{"name": "x", "configMap": {"name": "e"}}, {"name": "y", "projected": {"sources": sources}}]
    first = {
        "name": "first",
        "image": "i",
        "envFrom": [{"configMapRef": {"name": "f"}}, {"configMapRef": {"name": "c"}}],
    }
    containers = [{"name": "worker", **worker}]
    template = {"spec": {"containers": containers, "initContainers": [first], "volumes": volumes}}
    asked = Workload(name="w", namespace="team", engine=SERVER, worker=Worker(pod_template=template))

    assert config_maps(deployment(asked, Install())) == ["a", "c", "d", "e", "f"]
