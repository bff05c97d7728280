"""Which workload local mode runs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import greenscale_cli
from greenscale_cli.local.errors import LocalModeError
from greenscale_operator import manifest, schedules, schema, workload
from greenscale_operator.scalers.keda import Keda
from greenscale_operator.workload import InvalidWorkload

EXAMPLE = "examples/local.yaml"


def load_resource(file: Path | None, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the workload of a file as it stands there, or of the example: with the engine OpenAI where there is a key.

    Raises:
        LocalModeError: The file is wrong, or asks for what one machine cannot stand in for.
    """
    try:
        resource = schema.load(file or shipped(EXAMPLE))
        if file is None and environment.get("OPENAI_API_KEY"):
            resource = {**resource, "spec": {**resource["spec"], "engine": {"type": "OpenAI"}}}
        loaded = workload.parse(resource)
        schedules.check(loaded.scaling.schedules)
        manifest.manifests(loaded, Keda())  # a podTemplate may not fit
    except (schema.InvalidFile, InvalidWorkload) as error:
        raise LocalModeError(str(error)) from None
    if loaded.engine.type == "Server":
        raise LocalModeError(
            "spec.engine.type Server runs a container, which needs a cluster; start the server yourself and set "
            "spec.engine.type to OpenAI with spec.engine.openAI.baseURL"
        )
    return resource


def shipped(path: str) -> Path:
    """Return a file that comes with GreenScale, from a checkout or beside the installed package."""
    package = Path(greenscale_cli.__file__).parent
    places = [package / path, package.parents[1] / path]
    return next(place for place in places if place.exists())
