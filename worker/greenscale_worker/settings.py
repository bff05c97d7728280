"""What a worker is told by its environment: read once, at the start, with every fault in one line."""

import socket
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from greenscale_jobs import Limits, Parameters, RedisAddress

Positive = Annotated[float, msgspec.Meta(gt=0)]
Count = Annotated[int, msgspec.Meta(ge=1)]
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Name = Annotated[str, msgspec.Meta(min_length=1)]


class InvalidSettings(ValueError):
    """The environment cannot be used; only a change of it can mend that. The text names every fault."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """One worker's settings; each field is the variable GREENSCALE_<FIELD>, but for the marked."""

    redis: RedisAddress = msgspec.field(default_factory=RedisAddress)
    """REDIS_HOST, REDIS_PORT, REDIS_DB, REDIS_USERNAME, REDIS_PASSWORD, REDIS_TLS, REDIS_CA."""
    api_key: str | None = None
    """OPENAI_API_KEY."""
    base_url: str | None = None
    """OPENAI_BASE_URL: any OpenAI-compatible address; None is OpenAI's own."""

    queue: Name = "jobs"
    engine: Literal["OpenAI", "Echo", "Server"] = "OpenAI"
    server_ready_url: str | None = None
    """Where a model server beside the worker says that it is ready; only for the engine Server, which needs it."""
    server_startup_timeout_seconds: Positive = 1800
    model: Name = "gpt-4o-mini"
    concurrency: Count = 8
    """Jobs at once."""
    job_timeout_seconds: Positive = 600
    lease_seconds: Annotated[float, msgspec.Meta(ge=1)] = 30
    max_attempts: Count = 3
    backoff_initial_seconds: Positive = 5
    backoff_max_seconds: Positive = 300
    result_ttl_seconds: Count = 86_400
    give_up_after_seconds: float = 86_400
    """How long a job may be tried without being charged, while nobody can do it."""
    max_losses: Count = 5
    """How often a job may be there alone when its engine or worker is lost."""
    max_answer_bytes: Count = 8 * 1024 * 1024
    grace_seconds: Annotated[float, msgspec.Meta(ge=0)] = 20
    """After SIGTERM: what is not finished by then is handed back. Kubernetes gives 30 s unless told."""
    liveness_port: Port = 0
    """Where GET /livez answers; 0 is nowhere."""
    log_format: Literal["text", "json"] = "text"
    worker: str = ""
    """This worker's name in job records; the host's name and the process' id unless told."""
    max_tokens: Count | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    system: str | None = None

    def __repr__(self) -> str:
        """Show what a log may hold: no key."""
        return f"Settings(queue={self.queue!r}, engine={self.engine!r}, model={self.model!r})"

    @property
    def limits(self) -> Limits:
        """What the queue holds this worker to."""
        return Limits(
            lease_seconds=self.lease_seconds,
            max_attempts=self.max_attempts,
            result_ttl_seconds=self.result_ttl_seconds,
            give_up_after_seconds=self.give_up_after_seconds,
            max_losses=self.max_losses,
        )

    @property
    def parameters(self) -> Parameters:
        """What a request asks for where it says nothing itself."""
        return Parameters(self.max_tokens, self.temperature, self.system)


ELSEWHERE = {"redis": None, "api_key": "OPENAI_API_KEY", "base_url": "OPENAI_BASE_URL"}
"""Fields whose variables have names of their own, from the brief and from the `openai` package."""


def variable_of(field: str) -> str | None:
    """Return the environment variable of a field of Settings."""
    return ELSEWHERE.get(field, f"GREENSCALE_{field.upper()}")


THE_PAGES = "GREENSCALE_PAGE_"
"""So begin the settings of the page, which reads the same `.env`."""


def read_settings(environment: Mapping[str, str], *, process_id: int) -> Settings:
    """Turn the environment into Settings. An empty variable counts as not set.

    Raises:
        InvalidSettings: Something in it is wrong or unknown.
    """
    faults: list[str] = []
    values: dict[str, Any] = {}
    known: set[str] = set()
    for field in msgspec.structs.fields(Settings):
        variable = variable_of(field.name)
        if variable is None:
            continue
        known.add(variable)
        text = environment.get(variable, "")
        if text:
            try:
                values[field.name] = msgspec.convert(text, field.type, strict=False)
            except msgspec.ValidationError as error:
                faults.append(f"{variable}={text if field.name != 'api_key' else '...'}: {error}")
    try:
        values["redis"] = RedisAddress.from_environment(environment)
    except ValueError as error:
        faults.append(str(error))
    ours = {name for name in environment if name.startswith("GREENSCALE_") and not name.startswith(THE_PAGES)}
    unknown = ours - known
    faults += [f"{name} is not a setting of the worker" for name in sorted(unknown)]
    if values.get("engine") == "Server" and not (values.get("server_ready_url") and values.get("base_url")):
        faults.append("GREENSCALE_ENGINE=Server needs GREENSCALE_SERVER_READY_URL and OPENAI_BASE_URL")
    if faults:
        raise InvalidSettings("; ".join(faults))
    values.setdefault("worker", f"{socket.gethostname()}-{process_id}")
    return Settings(**values)
