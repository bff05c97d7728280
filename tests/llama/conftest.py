"""A real llama.cpp server with a model of random weights."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from greenscale_testing import tiny_model
from greenscale_testing.llama_server import LlamaServer


@pytest.fixture
def llama(tmp_path: Path) -> Iterator[LlamaServer]:
    model = tmp_path / "tiny.gguf"
    tiny_model.write(model)
    server = LlamaServer(model, tmp_path / "llama.log")
    server.start()
    yield server
    server.kill()
