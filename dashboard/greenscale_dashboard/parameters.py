"""A request's own wishes, tucked away."""

import streamlit as st

from greenscale_jobs import Parameters


def draw() -> None:
    """Draw their fields; they keep what stands in them."""
    with st.popover("Parameters", icon=":material/tune:", type="tertiary"):
        own = "the workload's own"
        st.number_input("Temperature", 0.0, 2.0, None, 0.1, key="temperature", placeholder=own)
        st.number_input("Most tokens of the answer", 1, None, None, 1, key="max_tokens", placeholder=own)
        st.text_area("System prompt", key="system", placeholder=own, height=84)


def chosen() -> Parameters:
    """Return what stands in the fields that `draw` drew."""
    told = st.session_state
    return Parameters(told.get("max_tokens"), told.get("temperature"), told.get("system") or None)
