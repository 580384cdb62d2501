"""How long the assistant's replies are: a histogram per run, in shared bins."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from bokeh.models import ColumnDataSource, HoverTool
from bokeh.plotting import figure

from broken_record.report import Report
from broken_record.views.overview import PALETTE

BINS = 40


def length_histograms(reports: Sequence[Report]) -> figure | None:
    """The share of replies per bin of characters, a line of steps a run; None without replies."""
    lengths = [[n for d in report.dialogues for n in d.response_lengths] for report in reports]
    longest = max((n for run in lengths for n in run), default=0)
    if not any(lengths):
        return None
    edges = np.linspace(0, max(1, longest), BINS + 1)
    plot = figure(
        title="Length of the assistant's replies",
        x_axis_label="characters",
        y_axis_label="share of replies",
        height=360,
        sizing_mode="stretch_width",
        tools="pan,wheel_zoom,box_zoom,reset,save",
    )
    for report, run, colour in zip(reports, lengths, PALETTE, strict=False):
        counts, _ = np.histogram(run, edges)
        source = ColumnDataSource({
            "left": edges[:-1], "right": edges[1:], "count": counts,
            "share": counts / max(1, len(run)),
        })  # fmt: skip
        bars = plot.quad("left", "right", "share", 0, source=source, color=colour, alpha=0.35,
                         line_color=colour, legend_label=report.run)  # fmt: skip
        tips = [("characters", "@left{0} - @right{0}"), ("replies", "@count")]
        plot.add_tools(HoverTool(renderers=[bars], tooltips=tips))
    plot.legend.click_policy = "hide"
    return plot
