"""The first look at several runs: a point per dialogue."""

from __future__ import annotations

from collections.abc import Sequence

from bokeh.models import ColumnDataSource, CustomJS, DataRange1d, HoverTool, TapTool
from bokeh.plotting import figure

from broken_record.analysis.report import DialogueReport, Report

# Okabe and Ito's colour-blind-safe colours, then three of Paul Tol's muted ones; what could not be
# told from one of the papers, light or dark, is made darker or lighter (tabs.js turns the black)
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#C471A0", "#B98200",
           "#3D97CF", "#000000", "#AD4079", "#8F8F2E", "#3A9C8C")  # fmt: skip
GREY = "#808890"
# lines and points differ by more than their colour
DASHES = ("solid", "dashed", "dotdash", "dotted")
HATCHES = ("blank", "/", "\\", "-", "|", "+", "x", ".", "o", "`", ":", ",")
MARKERS = ("circle", "square", "triangle", "diamond", "inverted_triangle",
           "hex", "star", "plus", "cross", "asterisk")  # fmt: skip
OPEN = """
    const source = cb_data.source;
    const k = source.inspected.indices[0];
    if (k !== undefined) window.parrot.open(source.data.run[k], source.data.dialogue[k], null);
"""


AXES = {"x": "length", "y": "density"}
METRICS = {
    "length": "average response length (characters)",
    "density": "loop density (repeated characters x count, per character)",
    "coverage": "loop coverage (share of characters)",
    "first_loop": "tokens until the first loop (all tokens where there is none)",
    "seq_rep_4": "seq-rep-4 of the assistant",
    "distinct_2": "distinct-2 of the assistant",
    "zlib": "zlib ratio of the assistant",
    "drift": "length drift of the assistant (words per turn and turn)",
    "surprisal": "surprisal of the assistant (nats a token)",
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
        "surprisal": assistant.get("surprisal"),
    }


def scatter(reports: Sequence[Report]) -> figure:
    """A point per dialogue, a colour per run; the page puts any two metrics on the axes.

    A click on a point opens the dialogue where its first finding begins; points that are boxed or
    lassoed are what the other views show, too; a click in the legend hides a run.
    """
    plot = figure(
        title="Each point is a dialogue",
        x_axis_label=METRICS[AXES["x"]],
        y_axis_label=METRICS[AXES["y"]],
        x_range=DataRange1d(range_padding=0.08, only_visible=True),
        y_range=DataRange1d(range_padding=0.08, only_visible=True),
        sizing_mode="stretch_width",
        height=460,
        tools="pan,box_select,lasso_select,wheel_zoom,box_zoom,reset,save",
    )
    plot.xaxis[0].name, plot.yaxis[0].name = "scatter-x", "scatter-y"
    for k, (report, colour) in enumerate(zip(reports, PALETTE, strict=False)):
        values = [list_metrics(dialogue) for dialogue in report.dialogues]
        source = ColumnDataSource({
            "run": [report.run] * len(report.dialogues),
            "dialogue": [dialogue.name for dialogue in report.dialogues],
            "status": [dialogue.status for dialogue in report.dialogues],
            "alpha": [0.75] * len(report.dialogues),
            **{name: [one[name] for one in values] for name in METRICS},
        }, name=f"scatter-{k}")  # fmt: skip
        points = plot.scatter(*AXES.values(), source=source, size=11, color=colour,
                              alpha="alpha", line_color="white", marker=MARKERS[k],
                              name=f"scatter-points-{k}", legend_label=report.run)  # fmt: skip
        points.nonselection_glyph = points.glyph
        source.selected.js_on_change("indices", CustomJS(code="window.parrot.choose();"))
    tooltips = [
        ("dialogue", "@dialogue"), ("average length", "@length{0.0}"),
        ("loop density", "@density{0.0000}"), ("loop coverage", "@coverage{0.0000}"),
        ("status", "@status"),
    ]  # fmt: skip
    tap = TapTool(behavior="inspect", callback=CustomJS(code=OPEN))
    plot.add_tools(HoverTool(tooltips=tooltips), tap)
    put_legend_above(plot, 3)
    return plot


def put_legend_above(plot: figure, columns: int) -> None:
    """The legend in rows of so many entries between title and frame; a click hides what it
    names.
    """
    plot.legend.click_policy = "hide"
    plot.add_layout(plot.legend[0], "above")
    plot.legend.update(orientation="horizontal", location="left", ncols=columns, spacing=14)
