"""When what happened: a row per dialogue, turns along x, a bar per finding; worst first. Bars that
overlap lie beside one another, in lanes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bokeh.models import (
    AllIndices,
    CDSView,
    ColumnDataSource,
    CustomJS,
    FixedTicker,
    HoverTool,
    TapTool,
)
from bokeh.plotting import figure

from broken_record.analysis.course import Course
from broken_record.analysis.report import DialogueReport, Report
from broken_record.data import Finding
from broken_record.detectors.registry import KINDS
from broken_record.views.drift import Courses
from broken_record.views.overview import GREY, HATCHES, put_legend_above

ROWS = 40
LABEL = 32
COLUMNS = 4  # of the legend
LETTER, ENTRY, TOOLS = (
    7,
    180,
    70,
)  # pixels: of a label, of the legend; where there is less room, the
# figure scrolls
THICK = 0.8  # of a row
LOWEST = 290  # pixels, so that the tools have room
# Paul Tol's muted scheme and three more, each as light or dark as both papers need
KIND_COLOURS = dict(
    zip(
        ("single_turn_loop", "multi_turn_loop", "intra_turn_repetition", "prefix_repetition",
         "semantic_repetition", "word_soup", "empty_response", "apostrophe_break",
         "leading_whitespace", "refusal", "suffix_repetition", "role_leak"),
        ("#CC6677", "#6A5ACD", "#A08A2A", "#2E8B4A", "#3D97CF", "#AD4079", "#3A9C8C", "#8F8F2E",
         "#B255A2", "#B0522A", "#5B86B8", "#D0705A"),
        strict=True,
    )
)  # fmt: skip
OTHER_KIND = "#777777"


def last_message(dialogue: DialogueReport, course: Course | None) -> int:
    """The index of a dialogue's last message; where no transcript tells, as far as is known: that
    of a dialogue without opening messages, or the last that is evidence.
    """
    if course is not None:
        return course.last
    named = [span.turn for finding in dialogue.findings for span in finding.spans]
    return max(dialogue.turns - 1, *named, 0)


def looped_turns(dialogue: DialogueReport, last: int) -> int:
    """How many turns lie between onset and end of its findings, for the order of rows; `last` is
    the index of its last message.
    """
    return sum(
        (last if f.end_turn is None else f.end_turn) - f.onset_turn + 1
        for f in dialogue.findings
        if f.counts
    )


Row = tuple[str, DialogueReport, int]
"""Run, dialogue, index of its last message."""


def sort_rows(reports: Sequence[Report], courses: Courses) -> list[Row]:
    """Every dialogue, the one with most turns in findings first."""
    rows = [
        (report.run, dialogue, last_message(dialogue, courses.get((report.run, dialogue.name))))
        for report in reports
        for dialogue in report.dialogues
    ]
    return sorted(rows, key=lambda row: -looped_turns(row[1], row[2]))


def find_worst(reports: Sequence[Report], courses: Courses) -> tuple[str, str] | None:
    """Run and name of the dialogue that leads the rows; None where there is none."""
    rows = sort_rows(reports, courses)
    return (rows[0][0], rows[0][1].name) if rows else None


@dataclass(frozen=True, slots=True)
class Bar:
    """A finding from its onset to before `right`, in one of the lanes of its dialogue's row."""

    finding: Finding
    right: int
    lane: int


def stack(dialogue: DialogueReport, last: int) -> list[Bar]:
    """The bars of a dialogue, by onset; those that overlap lie in lanes of their own."""
    bars: list[Bar] = []
    free: list[int] = []  # lane -> from where on
    for finding in sorted((f for f in dialogue.findings if f.counts), key=lambda f: f.onset_turn):
        end = last if finding.end_turn is None else finding.end_turn
        right = max(end, finding.onset_turn) + 1
        lane = next((k for k, at in enumerate(free) if at <= finding.onset_turn), len(free))
        free[lane : lane + 1] = [right]
        bars.append(Bar(finding, right, lane))
    return bars


def lay_bars(rows: Sequence[Row]) -> dict[str, dict[str, list[object]]]:
    """By kind the columns of its bars."""
    kinds: dict[str, dict[str, list[object]]] = {}
    for row, (run, dialogue, last) in enumerate(rows):
        bars = stack(dialogue, last)
        share = THICK / max((bar.lane + 1 for bar in bars), default=1)
        for bar in bars:
            finding = bar.finding
            values = {
                "row": row - THICK / 2 + (bar.lane + 0.5) * share, "height": share,
                "left": finding.onset_turn, "right": bar.right,
                "run": run, "dialogue": dialogue.name, "turn": finding.onset_turn,
                "explanation": finding.explanation,
            }  # fmt: skip
            data = kinds.setdefault(finding.kind, {name: [] for name in values})
            for name, value in values.items():
                data[name].append(value)
    return kinds


def label_rows(rows: Sequence[Row]) -> list[str]:
    """Run and dialogue, without what the names of all its run's dialogues begin with; the run left
    out where there is one alone; the end of what is long.
    """
    names: dict[str, list[str]] = {}
    for run, dialogue, _ in rows:
        names.setdefault(run, []).append(dialogue.name)
    shared = {run: shared_beginning(own) for run, own in names.items()}
    labels = []
    for run, dialogue, _ in rows:
        own = dialogue.name.removeprefix(shared[run])
        label = own if len(names) == 1 else f"{run} {own}"
        labels.append(label if len(label) <= LABEL else f"\u2026{label[1 - LABEL :]}")
    return labels


def shared_beginning(names: Sequence[str]) -> str:
    """What several names begin with, up to the last sign that is no letter and no digit; nothing
    of one alone.

    >>> shared_beginning(["run_10", "run_11"]), shared_beginning(["run_1"])
    ('run_', '')
    """
    if len(names) < 2:
        return ""
    first, last = min(names), max(names)
    end = 0
    for k, (letter, other) in enumerate(zip(first, last, strict=False)):
        if letter != other:
            break
        if not letter.isalnum():
            end = k + 1
    return first[:end]


def lay_lengths(rows: Sequence[Row]) -> dict[str, list[object]]:
    """The columns of the bars that show how long each dialogue is."""
    return {
        "row": list(range(len(rows))),
        "left": [0] * len(rows),
        "right": [last + 1 for *_, last in rows],
        "run": [run for run, *_ in rows],
        "dialogue": [dialogue.name for _, dialogue, _ in rows],
    }


def timeline(reports: Sequence[Report], courses: Courses) -> figure | None:
    """Bars from onset to end, a renderer a kind, on a grey one as long as the dialogue; a click
    opens it there; None without a finding.
    """
    rows = sort_rows(reports, courses)
    kinds = lay_bars(rows)
    if not kinds:
        return None
    labels = label_rows(rows)
    plot = figure(
        title="Findings over the turns, worst first",
        x_axis_label="turn",
        y_axis_label="dialogue" if len(reports) == 1 else None,
        x_range=(0, max(last for *_, last in rows) + 1),
        y_range=(min(ROWS, len(rows)) - 0.5, -0.5),
        height=max(LOWEST, 120 + 24 * min(ROWS, len(rows))),
        sizing_mode="stretch_width",
        min_width=LETTER * max(map(len, labels)) + ENTRY * min(COLUMNS, len(kinds)) + TOOLS,
        tools="pan,wheel_zoom,reset,save",
    )
    open_it = CustomJS(
        code="""
        const {data, inspected} = cb_data.source;
        const k = inspected.indices[0];
        if (k !== undefined) window.parrot.open(data.run[k], data.dialogue[k], data.turn[k]);
    """
    )
    plot.hbar("row", THICK, "right", "left",
              source=ColumnDataSource(lay_lengths(rows), name="timeline-lengths"),
              view=CDSView(filter=AllIndices(), name="timeline-view-lengths"),
              color=OTHER_KIND, fill_alpha=0.25)  # fmt: skip
    tap = TapTool(behavior="inspect", callback=open_it, renderers=[])
    known = [kind for kind in KIND_COLOURS if kind in kinds]
    for k, kind in enumerate([*known, *sorted(kinds.keys() - KIND_COLOURS)]):
        bars = plot.hbar("row", "height", "right", "left",
                         source=ColumnDataSource(kinds[kind], name=f"timeline-{k}"),
                         view=CDSView(filter=AllIndices(), name=f"timeline-view-{k}"),
                         color=KIND_COLOURS.get(kind, OTHER_KIND), line_color=GREY,
                         hatch_pattern=dict(zip(KIND_COLOURS, HATCHES, strict=True)).get(kind),
                         hatch_color="black", hatch_alpha=0.35, hatch_scale=9,
                         legend_label=KINDS[kind].words if kind in KINDS else kind)  # fmt: skip
        tips = [("run", "@run"), ("dialogue", "@dialogue"), (kind, "from turn @turn"),
                ("", "@explanation")]  # fmt: skip
        plot.add_tools(HoverTool(renderers=[bars], tooltips=tips))
        tap.renderers.append(bars)
    plot.add_tools(tap)
    plot.yaxis.ticker = FixedTicker(ticks=list(range(len(rows))))
    plot.yaxis.major_label_overrides = dict(enumerate(labels))
    plot.yaxis[0].name = "timeline-rows"
    plot.ygrid.visible = False
    put_legend_above(plot, COLUMNS)
    return plot
