"""The charts of one workload: no frame, one size, and a gap for what is not known. Pure."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import altair as alt

from greenscale_dashboard.view.workload import Series

COLOURS = {
    "waiting": "#d98a00",
    "running": "#2f9d6b",
    "workers": "#7d93b2",
    "done": "#2f9d6b",
    "dead": "#d0453a",
}
"""What each line is drawn in; readable on light and on dark."""

PLAIN = "#4c86b8"
HEIGHT = 180


def stairs(series: Mapping[str, Series], *, span: tuple[float, float], unit: str) -> alt.Chart:
    """Return a line for each name that keeps its height until the next point."""
    chart: alt.Chart = _base(series, span=span, unit=unit).mark_line(interpolate="step-after", strokeWidth=1.75)
    return chart.encode(y=_y(unit, whole=True))


def heaps(series: Mapping[str, Series], *, span: tuple[float, float], unit: str) -> alt.Chart:
    """Return filled stairs, those of all names on each other."""
    chart: alt.Chart = _base(series, span=span, unit=unit).mark_area(interpolate="step-after", opacity=0.75)
    return chart.encode(y=_y(unit))


def dots(points: Series, levels: Mapping[str, float], *, span: tuple[float, float], unit: str) -> alt.LayerChart:
    """Return a dot for each point, and a line across for what is usual."""
    dots = _base({"": points}, span=span, unit=unit).mark_circle(size=28, color=PLAIN, opacity=0.7)
    rows = alt.InlineData(values=[{"what": name, "value": level} for name, level in levels.items()])
    across = alt.Chart(rows).encode(y=_y(unit))
    layers = (
        dots.encode(y=_y(unit), color=alt.Undefined),
        across.mark_rule(strokeDash=[4, 4], color=COLOURS["workers"]),
        across.mark_text(align="left", dx=4, dy=-7, color=COLOURS["workers"]).encode(x=alt.value(0), text="what:N"),
    )
    return alt.LayerChart(layer=layers, height=HEIGHT)


def _base(series: Mapping[str, Series], *, span: tuple[float, float], unit: str) -> alt.Chart:
    names, several = list(series), len(series) > 1
    tooltip = [alt.Tooltip("at:T", title="at", format="%H:%M:%S"), alt.Tooltip("value:Q", title=unit, format=",.3~f")]
    colour = alt.Color(
        "what:N",
        scale=alt.Scale(domain=names, range=[COLOURS.get(name, PLAIN) for name in names]),
        legend=alt.Legend(orient="top", title=None) if several else None,
    )
    # Given as numbers, the ends would make an axis of numbers, not of time.
    ends = [dt.datetime.fromtimestamp(at, tz=dt.UTC) for at in span]
    axis = alt.Axis(grid=False, tickCount=6, format="%H:%M")
    chart: alt.Chart = alt.Chart(alt.InlineData(values=_rows(series))).encode(
        x=alt.X("at:T", title=None, scale=alt.Scale(domain=ends), axis=axis),
        color=colour,
        tooltip=[*tooltip, alt.Tooltip("what:N", title="of")] if several else tooltip,
    )
    return chart.properties(height=HEIGHT)


def _rows(series: Mapping[str, Series]) -> list[dict[str, Any]]:
    """Return the points as Vega wants them: times in milliseconds."""
    return [{"at": at * 1000, "what": name, "value": value} for name, line in series.items() for at, value in line]


def _y(unit: str, *, whole: bool = False) -> alt.Y:
    axis = alt.Axis(tickMinStep=1, format="d", tickCount=4) if whole else alt.Axis(format=",.3~f", tickCount=4)
    return alt.Y("value:Q", title=unit, axis=axis, scale=alt.Scale(domainMin=0))
