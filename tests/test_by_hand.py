"""The flow by hand, as the README has it: Redis from docker-compose, `python worker/worker.py`, `streamlit run`."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml

from greenscale_jobs import JobClient
from greenscale_testing.local_redis import RedisServer
from greenscale_testing.ports import free_port

ROOT = Path(__file__).parents[1]


def compose() -> dict[str, Any]:
    service: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "docker-compose.yaml").read_text())["services"]["redis"]
    return service


@pytest.fixture
def compose_redis(own_redis: RedisServer) -> RedisServer:
    """What `docker-compose up redis -d` starts: its command line with a redis-server of this machine."""
    own_redis.options = tuple(compose()["command"][1:])
    own_redis.start()
    return own_redis


@contextmanager
def running(*command: str, folder: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI", "GREENSCALE", "REDIS"))}
    with log.open("wb") as out, subprocess.Popen(command, cwd=folder, env=ours, stdout=out, stderr=out) as process:
        yield process
        process.terminate()


def test_a_worker_reads_the_dotenv_file_and_answers_what_redis_cli_pushes(
    compose_redis: RedisServer, tmp_path: Path
) -> None:
    address = compose_redis.address
    dotenv = (ROOT / ".env.example").read_text().replace("GREENSCALE_ENGINE=OpenAI", "GREENSCALE_ENGINE=Echo")
    dotenv = dotenv.replace("REDIS_HOST=localhost", f"REDIS_HOST={address.host}")
    (tmp_path / ".env").write_text(dotenv.replace("REDIS_PORT=6379", f"REDIS_PORT={address.port}"))
    with running(sys.executable, str(ROOT / "worker/worker.py"), folder=tmp_path, log=tmp_path / "log") as worker:
        with redis.Redis(port=address.port) as plain:
            plain.lpush("jobs", json.dumps({"id": "by-hand", "prompt": "hello"}))
        with JobClient(address) as client:
            assert next(event.type for event in client.events("by-hand") if event.final) == "done"
            assert client.job("by-hand").result == "hello"
        worker.terminate()

        assert worker.wait(20) == 0


def test_the_page_is_served(tmp_path: Path) -> None:
    port = free_port()
    flags = [f"--server.port={port}", "--server.headless=true"]
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "dashboard" / "app.py"), *flags]
    with running(*command, folder=tmp_path, log=tmp_path / "log") as page:
        deadline = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5) as reply:
                    assert reply.read() == b"ok"
                    break
            except urllib.error.URLError:
                assert page.poll() is None, (tmp_path / "log").read_text()
                assert time.monotonic() < deadline, (tmp_path / "log").read_text()
                time.sleep(0.1)


def test_compose_publishes_redis_on_loopback_only() -> None:
    """It has no password: a developer's laptop must not offer it to the café."""
    assert compose()["ports"] == ["127.0.0.1:6379:6379"]
