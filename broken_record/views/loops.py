"""Which kinds, how often and how soon: a heat map of rates, curves of what does not loop yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bokeh.models import ColumnDataSource, CustomJSTickFormatter, HoverTool, LinearColorMapper
from bokeh.palettes import interp_palette
from bokeh.plotting import figure

from broken_record.analysis.report import Report, summarize, time_until_loop
from broken_record.detectors.registry import KINDS
from broken_record.stats import common_until, survival
from broken_record.views.overview import DASHES, PALETTE

UNKNOWN = "#bbbbbb"
LABELS, CELL = 170, 95  # pixels; where there is less, the figure scrolls
DARK = 0.62  # from this share on a cell is so dark that it is written on in white
SHARES = ("#ffffff", *interp_palette(("#cfe3f5", "#4292c6", "#08306b"), 255))
"""By share: white for none, and a tint that can be told from it for the rarest."""


def list_kinds(reports: Sequence[Report]) -> list[str]:
    """The kinds that were looked for in any run."""
    return list(dict.fromkeys(kind for report in reports for kind in report.thresholds or ()))


def heat_map(reports: Sequence[Report]) -> figure | None:
    """Kinds down, runs across, the share of dialogues as colour; None if none was looked for."""
    kinds = list_kinds(reports)
    if not kinds:
        return None
    names = ("run", "kind", "rate", "shown", "ink", "text", "onset")
    rows: dict[str, list[object]] = {name: [] for name in names}
    for report in reports:
        for kind, one in summarize(report).kinds.items():
            rows["run"].append(report.run)
            rows["kind"].append(label_kind(kind))
            rows["rate"].append(one.rate)
            rows["shown"].append("not measurable" if one.rate is None else
                                 f"{one.rate:.0%}, {one.dialogues} of {one.measured}")  # fmt: skip
            rows["ink"].append("white" if one.rate is not None and one.rate > DARK else "black")
            rows["text"].append(
                "not measurable"
                if one.rate is None or one.low is None or one.high is None
                else f"{one.dialogues} of {one.measured}, {one.rate:.0%} "
                f"({one.low:.0%} - {one.high:.0%})"
            )
            onset = one.median_onset_tokens
            rows["onset"].append("-" if onset is None else f"{onset:,.0f} tokens")
    mapper = LinearColorMapper(palette=SHARES, low=0, high=1, nan_color=UNKNOWN)
    plot = figure(
        title="Share of dialogues, by kind",
        x_range=[report.run for report in reports],
        y_range=[label_kind(kind) for kind in kinds[::-1]],
        height=60 + 34 * len(kinds),
        sizing_mode="stretch_width",
        min_width=LABELS + CELL * len(reports),
        toolbar_location=None,
    )
    source = ColumnDataSource(rows, name="rates")
    cells = plot.rect(
        "run", "kind", 0.98, 0.94, source=source, line_color=None,
        fill_color={"field": "rate", "transform": mapper},
    )  # fmt: skip
    plot.text("run", "kind", "shown", source=source, text_color="ink", text_align="center",
              text_baseline="middle", text_font_size="12px")  # fmt: skip
    tips = [("run", "@run"), ("kind", "@kind"), ("dialogues", "@text"), ("median onset", "@onset")]
    plot.add_tools(HoverTool(renderers=[cells], tooltips=tips))
    plot.grid.visible = False
    plot.yaxis.formatter = CustomJSTickFormatter(code="return tick.replace(' (', '\\n(');")
    return plot


def label_kind(kind: str) -> str:
    """What people call a kind, and its name."""
    return f"{KINDS[kind].words} ({kind})" if kind in KINDS else kind


@dataclass(frozen=True, slots=True)
class Watched:
    """Per run time_until_loop of the dialogues whose tokens were counted, and the longest time."""

    runs: list[list[tuple[float, bool]]]
    until: float


def watch(reports: Sequence[Report]) -> Watched:
    """How long every dialogue was watched."""
    runs = [[t for d in report.dialogues if (t := time_until_loop(d))] for report in reports]
    return Watched(runs, max((time for run in runs for time, _ in run), default=0.0))


def survival_plot(reports: Sequence[Report]) -> figure | None:
    """The share of dialogues that do not loop yet, over tokens said, as far as a run tells it, and
    its mean over the tokens that all runs tell; None without counters.
    """
    watched = watch(reports)
    until = watched.until
    if until == 0.0:
        return None
    plot = figure(
        title="Not yet looping",
        x_axis_label="tokens said",
        y_axis_label="share of dialogues",
        y_range=(0, 1.03),
        height=380,
        sizing_mode="stretch_width",
        tools="pan,wheel_zoom,box_zoom,reset,save",
    )
    shared = common_until(watched.runs)
    for k, (report, run, colour) in enumerate(zip(reports, watched.runs, PALETTE, strict=False)):
        if not run:
            continue
        curve = survival([time for time, _ in run], [event for _, event in run], shared)
        end = max(time for time, _ in run) if curve.shares[-1] else until
        source = ColumnDataSource({
            "tokens": [*curve.times, end],
            "share": [*curve.shares, curve.shares[-1]],
            "at_risk": [*curve.at_risk, sum(time >= end for time, _ in run)],
        }, name=f"survival-{k}")  # fmt: skip
        label = f"{report.run}: mean {curve.restricted_mean:,.0f} of {shared:,.0f} tokens"
        line = plot.step("tokens", "share", source=source, mode="after", color=colour,
                         line_width=2.5, line_dash=DASHES[k % len(DASHES)],
                         legend_label=label)  # fmt: skip
        tips = [("tokens", "@tokens{0,0}"), ("not yet", "@share{0%}"), ("at risk", "@at_risk")]
        plot.add_tools(HoverTool(renderers=[line], tooltips=tips))
        plot.legend[0].items[-1].name = f"survival-label-{k}"
    plot.legend.click_policy = "hide"
    plot.add_layout(plot.legend[0], "above")
    plot.legend.location = "left"
    return plot


@dataclass(frozen=True, slots=True)
class AtRisk:
    """A few times, and per run how many dialogues are still watched and without a loop then."""

    times: list[float]
    counts: list[list[int]]


def count_at_risk(reports: Sequence[Report], columns: int = 6) -> AtRisk:
    """At even times from 0 to the longest."""
    watched = watch(reports)
    times = [watched.until * k / (columns - 1) for k in range(columns)]
    counts = [[sum(time >= at for time, _ in run) for at in times] for run in watched.runs]
    return AtRisk(times, counts)
