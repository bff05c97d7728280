"""What every page is given: where Redis is, which workloads there are, and what the viewer may do."""

import dataclasses

import streamlit as st
from streamlit.navigation.page import Page

from greenscale_dashboard.formatting import plain
from greenscale_dashboard.guard import Role
from greenscale_dashboard.view import cache, workloads
from greenscale_jobs import JobClient, RedisAddress
from greenscale_jobs.keys import DEFAULT_LIST

Pages = dict[str, Page]
"""By their addresses: overview, prompt, jobs, workload; for `st.page_link` and `st.switch_page`."""


@dataclasses.dataclass(frozen=True)
class Context:
    """One viewer's page."""

    address: RedisAddress
    workloads: dict[str, str]
    """Name as shown -> the queue's list; never empty."""
    role: Role
    pages: Pages
    default_list: str = DEFAULT_LIST
    """The queue that is shown where no workload is known."""
    local: bool = False
    """`greenscale local` runs the page: then no `kubectl` helps."""

    @property
    def may_change(self) -> bool:
        """Whether this viewer gets to see what sends, cancels or retries."""
        return self.role is Role.USER

    @property
    def is_old(self) -> bool:
        """Whether workloads have come or gone since; raises QueueUnavailable."""
        return workloads.workload_names(self.address, self.default_list) != self.workloads

    def client(self, name: str) -> JobClient:
        """Return the queue of a workload, by the name that is shown; for the read model only."""
        return cache.client(self.address, self.workloads[name])

    def choose(self) -> str:
        """Let the viewer choose a workload, beginning with `?workload=`, and keep it in the address.

        One that is not there is said to be gone before another takes its place: nothing shall be sent there by mistake.
        """
        names = list(self.workloads)
        wanted = st.query_params.get("workload")
        if wanted and wanted not in names:
            st.warning(f"No workload is called {plain(wanted)}: it was deleted, or never was.", icon=":material/help:")
        if len(names) == 1:
            return names[0]
        chosen = st.selectbox("Workload", names, index=names.index(wanted) if wanted in names else 0)
        if wanted and wanted != chosen:
            st.query_params.pop("job", None)
        st.query_params["workload"] = chosen
        return chosen
