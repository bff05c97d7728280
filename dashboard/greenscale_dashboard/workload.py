"""Workload: one workload in full, for those who look after it."""

import time
from collections.abc import Mapping

import altair as alt
import streamlit as st

from greenscale_dashboard import overview, resource, workload_charts
from greenscale_dashboard.context import Context
from greenscale_dashboard.formatting import plain, seconds, sentence
from greenscale_dashboard.fragments import STATE_SECONDS, let_it_arrive
from greenscale_dashboard.view import workload as view
from greenscale_dashboard.view import workloads
from greenscale_dashboard.view.workload import SPANS, Past, Series, Span, Timing
from greenscale_jobs import QueueUnavailable, Start, usual

CHARTS_SECONDS = 10.0
"""How often the charts are drawn anew."""

RESOURCE_SECONDS = 2.0
"""How often the resource and its conditions are."""

OTHER_TABS = {
    "Conditions": resource.show_conditions,
    "Resource": resource.show_resource,
    "ScaledObject": resource.show_scaled_object,
    "Commands": resource.show_commands,
}
"""What is drawn beside the charts: only the tab that is open is."""


def show(context: Context) -> None:
    """Draw the page."""
    name = context.choose()
    st.fragment(_head, run_every=STATE_SECONDS)(context, name)
    charts, *others = st.tabs(["Charts", *OTHER_TABS], key="tab", bind="query-params")
    if charts.open:
        with charts:
            span = SPANS[st.radio("Show the last", list(SPANS), horizontal=True, key="span", bind="query-params")]
            st.fragment(_charts, run_every=CHARTS_SECONDS)(context, name, span)
    for tab, draw in zip(others, OTHER_TABS.values(), strict=True):
        if tab.open:
            with tab:
                st.fragment(_told, run_every=RESOURCE_SECONDS)(context, name, draw)


def _head(context: Context, name: str) -> None:
    """Say what it does now; a workload that is deleted meanwhile is said to be gone."""
    try:
        list_name = context.workloads[name]
        seen = workloads.workload(context.address, name, list_name, local=context.local)
        told = workloads.status(context.address, list_name)
    except QueueUnavailable as error:
        st.error(plain(sentence(str(error))), icon=":material/cloud_off:")
    else:
        st.header(overview.headline(seen), anchor=False)
        st.markdown(plain(seen.sentence))
        if told is None:
            st.info("No workload is known with this queue: it was deleted, or never was.", icon=":material/help:")
    let_it_arrive()


def _told(context: Context, name: str, draw: resource.Draw) -> None:
    """Draw what only a workload has, and a bare queue has not."""
    try:
        told = workloads.status(context.address, context.workloads[name])
        if told is not None:
            draw(context, told)
    except QueueUnavailable:
        st.markdown(":small[It is shown again once Redis is back.]")
    let_it_arrive()


def _charts(context: Context, name: str, span: Span) -> None:
    list_name = context.workloads[name]
    try:
        past = view.past(context.address, list_name, span.seconds)
        timing = view.last_timing(context.address, list_name, span.seconds)
        starts = view.starts(context.address, list_name)
    except QueueUnavailable as error:
        st.error(plain(sentence(str(error))), icon=":material/cloud_off:")
    else:
        until = time.time()
        shown = (until - span.seconds, until)
        above, between, below = (st.columns(2, gap="large") for _ in range(3))  # row by row, so that neighbours align
        with above[0]:
            _levels(past, span, shown)
        with above[1]:
            _done(past, span, shown)
        with between[0]:
            _timing(timing, shown)
        with between[1]:
            _starts(starts, shown)
        with below[0]:
            _tokens(past, span, shown)
    let_it_arrive()


Shown = tuple[float, float]


def _levels(past: Past, span: Span, shown: Shown) -> None:
    levels: dict[str, Series] = {
        "waiting": past.levels(lambda told: told.pending, shown=shown, step=span.level),
        "running": past.levels(lambda told: told.in_flight, shown=shown, step=span.level),
        "workers": past.levels(lambda told: told.replicas, shown=shown, step=span.level),
    }
    _chart(
        "Jobs and workers",
        f"The most within {seconds(span.level)}.",
        workload_charts.stairs(levels, span=shown, unit="jobs, workers") if _known(levels) else None,
        "Nothing was measured in this time.",
    )


def _done(past: Past, span: Span, shown: Shown) -> None:
    rates: dict[str, Series] = {
        "done": past.rates(lambda told: told.done, shown=shown, step=span.rate),
        "dead": past.rates(lambda told: told.dead, shown=shown, step=span.rate),
    }
    _chart(
        "Jobs a minute",
        f"On average over {seconds(span.rate)}.",
        workload_charts.heaps(rates, span=shown, unit="jobs a minute") if _known(rates) else None,
        "Nothing was measured in this time.",
    )


def _tokens(past: Past, span: Span, shown: Shown) -> None:
    rates = {"tokens": past.rates(lambda told: told.tokens, shown=shown, step=span.rate)}
    _chart(
        "Tokens a minute",
        f"Of prompts and answers, on average over {seconds(span.rate)}.",
        workload_charts.heaps(rates, span=shown, unit="tokens a minute") if _known(rates) else None,
        "The engine has told of no tokens in this time.",
    )


def _timing(timing: Timing, shown: Shown) -> None:
    half, most = timing.percentile(50), timing.percentile(95)
    more = f" {timing.unmeasured:,} more were pushed by other clients: nobody timed them." if timing.unmeasured else ""
    if half is None or most is None:
        _chart("How long jobs took", "", None, f"No job was done in this time.{more}")
        return
    which = f"of all {len(timing.points):,} in this time" if timing.whole else f"of the last {len(timing.points):,}"
    _chart(
        "How long jobs took",
        f"From sent to answered: half at most {seconds(half)}, 95 of 100 at most {seconds(most)}, {which}.{more}",
        workload_charts.dots(timing.points, {"p50": half, "p95": most}, span=shown, unit="seconds"),
        "",
    )


def _starts(starts: list[Start], shown: Shown) -> None:
    within = [start for start in starts if start.at >= shown[0]]
    median = usual(within)
    _chart(
        "Starts from zero",
        f"Usually {seconds(median)}, the median of {len(within)}.",
        workload_charts.dots(
            [(start.at, start.seconds) for start in within], {"median": median}, span=shown, unit="seconds"
        )
        if median is not None
        else None,
        "It was not woken in this time.",
    )


def _known(series: Mapping[str, Series]) -> bool:
    return any(value is not None for line in series.values() for _, value in line)


def _chart(title: str, said: str, chart: alt.Chart | alt.LayerChart | None, nothing: str) -> None:
    """Draw a chart below its title, or say why there is none."""
    st.markdown(f"**{title}**  \n:small[{said if chart else nothing}]")
    if chart:
        st.altair_chart(chart, key=f"chart-{title}", alt=f"{title}. {said}")
