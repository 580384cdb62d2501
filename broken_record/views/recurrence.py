"""Where a dialogue returns to itself: a point per pair of similar turns, filled in by the page.

One empty figure stands beside the reader; page.js puts the pairs of the opened dialogue into its
source and scrolls to a pair that is clicked.
"""

from __future__ import annotations

from bokeh.models import ColumnDataSource, CustomJS, Range1d, TapTool
from bokeh.plotting import figure

NAME = "recurrence"


def recurrence_plot() -> figure:
    """Turns against earlier turns that they are like."""
    source = ColumnDataSource({"turn": [0], "earlier": [0]}, name=NAME)
    turns = Range1d(0, 1, name=f"{NAME}-turns")
    plot = figure(
        title="Similar turns; a click goes there",
        x_axis_label="turn",
        y_axis_label="earlier turn",
        x_range=turns,
        y_range=turns,
        width=300,
        height=330,
        tools="pan,wheel_zoom,box_zoom,reset",
        toolbar_location="below",
    )
    plot.scatter("turn", "earlier", source=source, size=4, color="#0072B2", alpha=0.6)
    code = """
        const k = source.selected.indices[0];
        if (k === undefined) return;
        window.parrot.goPair(source.data.turn[k], source.data.earlier[k]);
        source.selected.indices = [];
    """
    plot.add_tools(TapTool(callback=CustomJS(args={"source": source}, code=code)))
    return plot
