"""Charts of what a workload did. The browser draws them, with nothing from another machine."""

import altair as alt

from greenscale_dashboard.view.last_hour import HOUR_SECONDS, LastHour

GREEN, AMBER, SLEEP = "#2f9d6b", "#d98a00", "#7d93b2"
"""What runs, what waits, and sleep: each is seen in light and dark; the lines differ by their dashes too."""

LEAST_SECONDS = 300.0

HEIGHT, STRIP = 88, 5
"""In pixels: the whole with its times, and the strip at its foot that shows sleep."""


def line_of_the_hour(hour: LastHour) -> alt.LayerChart:
    """Return a thin line of what waited and ran, over the workers; at its foot, sleep as sleep."""
    # A point of nothing where the chart begins: a younger workload's shows its whole life, but five minutes at least.
    begin = hour.until - (HOUR_SECONDS if hour.since is None else max(LEAST_SECONDS, hour.until - hour.since))
    steps: list[dict[str, float | None]] = [{"from": _ms(begin), "Waiting": None, "Running": None, "Workers": None}]
    steps += [
        {"from": _ms(point.at), "Waiting": point.waiting, "Running": point.running, "Workers": point.workers}
        for point in hour.points
    ]
    asleep = [{"from": _ms(begun), "to": _ms(end)} for begun, end in hour.asleep]
    time = alt.X(
        "from:T", title=None, axis=alt.Axis(grid=False, domain=False, ticks=False, tickCount=4, format="%H:%M")
    )
    base = alt.Chart(alt.InlineData(values=steps)).encode(
        x=time,
        tooltip=[alt.Tooltip("from:T", format="%H:%M:%S", title="Time"), "Waiting:Q", "Running:Q", "Workers:Q"],
    )
    awake = base.mark_area(interpolate="step-after", color=GREEN, opacity=0.16).encode(y=_height_of("Workers"))
    waiting = base.mark_line(interpolate="step-after", color=AMBER, strokeWidth=1.5, strokeDash=[4, 2])
    running = base.mark_line(interpolate="step-after", color=GREEN, strokeWidth=1.5)
    sleep = alt.Chart(alt.InlineData(values=asleep)).mark_rule(strokeWidth=STRIP, color=SLEEP)
    layers = (
        awake,
        waiting.encode(y=_height_of("Waiting")),
        running.encode(y=_height_of("Running")),
        sleep.encode(x=time, x2="to:T", y=alt.value("height")),
    )
    chart: alt.LayerChart = alt.layer(*layers).configure_view(strokeWidth=0)
    return chart


def _height_of(name: str) -> alt.Y:
    return alt.Y(f"{name}:Q", axis=None, title=None)


def _ms(seconds: float) -> float:
    """Return a time as Vega takes it: in milliseconds."""
    return seconds * 1000
