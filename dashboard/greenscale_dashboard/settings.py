"""The page's settings: the environment, then `.env` in the working directory, and Streamlit's secrets."""

import os
from collections.abc import Mapping

import streamlit as st

from greenscale_dashboard.guard import Guard
from greenscale_jobs import RedisAddress
from greenscale_jobs.connection.environment import with_file
from greenscale_jobs.keys import DEFAULT_LIST


def read_settings() -> tuple[RedisAddress, str]:
    """Return Redis' address and the list to show if no workload is known.

    Raises:
        ValueError: A variable is wrong; the text names it.
    """
    environment = _environment()
    return RedisAddress.from_environment(environment), environment.get("GREENSCALE_QUEUE") or DEFAULT_LIST


def read_guard() -> Guard:
    """Return who may see the page.

    Raises:
        ValueError: A variable is wrong; the text names it.
    """
    return Guard.from_environment(_environment())


def login_is_set() -> bool:
    """Return whether Streamlit's own login is set up: the section `[auth]` of its secrets."""
    return st.secrets.load_if_toml_exists() and "auth" in st.secrets


def is_local() -> bool:
    """Return whether `greenscale local` runs the page: then `kubectl` commands do not help."""
    return bool(_environment().get("GREENSCALE_LOCAL"))


def _environment() -> Mapping[str, str]:
    return with_file(os.environ)
