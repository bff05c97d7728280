"""Jobs: find jobs, see what became of them, retry the failed ones."""

import datetime as dt
import functools
import time
from collections.abc import Callable

import streamlit as st

from greenscale_dashboard import export, job, redrive
from greenscale_dashboard.context import Context
from greenscale_dashboard.formatting import counted, plain, sentence
from greenscale_dashboard.fragments import let_it_arrive
from greenscale_dashboard.times import zone
from greenscale_dashboard.view import jobs as view
from greenscale_dashboard.view.export import FORMATS
from greenscale_dashboard.view.listing import BEGINNING, LISTED, Counts, Filter, JobPage, Listing, counts, extent
from greenscale_jobs import JobState, QueueUnavailable
from greenscale_jobs.durations import DAY, HOUR, MINUTE

REFRESH_SECONDS = 2.0
"""How often the table is redrawn."""

TABLE, DIALOG, WHOLE_PAGE = "jobs-table", "jobs-dialog", "jobs-whole-page"
"""Keys of the session's state: the table, a dialog to open, and whether the whole page must be redrawn."""

TABLE_ROWS, TABLE_PIXELS = 8, 318
"""A longer table scrolls, so that the job that is opened below it stays visible."""

MAX_CHARS = 250
"""Of a search text: in UTF-8 it never exceeds what a search accepts."""

ALL = "All"
CHOICES = {ALL: LISTED, **{view.STATES[state]: (state,) for state in LISTED}}
"""The choices of the state filter."""

BETWEEN = "Between …"

AGES = {
    "Any time": None,
    "Last 10 minutes": 10 * MINUTE,
    "Last hour": HOUR,
    "Last day": DAY,
    BETWEEN: None,
}
"""Choices of the time filter, in seconds before now: when a job finished, else when it was claimed, else sent."""


def show(context: Context) -> None:
    """Draw the page."""
    name = context.choose()
    listing = _listing(name, _filter())
    st.fragment(_list, run_every=REFRESH_SECONDS)(context, name, listing)
    opened = st.query_params.get("job")
    if opened:
        job.show(context, name, opened)
    dialog = st.session_state.pop(DIALOG, None)
    if dialog:
        dialog()


def _filter() -> Filter:
    """Draw the filter; the choices are also in the URL, so that a link shows the same jobs."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        state = st.radio("State", list(CHOICES), horizontal=True, key="state", bind="query-params")
        text = st.text_input(
            "Search",
            key="text",
            bind="query-params",
            max_chars=MAX_CHARS,
            icon=":material/search:",
            placeholder="prompts, answers, errors",
        )
        age = st.selectbox("Time", list(AGES), key="when", bind="query-params", width=180)
    since, until = _between() if age == BETWEEN else (None, None)
    return Filter(CHOICES[state], text.strip(), AGES[age], since, until)


def _between() -> tuple[float | None, float | None]:
    here = zone(st.context.timezone)
    with st.container(horizontal=True):
        since = st.datetime_input("From", value=None, key="when-since", width=220)
        until = st.datetime_input("To", value=None, key="when-until", width=220)
    return _unix(since, here), _unix(until, here)


def _unix(moment: dt.datetime | None, here: dt.tzinfo) -> float | None:
    return None if moment is None else moment.replace(tzinfo=here).timestamp()


def _listing(name: str, wanted: Filter) -> Listing:
    """Return the viewer's listing; a new filter or workload starts at the first page."""
    before: tuple[str, Listing] | None = st.session_state.get("jobs-listing")
    if before and (before[0], before[1].wanted) == (name, wanted):
        return before[1]
    listing = Listing(wanted)
    st.session_state["jobs-listing"] = name, listing
    return listing


def _list(context: Context, name: str, listing: Listing) -> None:
    """Draw the jobs that match; the fragment runs again by itself."""
    try:
        numbers = counts(context.address, context.workloads[name])
        page = listing.read(context.client(name), numbers)
    except QueueUnavailable as error:
        st.error(plain(sentence(str(error))), icon=":material/cloud_off:")
    else:
        _head(context, name, listing, numbers)
        # Between the buttons and the table: on a phone the toolbar above the table's right end covered the buttons.
        st.markdown(f":small[{extent(page, listing.wanted, numbers)}]")
        if page.jobs:
            _table(page)
        else:
            _nothing(context, name, listing, page)
        _pager(listing, page)
    let_it_arrive()
    if st.session_state.pop(WHOLE_PAGE, False):
        st.rerun()


def _head(context: Context, name: str, listing: Listing, numbers: Counts) -> None:
    """Draw the number of jobs in each state, and the actions for all of them."""
    with st.container(horizontal=True, vertical_alignment="center"):
        totals = " · ".join(f"{count:,} {view.STATES[state].lower()}" for state, count in numbers.items())
        st.markdown(totals, width="content")
        with st.container(horizontal=True, width="content"):
            dead = numbers[JobState.DEAD]
            if dead and context.may_change:
                st.button(
                    f"Retry {counted(dead, 'failed job')}",
                    key="jobs-redrive",
                    icon=":material/replay:",
                    on_click=_ask,
                    args=(functools.partial(redrive.ask, context, name, dead),),
                )
            file_format = st.menu_button("Export", list(FORMATS), key="jobs-export", icon=":material/download:")
            if file_format:
                _ask(functools.partial(export.ask, context, name, listing.wanted, file_format))


def _ask(dialog: Callable[[], None]) -> None:
    """Have the whole page open a dialog: one that a fragment opens closes when the fragment is redrawn."""
    st.session_state[DIALOG], st.session_state[WHOLE_PAGE] = dialog, True


def _nothing(context: Context, name: str, listing: Listing, page: JobPage) -> None:
    """Draw why nothing is listed, and what to do next."""
    if page.next or page.start != BEGINNING:
        st.info("No matches on this page.", icon=":material/search:")
    elif listing.wanted == Filter():
        st.info("No jobs yet. They appear here as soon as a prompt is sent.", icon=":material/inbox:")
        st.page_link(
            context.pages["prompt"], label="Send a prompt", icon=":material/chat:", query_params={"workload": name}
        )
    else:
        st.info("No jobs match this filter.", icon=":material/search_off:")
        st.button("Clear filter", icon=":material/filter_alt_off:", on_click=_show_all)


def _show_all() -> None:
    st.session_state["state"], st.session_state["text"], st.session_state["when"] = ALL, "", next(iter(AGES))
    st.session_state[WHOLE_PAGE] = True


def _pager(listing: Listing, page: JobPage) -> None:
    """Draw the buttons that turn the page."""
    with st.container(horizontal=True):
        if len(listing.starts) > 1:
            st.button("Previous", icon=":material/chevron_left:", key="jobs-back", on_click=listing.previous_page)
        if page.next:
            label = "Next" if page.full else "Continue search"
            st.button(label, icon=":material/chevron_right:", key="jobs-next", on_click=listing.next_page)


def _table(page: JobPage) -> None:
    now, here = time.time(), zone(st.context.timezone)
    rows = [view.row(found, now=now, zone=here) for found in page.jobs]
    ids = [found.id for found in page.jobs]
    opened = st.query_params.get("job")
    at = [ids.index(opened)] if opened in ids else []
    # Streamlit selects a row by its position: as jobs come and go, the selection would move to another job.
    st.session_state[TABLE] = {"selection": {"rows": at, "columns": [], "cells": []}}
    st.dataframe(
        {
            "State": [[row.state] for row in rows],
            "Prompt": [row.prompt for row in rows],
            "Answer or error": [row.answer_or_error for row in rows],
            "Sent": [row.sent for row in rows],
            "Took": [row.took for row in rows],
        },
        key=TABLE,
        height=TABLE_PIXELS if len(rows) > TABLE_ROWS else "auto",
        hide_index=True,
        on_select=functools.partial(_open, ids),
        selection_mode=["single-row", "single-cell"],
        column_config={
            "State": st.column_config.MultiselectColumn(
                options=list(view.STATES.values()), color=list(view.COLOURS.values()), width="small"
            ),
            "Prompt": st.column_config.TextColumn(width="medium"),
            "Answer or error": st.column_config.TextColumn(width="large"),
        },
        alt="Jobs",
    )


def _open(ids: list[str]) -> None:
    """Open the job whose row or cell was selected; selecting it again closes it."""
    chosen = st.session_state[TABLE].selection
    at = chosen.cells[0][0] if chosen.cells else chosen.rows[0] if chosen.rows else None
    st.session_state[WHOLE_PAGE] = True
    if at is None:
        st.query_params.pop("job", None)
    elif ids[at]:
        st.query_params["job"] = ids[at]
    else:
        st.toast("This job has no id yet: it gets one when a worker claims it.", icon=":material/info:")
