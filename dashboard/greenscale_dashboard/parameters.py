"""The parameters of a request, in a popover."""

import streamlit as st

from greenscale_jobs import Parameters


def draw() -> None:
    """Draw the fields; they keep their values."""
    with st.popover("Parameters", icon=":material/tune:", type="tertiary"):
        default = "the workload's default"
        st.number_input("Temperature", 0.0, 2.0, None, 0.1, key="temperature", placeholder=default)
        st.number_input("Maximum tokens of the answer", 1, None, None, 1, key="max_tokens", placeholder=default)
        st.text_area("System prompt", key="system", placeholder=default, height=84)


def chosen() -> Parameters:
    """Return the values of the fields that `draw` drew."""
    fields = st.session_state
    return Parameters(fields.get("max_tokens"), fields.get("temperature"), fields.get("system") or None)
