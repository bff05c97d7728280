"""What every tool does with a prompt: the standard library only, for each has its own Python.

It answers by echo after 10 ms. While the file that `MODEL_DOWN` names is there, it fails instead.
"""

import os
import time
from pathlib import Path

SECONDS = 0.01

BUSY = "the model's API is busy"


class ModelDown(Exception):
    """The model cannot be asked now."""


def answer(prompt: str) -> str:
    """Return the prompt; raises ModelDown."""
    time.sleep(SECONDS)
    if Path(os.environ["MODEL_DOWN"]).exists():
        raise ModelDown(BUSY)
    return prompt
