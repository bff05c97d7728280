"""Workload: one workload in full, for the people who run it."""

import time
from collections.abc import Mapping

import altair as alt
import streamlit as st

from greenscale_dashboard import overview, resource, workload_charts
from greenscale_dashboard.context import Context
from greenscale_dashboard.formatting import counted, plain, seconds, sentence
from greenscale_dashboard.fragments import STATE_SECONDS, let_it_arrive
from greenscale_dashboard.view import workload as view
from greenscale_dashboard.view import workloads
from greenscale_dashboard.view.workload import SPANS, History, Series, Span, Timing, Window
from greenscale_jobs import QueueUnavailable, Start, usual

CHARTS_SECONDS = 10.0
"""How often the charts are redrawn."""

RESOURCE_SECONDS = 2.0
"""How often the resource and its conditions are redrawn."""

OTHER_TABS = {
    "Conditions": resource.show_conditions,
    "Resource": resource.show_resource,
    "ScaledObject": resource.show_scaled_object,
    "Commands": resource.show_commands,
}
"""The tabs beside the charts; only the open tab is drawn."""


def show(context: Context) -> None:
    """Draw the page."""
    name = context.choose()
    st.fragment(_head, run_every=STATE_SECONDS)(context, name)
    charts, *others = st.tabs(["Charts", *OTHER_TABS], key="tab", bind="query-params")
    if charts.open:
        with charts:
            span = SPANS[st.radio("Time range", list(SPANS), horizontal=True, key="span", bind="query-params")]
            st.fragment(_charts, run_every=CHARTS_SECONDS)(context, name, span)
    for tab, draw in zip(others, OTHER_TABS.values(), strict=True):
        if tab.open:
            with tab:
                st.fragment(_tab, run_every=RESOURCE_SECONDS)(context, name, draw)


def _head(context: Context, name: str) -> None:
    """Draw what the workload does now, or that it was deleted meanwhile."""
    try:
        list_name = context.workloads[name]
        current = workloads.workload(context.address, name, list_name, local=context.local)
        status = workloads.status(context.address, list_name)
    except QueueUnavailable as error:
        st.error(plain(sentence(str(error))), icon=":material/cloud_off:")
    else:
        st.header(overview.headline(current), anchor=False)
        st.markdown(plain(current.sentence))
        if status is None:
            st.info("No workload uses this queue: it was deleted or never existed.", icon=":material/help:")
    let_it_arrive()


def _tab(context: Context, name: str, draw: resource.Draw) -> None:
    """Draw a tab; a queue without a workload has nothing to show in it."""
    try:
        status = workloads.status(context.address, context.workloads[name])
        if status is not None:
            draw(context, status)
    except QueueUnavailable:
        st.markdown(":small[This is window again when Redis is back.]")
    let_it_arrive()


def _charts(context: Context, name: str, span: Span) -> None:
    list_name = context.workloads[name]
    try:
        history = view.history(context.address, list_name, span.seconds)
        timing = view.last_timing(context.address, list_name, span.seconds)
        starts = view.starts(context.address, list_name)
    except QueueUnavailable as error:
        st.error(plain(sentence(str(error))), icon=":material/cloud_off:")
    else:
        until = time.time()
        window = (until - span.seconds, until)
        above, between, below = (st.columns(2, gap="large") for _ in range(3))  # row by row, so that neighbours align
        with above[0]:
            _levels(history, span, window)
        with above[1]:
            _done(history, span, window)
        with between[0]:
            _timing(timing, window)
        with between[1]:
            _starts(starts, window)
        with below[0]:
            _tokens(history, span, window)
    let_it_arrive()


def _levels(history: History, span: Span, window: Window) -> None:
    levels: dict[str, Series] = {
        "waiting": history.levels(lambda sample: sample.pending, window=window, step=span.level),
        "running": history.levels(lambda sample: sample.in_flight, window=window, step=span.level),
        "workers": history.levels(lambda sample: sample.replicas, window=window, step=span.level),
    }
    _chart(
        "Jobs and workers",
        f"Maximum in each {seconds(span.level)}.",
        workload_charts.stairs(levels, span=window, unit="jobs, workers") if _known(levels) else None,
        "No data in this time range.",
    )


def _done(history: History, span: Span, window: Window) -> None:
    rates: dict[str, Series] = {
        "done": history.rates(lambda sample: sample.done, window=window, step=span.rate),
        "dead": history.rates(lambda sample: sample.dead, window=window, step=span.rate),
    }
    _chart(
        "Jobs per minute",
        f"Average over {seconds(span.rate)}.",
        workload_charts.heaps(rates, span=window, unit="jobs per minute") if _known(rates) else None,
        "No data in this time range.",
    )


def _tokens(history: History, span: Span, window: Window) -> None:
    rates = {"tokens": history.rates(lambda sample: sample.tokens, window=window, step=span.rate)}
    _chart(
        "Tokens per minute",
        f"Prompts and answers, average over {seconds(span.rate)}.",
        workload_charts.heaps(rates, span=window, unit="tokens per minute") if _known(rates) else None,
        "The engine reported no tokens in this time range.",
    )


def _timing(timing: Timing, window: Window) -> None:
    p50, p95 = timing.percentile(50), timing.percentile(95)
    untimed = f" {counted(timing.unmeasured, 'job')} pushed by other clients: not timed." if timing.unmeasured else ""
    if p50 is None or p95 is None:
        _chart("Job duration", "", None, f"No jobs finished in this time range.{untimed}")
        return
    jobs = counted(len(timing.points), "job") if timing.complete else f"last {counted(len(timing.points), 'job')}"
    _chart(
        "Job duration",
        f"From sent to answered: p50 {seconds(p50)}, p95 {seconds(p95)} ({jobs}).{untimed}",
        workload_charts.dots(timing.points, {"p50": p50, "p95": p95}, span=window, unit="seconds"),
        "",
    )


def _starts(starts: list[Start], window: Window) -> None:
    within = [start for start in starts if start.at >= window[0]]
    median = usual(within)
    _chart(
        "Starts from zero",
        f"Median {seconds(median)} ({counted(len(within), 'start')}).",
        workload_charts.dots(
            [(start.at, start.seconds) for start in within], {"median": median}, span=window, unit="seconds"
        )
        if median is not None
        else None,
        "No starts from zero in this time range.",
    )


def _known(series: Mapping[str, Series]) -> bool:
    return any(value is not None for line in series.values() for _, value in line)


def _chart(title: str, caption: str, chart: alt.Chart | alt.LayerChart | None, nothing: str) -> None:
    """Draw a chart below its title, or why there is none."""
    st.markdown(f"**{title}**  \n:small[{caption if chart else nothing}]")
    if chart:
        st.altair_chart(chart, key=f"chart-{title}", alt=f"{title}. {caption}")
