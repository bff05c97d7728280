"""The operator's settings, from its environment: read once, every problem in one line."""

import socket
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from greenscale_jobs.connection.service_links import without_service_links
from greenscale_jobs.log_lines import LogFormat
from greenscale_jobs.version import __version__
from greenscale_operator.objects import Install

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Name = Annotated[str, msgspec.Meta(min_length=1)]

PREFIX = "GREENSCALE_"


class InvalidSettings(ValueError):
    """The environment cannot be used. The text names every problem."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The operator's settings; each field is the variable GREENSCALE_<FIELD>."""

    namespace: Name = "greenscale-system"
    """Where the operator is installed: its Lease, and Redis where a workload names none."""
    redis_host: Name = "redis-service"
    """The installation's Redis; a Service's name is of this namespace."""
    worker_image: Name = f"greenscale-worker:{__version__}"
    identity: Name = msgspec.field(default_factory=socket.gethostname)
    """Who holds the Lease: the pod's name."""
    health_port: Port = 8080
    """Where GET /healthz answers."""
    log_level: str = "INFO"
    log_format: LogFormat = "text"

    @property
    def install(self) -> Install:
        """What this installation gives every workload."""
        return Install(self.namespace, self.redis_host, self.worker_image)


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Turn the environment into Settings. An empty variable counts as not set, and so does a Service's.

    Raises:
        InvalidSettings: Something in it is wrong or unknown.
    """
    set_here = without_service_links(environment)
    given = {name: text for name, text in set_here.items() if name.startswith(PREFIX) and text}
    fields = {PREFIX + field.name.upper(): field for field in msgspec.structs.fields(Settings)}
    problems = [f"{name} is not a setting of the operator" for name in sorted(given.keys() - fields.keys())]
    values: dict[str, Any] = {}
    for name in given.keys() & fields.keys():
        try:
            values[fields[name].name] = msgspec.convert(given[name], fields[name].type, strict=False)
        except msgspec.ValidationError as error:
            problems.append(f"{name}={given[name]}: {error}")
    if problems:
        raise InvalidSettings("; ".join(problems))
    return Settings(**values)
