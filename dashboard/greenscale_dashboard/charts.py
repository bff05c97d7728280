"""Charts as all pages draw them: no frame, one size, and a gap for what is not known. Pure."""

from collections.abc import Mapping
from typing import Any

import altair as alt

from greenscale_dashboard.view.workload import Series

COLOURS = {
    "waiting": "#d08a1d",
    "running": "#2f8f63",
    "workers": "#7b8794",
    "done": "#2f8f63",
    "dead": "#d0453a",
}
"""What each line is drawn in; readable on light and on dark."""

PLAIN = "#4c86b8"
HEIGHT = 180


def stairs(series: Mapping[str, Series], *, since: float, until: float, unit: str) -> alt.Chart:
    """Return a line for each name that keeps its height until the next point."""
    return (
        _base(series, since=since, until=until, unit=unit)
        .mark_line(interpolate="step-after", strokeWidth=1.75)
        .encode(y=_y(unit, whole=True))
    )


def bars(series: Mapping[str, Series], *, step: float, since: float, until: float, unit: str) -> alt.Chart:
    """Return a bar for each step, those of all names on each other."""
    return _base(series, since=since, until=until, unit=unit, step=step).mark_bar().encode(y=_y(unit), x2="end:T")


def dots(points: Series, rules: Mapping[str, float], *, since: float, until: float, unit: str) -> alt.LayerChart:
    """Return a dot for each point, and a line across for what is usual."""
    dots = _base({"": points}, since=since, until=until, unit=unit).mark_circle(size=28, color=PLAIN, opacity=0.7)
    levels = alt.Chart(alt.InlineData(values=[{"what": name, "value": at} for name, at in rules.items()]))
    across = levels.encode(y=alt.Y("value:Q", title=unit))
    return alt.layer(
        dots.encode(y=_y(unit), color=alt.Undefined),
        across.mark_rule(strokeDash=[4, 4], color=COLOURS["workers"]),
        across.mark_text(align="left", dx=4, dy=-6, color=COLOURS["workers"]).encode(x=alt.value(0), text="what:N"),
    ).properties(height=HEIGHT)


def _base(
    series: Mapping[str, Series], *, since: float, until: float, unit: str, step: float | None = None
) -> alt.Chart:
    rows: list[dict[str, Any]] = [
        {"at": at * 1000, "what": name, "value": value, **({"end": (at + step) * 1000} if step else {})}
        for name, line in series.items()
        for at, value in line
    ]
    names = list(series)
    return (
        alt.Chart(alt.InlineData(values=rows))
        .encode(
            x=alt.X(
                "at:T", title=None, scale=alt.Scale(domain=[since * 1000, until * 1000]), axis=alt.Axis(grid=False)
            ),
            color=alt.Color(
                "what:N",
                scale=alt.Scale(domain=names, range=[COLOURS.get(name, PLAIN) for name in names]),
                legend=alt.Legend(orient="top", title=None) if len(names) > 1 else None,
            ),
            tooltip=[
                alt.Tooltip("at:T", title="at", format="%H:%M:%S"),
                *([alt.Tooltip("what:N", title="what")] if len(names) > 1 else []),
                alt.Tooltip("value:Q", title=unit, format=",.3~f"),
            ],
        )
        .properties(height=HEIGHT)
    )


def _y(unit: str, *, whole: bool = False) -> alt.Y:
    axis = alt.Axis(tickMinStep=1, format="d") if whole else alt.Axis(format=",.3~f")
    return alt.Y("value:Q", title=unit, axis=axis, scale=alt.Scale(domainMin=0))
