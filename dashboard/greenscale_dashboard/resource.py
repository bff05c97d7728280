"""The other tabs of a workload: its conditions, its resource, its ScaledObject, and useful commands."""

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

NOT_REPORTED = "Not reported yet. The operator reports it within seconds of its start."


def show_conditions(context: Context, status: WorkloadStatus) -> None:
    """Draw each condition with its message below it: a table would cut messages off on a phone."""
    resource = _read(context, status)
    if resource is None:
        return
    conditions = view.conditions(resource.conditions)
    if not conditions:
        why = "Conditions exist only in a cluster." if context.local else "The operator has not set any conditions yet."
        st.info(f"{why} The sentence above says what the workload is doing.", icon=":material/info:")
        return
    now, here = time.time(), zone(st.context.timezone)
    for one in conditions:
        since = "" if one.since is None else f", since {when(one.since, now=now, zone=here)}"
        head = f"**{plain(one.type)}** {plain(one.status)} &nbsp; :gray[{plain(one.reason)}{since}]"
        st.markdown(f"{head}  \n{plain(one.message)}")


def show_resource(context: Context, status: WorkloadStatus) -> None:
    """Draw the resource as YAML."""
    resource = _read(context, status)
    if resource is not None:
        _yaml(resource.resource, "As applied. Values that may be secrets are hidden.")


def show_scaled_object(context: Context, status: WorkloadStatus) -> None:
    """Draw the ScaledObject as YAML."""
    resource = _read(context, status)
    if resource is None:
        return
    if resource.scaled_object is None:
        st.info("There is no ScaledObject. The conditions say why.", icon=":material/info:")
    else:
        reader = "`greenscale local` reads it in place of KEDA." if context.local else "KEDA reads it."
        _yaml(resource.scaled_object, f"When workers start, and how many. {reader}")


def show_commands(context: Context, status: WorkloadStatus) -> None:
    """Draw useful commands, ready to be copied."""
    for what, command in workload.commands(status, local=context.local):
        st.markdown(f":small[{what}]")
        st.code(command, language=None, wrap_lines=True)


def _read(context: Context, status: WorkloadStatus) -> Resource | None:
    resource = view.resource(context.address, status.namespace, status.name)
    if resource is None:
        st.info(NOT_REPORTED, icon=":material/info:")
    return resource


def _yaml(document: Mapping[str, Any], caption: str) -> None:
    st.markdown(f":small[{caption}]")
    st.code(view.as_yaml(document), language="yaml", wrap_lines=True)
