"""Workload: one workload in full."""

from greenscale_dashboard.context import Context


def show(context: Context) -> None:
    """Draw the page."""
    context.choose()
