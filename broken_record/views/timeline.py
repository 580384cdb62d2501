"""When what happened: a row per dialogue, turns along x, a bar per finding; worst first."""

from __future__ import annotations

from collections.abc import Sequence

from bokeh.models import ColumnDataSource, CustomJS, HoverTool, TapTool
from bokeh.plotting import figure

from broken_record.report import DialogueReport, Report

ROWS = 40
# Paul Tol's muted scheme, and one more
KIND_COLOURS = dict(
    zip(
        ("single_turn_loop", "multi_turn_loop", "intra_turn_repetition", "prefix_repetition",
         "semantic_repetition", "word_soup", "empty_response", "apostrophe_break",
         "leading_whitespace", "refusal"),
        ("#CC6677", "#332288", "#DDCC77", "#117733", "#88CCEE", "#882255", "#44AA99", "#999933",
         "#AA4499", "#661100"),
        strict=True,
    )
)  # fmt: skip


def looped_turns(dialogue: DialogueReport) -> int:
    """How many turns lie between onset and end of its findings, for the order of rows."""
    return sum(
        (dialogue.turns if f.end_turn is None else f.end_turn) - f.onset_turn + 1
        for f in dialogue.findings
        if f.level != "info"
    )


def timeline(reports: Sequence[Report]) -> figure | None:
    """Bars from onset to end; a click opens the dialogue there; None without a finding."""
    rows = [(report.run, dialogue) for report in reports for dialogue in report.dialogues]
    rows.sort(key=lambda row: -looped_turns(row[1]))
    names = ("row", "left", "right", "colour", "kind", "run", "dialogue", "turn", "explanation")
    data: dict[str, list[object]] = {name: [] for name in names}
    for row, (run, dialogue) in enumerate(rows):
        for finding in dialogue.findings:
            if finding.level == "info":
                continue
            end = dialogue.turns if finding.end_turn is None else finding.end_turn
            values = (row, finding.onset_turn, max(end, finding.onset_turn) + 1,
                      KIND_COLOURS.get(finding.kind, "#777777"), finding.kind, run, dialogue.name,
                      finding.onset_turn, finding.explanation)  # fmt: skip
            for name, value in zip(names, values, strict=True):
                data[name].append(value)
    if not data["row"]:
        return None
    source = ColumnDataSource(data)
    plot = figure(
        title="Findings over the turns, worst dialogue first; a click opens it there",
        x_axis_label="turn",
        y_range=(min(ROWS, len(rows)) - 0.5, -0.5),
        height=120 + 14 * min(ROWS, len(rows)),
        sizing_mode="stretch_width",
        tools="pan,wheel_zoom,reset,save",
    )
    bars = plot.hbar("row", 0.8, "right", "left", source=source, color="colour", alpha=0.85,
                     line_color="white", legend_group="kind")  # fmt: skip
    code = """
        const k = source.selected.indices[0];
        if (k === undefined) return;
        const d = source.data;
        window.parrot.open(d.run[k], d.dialogue[k], d.turn[k]);
        source.selected.indices = [];
    """
    plot.add_tools(TapTool(callback=CustomJS(args={"source": source}, code=code)))
    tips = [("run", "@run"), ("dialogue", "@dialogue"), ("kind", "@kind"), ("from turn", "@turn"),
            ("", "@explanation")]  # fmt: skip
    plot.add_tools(HoverTool(renderers=[bars], tooltips=tips))
    plot.yaxis.visible = False
    plot.add_layout(plot.legend[0], "right")
    return plot
