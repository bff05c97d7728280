"""Overview: what needs a person, what works, and what sleeps."""

import streamlit as st

from greenscale_dashboard.charts import HEIGHT, line_of_the_hour
from greenscale_dashboard.context import Context
from greenscale_dashboard.formatting import plain, seconds, sentence
from greenscale_dashboard.fragments import STATE_SECONDS, let_it_arrive
from greenscale_dashboard.times import when, zone
from greenscale_dashboard.view import workloads
from greenscale_dashboard.view.last_hour import LastHour, last_hour
from greenscale_dashboard.view.workloads import Workload
from greenscale_jobs import QueueUnavailable

UNMEASURED = seconds(None)

FIRST_STEPS = """\
**No workload yet.** On Kubernetes, apply one; it appears here within seconds:

```
kubectl apply -f deploy/samples/echo.yaml
```

Or try it on this machine, with nothing installed: `greenscale local`.
"""


def show(context: Context) -> None:
    """Draw the page."""
    st.fragment(_all, run_every=STATE_SECONDS)(context)


def _all(context: Context) -> None:
    try:
        if context.is_old:
            st.rerun()
        known = bool(workloads.statuses(context.address))
        all_workloads = [
            workloads.workload(context.address, name, list_name, local=context.local)
            for name, list_name in context.workloads.items()
        ]
        hours = {one.list_name: last_hour(context.address, one.list_name) for one in all_workloads}
    except QueueUnavailable as error:
        st.error(plain(sentence(str(error))), icon=":material/cloud_off:")
    else:
        if not known:
            st.info(FIRST_STEPS, icon=":material/eco:")
        else:
            st.title(workloads.summary(all_workloads), anchor=False)
        for one in sorted(all_workloads, key=lambda one: one.urgency):
            _card(context, one, hours[one.list_name])
    let_it_arrive()


def _card(context: Context, workload: Workload, hour: LastHour) -> None:
    with st.container(border=True, key=f"card-{workload.name}"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.header(headline(workload), anchor=False)
            with st.container(horizontal=True, width="content"):
                _links(context, workload)
        oldest = (
            f" The next has waited {seconds(workload.oldest_seconds)}." if workload.oldest_seconds is not None else ""
        )
        st.markdown(plain(workload.sentence) + oldest)
        if workload.command:
            st.code(workload.command, language=None, wrap_lines=True)
        _numbers(workload, hour)
        if hour.drawable:
            st.altair_chart(line_of_the_hour(hour), height=HEIGHT, alt=hour.sentence, key=f"hour-{workload.name}")
            st.markdown(f":small[{hour.sentence} :orange[Waiting], :green[running], shaded workers, :blue[asleep].]")
        else:
            st.markdown(f":small[{_why_no_chart(hour)}]")


def _why_no_chart(hour: LastHour) -> str:
    if hour.since is None:
        return "Nothing was measured in the last hour, so there is no chart of it."
    since = when(hour.since, now=hour.until, zone=zone(st.context.timezone))
    return f"Measured since {since}. A chart of the last hour follows in a moment."


def _links(context: Context, workload: Workload) -> None:
    here = {"workload": workload.name}
    if workload.dead:
        st.page_link(
            context.pages["jobs"],
            label="View failed jobs",
            icon=":material/report:",
            query_params={**here, "state": "Dead"},
        )
    if context.may_change:
        st.page_link(context.pages["prompt"], label="Send a prompt", icon=":material/chat:", query_params=here)


def headline(workload: Workload) -> str:
    """Return a workload's name and state, as markdown."""
    style = workload.style
    return f"{plain(workload.name)} &nbsp; :{style.colour}-badge[:material/{style.icon}: {style.word}]"


def _numbers(workload: Workload, hour: LastHour) -> None:
    done = None if hour.done_before is None else max(0, workload.done - hour.done_before)
    with st.container(horizontal=True, horizontal_alignment="distribute"):  # columns would stack on a phone
        st.metric("Waiting", workload.waiting, width="content")
        st.metric("Running", workload.running, width="content")
        st.metric("Workers", workload.replicas, width="content")
        span = "1 h" if hour.since is None else hour.span  # no longer was measured
        st.metric(f"Done in {span}", UNMEASURED if done is None else done, width="content")
        st.metric("Dead", workload.dead, width="content")
