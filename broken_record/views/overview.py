"""The first look at several runs: a point per dialogue."""

from __future__ import annotations

from collections.abc import Sequence

from bokeh.layouts import column, row
from bokeh.models import (
    Column,
    ColumnDataSource,
    CustomJS,
    DataRange1d,
    HoverTool,
    Select,
    TapTool,
)
from bokeh.plotting import figure

from broken_record.analysis.report import DialogueReport, Report

# Okabe and Ito's colour-blind-safe colours, then three of Paul Tol's muted ones
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00",
           "#56B4E9", "#000000", "#882255", "#999933", "#44AA99")  # fmt: skip
GREY = "#808890"
OPEN = """
    const source = cb_data.source;
    const k = source.inspected.indices[0];
    if (k !== undefined) window.parrot.open(source.data.run[k], source.data.dialogue[k], null);
"""


METRICS = {
    "length": "average response length (characters)",
    "density": "loop density (repeated characters x count, per character)",
    "coverage": "loop coverage (share of characters)",
    "first_loop": "tokens until the first loop (all tokens where there is none)",
    "seq_rep_4": "seq-rep-4 of the assistant",
    "distinct_2": "distinct-2 of the assistant",
    "zlib": "zlib ratio of the assistant",
    "drift": "length drift of the assistant (words per turn and turn)",
}


def list_metrics(dialogue: DialogueReport) -> dict[str, float | None]:
    """What the scatter's axes can show of a dialogue; None is not measured."""
    assistant = dialogue.speakers.get("assistant", {})
    first = dialogue.tokens_until_first_loop
    return {
        "length": dialogue.average_response_length,
        "density": dialogue.loop_density,
        "coverage": dialogue.loop_coverage,
        "first_loop": dialogue.tokens if first is None else first,
        "seq_rep_4": assistant.get("seq_rep_4"),
        "distinct_2": assistant.get("distinct_2"),
        "zlib": assistant.get("zlib_ratio"),
        "drift": assistant.get("length_drift"),
    }


def scatter(reports: Sequence[Report]) -> Column:
    """A point per dialogue, a colour per run, any two metrics on the axes.

    A click on a point opens the dialogue; points that are boxed or lassoed are what the other views
    show, too; a click in the legend hides a run.
    """
    plot = figure(
        title="Each point is a dialogue; a click opens it, a box or lasso looks at some alone",
        x_axis_label=METRICS["length"],
        y_axis_label=METRICS["density"],
        x_range=DataRange1d(range_padding=0.08, only_visible=True),
        y_range=DataRange1d(range_padding=0.08, only_visible=True),
        sizing_mode="stretch_width",
        height=460,
        tools="pan,box_select,lasso_select,wheel_zoom,box_zoom,reset,save",
    )
    glyphs = []
    for k, (report, colour) in enumerate(zip(reports, PALETTE, strict=False)):
        values = [list_metrics(dialogue) for dialogue in report.dialogues]
        source = ColumnDataSource({
            "run": [report.run] * len(report.dialogues),
            "dialogue": [dialogue.name for dialogue in report.dialogues],
            "status": [dialogue.status for dialogue in report.dialogues],
            "alpha": [0.75] * len(report.dialogues),
            **{name: [one[name] for one in values] for name in METRICS},
        }, name=f"scatter-{k}")  # fmt: skip
        points = plot.scatter("length", "density", source=source, size=11, color=colour,
                              alpha="alpha", line_color="white",
                              legend_label=report.run)  # fmt: skip
        points.nonselection_glyph = points.glyph
        glyphs.append(points.glyph)
        source.selected.js_on_change("indices", CustomJS(code="window.parrot.choose();"))
    tooltips = [
        ("dialogue", "@dialogue"), ("average length", "@length{0.0}"),
        ("loop density", "@density{0.0000}"), ("loop coverage", "@coverage{0.0000}"),
        ("status", "@status"),
    ]  # fmt: skip
    tap = TapTool(behavior="inspect", callback=CustomJS(code=OPEN))
    plot.add_tools(HoverTool(tooltips=tooltips), tap)
    plot.legend.click_policy = "hide"
    plot.add_layout(plot.legend[0], "above")
    plot.legend.orientation = "horizontal"
    plot.legend.location = "left"
    plot.legend.ncols = 3
    options = list(METRICS.items())
    selects = [
        Select(title=f"{axis} axis", value=value, options=options, width=420)
        for axis, value in (("x", "length"), ("y", "density"))
    ]
    for select, axis, label in zip(selects, "xy", (plot.xaxis[0], plot.yaxis[0]), strict=True):
        code = "for (const g of glyphs) g[axis] = {field: this.value};"
        code += "label.axis_label = names[this.value];"
        arguments = {"glyphs": glyphs, "axis": axis, "label": label, "names": METRICS}
        select.js_on_change("value", CustomJS(args=arguments, code=code))
    return column(row(*selects), plot, sizing_mode="stretch_width")
