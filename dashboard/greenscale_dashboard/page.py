"""The frame around every page: finds Redis and the workloads once, and opens the requested page."""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import streamlit as st

from greenscale_dashboard import access, jobs, overview, prompt, workload
from greenscale_dashboard.context import Context, Pages
from greenscale_dashboard.formatting import plain, sentence
from greenscale_dashboard.guard import Role
from greenscale_dashboard.settings import is_local, read_settings
from greenscale_dashboard.view import workloads
from greenscale_jobs import QueueUnavailable

ICON = Path(__file__).with_name("leaf.svg")
"""Our own file: the browser would fetch Streamlit's icons from Google."""

LOGO = Path(__file__).with_name("logo.svg")

RECONNECT_SECONDS = 2.0
"""How often a page without Redis tries again."""


@dataclasses.dataclass(frozen=True)
class View:
    """One page; its name is its path."""

    draw: Callable[[Context], None]
    icon: str
    layout: Literal["centered", "wide"]
    """Wide for tables and charts; text is easier to read in short lines."""


VIEWS = {
    "overview": View(overview.show, "grid_view", "centered"),
    "prompt": View(prompt.show, "chat", "centered"),
    "jobs": View(jobs.show, "list", "wide"),
    "workload": View(workload.show, "monitoring", "wide"),
}

JOB_PAGES = {"prompt", "jobs"}
"""The pages that show the job in the URL; any other page switches to Prompt."""


def show() -> None:
    """Draw the page in the URL, for viewers who may see it."""
    st.set_page_config(page_title="GreenScale", page_icon=ICON)
    st.logo(LOGO, size="large")
    try:
        role = access.admit()
    except ValueError as error:
        st.error(plain(sentence(str(error))), icon=":material/settings:")
        role = None
    pages = _pages(role or Role.READER)
    requested = st.navigation(list(pages.values()), position="top" if role else "hidden")
    if role is None:
        return
    if "job" in st.query_params and not any(requested is pages[name] for name in JOB_PAGES):
        st.switch_page(pages["prompt"], query_params=st.query_params.to_dict())
    st.set_page_config(layout=next(view.layout for name, view in VIEWS.items() if pages[name] is requested))
    requested.run()
    access.draw_sign_out()


def _pages(role: Role) -> Pages:
    pages: Pages = {}
    for name, view in VIEWS.items():
        pages[name] = st.Page(
            functools.partial(_draw, view.draw, role, pages),
            title=name.capitalize(),
            icon=f":material/{view.icon}:",
            url_path=name,
            default=not pages,
        )
    return pages


def _draw(draw: Callable[[Context], None], role: Role, pages: Pages) -> None:
    try:
        context = _context(role, pages)
    except (ValueError, QueueUnavailable):
        _redis_unavailable(role, pages)
    else:
        _select_workload_of_job(context)
        draw(context)


def _select_workload_of_job(context: Context) -> None:
    """If the URL has a job but no workload, add the workload that has the job."""
    job_id = st.query_params.get("job")
    if job_id and "workload" not in st.query_params:
        found = workloads.holder(context.address, context.workloads, job_id)
        if found and len(context.workloads) > 1:
            st.query_params["workload"] = found


def _context(role: Role, pages: Pages) -> Context:
    """Return the context that every page receives.

    While Redis is unavailable it has the last known workloads, so that the fields stay on the page: Streamlit forgets
    the value of a field that is not drawn.

    Raises:
        ValueError: A variable is wrong.
        QueueUnavailable: Redis has been unavailable since this session began.
    """
    address, default_list = read_settings()
    try:
        st.session_state["workloads"] = workloads.workload_names(address, default_list)
    except QueueUnavailable:
        if "workloads" not in st.session_state:
            raise
    return Context(address, st.session_state["workloads"], role, pages, default_list, local=is_local())


@st.fragment(run_every=RECONNECT_SECONDS)
def _redis_unavailable(role: Role, pages: Pages) -> None:
    """Draw what is wrong; redraw the whole page when Redis answers."""
    try:
        _context(role, pages)
    except (ValueError, QueueUnavailable) as error:
        st.error(plain(sentence(str(error))), icon=":material/cloud_off:")
    else:
        st.rerun()
