"""What every page receives: the address of Redis, the workloads, and the viewer's role."""

import dataclasses

import streamlit as st
from streamlit.navigation.page import Page

from greenscale_dashboard.formatting import plain
from greenscale_dashboard.guard import Role
from greenscale_dashboard.view import cache, workloads
from greenscale_jobs import JobClient, RedisAddress
from greenscale_jobs.keys import DEFAULT_LIST

Pages = dict[str, Page]
"""Path -> page (overview, prompt, jobs, workload), for `st.page_link` and `st.switch_page`."""


@dataclasses.dataclass(frozen=True)
class Context:
    """One viewer's page."""

    address: RedisAddress
    workloads: dict[str, str]
    """Displayed name -> the queue's list; never empty."""
    role: Role
    pages: Pages
    default_list: str = DEFAULT_LIST
    """The queue to show if no workload is known."""
    local: bool = False
    """Whether `greenscale local` runs the page: then `kubectl` commands do not help."""

    @property
    def may_change(self) -> bool:
        """Whether this viewer may send, cancel and retry."""
        return self.role is Role.USER

    @property
    def is_old(self) -> bool:
        """Whether workloads were added or removed since; raises QueueUnavailable."""
        return workloads.workload_names(self.address, self.default_list) != self.workloads

    def client(self, name: str) -> JobClient:
        """Return the client of a workload's queue, by its displayed name; for the read model only."""
        return cache.client(self.address, self.workloads[name])

    def choose(self) -> str:
        """Let the viewer choose a workload, starting with `?workload=`, and keep the choice in the URL.

        If that workload does not exist, the page says so before it shows another: nothing is sent there by mistake.
        """
        names = list(self.workloads)
        wanted = st.query_params.get("workload")
        if wanted and wanted not in names:
            st.warning(
                f"No workload is called {plain(wanted)}: it was deleted or never existed.", icon=":material/help:"
            )
        if len(names) == 1:
            return names[0]
        chosen = st.selectbox("Workload", names, index=names.index(wanted) if wanted in names else 0)
        if wanted and wanted != chosen:
            st.query_params.pop("job", None)
        st.query_params["workload"] = chosen
        return chosen
