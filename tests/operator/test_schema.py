"""The CRD: readable, complete, and each rule says what to do."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from greenscale_jobs.keys import own_list
from greenscale_operator import schema, workload
from greenscale_testing.rules import RULES, resource

ROOT = Path(__file__).parents[2]

Json = dict[str, Any]


@pytest.mark.parametrize(("bad", "good", "message"), RULES)
def test_each_rule_says_what_to_do(bad: Json, good: Json, message: str) -> None:
    assert [problem for problem in schema.check(bad) if message in problem]
    assert len(schema.check(bad)) == 1
    assert schema.check(good) == []


@pytest.mark.parametrize(
    "name", ["jobs", "a:b", "jobs:inflights", "jobs:jobs", "job", "greenscale:jobs", own_list("ns", "x"), "greenscale"]
)
def test_a_list_name_that_shares_no_key_is_accepted(name: str) -> None:
    assert schema.check(resource(queue={"listName": name})) == []


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        pytest.param(resource(scale={}), "spec: Additional properties are not allowed ('scale'", id="unknown field"),
        pytest.param(resource(queue={"leaseSeconds": 4}), "spec.queue.leaseSeconds: 4 is less than", id="bound"),
        pytest.param(
            resource(worker={"env": [{"name": "A", "value": 1}]}),
            "spec.worker.env[0].value: 1 is not of type 'string'",
            id="a variable that is no text",
        ),
        pytest.param(resource(labels={"a": 1}), "spec.labels.a: 1 is not of type 'string'", id="a label's type"),
        pytest.param(resource(suspend="yes"), "spec.suspend: 'yes' is not of type 'boolean'", id="type"),
        pytest.param(resource(engine={"type": "GPT"}), "spec.engine.type: 'GPT' is not one of", id="enum"),
        pytest.param(
            resource(engine={"openAI": {"apiKeySecretRef": {"name": "s"}}}),
            "spec.engine.openAI.apiKeySecretRef: 'key' is a required property",
            id="half a reference",
        ),
        pytest.param(
            resource(engine={"type": "Echo", "parameters": {"temperature": "2.5"}}),
            "spec.engine.parameters.temperature: '2.5' does not match",
            id="pattern",
        ),
    ],
)
def test_the_structure_is_checked(bad: Json, problem: str) -> None:
    assert any(found.startswith(problem) for found in schema.check(bad)), schema.check(bad)


@pytest.mark.parametrize(
    ("field", "least", "most"),
    [
        ("giveUpAfterSeconds", 60, 31_536_000),
        ("maxLosses", 1, 100),
        ("maxAnswerBytes", 1024, 64 * 1024 * 1024),
    ],
)
def test_what_a_job_may_cost_has_bounds(field: str, least: int, most: int) -> None:
    problems = [schema.check(resource(queue={field: value})) for value in (least - 1, least, most, most + 1)]

    assert [bool(problem) for problem in problems] == [True, False, False, True]


def test_what_is_handed_through_is_not_closed() -> None:
    pod: Json = {
        "worker": {"resources": {"limits": {"nvidia.com/gpu": 1}}, "podTemplate": {"spec": {"dnsPolicy": "None"}}}
    }

    assert schema.check(resource(**pod)) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "is not valid YAML"),
        ("", "holds 0 documents"),
        ("a: 1\n---\nb: 2", "holds 2 documents"),
        ("kind: Deployment", "holds no GreenScaleWorkload"),
        ("- 1", "holds no GreenScaleWorkload"),
    ],
)
def test_a_file_that_holds_no_workload_says_so(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "w.yaml"
    file.write_text(text)
    with pytest.raises(schema.InvalidFile, match=problem):
        schema.load(file)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(schema.InvalidFile, match="cannot be read"):
        schema.load(tmp_path / "none.yaml")


@pytest.mark.parametrize("file", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda file: file.name)
def test_the_examples_are_valid(file: Path) -> None:
    assert workload.parse(schema.load(file)).name


def test_python_and_the_schema_have_the_same_defaults() -> None:
    """A workload means the same whether the API server or Python filled it in."""
    minimal = {"apiVersion": schema.API_VERSION, "kind": schema.KIND, "metadata": {"name": "w"}, "spec": {"engine": {}}}

    assert workload.parse(minimal) == workload.parse(schema.with_defaults(minimal))


def test_a_field_of_a_later_version_is_ignored() -> None:
    """The CRD is upgraded before the operator: all workloads would be down in between, and after a rollback."""
    spec = {"engine": {"type": "Echo", "later": 1}, "later": {"a": "b"}}
    resource = {"apiVersion": schema.API_VERSION, "kind": schema.KIND, "metadata": {"name": "w"}, "spec": spec}

    assert workload.parse(resource).engine.type == "Echo"


def read_by_python(kind: msgspec.inspect.Type, path: str) -> Iterator[str]:
    """Yield the path of each field that a type has."""
    match kind:
        case msgspec.inspect.StructType(fields=fields):
            for field in fields:
                yield f"{path}.{field.encode_name}"
                yield from read_by_python(field.type, f"{path}.{field.encode_name}")
        case msgspec.inspect.VarTupleType(item_type=item):
            yield from read_by_python(item, f"{path}[]")
        case msgspec.inspect.UnionType(types=types):
            for one in types:
                yield from read_by_python(one, path)


def test_python_reads_each_field_of_the_schema_and_no_other() -> None:
    """Unknown ones are ignored, so that nothing else would notice one that was forgotten."""
    spec = schema.crd_schema()["properties"]["spec"]
    kinds = msgspec.inspect.type_info(workload._Spec)  # noqa: SLF001 - what `parse` reads
    whole = {path for path, node in parts(spec) if "x-kubernetes-preserve-unknown-fields" in node}
    inside = tuple(f"{path}{end}" for path in whole for end in (".", "["))
    named = {path for path, _ in parts(spec) if not path.startswith(inside) and not path.endswith("[]")} - {""}
    handed_through = {".worker.imagePullSecrets[].name"}

    assert set(read_by_python(kinds, "")) == named - handed_through


def parts(node: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    yield path, node
    for name, part in node.get("properties", {}).items():
        yield from parts(part, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), dict):
            yield from parts(node[key], f"{path}[]")


KNOWN = {
    *("type", "description", "default", "enum", "minimum", "maximum", "minLength", "maxLength", "pattern", "format"),
    *("properties", "required", "items", "maxItems", "maxProperties", "additionalProperties"),
    *("x-kubernetes-validations", "x-kubernetes-preserve-unknown-fields"),
    *("x-kubernetes-list-type", "x-kubernetes-list-map-keys"),
}
BOUNDS = {"string": {"maxLength", "enum", "format"}, "array": {"maxItems"}, "integer": {"minimum"}}


def test_the_schema_is_structural_described_and_bounded() -> None:
    """`kubectl explain` is the manual, and CEL's cost is estimated from the bounds."""
    for path, node in parts(schema.crd_schema()):
        if path in {".metadata", ".apiVersion", ".kind"}:
            continue
        assert set(node) <= KNOWN, path
        assert "type" in node, path
        assert node.get("description"), path
        needed = BOUNDS.get(node["type"])
        assert not needed or needed & set(node), path
        assert set(node.get("required", ())) <= set(node.get("properties", ())), path


def test_defaults_are_whole_and_valid() -> None:
    """The API server evaluates a part's rules on its bare default: what they read must stand in it."""
    for path, node in parts(schema.crd_schema()):
        if isinstance(node.get("default"), dict):
            for rule in node.get("x-kubernetes-validations", ()):
                read = set(re.findall(r"self\.(\w+)", rule["rule"])) - set(
                    re.findall(r"has\(self\.(\w+)", rule["rule"])
                )
                assert read <= set(node["default"]), path


def test_the_names_of_the_crd() -> None:
    crd = yaml.safe_load((ROOT / "crds" / "greenscaleworkloads.yaml").read_text())
    (version,) = crd["spec"]["versions"]

    assert crd["metadata"]["name"] == f"{crd['spec']['names']['plural']}.{crd['spec']['group']}"
    assert crd["spec"]["names"]["shortNames"] == ["gsw"]
    assert version["subresources"] == {"status": {}}, "no scale subresource: KEDA is the only writer of replicas"
    columns = [column["name"].upper() for column in version["additionalPrinterColumns"] if "priority" not in column]
    assert columns == ["READY", "STATE", "REPLICAS", "PENDING", "RUNNING", "DEAD", "AGE"]


def test_the_worker_knows_every_variable_that_a_pod_gives_it() -> None:
    """It refuses to start on one that it does not know. The model server's come with its engine."""
    from greenscale_operator.manifest import deployment  # noqa: PLC0415
    from greenscale_operator.objects import Install  # noqa: PLC0415
    from greenscale_worker.settings import known_variables  # noqa: PLC0415

    known = known_variables()
    for case in ("minimal", "local", "openai", "secured"):
        loaded = workload.parse(schema.load(ROOT / "tests" / "data" / case / "workload.yaml"))
        (container,) = deployment(loaded, Install())["spec"]["template"]["spec"]["containers"]
        given = {entry["name"] for entry in container["env"] if entry["name"].startswith("GREENSCALE_")}

        assert given <= known


def test_the_bare_folder_does_not_shadow_the_standard_library() -> None:
    """An `operator/__init__.py` would break Python itself for whoever starts it in this folder."""
    assert not (ROOT / "operator" / "__init__.py").exists()
    program = "import operator; operator.itemgetter"
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env={"PYTHONPATH": "."}, check=False)
    assert result.returncode == 0
