"""Checks a resource against the CRD without an API server: for `greenscale local` and `greenscale render`.

Not checked here, but by a cluster: rules that compare with the object before (`oldSelf`: an immutable field),
and the parts of a pod that are handed through (`resources`, `affinity`, `podTemplate` and the like).
"""

import copy
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cel
import jsonschema
import yaml

CRD_FILE = "greenscaleworkloads.yaml"
API_VERSION, KIND = "greenscale.dev/v1alpha1", "GreenScaleWorkload"

Json = dict[str, Any]


class InvalidFile(ValueError):
    """A file holds no GreenScaleWorkload that can be used; the text names every problem and the remedy."""


@functools.cache
def crd_schema() -> Json:
    """Return the resource's structural schema from `crds/`, in a checkout or beside the installed package."""
    here = Path(__file__).parent
    places = [here / "crds" / CRD_FILE, here.parents[1] / "crds" / CRD_FILE]
    file = next(place for place in places if place.exists())
    crd = yaml.safe_load(file.read_text())
    schema: Json = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def load(file: Path) -> Json:
    """Return the one resource of a YAML file, checked, with the schema's defaults.

    Raises:
        InvalidFile: It cannot be read, holds something else, or breaks the schema or a rule.
    """
    try:
        documents = [document for document in yaml.safe_load_all(file.read_text()) if document is not None]
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidFile(f"{file} cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise InvalidFile(f"{file} is not valid YAML: {' '.join(str(error).split())}") from None
    if len(documents) != 1:
        raise InvalidFile(f"{file} holds {len(documents)} documents; give a file with one {KIND}")
    (resource,) = documents
    if not isinstance(resource, dict) or (resource.get("apiVersion"), resource.get("kind")) != (API_VERSION, KIND):
        raise InvalidFile(f"{file} holds no {KIND}: it must say apiVersion: {API_VERSION} and kind: {KIND}")
    resource = with_defaults(resource)
    problems = check(resource)
    if problems:
        raise InvalidFile(f"{file} is not valid: " + "; ".join(problems))
    return resource


def with_defaults(resource: Json) -> Json:
    """Return the resource with the schema's defaults, as the API server would store it."""
    completed = copy.deepcopy(resource)
    _fill(completed, crd_schema())
    return completed


def check(resource: Json) -> list[str]:
    """Return what is wrong with a resource that has its defaults, one sentence each; empty if nothing is."""
    validator = jsonschema.Draft202012Validator(_closed(crd_schema()))
    problems = [
        f"{_path(error.absolute_path)}: {error.message}"
        for error in sorted(validator.iter_errors(resource), key=lambda error: list(map(str, error.absolute_path)))
    ]
    # A rule may take for granted what the structure promises.
    return problems or list(_broken_rules(resource, crd_schema()))


def _fill(value: Any, schema: Json) -> None:
    if isinstance(value, dict):
        for name, part in schema.get("properties", {}).items():
            if name not in value and "default" in part:
                value[name] = copy.deepcopy(part["default"])
            _fill(value.get(name), part)
    elif isinstance(value, list):
        for entry in value:
            _fill(entry, schema.get("items", {}))


def _closed(schema: Json) -> Json:
    """Return the schema as JSON Schema that refuses unknown fields, as `kubectl apply` does."""
    closed = {key: value for key, value in schema.items() if not key.startswith("x-kubernetes-")}
    if "properties" in schema:
        closed["properties"] = {name: _closed(part) for name, part in schema["properties"].items()}
        closed["additionalProperties"] = schema.get("x-kubernetes-preserve-unknown-fields", False)
    if isinstance(schema.get("additionalProperties"), dict):
        closed["additionalProperties"] = _closed(schema["additionalProperties"])
    if "items" in schema:
        closed["items"] = _closed(schema["items"])
    if schema.get("description") is None and schema.get("type") == "object":  # metadata is Kubernetes' own
        closed["additionalProperties"] = True
    return closed


def _broken_rules(value: Any, schema: Json) -> Iterator[str]:
    for rule in schema.get("x-kubernetes-validations", ()):
        if "oldSelf" not in rule["rule"] and not cel.evaluate(rule["rule"], {"self": value}):
            yield rule["message"]
    if isinstance(value, dict):
        for name, part in schema.get("properties", {}).items():
            if name in value:
                yield from _broken_rules(value[name], part)
    elif isinstance(value, list):
        for entry in value:
            yield from _broken_rules(entry, schema.get("items", {}))


def _path(path: Any) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".") or "the resource"
