"""A worker's settings: read from its environment once, at the start. One line names every problem.

Upper bounds are those of the resource (`crds/greenscaleworkloads.yaml`); lower bounds leave room for tests.
"""

import socket
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from greenscale_jobs import Limits, Parameters, RedisAddress
from greenscale_jobs.connection.service_links import is_service_link
from greenscale_jobs.log_lines import LogFormat
from greenscale_worker.environment import without_edges
from greenscale_worker.runner import CommonSettings, RunnerSettings
from greenscale_worker.runners import DEFAULT, VARIABLES, read_runner

Hour = Annotated[float, msgspec.Meta(gt=0, le=3600)]
Day = Annotated[float, msgspec.Meta(gt=0, le=86_400)]
Hundred = Annotated[int, msgspec.Meta(ge=1, le=100)]
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Name = Annotated[str, msgspec.Meta(min_length=1)]


class InvalidSettings(ValueError):
    """The environment cannot be used until somebody changes it. The text names every problem."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """One worker's settings. Each field is the variable GREENSCALE_<FIELD>, unless its description names another."""

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
    """How long a job may be tried without being charged, from its first such try."""
    max_losses: Hundred = 5
    """How often a job may be the only one in hand when its engine or worker is lost."""
    max_answer_bytes: Annotated[int, msgspec.Meta(ge=1024, le=64 * 1024 * 1024)] = 8 * 1024 * 1024
    """What one answer may hold, in UTF-8 bytes."""
    read_again: frozenset[str] = frozenset()
    """Variables that come from Secrets, so a restart may bring new values: OPENAI_API_KEY, REDIS_PASSWORD, REDIS_CA. A
    worker ends if one of them is refused. This field and the three before it come in WORKER_SETTINGS."""
    grace_seconds: Annotated[float, msgspec.Meta(ge=0, le=172_800)] = 20
    """After SIGTERM: what is not finished by then is released. Kubernetes gives 30 s by default."""
    liveness_port: Port = 0
    """Where GET /livez answers; 0 is nowhere."""
    log_format: LogFormat = "text"
    worker: str = ""
    """This worker's name in job records. Default: the host's name and the process id."""
    max_tokens: Annotated[int, msgspec.Meta(ge=1, le=10_000_000)] | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    system: str | None = None
    unknown: tuple[str, ...] = ()
    """Variables, and keys of WORKER_SETTINGS, that an operator set in the pod and this worker does not know."""

    def __repr__(self) -> str:
        """Leave out what a log must not hold: keys and passwords."""
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

One variable holds them, because older workers refuse an unknown GREENSCALE_ variable in a pod too, but pass over an
unknown key: so an operator and a worker of different versions work together.
"""

SECRETS = {"OPENAI_API_KEY", "REDIS_PASSWORD", "REDIS_USERNAME"}

IN_A_POD = "KUBERNETES_SERVICE_HOST"
"""The variable that Kubernetes sets in every pod."""

THE_PAGES = "GREENSCALE_PAGE_"
"""How the settings of the page begin, which reads the same `.env`."""


def variable_of(field: str) -> str | None:
    """Return the environment variable of a field of Settings."""
    return ELSEWHERE.get(field, f"GREENSCALE_{field.upper()}")


def known_variables() -> frozenset[str]:
    """Return the environment variables of all fields and of all runners."""
    return VARIABLES | {variable for field in Settings.__struct_fields__ if (variable := variable_of(field))}


def read_settings(environment: Mapping[str, str], *, process_id: int) -> Settings:
    """Turn the environment into Settings. An empty variable counts as not set.

    What is unknown is passed over in a pod, where an operator of a newer version may have set it.

    Raises:
        InvalidSettings: Something in it is wrong, or is unknown and set by a person.
    """
    environment = _cleaned(environment)
    problems: list[str] = []
    shared = _shared_settings(environment, problems)
    values = {**_own(environment, problems), **_shared(shared, problems)}
    try:
        values["redis"] = RedisAddress.from_environment(environment)
    except ValueError as error:
        problems.append(str(error))
    unknown = _unknown(environment, shared)
    if environment.get(IN_A_POD):
        values["unknown"] = tuple(unknown)
    else:
        problems += [f"{name} is not a setting of the worker" for name in unknown]
    values["runner"] = read_runner(environment.get("GREENSCALE_ENGINE") or DEFAULT.engine, environment, problems)
    if problems:
        raise InvalidSettings("; ".join(problems))
    values.setdefault("worker", f"{socket.gethostname()}-{process_id}")
    return Settings(**values)


def _cleaned(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that people set; secrets without blanks and quotes around them."""
    ours = ("GREENSCALE_", "REDIS_", "OPENAI_")
    return {
        name: without_edges(value) if name in SECRETS else value
        for name, value in environment.items()
        if not (name.startswith(ours) and is_service_link(name, value))
    }


def _own(environment: Mapping[str, str], problems: list[str]) -> dict[str, Any]:
    """Return the fields that have a variable each."""
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(Settings):
        variable = variable_of(field.name) if field.name != "runner" else None
        text = environment.get(variable, "") if variable else ""
        if text:
            try:
                values[field.name] = msgspec.convert(text, field.type, strict=False)
            except msgspec.ValidationError as error:
                problems.append(f"{variable}={text}: {error}")
    return values


def _shared_settings(environment: Mapping[str, str], problems: list[str]) -> dict[str, Any]:
    """Return WORKER_SETTINGS, a JSON object."""
    text = environment.get("WORKER_SETTINGS")
    if not text:
        return {}
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError:
        problems.append('WORKER_SETTINGS is not a JSON object: write {"maxLosses": 5}, for example')
        return {}


def _unknown(environment: Mapping[str, str], shared: Mapping[str, Any]) -> list[str]:
    """Return the names of the variables and keys that this worker does not know."""
    ours = {name for name in environment if name.startswith("GREENSCALE_") and not name.startswith(THE_PAGES)}
    return [
        *sorted(ours - known_variables()),
        *(f"WORKER_SETTINGS.{key}" for key in sorted(shared.keys() - SHARED.keys())),
    ]


def _shared(given: Mapping[str, Any], problems: list[str]) -> dict[str, Any]:
    """Return the fields that WORKER_SETTINGS holds; null counts as not set."""
    types = {field.name: field.type for field in msgspec.structs.fields(Settings)}
    values: dict[str, Any] = {}
    for key, name in SHARED.items():
        if given.get(key) is not None:
            try:
                values[name] = msgspec.convert(given[key], types[name])
            except msgspec.ValidationError as error:
                problems.append(f"WORKER_SETTINGS.{key}: {error}")
    return values
