"""Admits viewers: everybody on loopback, elsewhere by a password or by Streamlit's own login (OIDC)."""

import logging
import time

import streamlit as st

from greenscale_dashboard.guard import Attempts, Guard, Role, TooManyAttempts, on_loopback
from greenscale_dashboard.settings import login_is_set, read_guard

REFUSAL = """\
**Other machines can reach this page and no login is set up, so it shows nothing.** Do one of these:

- set `GREENSCALE_PAGE_PASSWORD` (or `GREENSCALE_PAGE_PASSWORD_FILE`) and restart the page;
- set up a login at your identity provider: the section `[auth]` in `.streamlit/secrets.toml`;
- listen on this machine only: `--server.address=127.0.0.1`.
"""


def admit() -> Role | None:
    """Return this viewer's role; None if the sign-in page or the refusal was drawn instead.

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


def draw_sign_out() -> None:
    """Draw the button that signs out."""
    if st.session_state.get("role"):
        st.button("Sign out", icon=":material/logout:", type="tertiary", on_click=st.session_state.clear)
    elif login_is_set():
        st.button("Sign out", icon=":material/logout:", type="tertiary", on_click=st.logout)


def _refuse() -> None:
    _log_refusal()
    st.error(REFUSAL, icon=":material/lock:")


@st.cache_resource(show_spinner=False)
def _log_refusal() -> None:
    """Log the refusal too, once."""
    logging.getLogger(__name__).error(
        "Other machines can reach the page and no login is set up, so it shows nothing. "
        "Set GREENSCALE_PAGE_PASSWORD, or [auth] in .streamlit/secrets.toml, or --server.address=127.0.0.1."
    )


def _ask(guard: Guard, *, login: bool) -> None:
    with st.container(horizontal_alignment="center"), st.container(width=360):
        st.subheader("GreenScale", anchor=False)
        if guard.asks:
            with st.form("login", border=False):
                st.text_input("Password", type="password", key="password", autocomplete="current-password")
                st.form_submit_button("Sign in", type="primary", on_click=_sign_in, args=(guard,))
        if login:
            st.button("Sign in with your account", icon=":material/login:", on_click=st.login)
        error = st.session_state.pop("sign_in_error", None)
        if error:
            st.error(error, icon=":material/lock:")


def _sign_in(guard: Guard) -> None:
    given = st.session_state["password"]
    st.session_state["password"] = ""
    try:
        role = _attempts().check(lambda: guard.of_password(given), now=time.monotonic())
    except TooManyAttempts as error:
        st.session_state["sign_in_error"] = str(error)
        return
    if role is None:
        st.session_state["sign_in_error"] = "Wrong password."
    else:
        st.session_state["role"] = role


@st.cache_resource(show_spinner=False)
def _attempts() -> Attempts:
    return Attempts()


def _of_account(guard: Guard) -> Role | None:
    email = str(st.user.get("email") or "")
    role = guard.of_account(email) if st.user.get("email_verified") is True else None
    if role is None:
        st.error(_no_access(guard), icon=":material/lock:")
        draw_sign_out()
    return role


def _no_access(guard: Guard) -> str:
    if not guard.names_accounts:
        return "Nobody has access yet: list the addresses in `GREENSCALE_PAGE_USERS` or `GREENSCALE_PAGE_READERS`."
    if st.user.get("email_verified") is not True:
        return "Your provider does not say that your address is verified (`email_verified`), so it admits nobody."
    return "Your account has no access to this page. Ask its administrator."
