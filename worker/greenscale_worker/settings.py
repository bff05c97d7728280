"""A worker's settings: read from its environment once, at the start, with every fault in one line.

Upper bounds are those of the resource (`crds/greenscaleworkloads.yaml`); lower ones allow what tests and hands need.
"""

import socket
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from greenscale_jobs import Limits, Parameters, RedisAddress
from greenscale_jobs.connection.service_links import is_service_link
from greenscale_worker.environment import without_edges
from greenscale_worker.runner import CommonSettings, RunnerSettings
from greenscale_worker.runners import DEFAULT, VARIABLES, read_runner

Hour = Annotated[float, msgspec.Meta(gt=0, le=3600)]
Day = Annotated[float, msgspec.Meta(gt=0, le=86_400)]
Hundred = Annotated[int, msgspec.Meta(ge=1, le=100)]
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Name = Annotated[str, msgspec.Meta(min_length=1)]


class InvalidSettings(ValueError):
    """The environment cannot be used; only a change of it can mend that. The text names every fault."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """One worker's settings; each field is the variable GREENSCALE_<FIELD>, but for the marked."""

    redis: RedisAddress = msgspec.field(default_factory=RedisAddress)
    """REDIS_HOST, REDIS_PORT, REDIS_DB, REDIS_USERNAME, REDIS_PASSWORD, REDIS_TLS, REDIS_CA."""
    runner: RunnerSettings = msgspec.field(default_factory=DEFAULT)
    """GREENSCALE_ENGINE, and what only the runner of this type of engine needs."""

    queue: Name = "jobs"
    model: Name = "gpt-4o-mini"
    concurrency: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 8
    """Jobs at once."""
    job_timeout_seconds: Day = 600
    lease_seconds: Annotated[float, msgspec.Meta(ge=1, le=3600)] = 30
    max_attempts: Hundred = 3
    backoff_initial_seconds: Hour = 5
    backoff_max_seconds: Day = 300
    result_ttl_seconds: Annotated[int, msgspec.Meta(ge=1, le=31_536_000)] = 86_400
    give_up_after_seconds: Annotated[float, msgspec.Meta(ge=60, le=31_536_000)] = 86_400
    """How long a job may be tried without being charged, while nobody can do it."""
    max_losses: Hundred = 5
    """How often a job may be there alone when its engine or worker is lost."""
    max_answer_bytes: Annotated[int, msgspec.Meta(ge=1024, le=64 * 1024 * 1024)] = 8 * 1024 * 1024
    """What one answer may hold, in UTF-8 bytes."""
    read_again: frozenset[str] = frozenset()
    """Variables that a restart may bring new values of, since they come from Secrets: OPENAI_API_KEY, REDIS_PASSWORD,
    REDIS_CA. A worker ends where one of them is refused. This one and the three before it come in WORKER_SETTINGS."""
    grace_seconds: Annotated[float, msgspec.Meta(ge=0, le=172_800)] = 20
    """After SIGTERM: what is not finished by then is handed back. Kubernetes gives 30 s unless told."""
    liveness_port: Port = 0
    """Where GET /livez answers; 0 is nowhere."""
    log_format: Literal["text", "json"] = "text"
    worker: str = ""
    """This worker's name in job records; the host's name and the process' id unless told."""
    max_tokens: Annotated[int, msgspec.Meta(ge=1, le=10_000_000)] | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    system: str | None = None
    unknown: tuple[str, ...] = ()
    """Keys of WORKER_SETTINGS that only a newer worker knows."""

    def __repr__(self) -> str:
        """Show what a log may hold: no key."""
        return f"Settings(queue={self.queue!r}, engine={self.runner.engine!r}, model={self.model!r})"

    @property
    def limits(self) -> Limits:
        """What the queue holds this worker to."""
        return Limits(
            lease_seconds=self.lease_seconds,
            result_ttl_seconds=self.result_ttl_seconds,
            give_up_after_seconds=self.give_up_after_seconds,
            max_losses=self.max_losses,
        )

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no log may contain."""
        password = self.redis.password
        return (*self.runner.secrets, *((password,) if password else ()))

    @property
    def common(self) -> CommonSettings:
        """What every runner is given."""
        return CommonSettings(
            model=self.model,
            defaults=Parameters(self.max_tokens, self.temperature, self.system),
            concurrency=self.concurrency,
            answer_seconds=self.job_timeout_seconds,
            max_answer_bytes=self.max_answer_bytes,
        )


ELSEWHERE = {
    "redis": None,
    "runner": "GREENSCALE_ENGINE",
    "give_up_after_seconds": None,
    "max_losses": None,
    "max_answer_bytes": None,
    "read_again": None,
    "unknown": None,
}
"""Fields whose variables have names of their own, or none."""

SHARED = {
    "giveUpAfterSeconds": "give_up_after_seconds",
    "maxLosses": "max_losses",
    "maxAnswerBytes": "max_answer_bytes",
    "readAgainAtRestart": "read_again",
}
"""Keys of WORKER_SETTINGS, and their fields.

One variable holds them, since a worker refuses an unknown GREENSCALE_ variable: so an operator and a worker of
different versions can be in use together.
"""

SECRETS = {"OPENAI_API_KEY", "REDIS_PASSWORD", "REDIS_USERNAME"}

THE_PAGES = "GREENSCALE_PAGE_"
"""So begin the settings of the page, which reads the same `.env`."""


def variable_of(field: str) -> str | None:
    """Return the environment variable of a field of Settings."""
    return ELSEWHERE.get(field, f"GREENSCALE_{field.upper()}")


def known_variables() -> frozenset[str]:
    """Return the environment variables of all fields and of all runners."""
    return VARIABLES | {variable for field in Settings.__struct_fields__ if (variable := variable_of(field))}


def read_settings(environment: Mapping[str, str], *, process_id: int) -> Settings:
    """Turn the environment into Settings. An empty variable counts as not set.

    Raises:
        InvalidSettings: Something in it is wrong or unknown.
    """
    environment = _as_meant(environment)
    faults: list[str] = []
    values = {**_own(environment, faults), **_shared(environment, faults)}
    try:
        values["redis"] = RedisAddress.from_environment(environment)
    except ValueError as error:
        faults.append(str(error))
    ours = {name for name in environment if name.startswith("GREENSCALE_") and not name.startswith(THE_PAGES)}
    unknown = ours - known_variables()
    faults += [f"{name} is not a setting of the worker" for name in sorted(unknown)]
    values["runner"] = read_runner(environment.get("GREENSCALE_ENGINE") or DEFAULT.engine, environment, faults)
    if faults:
        raise InvalidSettings("; ".join(faults))
    values.setdefault("worker", f"{socket.gethostname()}-{process_id}")
    return Settings(**values)


def _as_meant(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that people set, secrets without what stands around them."""
    ours = ("GREENSCALE_", "REDIS_", "OPENAI_")
    return {
        name: without_edges(value) if name in SECRETS else value
        for name, value in environment.items()
        if not (name.startswith(ours) and is_service_link(name, value))
    }


def _own(environment: Mapping[str, str], faults: list[str]) -> dict[str, Any]:
    """Return the fields that have a variable each."""
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(Settings):
        variable = variable_of(field.name) if field.name != "runner" else None
        text = environment.get(variable, "") if variable else ""
        if text:
            try:
                values[field.name] = msgspec.convert(text, field.type, strict=False)
            except msgspec.ValidationError as error:
                faults.append(f"{variable}={text}: {error}")
    return values


def _shared(environment: Mapping[str, str], faults: list[str]) -> dict[str, Any]:
    """Return the fields that WORKER_SETTINGS holds, a JSON object; null counts as not set."""
    text = environment.get("WORKER_SETTINGS")
    if not text:
        return {}
    try:
        given = msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError:
        faults.append('WORKER_SETTINGS is not a JSON object: write {"maxLosses": 5}, say')
        return {}
    types = {field.name: field.type for field in msgspec.structs.fields(Settings)}
    values: dict[str, Any] = {"unknown": tuple(sorted(given.keys() - SHARED.keys()))}
    for key, name in SHARED.items():
        if given.get(key) is not None:
            try:
                values[name] = msgspec.convert(given[key], types[name])
            except msgspec.ValidationError as error:
                faults.append(f"WORKER_SETTINGS.{key}: {error}")
    return values
