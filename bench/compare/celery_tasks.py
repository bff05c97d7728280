"""The task as Celery knows it, run by Celery's own Python.

`result_extended` keeps with a result what its task was called with, so that one that failed can be sent again.
"""

import os

from celery import Celery

from bench.compare import model

app = Celery("compare", broker=f"{os.environ['REDIS']}/0", backend=f"{os.environ['REDIS']}/1")
app.conf.result_extended = True
app.conf.broker_connection_retry_on_startup = True


@app.task(name="answer")  # type: ignore[untyped-decorator]
def answer(prompt: str) -> str:
    """Ask the model."""
    return model.answer(prompt)
