"""The operator's log: our events and the lines of the libraries, in one form."""

import json
import logging
import re
import sys
from collections.abc import Mapping

import pytest

from greenscale_jobs import RedisAddress
from greenscale_jobs.log_lines import LogFormat
from greenscale_operator.logs import EventFormatter, fields
from greenscale_operator.watch_cache import Key


def line(log_format: LogFormat, message: str, attributes: Mapping[str, object], *, name: str = "greenscale") -> str:
    """Return how one record is written."""
    record = logging.LogRecord(name, logging.WARNING, __file__, 1, message, (), None)
    record.created = 1_700_000_000.25
    for key, value in attributes.items():
        setattr(record, key, value)
    return EventFormatter(log_format).format(record)


EVENT = fields(workload=Key("shop", "w"), error="it said: no", seconds=2.5)


def test_an_event_is_its_time_level_name_and_fields() -> None:
    written = line("text", "reconcile_failed", EVENT)

    assert (
        written == '2023-11-14T22:13:20.250Z warning reconcile_failed workload=shop/w error="it said: no" seconds=2.5'
    )


def test_json_has_the_same_fields() -> None:
    assert json.loads(line("json", "reconcile_failed", EVENT)) == {
        "time": "2023-11-14T22:13:20.250Z",
        "level": "warning",
        "event": "reconcile_failed",
        "workload": "shop/w",
        "error": "it said: no",
        "seconds": 2.5,
    }


@pytest.mark.parametrize("name", ["kopf", "kopf.objects", "kubernetes.client.rest", "asyncio", "py.warnings"])
def test_a_librarys_line_is_an_event_of_its_name(name: str) -> None:
    written = line("text", "it went\nwrong", {}, name=name)
    library = name.partition(".")[0]

    assert written == f'2023-11-14T22:13:20.250Z warning {library} message="it went\\nwrong"'


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_no_password_is_shown(log_format: LogFormat) -> None:
    address = RedisAddress("redis", 6379, 0, password="sesame")

    assert "sesame" not in line(log_format, "redis_unavailable", fields(redis=address))


def test_a_traceback_is_part_of_its_event() -> None:
    try:
        int("broken")
    except ValueError:
        failed = {**EVENT, "exc_info": sys.exc_info()}
    text, written = line("text", "reconcile_failed", failed), line("json", "reconcile_failed", failed)

    assert re.fullmatch(r"\S+ warning reconcile_failed .*\nTraceback .*ValueError: .*broken.*", text, re.DOTALL)
    assert json.loads(written)["traceback"].endswith("'broken'")
    assert "\n" not in written, "one line for each event"
