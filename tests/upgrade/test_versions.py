"""A rolling upgrade: workers of two versions on one queue, one drained while the other starts, and the other way round.

The old version is the commit `OLD`. What its queue looks like is recorded beside this file; its workers run from
git. A newer version is this code with another `ITEM_VERSION`.
"""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
import redis

from greenscale_jobs import Event, Job, JobClient, JobState, RedisAddress, Turn
from greenscale_jobs.records import ITEM_VERSION
from greenscale_testing.whereabouts import astray

ROOT = Path(__file__).parents[2]

OLD = "537f3ca"
"""Item and record have had this form since then."""

RECORDED: dict[str, tuple[str, object]] = json.loads((ROOT / f"tests/upgrade/{OLD}.json").read_text())
"""Each key that this version left in Redis, with its type; the times are those of November 2023."""

SHORT, LONG = 2, 20
"""Words of a prompt: Echo says one in 50 ms."""

END_SECONDS = 60

SUBMIT = """
import sys
from greenscale_jobs import JobClient, Parameters, RedisAddress, Turn
port, count, words = map(int, sys.argv[1:])
with JobClient(RedisAddress("localhost", port)) as client:
    for number in range(count):
        history = [Turn("user", "before"), Turn("assistant", "yes")] if number % 2 else []
        print(client.submit("word " * words, parameters=Parameters(max_tokens=9), history=history))
"""


@pytest.fixture
def client(address: RedisAddress) -> Iterator[JobClient]:
    with JobClient(address) as client:
        yield client


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the old version's `jobs` and `worker`."""
    folder = tmp_path_factory.mktemp(OLD)
    archive = subprocess.run(
        ["git", "archive", OLD, "jobs", "worker"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if archive.returncode:
        missing = f"git has no commit {OLD}, whose workers this test runs. Fetch the history: git fetch --unshallow"
        pytest.fail(f"{missing}\n{archive.stderr.decode()}")
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as tar:
        tar.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with this code, but for the version of items that it can read."""
    folder = tmp_path_factory.mktemp("newer")
    for part in ("jobs", "worker"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    records = folder / "jobs/greenscale_jobs/records.py"
    raised = records.read_text().replace(f"ITEM_VERSION = {ITEM_VERSION}\n", f"ITEM_VERSION = {ITEM_VERSION + 1}\n")
    assert raised != records.read_text()
    records.write_text(raised)
    return folder


@dataclasses.dataclass
class Versions:
    """Processes of several versions on one Redis."""

    address: RedisAddress
    folder: Path
    workers: "dict[str, subprocess.Popen[str]]" = dataclasses.field(default_factory=dict)

    def _environment(self, code: Path) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI", "GREENSCALE"))}
        return {**kept, "PYTHONPATH": f"{code / 'jobs'}{os.pathsep}{code / 'worker'}", "PYTHONDONTWRITEBYTECODE": "1"}

    def start(self, name: str, code: Path) -> None:
        settings = {
            "GREENSCALE_ENGINE": "Echo",
            "GREENSCALE_CONCURRENCY": "4",
            "GREENSCALE_WORKER": name,
            "GREENSCALE_GRACE_SECONDS": "20",
            "REDIS_HOST": self.address.host,
            "REDIS_PORT": str(self.address.port),
        }
        with (self.folder / f"{name}.log").open("a") as log:
            self.workers[name] = subprocess.Popen(
                [sys.executable, code / "worker" / "worker.py"],
                env={**self._environment(code), **settings},
                stderr=log,
                text=True,
                cwd=self.folder,
            )

    def drain(self, name: str) -> None:
        self.workers[name].terminate()
        assert self.workers[name].wait(END_SECONDS) == 0, (self.folder / f"{name}.log").read_text()

    def submit(self, code: Path, count: int, *, words: int) -> list[str]:
        """Submit jobs by this version's client and return their ids."""
        command = [sys.executable, "-c", SUBMIT, str(self.address.port), str(count), str(words)]
        ran = subprocess.run(command, env=self._environment(code), capture_output=True, text=True, check=True)
        return ran.stdout.split()


@pytest.fixture
def versions(address: RedisAddress, tmp_path: Path) -> Iterator[Versions]:
    versions = Versions(address, tmp_path)
    yield versions
    for worker in versions.workers.values():
        worker.kill()
        worker.wait()


Report = Callable[[str, JobClient, list[str]], None]


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Report:
    """Print a row: what was done, and how many jobs each worker finished."""

    def row(title: str, client: JobClient, ids: list[str]) -> None:
        jobs = [client.job(job_id) for job_id in ids]
        by = Counter(job.worker for job in jobs)
        tries = sum(job.uncharged.count for job in jobs if job.uncharged)
        finished = ", ".join(f"{name} {count}" for name, count in sorted(by.items(), key=str))
        with capsys.disabled():
            print(f"\n{title:<52} {len(jobs):>4} jobs  finished by {finished}; {tries} times left to newer")  # noqa: T201

    return row


def await_claim(client: JobClient, ids: list[str], worker: str) -> None:
    """Wait until this worker claims one of these jobs."""
    claims = (event for job_id in ids for event in client.events(job_id) if event.type == "claimed")
    assert any(event.text == worker for event in claims), f"{worker} has claimed none"


def end_all(client: JobClient, ids: list[str], *, words: int) -> list[Job]:
    """Wait for these jobs, and check that none was lost, charged, or done by two workers at a time."""
    jobs = [client.result(job_id) for job_id in ids]
    for job in jobs:
        assert (job.state, job.result, job.attempts) == (JobState.DONE, "word " * words, 1)
        check_claims(list(client.events(job.id)))
    return jobs


def check_claims(events: list[Event]) -> None:
    """Check that no worker claimed the job while another had it."""
    held_by = ""
    for event in events:
        if event.type == "claimed":
            assert not held_by, f"{event.text} claimed what {held_by} had in hand"
            held_by = event.text
        elif event.type != "delta":
            held_by = ""


def test_what_the_old_version_left_is_read_and_done(client: JobClient, raw: redis.Redis, versions: Versions) -> None:
    load(raw)
    assert {state: [job.id for job in client.jobs(state).jobs] for state in (JobState.RUNNING, JobState.DELAYED)} == {
        JobState.RUNNING: ["running"],
        JobState.DELAYED: ["retried"],
    }
    done, keyed = client.job("done"), client.submit("hello with a key", idempotency_key="k-1")
    assert (done.result, done.outcome and done.outcome.finish_reason) == ("the answer of before", "stop")
    assert client.stats().counters["submitted"] == 8, "an item is written as ever, so the key gives the job of before"
    assert client.job("waiting").history == (Turn("user", "hi"), Turn("assistant", "hello"))
    client.redrive(["dead"])

    versions.start("this", ROOT)
    jobs = {job_id: client.result(job_id) for job_id in ("running", "retried", "handed-back", "waiting", "dead", keyed)}
    bare = await_others(client, set(jobs), 2)

    assert {job.state for job in jobs.values()} == {JobState.DONE}
    assert [error.reason for error in jobs["running"].errors] == ["WorkerLost"]
    assert [error.reason for error in jobs["retried"].errors] == ["ServerError"]
    assert {job.result for job in bare} == {"hello as a bare text", "hello as an object"}
    assert {line.split()[0] for line in astray(raw)} == {"done", "cancelled"}, "their time was over in 2023"


def await_others(client: JobClient, known: set[str], count: int) -> list[Job]:
    """Wait until so many jobs without ids of their own are done."""
    deadline = time.monotonic() + END_SECONDS
    while True:
        others = [job for job in client.jobs(JobState.DONE).jobs if job.id not in known]
        if len(others) == count:
            return others
        assert time.monotonic() < deadline, others
        time.sleep(0.02)


def load(raw: redis.Redis) -> None:
    """Write what was recorded."""
    for key, (kind, value) in RECORDED.items():
        if kind == "list" and isinstance(value, list):
            raw.rpush(key, *value)
        elif kind == "hash" and isinstance(value, dict):
            raw.hset(key, mapping=value)
        elif kind == "zset" and isinstance(value, dict):
            raw.zadd(key, value)
        elif kind == "stream" and isinstance(value, list):
            for event_id, fields in value:
                raw.xadd(key, fields, id=event_id)


@pytest.mark.parametrize("way", ["upgrade", "rollback"])
def test_one_version_takes_over_from_the_other(
    client: JobClient, raw: redis.Redis, versions: Versions, old: Path, report: Report, way: str
) -> None:
    codes = {"old": old, "this": ROOT}
    first, second = ("old", "this") if way == "upgrade" else ("this", "old")
    versions.start(first, codes[first])
    ids = versions.submit(old, 12, words=SHORT)
    assert {job.worker for job in end_all(client, ids, words=SHORT)} == {first}
    versions.start(second, codes[second])
    served: set[str | None] = set()
    while second not in served:
        for producer in codes.values():
            batch = versions.submit(producer, 12, words=SHORT)
            served |= {job.worker for job in end_all(client, batch, words=SHORT)}
            ids += batch
    long = versions.submit(ROOT, 12, words=LONG)
    await_claim(client, long, first)
    versions.drain(first)

    assert {job.worker for job in end_all(client, long, words=LONG)} == {first, second}
    assert client.stats().counters["done"] == len(ids + long)
    assert astray(raw) == []
    report(f"{way}: {first} is drained beside {second}", client, ids + long)


def submit_newer(raw: redis.Redis, count: int) -> list[str]:
    """Submit jobs as a newer version does."""
    ids = [f"newer-{number}" for number in range(count)]
    for job_id in ids:
        item = json.dumps({"id": job_id, "prompt": "word " * LONG, "v": ITEM_VERSION + 1})
        raw.hset(f"jobs:job:{job_id}", mapping={"state": "waiting", "item": item})
        raw.lpush("jobs", item)
    return ids


def await_left(client: JobClient, job_id: str) -> None:
    """Wait until a worker has left this job to a newer one."""
    assert any(event.type == "delayed" for event in client.events(job_id))


def test_jobs_of_a_newer_version_wait_for_the_upgrade(
    client: JobClient, raw: redis.Redis, versions: Versions, newer: Path, report: Report
) -> None:
    late = submit_newer(raw, 8)
    versions.start("this", ROOT)
    for job_id in late:
        await_left(client, job_id)
    ids = versions.submit(newer, 12, words=LONG)
    await_claim(client, ids, "this")
    versions.start("newer", newer)
    versions.drain("this")
    jobs = end_all(client, ids, words=LONG)

    assert {job.worker for job in jobs} == {"this", "newer"}
    assert {job.worker for job in end_all(client, late, words=LONG)} == {"newer"}
    assert [job.id for job in jobs if job.uncharged] == []
    assert astray(raw) == []
    report("upgrade: newer starts while this is drained", client, ids + late)


def test_jobs_of_a_newer_version_outlive_a_rollback(
    client: JobClient, raw: redis.Redis, versions: Versions, newer: Path, report: Report
) -> None:
    late = submit_newer(raw, 8)
    ids = versions.submit(ROOT, 12, words=SHORT)
    versions.start("newer", newer)
    await_claim(client, late, "newer")
    versions.start("this", ROOT)
    versions.drain("newer")
    await_left(client, late[-1])
    assert "this" in {job.worker for job in end_all(client, ids, words=SHORT)}
    versions.start("newer", newer)
    versions.drain("this")

    assert {job.worker for job in end_all(client, late, words=LONG)} == {"newer"}
    assert astray(raw) == []
    report("rollback: newer is drained while this starts", client, ids + late)
