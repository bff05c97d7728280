"""Lets viewers in: on loopback everybody, elsewhere by a password or by Streamlit's own login (OIDC)."""

import logging
import time

import streamlit as st

from greenscale_dashboard.guard import Attempts, Guard, Role, TooManyAttempts, on_loopback
from greenscale_dashboard.settings import login_is_set, read_guard

REFUSAL = """\
**This page is reachable from other machines and nobody has to log in, so it shows nothing.** Do one of these:

- set `GREENSCALE_PAGE_PASSWORD` (or `GREENSCALE_PAGE_PASSWORD_FILE`), and start it again;
- give it a login of your provider's: the section `[auth]` in `.streamlit/secrets.toml`;
- let it listen on this machine only: `--server.address=127.0.0.1`.
"""


def admit() -> Role | None:
    """Return what this viewer may do; None where the page has been drawn that asks them, or refuses.

    Raises:
        ValueError: A variable is wrong.
    """
    guard, login = read_guard(), login_is_set()
    if not guard.asks and not login:
        if on_loopback(st.get_option("server.address")):
            return Role.USER
        _refuse()
        return None
    if login and st.user.is_logged_in:
        return _of_account(guard)
    role: Role | None = st.session_state.get("role")
    if role is None:
        _ask(guard, login=login)
    return role


def draw_way_out() -> None:
    """Let whoever logged in log out."""
    if st.session_state.get("role"):
        st.button("Sign out", icon=":material/logout:", type="tertiary", on_click=st.session_state.clear)
    elif login_is_set():
        st.button("Sign out", icon=":material/logout:", type="tertiary", on_click=st.logout)


def _refuse() -> None:
    _log_refusal()
    st.error(REFUSAL, icon=":material/lock:")


@st.cache_resource(show_spinner=False)
def _log_refusal() -> None:
    """Say it in the log too, once."""
    logging.getLogger(__name__).error(
        "The page listens on more than loopback and nobody has to log in, so it shows nothing. "
        "Set GREENSCALE_PAGE_PASSWORD, or [auth] in .streamlit/secrets.toml, or --server.address=127.0.0.1."
    )


def _ask(guard: Guard, *, login: bool) -> None:
    with st.container(horizontal_alignment="center"), st.container(width=360):
        st.subheader("GreenScale", anchor=False)
        if guard.asks:
            with st.form("login", border=False):
                st.text_input("Password", type="password", key="password", autocomplete="current-password")
                st.form_submit_button("Sign in", type="primary", on_click=_hear, args=(guard,))
        if login:
            st.button("Sign in with your account", icon=":material/login:", on_click=st.login)
        refusal = st.session_state.pop("not_let_in", None)
        if refusal:
            st.error(refusal, icon=":material/lock:")


def _hear(guard: Guard) -> None:
    given = st.session_state["password"]
    st.session_state["password"] = ""
    try:
        role = _attempts().hear(lambda: guard.of_password(given), now=time.monotonic())
    except TooManyAttempts as error:
        st.session_state["not_let_in"] = str(error)
        return
    if role is None:
        st.session_state["not_let_in"] = "That is not the password."
    else:
        st.session_state["role"] = role


@st.cache_resource(show_spinner=False)
def _attempts() -> Attempts:
    return Attempts()


def _of_account(guard: Guard) -> Role | None:
    email = str(st.user.get("email") or "")
    role = guard.of_account(email) if st.user.get("email_verified", True) else None
    if role is None:
        st.error("Your account may not see this page. Ask whoever runs it.", icon=":material/lock:")
        draw_way_out()
    return role
