"""How talk changes over its turns: length and novelty, a line with a band a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

from broken_record.analysis.course import Course
from broken_record.analysis.report import Report
from broken_record.analysis.texts import Key
from broken_record.views.overview import PALETTE

BINS = 24


Courses = Mapping[Key, Course]


def cut_stretches(courses: Courses) -> list[int]:
    """The borders of the stretches of turns over which means are taken, shared by all runs."""
    longest = max((len(course.characters) for course in courses.values()), default=0)
    borders = np.unique(np.linspace(0, longest, min(BINS, longest) + 1).astype(int))
    return [int(border) for border in borders]


def average(values: Sequence[float | None], edges: Sequence[int]) -> list[float | None]:
    """A dialogue's mean per stretch, as far as it goes; None where nothing was measured.

    >>> average([1, 3, 5, None], [0, 2, 3, 4, 6])
    [2.0, 5.0, None]
    """
    stretches = [values[low:high] for low, high in pairwise(edges) if len(values) > low]
    measured = [[value for value in stretch if value is not None] for stretch in stretches]
    return [round(float(np.mean(own)), 3) if own else None for own in measured]


def drift_plot(reports: Sequence[Report], courses: Courses, what: str, title: str) -> figure | None:
    """The median over dialogues per stretch of turns, and the middle half as a band.

    `what` names a field of Course; None where nothing was measured.
    """
    edges = cut_stretches(courses)
    if len(edges) < 3:
        return None
    plot = figure(
        title=title,
        x_axis_label="generated turn",
        height=340,
        sizing_mode="stretch_width",
        tools="pan,wheel_zoom,box_zoom,reset,save",
    )
    for k, (report, colour) in enumerate(zip(reports, PALETTE, strict=False)):
        own = [average(getattr(c, what), edges) for (run, _), c in courses.items()
               if run == report.run]  # fmt: skip
        stretches = [
            [mean for means in own for mean in means[at : at + 1] if mean is not None]
            for at in range(len(edges) - 1)
        ]
        known = [(at, means) for at, means in enumerate(stretches) if means]
        quarters = [np.quantile(means, [0.25, 0.5, 0.75]).tolist() for _, means in known]
        low, middle, high = zip(*quarters, strict=True) if quarters else ((), (), ())
        source = ColumnDataSource(
            {
                "x": [(edges[at] + edges[at + 1]) / 2 for at, _ in known],
                "low": low,
                "mid": middle,
                "high": high,
            },
            name=f"{what}-{k}",
        )
        if quarters:
            band = {"source": source, "color": colour, "legend_label": report.run}
            plot.varea("x", "low", "high", alpha=0.18, **band)
            plot.line("x", "mid", line_width=2, **band)
    if not plot.renderers:
        return None
    plot.legend.click_policy = "hide"
    plot.add_layout(plot.legend[0], "above")
    plot.legend.orientation = "horizontal"
    plot.legend.location = "left"
    plot.legend.ncols = 5
    return plot
