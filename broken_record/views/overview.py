"""The first look at several runs: a point per dialogue, a row per run."""

from __future__ import annotations

from collections.abc import Sequence

from bokeh.models import ColumnDataSource, DataTable, HoverTool, NumberFormatter, TableColumn
from bokeh.plotting import figure

from broken_record.report import Report, summarize

# Okabe and Ito's colour-blind-safe colours, then three of Paul Tol's muted ones
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00",
           "#56B4E9", "#000000", "#882255", "#999933", "#44AA99")  # fmt: skip
MOST_RUNS = len(PALETTE)


def scatter(reports: Sequence[Report]) -> figure:
    """Average response length against loop density, a point per dialogue, a colour per run.

    A click in the legend hides a run. The axes start at zero and grow to hold every point.
    """
    points = [dialogue for report in reports for dialogue in report.dialogues]
    plot = figure(
        title="Each point is a dialogue; further up it repeats more",
        x_axis_label="average response length (characters)",
        y_axis_label="loop density (repeated characters x count, per character)",
        x_range=with_margin([100.0, *(point.average_response_length for point in points)]),
        y_range=with_margin([0.8, *(point.loop_density for point in points)]),
        sizing_mode="stretch_width",
        height=520,
        tools="pan,wheel_zoom,box_zoom,reset,save",
    )
    for report, colour in zip(reports, PALETTE, strict=False):
        source = ColumnDataSource({
            "run": [report.run] * len(report.dialogues),
            "dialogue": [dialogue.name for dialogue in report.dialogues],
            "length": [dialogue.average_response_length for dialogue in report.dialogues],
            "density": [dialogue.loop_density for dialogue in report.dialogues],
            "coverage": [dialogue.loop_coverage for dialogue in report.dialogues],
            "status": [dialogue.status for dialogue in report.dialogues],
        })  # fmt: skip
        plot.scatter("length", "density", source=source, size=11, color=colour, alpha=0.75,
                     line_color="white", legend_label=report.run)  # fmt: skip
    tooltips = [
        ("dialogue", "@dialogue"),
        ("average length", "@length{0.0}"),
        ("loop density", "@density{0.0000}"),
        ("loop coverage", "@coverage{0.0000}"),
        ("status", "@status"),
    ]
    plot.add_tools(HoverTool(tooltips=tooltips))
    plot.legend.click_policy = "hide"
    plot.add_layout(plot.legend[0], "above")
    plot.legend.orientation = "horizontal"
    plot.legend.location = "left"
    plot.legend.ncols = 3
    return plot


def with_margin(values: Sequence[float]) -> tuple[float, float]:
    """An axis from just below zero to just above the largest value, so that no point is cut."""
    return -0.02 * max(values), 1.05 * max(values)


def summary_table(reports: Sequence[Report]) -> DataTable:
    """A row per run: how many dialogues, and the means over them."""
    summaries = [summarize(report) for report in reports]
    source = ColumnDataSource({
        "run": [report.run for report in reports],
        **{name: [summary[name] for summary in summaries] for name in summaries[0]},
    })  # fmt: skip
    columns = [TableColumn(field="run", title="run", width=320)]
    for name, title, digits in (
        ("dialogues", "dialogues", "0"),
        ("average_response_length", "average length", "0.0"),
        ("loop_density", "loop density", "0.0000"),
        ("loop_coverage", "loop coverage", "0.0000"),
    ):
        formatter = NumberFormatter(format=digits, text_align="right")
        columns.append(TableColumn(field=name, title=title, formatter=formatter, width=130))
    return DataTable(
        source=source,
        columns=columns,
        index_position=None,
        sizing_mode="stretch_width",
        height=40 + 26 * len(reports),
    )
