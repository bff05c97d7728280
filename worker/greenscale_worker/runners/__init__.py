"""All runners, by the type of their engine. A new one is a module here, a line in the table, and a type in the CRD.

Only this module imports runners. They import neither each other nor this one.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from greenscale_worker.runner import RunnerSettings
from greenscale_worker.runners.echo import EchoSettings
from greenscale_worker.runners.openai import OpenAISettings
from greenscale_worker.runners.server import ServerSettings

DEFAULT = OpenAISettings

RUNNERS: Mapping[str, type[RunnerSettings]] = {
    settings.engine: settings
    for settings in (
        OpenAISettings,
        ServerSettings,
        EchoSettings,
    )
}
"""`spec.engine.type` -> the runner's settings, which make the runner."""

VARIABLES = frozenset(variable for settings in RUNNERS.values() for variable in settings.variables.values())
"""The environment variables of all runners."""


def read_runner(engine: str, environment: Mapping[str, str], problems: list[str]) -> RunnerSettings:
    """Return the settings of this engine's runner; `problems` gets what is wrong with them.

    The variables of the other runners must be well-formed too, though they are not used.
    """
    values = {name: _values(settings, environment, problems) for name, settings in RUNNERS.items()}
    if engine not in RUNNERS:
        problems.append(f"GREENSCALE_ENGINE={engine}: Invalid enum value {engine!r}")
        return DEFAULT()
    return RUNNERS[engine](**values[engine]).completed(environment, problems)


def _values(settings: type[RunnerSettings], environment: Mapping[str, str], problems: list[str]) -> dict[str, Any]:
    """Return the fields that are set. An empty variable counts as not set."""
    values: dict[str, Any] = {}
    types = {field.name: field.type for field in msgspec.structs.fields(settings)}
    for name, variable in settings.variables.items():
        if text := environment.get(variable):
            try:
                values[name] = msgspec.convert(text, types[name], strict=False)
            except msgspec.ValidationError as error:
                problems.append(f"{variable}={text}: {error}")
    return values
