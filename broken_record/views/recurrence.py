"""Where a dialogue returns to itself: a point per pair of similar turns, filled in by the page.

One empty figure stands beside the reader; page.js puts the pairs and the findings of the opened
dialogue into its sources and scrolls to a pair that is clicked.
"""

from __future__ import annotations

from bokeh.models import ColumnDataSource, CustomJS, HoverTool, Range1d, TapTool
from bokeh.plotting import figure

from broken_record.views.overview import PALETTE

NAME = "recurrence"


def recurrence_plot() -> figure:
    """Turns against earlier turns that they are like."""
    source = ColumnDataSource({"turn": [0], "earlier": [0]}, name=NAME)
    turns = Range1d(0, 1, name=f"{NAME}-turns")
    plot = figure(
        title="Turns that are alike, findings boxed",
        x_axis_label="turn",
        y_axis_label="earlier turn",
        x_range=turns,
        y_range=turns,
        sizing_mode="scale_width",
        width=460,
        height=480,
        tools="pan,wheel_zoom,box_zoom,reset",
        toolbar_location="below",
    )
    boxes = ColumnDataSource({"from": [], "to": [], "colour": [], "kind": []}, name=f"{NAME}-boxes")
    framed = plot.quad(
        "from", "to", "to", "from", source=boxes, fill_color="colour", fill_alpha=0.12,
        line_color="colour", line_width=2,
    )  # fmt: skip
    plot.add_tools(HoverTool(renderers=[framed], tooltips=[("", "@kind"), ("from turn", "@from")]))
    points = plot.scatter("turn", "earlier", source=source, size=4, color=PALETTE[0])
    code = """
        const k = source.selected.indices[0];
        if (k === undefined) return;
        window.parrot.goPair(source.data.turn[k], source.data.earlier[k]);
        source.selected.indices = [];
    """
    plot.add_tools(
        TapTool(renderers=[points], callback=CustomJS(args={"source": source}, code=code))
    )
    return plot
