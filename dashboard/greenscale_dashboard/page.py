"""The frame around every page: finds Redis and the workloads once, and leads to the page that was asked for."""

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
"""A file of ours: the browser would fetch one of Streamlit's symbols from Google."""

LOGO = Path(__file__).with_name("logo.svg")

AWAY_SECONDS = 2.0
"""How often a page that has found no Redis looks again."""


@dataclasses.dataclass(frozen=True)
class View:
    """One page; its name is its address."""

    draw: Callable[[Context], None]
    icon: str
    layout: Literal["centered", "wide"]
    """Wide where there is a table or a row of charts; text is read more easily in short lines."""


VIEWS = {
    "overview": View(overview.show, "grid_view", "centered"),
    "prompt": View(prompt.show, "chat", "centered"),
    "jobs": View(jobs.show, "list", "wide"),
    "workload": View(workload.show, "monitoring", "wide"),
}

SHOWS_A_JOB = {"prompt", "jobs"}
"""These show the job that the address names; from any other it leads to the first of them."""


def show() -> None:
    """Draw the page that the address names, for those who may see it."""
    st.set_page_config(page_title="GreenScale", page_icon=ICON)
    st.logo(LOGO, size="large")
    try:
        role = access.admit()
    except ValueError as error:
        st.error(plain(sentence(str(error))), icon=":material/settings:")
        role = None
    pages = _pages(role or Role.READER)
    asked = st.navigation(list(pages.values()), position="top" if role else "hidden")
    if role is None:
        return
    if "job" in st.query_params and not any(asked is pages[name] for name in SHOWS_A_JOB):
        st.switch_page(pages["prompt"], query_params=st.query_params.to_dict())
    st.set_page_config(layout=next(view.layout for name, view in VIEWS.items() if pages[name] is asked))
    asked.run()
    access.draw_way_out()


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
        _redis_is_away(role, pages)
    else:
        _choose_the_jobs_own(context)
        draw(context)


def _choose_the_jobs_own(context: Context) -> None:
    """Where the address names a job and no workload, name the one that has it."""
    job_id = st.query_params.get("job")
    if job_id and "workload" not in st.query_params:
        found = workloads.holder(context.address, context.workloads, job_id)
        if found and len(context.workloads) > 1:
            st.query_params["workload"] = found


def _context(role: Role, pages: Pages) -> Context:
    """Return what the pages are given.

    While Redis is away the workloads are those seen last: Streamlit forgets what stands in a field that is not drawn.

    Raises:
        ValueError: A variable is wrong.
        QueueUnavailable: Redis was away from the beginning.
    """
    address, default_list = read_settings()
    try:
        st.session_state["workloads"] = workloads.workload_names(address, default_list)
    except QueueUnavailable:
        if "workloads" not in st.session_state:
            raise
    return Context(address, st.session_state["workloads"], role, pages, default_list, local=is_local())


@st.fragment(run_every=AWAY_SECONDS)
def _redis_is_away(role: Role, pages: Pages) -> None:
    """Say what is wrong, and draw the whole page again once Redis answers."""
    try:
        _context(role, pages)
    except (ValueError, QueueUnavailable) as error:
        st.error(plain(sentence(str(error))), icon=":material/cloud_off:")
    else:
        st.rerun()
