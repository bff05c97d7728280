"""What operators ask of a workload: its conditions, its resource, what it became, and the commands to go on with."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from greenscale_dashboard.context import Context
from greenscale_dashboard.formatting import plain
from greenscale_dashboard.times import when, zone
from greenscale_dashboard.view import resource as view
from greenscale_dashboard.view import workload
from greenscale_jobs import Resource, WorkloadStatus

Draw = Callable[[Context, WorkloadStatus], None]

UNTOLD = "Nobody has told of it yet: the operator does, within seconds of its start."


def show_conditions(context: Context, told: WorkloadStatus) -> None:
    """Draw each with its message below it: a table would cut messages on a phone."""
    seen = _read(context, told)
    if seen is None:
        return
    conditions = view.conditions(seen.conditions)
    if not conditions:
        where = "Outside a cluster there are none." if context.local else "The operator has set none yet."
        st.info(f"{where} The sentence above says what the workload does.", icon=":material/info:")
        return
    now, here = time.time(), zone(st.context.timezone)
    for one in conditions:
        since = "" if one.since is None else f", since {when(one.since, now=now, zone=here)}"
        head = f"**{plain(one.type)}** {plain(one.status)} &nbsp; :gray[{plain(one.reason)}{since}]"
        st.markdown(f"{head}  \n{plain(one.message)}")


def show_resource(context: Context, told: WorkloadStatus) -> None:
    """Draw it as YAML."""
    seen = _read(context, told)
    if seen is not None:
        _yaml(seen.resource, "As it was applied; what may be a secret is hidden.")


def show_scaled_object(context: Context, told: WorkloadStatus) -> None:
    """Draw what KEDA was given, as YAML."""
    seen = _read(context, told)
    if seen is None:
        return
    if seen.scaled_object is None:
        st.info("There is no ScaledObject: its conditions say why.", icon=":material/info:")
    else:
        reader = "`greenscale local` reads it in KEDA's place." if context.local else "KEDA reads it."
        _yaml(seen.scaled_object, f"What the workload became: when its workers wake, and how many. {reader}")


def show_commands(context: Context, told: WorkloadStatus) -> None:
    """Offer the commands to go on with, ready to be copied."""
    for what, command in workload.commands(told, local=context.local):
        st.markdown(f":small[{what}]")
        st.code(command, language=None, wrap_lines=True)


def _read(context: Context, told: WorkloadStatus) -> Resource | None:
    seen = view.resource(context.address, told.namespace, told.name)
    if seen is None:
        st.info(UNTOLD, icon=":material/info:")
    return seen


def _yaml(document: Mapping[str, Any], said: str) -> None:
    st.markdown(f":small[{said}]")
    st.code(view.as_yaml(document), language="yaml", wrap_lines=True)
