"""How talk changes over its turns: length and novelty, a line with a band a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

from broken_record.report import Report
from broken_record.views.overview import PALETTE

BINS = 24


@dataclass(frozen=True, slots=True)
class Course:
    """One dialogue over its generated turns: characters said, and the share of content words that
    were not said in the ten turns before.
    """

    characters: tuple[int, ...]
    novelty: tuple[float, ...]


def drift_plot(
    reports: Sequence[Report], courses: Mapping[tuple[str, str], Course], what: str, title: str
) -> figure | None:
    """The median over dialogues per stretch of turns, and the middle half as a band.

    `what` names a field of Course; None where no transcript is there.
    """
    runs = [
        [getattr(c, what) for (run, _), c in courses.items() if run == report.run]
        for report in reports
    ]
    longest = max((len(values) for run in runs for values in run), default=0)
    if longest < 2:
        return None
    edges = np.unique(np.linspace(0, longest, min(BINS, longest) + 1).astype(int))
    plot = figure(
        title=title,
        x_axis_label="generated turn",
        height=280,
        sizing_mode="stretch_width",
        tools="pan,wheel_zoom,box_zoom,reset,save",
    )
    for report, run, colour in zip(reports, runs, PALETTE, strict=False):
        places, quarters = [], []
        for low, high in pairwise(edges.tolist()):
            means = [float(np.mean(values[low:high])) for values in run if len(values) > low]
            if means:
                places.append((low + high) / 2)
                quarters.append(np.quantile(means, [0.25, 0.5, 0.75]))
        if not places:
            continue
        low_line, middle, high_line = np.array(quarters).T
        source = ColumnDataSource({"x": places, "low": low_line, "mid": middle, "high": high_line})
        plot.varea("x", "low", "high", source=source, color=colour, alpha=0.18)
        plot.line("x", "mid", source=source, color=colour, line_width=2, legend_label=report.run)
    plot.legend.click_policy = "hide"
    return plot
