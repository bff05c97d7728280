"""A GreenScaleWorkload as Python reads it: frozen, snake_case, every default applied.

Pure: no I/O, no clock. Bounds and CEL rules are the CRD's (`schema` checks them); the defaults here are the
same, which a test holds.
"""

from typing import Any, Literal

import msgspec

from greenscale_jobs.keys import own_list

JsonObject = dict[str, Any]
"""A part of a pod that is handed through as it is."""

CONCURRENCY = {"OpenAI": 8, "Echo": 8, "Server": 4}
"""Jobs at once where the resource does not say; one would waste a GPU that batches."""


class InvalidWorkload(ValueError):
    """The resource does not fit; only an edit of it can mend that. The text names the field."""


class _Part(msgspec.Struct, frozen=True, rename="camel"):
    """A part of the spec; camelCase becomes snake_case here and nowhere else.

    Unknown fields are ignored: the schema refuses misspelt ones, and a later CRD may know more than this operator.
    """


class SecretRef(_Part, frozen=True):
    """A key of a Secret in the workload's namespace."""

    name: str
    key: str


class OpenAI(_Part, frozen=True):
    """An OpenAI-compatible address; `base_url` None is OpenAI's own."""

    model: str = "gpt-4o-mini"
    base_url: str | None = msgspec.field(default=None, name="baseURL")
    api_key_secret_ref: SecretRef | None = None


class EmptyDir(_Part, frozen=True):
    """A directory that goes with the pod."""

    size: str = "20Gi"


class Cache(_Part, frozen=True):
    """Where models stay: one of the two."""

    persistent_volume_claim: str | None = None
    empty_dir: EmptyDir | None = None


class Server(_Part, frozen=True):
    """A model server in the worker's pod."""

    image: str
    model: str
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: tuple[JsonObject, ...] = ()
    port: int = 8000
    resources: JsonObject = {}
    readiness_path: str = "/health"
    startup_timeout_seconds: int = 1800
    cache: Cache | None = None


class RequestDefaults(_Part, frozen=True):
    """What a request asks for where it says nothing; the temperature is a text, as Kubernetes has no floats."""

    max_tokens: int | None = None
    temperature: str | None = None
    system: str | None = None


class Engine(_Part, frozen=True):
    """What answers the prompts."""

    type: Literal["OpenAI", "Server", "Echo"] = "OpenAI"
    open_ai: OpenAI = msgspec.field(default_factory=OpenAI, name="openAI")
    server: Server | None = None
    parameters: RequestDefaults = RequestDefaults()

    @property
    def model(self) -> str | None:
        """The model that is asked; Echo has none."""
        return {
            "OpenAI": self.open_ai.model,
            "Server": self.server.model if self.server else None,
        }.get(self.type)


class Worker(_Part, frozen=True):
    """The worker's pods; most of it is handed through."""

    image: str | None = None
    concurrency: int | None = None
    resources: JsonObject = {}
    env: tuple[JsonObject, ...] = ()
    env_from: tuple[JsonObject, ...] = ()
    node_selector: dict[str, str] = {}
    tolerations: tuple[JsonObject, ...] = ()
    affinity: JsonObject = {}
    service_account_name: str | None = None
    image_pull_secrets: tuple[JsonObject, ...] = ()
    runtime_class_name: str | None = None
    priority_class_name: str | None = None
    node_provisioning_seconds: int = 600
    """How long a pod may wait for a node before that counts as a problem."""
    pod_template: JsonObject = {}


class Redis(_Part, frozen=True):
    """Where the queue is kept; `host` None is the installation's."""

    host: str | None = None
    port: int = 6379
    database: int = 0
    username: str | None = None
    password_secret_ref: SecretRef | None = None
    tls: bool = False
    ca_secret_ref: SecretRef | None = None


class Backoff(_Part, frozen=True):
    """How long a failed job waits."""

    initial_seconds: int = 5
    max_seconds: int = 300


class Queue(_Part, frozen=True):
    """The job queue."""

    list_name: str | None = None
    redis: Redis = Redis()
    job_timeout_seconds: int = 600
    lease_seconds: int = 30
    max_attempts: int = 3
    give_up_after_seconds: int = 86_400
    """How long a job may be tried uncharged."""
    max_losses: int = 5
    """How often a job may be lost alone, with its engine or its worker."""
    max_answer_bytes: int = 8 * 1024 * 1024
    backoff: Backoff = Backoff()
    result_ttl_seconds: int = msgspec.field(default=86_400, name="resultTTLSeconds")
    max_length: int = 10_000
    deletion_policy: Literal["Retain", "Delete"] = "Retain"


class Schedule(_Part, frozen=True):
    """A recurring time in which more workers are kept; `start` and `end` in cron's five fields."""

    start: str
    end: str
    min_replicas: int
    timezone: str = "UTC"


class Scaling(_Part, frozen=True):
    """When workers wake and sleep; times in seconds."""

    min_replicas: int = 0
    max_replicas: int = 1
    jobs_per_replica: int | None = None
    polling_interval: int = 2
    cooldown_period: int = 300
    scale_down_policy: Literal["WhenIdle", "Gradual"] = "WhenIdle"
    schedules: tuple[Schedule, ...] = ()


class Workload(msgspec.Struct, frozen=True, kw_only=True):
    """One GreenScaleWorkload."""

    name: str
    namespace: str
    uid: str | None = None
    generation: int = 0
    suspend: bool = False
    labels: dict[str, str] = {}
    """Passed on to the Deployment, its pods and the scaler's objects; so are `annotations`."""
    annotations: dict[str, str] = {}
    engine: Engine
    worker: Worker = Worker()
    queue: Queue = Queue()
    scaling: Scaling = Scaling()

    @property
    def list_name(self) -> str:
        """The Redis list that producers push to."""
        return self.queue.list_name or own_list(self.namespace, self.name)

    @property
    def concurrency(self) -> int:
        """Jobs that one replica works on at once."""
        return self.worker.concurrency or CONCURRENCY[self.engine.type]

    @property
    def jobs_per_replica(self) -> int:
        """Jobs, waiting and running, for each replica."""
        return self.scaling.jobs_per_replica or self.concurrency


def parse(resource: JsonObject, *, default_namespace: str = "default") -> Workload:
    """Turn a resource, as Kubernetes or a file gives it, into a Workload.

    Raises:
        InvalidWorkload: A field is missing or of a wrong type.
    """
    metadata = resource.get("metadata", {})
    try:
        spec = msgspec.convert(resource.get("spec"), _Spec)
    except msgspec.ValidationError as error:
        raise InvalidWorkload(str(error).replace("`$", "`spec")) from None
    if not metadata.get("name"):
        raise InvalidWorkload("metadata.name is missing: give the workload a name")
    return Workload(
        name=metadata["name"],
        namespace=metadata.get("namespace") or default_namespace,
        uid=metadata.get("uid"),
        generation=metadata.get("generation", 0),
        suspend=spec.suspend,
        labels=spec.labels,
        annotations=spec.annotations,
        engine=spec.engine,
        worker=spec.worker,
        queue=spec.queue,
        scaling=spec.scaling,
    )


class _Spec(_Part, frozen=True):
    engine: Engine
    suspend: bool = False
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    worker: Worker = Worker()
    queue: Queue = Queue()
    scaling: Scaling = Scaling()
