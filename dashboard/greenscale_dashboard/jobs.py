"""Jobs: find one, see what became of it, send the dead again."""

import datetime as dt
import functools
import time
from collections.abc import Callable

import streamlit as st

from greenscale_dashboard import export, job, redrive
from greenscale_dashboard.context import Context
from greenscale_dashboard.formatting import plain, sentence
from greenscale_dashboard.fragments import let_it_arrive
from greenscale_dashboard.times import zone
from greenscale_dashboard.view import jobs as view
from greenscale_dashboard.view.export import FORMS
from greenscale_dashboard.view.listing import BEGINNING, LISTED, Counts, Filter, Listing, Sheet, counts, extent
from greenscale_jobs import JobState, QueueUnavailable
from greenscale_jobs.durations import DAY, HOUR, MINUTE

REFRESH_SECONDS = 2.0
"""How often the table is drawn anew."""

TABLE, DIALOG, WHOLE_PAGE = "jobs-table", "jobs-dialog", "jobs-whole-page"
"""Keys of the session's state: the table, a dialog to open, and whether the whole page must be drawn anew."""

TABLE_ROWS, TABLE_PIXELS = 8, 318
"""More rows scroll, so that the job that is opened below them is seen."""

MAX_CHARS = 250
"""Of a text to look for: in UTF-8 it is never longer than a search may be."""

EVERY = "All"
CHOICES = {EVERY: LISTED, **{view.STATES[state]: (state,) for state in LISTED}}
"""What one may choose among the states."""

BETWEEN = "Between …"

AGES = {
    "Any time": None,
    "Last 10 minutes": 10 * MINUTE,
    "Last hour": HOUR,
    "Last day": DAY,
    BETWEEN: None,
}
"""When a job was finished, else taken, else sent: within so many seconds."""


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
    """Let the viewer choose; what is chosen stands in the address too, so that it can be sent to somebody."""
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
        age = st.selectbox("When", list(AGES), key="when", bind="query-params", width=180)
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
    """Return the viewer's listing; another filter or workload begins at the first page."""
    before: tuple[str, Listing] | None = st.session_state.get("jobs-listing")
    if before and (before[0], before[1].wanted) == (name, wanted):
        return before[1]
    listing = Listing(wanted)
    st.session_state["jobs-listing"] = name, listing
    return listing


def _list(context: Context, name: str, listing: Listing) -> None:
    """Draw what is found, and do it anew by itself."""
    try:
        numbers = counts(context.address, context.workloads[name])
        sheet = listing.look(context.client(name), numbers)
    except QueueUnavailable as error:
        st.error(plain(sentence(str(error))), icon=":material/cloud_off:")
    else:
        _head(context, name, listing, numbers)
        # Between them and the table, whose toolbar comes up above its right end: on a phone it covered the buttons.
        st.markdown(f":small[{extent(sheet, listing.wanted, numbers)}]")
        if sheet.jobs:
            _table(sheet)
        else:
            _nothing(context, name, listing, sheet)
        _pager(listing, sheet)
    let_it_arrive()
    if st.session_state.pop(WHOLE_PAGE, False):
        st.rerun()


def _head(context: Context, name: str, listing: Listing, numbers: Counts) -> None:
    """Say how many jobs there are, and offer what may be done with all of them."""
    with st.container(horizontal=True, vertical_alignment="center"):
        told = " · ".join(f"{count:,} {view.STATES[state].lower()}" for state, count in numbers.items())
        st.markdown(told, width="content")
        with st.container(horizontal=True, width="content"):
            dead = numbers[JobState.DEAD]
            if dead and context.may_change:
                st.button(
                    f"Send {dead:,} dead again",
                    key="jobs-redrive",
                    icon=":material/replay:",
                    on_click=_ask,
                    args=(functools.partial(redrive.ask, context, name, dead),),
                )
            form = st.menu_button("Export", list(FORMS), key="jobs-export", icon=":material/download:")
            if form:
                _ask(functools.partial(export.ask, context, name, listing.wanted, form))


def _ask(dialog: Callable[[], None]) -> None:
    """Have the whole page open a dialog: one that a fragment opens is closed when the fragment draws itself anew."""
    st.session_state[DIALOG], st.session_state[WHOLE_PAGE] = dialog, True


def _nothing(context: Context, name: str, listing: Listing, sheet: Sheet) -> None:
    """Say why nothing is listed, and what to do next."""
    if sheet.goes_on or sheet.begins != BEGINNING:
        st.info("Nothing found here.", icon=":material/search:")
    elif listing.wanted == Filter():
        st.info("No job yet. Jobs are listed here as soon as a prompt is sent.", icon=":material/inbox:")
        st.page_link(
            context.pages["prompt"], label="Send a prompt", icon=":material/chat:", query_params={"workload": name}
        )
    else:
        st.info("No job fits.", icon=":material/search_off:")
        st.button("Show all jobs", icon=":material/filter_alt_off:", on_click=_show_all)


def _show_all() -> None:
    st.session_state["state"], st.session_state["text"], st.session_state["when"] = EVERY, "", next(iter(AGES))
    st.session_state[WHOLE_PAGE] = True


def _pager(listing: Listing, sheet: Sheet) -> None:
    """Let the viewer turn the page."""
    with st.container(horizontal=True):
        if len(listing.places) > 1:
            st.button("Back", icon=":material/chevron_left:", key="jobs-back", on_click=listing.turn_back)
        if sheet.goes_on:
            label = "Next" if sheet.full else "Go on"
            st.button(label, icon=":material/chevron_right:", key="jobs-next", on_click=listing.turn)


def _table(sheet: Sheet) -> None:
    now, here = time.time(), zone(st.context.timezone)
    rows = [view.row(found, now=now, zone=here) for found in sheet.jobs]
    ids = [found.id for found in sheet.jobs]
    opened = st.query_params.get("job")
    at = [ids.index(opened)] if opened in ids else []
    # A row is chosen by its place: jobs that come and go would choose another.
    st.session_state[TABLE] = {"selection": {"rows": at, "columns": [], "cells": []}}
    st.dataframe(
        {
            "State": [[row.state] for row in rows],
            "Prompt": [row.prompt for row in rows],
            "Answer or error": [row.last for row in rows],
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
    """Open the job whose row, or a cell of it, was chosen; choosing it again closes it."""
    chosen = st.session_state[TABLE].selection
    at = chosen.cells[0][0] if chosen.cells else chosen.rows[0] if chosen.rows else None
    st.session_state[WHOLE_PAGE] = True
    if at is None:
        st.query_params.pop("job", None)
    elif ids[at]:
        st.query_params["job"] = ids[at]
    else:
        st.toast("It has no id yet: it gets one when a worker takes it.", icon=":material/info:")
