"""Jobs: find one, see what became of it, send the dead again."""

from greenscale_dashboard.context import Context


def show(context: Context) -> None:
    """Draw the page."""
    context.choose()
