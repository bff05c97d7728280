"""Overview: what is asleep, what works, and what needs a person."""

import streamlit as st

from greenscale_dashboard.context import Context
from greenscale_dashboard.fragments import STATE_SECONDS, let_it_arrive
from greenscale_dashboard.view import workloads
from greenscale_dashboard.words import harmless
from greenscale_jobs import QueueUnavailable


def show(context: Context) -> None:
    """Draw the page."""
    for name in context.workloads:
        st.fragment(card, run_every=STATE_SECONDS)(context, name)


def card(context: Context, name: str) -> None:
    """Draw one workload as it is now."""
    try:
        _draw(workloads.workload(context.address, name, context.workloads[name]))
    except QueueUnavailable as error:
        st.error(str(error), icon=":material/cloud_off:")
    let_it_arrive()


def _draw(seen: workloads.Workload) -> None:
    look = seen.look
    with st.container(border=True):
        st.markdown(f"**{seen.name}** &nbsp; :{look.colour}-badge[:material/{look.icon}: {look.word}]")
        st.markdown(harmless(seen.sentence))
        with st.container(horizontal=True, horizontal_alignment="distribute"):  # columns would stack on a phone
            st.metric("Waiting", seen.waiting, width="content")
            st.metric("Running", seen.running, width="content")
            st.metric("Workers", seen.replicas, width="content")
            st.metric("Dead", seen.dead, width="content")
