"""The whole page from reports, texts and plots: one file that opens offline.

What comes from a log, a config or a folder name reaches the page as JSON in a script that does not
run (page.js sets it as text), or through templates that escape it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
from bokeh.embed import components
from bokeh.models import Plot
from bokeh.themes import Theme

from broken_record.analysis.report import DialogueReport, Report, find_kinds, time_until_loop
from broken_record.analysis.texts import Key
from broken_record.analysis.verdict import tell
from broken_record.detectors.registry import LOOPS
from broken_record.stats import DRAWS
from broken_record.views.drift import (
    Courses,
    What,
    average,
    cut_stretches,
    drift_plot,
    has_any,
    place_turns,
)
from broken_record.views.lengths import SPEAKERS, count_bins, length_histograms
from broken_record.views.loops import DARK, heat_map, label_kind, list_kinds, survival_plot
from broken_record.views.overview import AXES, GREY, METRICS, scatter
from broken_record.views.recurrence import recurrence_plot
from broken_record.views.shown import Shown
from broken_record.views.tables import (
    AVERAGED,
    at_risk_table,
    means_table,
    pairs_table,
    settings_table,
    table_of_runs,
    tell_apart,
)
from broken_record.views.templates import bokeh_itself, fill, harmless
from broken_record.views.timeline import KIND_COLOURS, find_worst, timeline

OVER_TURNS: tuple[What, ...] = ("characters", "novelty", "surprisal")
THEME = Theme(json={"attrs": {
    "Plot": {"background_fill_color": None, "border_fill_color": None, "outline_line_color": GREY},
    "Axis": {"axis_label_text_color": GREY, "major_label_text_color": GREY,
             "axis_line_color": GREY, "major_tick_line_color": GREY,
             "minor_tick_line_color": GREY},
    "Title": {"text_color": GREY}, "Grid": {"grid_line_color": GREY, "grid_line_alpha": 0.25},
    "Legend": {"background_fill_alpha": 0, "label_text_color": GREY, "border_line_alpha": 0,
               "title_text_color": GREY},
    "ColorBar": {"background_fill_color": None, "major_label_text_color": GREY},
}})  # fmt: skip


def make_page(
    reports: Sequence[Report],
    texts: Mapping[Key, Shown],
    *,
    made: str,
    cdn: bool = False,
    version: int | None = None,
    whole: bool = True,
) -> str:
    """The page; `texts` hold what could be read. Of a page that grows, `version` says which this
    is; without Bokeh it is not `whole`.
    """
    courses = {key: text.course for key, text in texts.items()}
    drawn = {**figures(reports, courses), "recurrence": recurrence_plot()}
    script, plots = components(drawn, theme=THEME)
    settings = {}
    for report in reports:
        first = next((text for (run, _), text in texts.items() if run == report.run), None)
        settings[report.run] = {} if first is None else first.settings
    return fill(
        "page.html",
        made=made,
        cdn=cdn,
        live=version is not None,
        bokeh=bokeh_itself(cdn=cdn) if whole else "",
        script=script,
        plots=plots,
        titles={name: plot.title.text for name, plot in drawn.items()},
        axes=AXES,
        metrics=METRICS,
        verdicts={report.run: tell_run(report) for report in reports},
        runs=table_of_runs(reports, tell_apart(settings)),
        means=means_table(reports),
        settings=settings_table(settings),
        at_risk=at_risk_table(reports),
        pairs=pairs_table(reports),
        data=collect_json(reports, texts, version=version),
    )


def collect_json(
    reports: Sequence[Report], texts: Mapping[Key, Shown], *, version: int | None = None
) -> str:
    """What page.js reads, as JSON that cannot end its script."""
    courses = {key: text.course for key, text in texts.items()}
    return harmless({"version": version, **collect(reports, texts, courses)})


def tell_run(report: Report) -> list[str]:
    """A run's verdict; of one that was not looked at, that."""
    if report.thresholds is None:
        return ["Nothing was looked for.", "Run: python analyze.py RUN"]
    return tell(report)


def figures(reports: Sequence[Report], courses: Courses) -> dict[str, Any]:
    """The figures that there is something to draw for."""
    length = "Length of turns, in characters"
    novelty = "How much is new, as a share of the words"
    surprisal = "Surprisal over the turns, nats a token"
    bins = count_bins(reports, courses)
    plots = {
        "scatter": scatter(reports),
        "heat": heat_map(reports),
        "survival": survival_plot(reports),
        **{f"lengths_{who}": length_histograms(reports, bins, who) for who in SPEAKERS},
        "length_drift": drift_plot(reports, courses, "characters", length),
        "novelty_drift": drift_plot(reports, courses, "novelty", novelty),
        "timeline": timeline(reports, courses),
        "surprisal_drift": drift_plot(reports, courses, "surprisal", surprisal),
    }
    drawn = {name: plot for name, plot in plots.items() if plot is not None}
    return named(drawn)


def named(plots: dict[str, Any]) -> dict[str, Any]:
    """The plots, each with its key for a name."""
    for name, plot in plots.items():
        next(iter(plot.select({"type": Plot}))).name = name
    return plots


def collect(
    reports: Sequence[Report], texts: Mapping[Key, Shown], courses: Courses
) -> dict[str, Any]:
    """What page.js reads; "facts" of a dialogue are what selection.js needs to draw it again,
    "looked" of a run says which kinds were looked for, "method" how intervals are made.
    """
    bins, kinds = count_bins(reports, courses), list_kinds(reports)
    known = [what for what in OVER_TURNS if has_any(courses, what)]
    places = {what: place_turns(courses, what) for what in known}
    stretches = {what: cut_stretches(own) for what, own in places.items()}
    runs = []
    for report in reports:
        looked = [kind in (report.thresholds or ()) for kind in kinds]
        entries = []
        for dialogue in report.dialogues:
            key = (report.run, dialogue.name)
            course = courses.get(key)
            entries.append({
                **listed(dialogue, texts.get(key)),
                "facts": {
                    "values": [getattr(dialogue, name) for name, _ in AVERAGED.values()],
                    "time": time_until_loop(dialogue),
                    "kinds": find_onsets(dialogue, kinds, looked),
                    "bins": {who: own.counts.get(key) for who, own in bins.items()},
                    "course": course and {
                        what: average(getattr(course, what), places[what][key], stretches[what])
                        for what in known
                    },
                },
            })  # fmt: skip
        runs.append({"name": report.run, "looked": looked, "dialogues": entries})
    return {
        "runs": runs,
        "first": find_worst(reports, courses),
        "colours": KIND_COLOURS,
        "kinds": kinds,
        "labels": [label_kind(kind) for kind in kinds],
        "loops": [kind in LOOPS for kind in kinds],
        "dark": DARK,
        "digits": [digits for _, digits in AVERAGED.values()],
        "edges": {who: own.edges for who, own in bins.items()},
        "stretches": stretches,
        "method": method(),
    }


def method() -> dict[str, Any]:
    """What selection.js needs for the intervals of stats.py: z of 95 %, how often to draw, and the
    generator's state, as text because its numbers are too large for JavaScript's.
    """
    generator = np.random.default_rng(0).bit_generator.state["state"]
    return {
        "z": NormalDist().inv_cdf(0.5 + 0.95 / 2),
        "draws": DRAWS,
        "state": str(generator["state"]),
        "increment": str(generator["inc"]),
    }


def listed(dialogue: DialogueReport, text: Shown | None) -> dict[str, Any]:
    """A dialogue as the reader lists it: its name, how much was found, and its text if there is
    one.
    """
    return {
        "name": dialogue.name,
        "found": sum(finding.counts for finding in dialogue.findings),
        "packed": text and text.packed,
    }


def find_onsets(
    dialogue: DialogueReport, kinds: Sequence[str], looked: Sequence[bool]
) -> list[list[int | None] | bool | None]:
    """By kind [tokens before its first onset, null if not counted], false where it was not found,
    null where it was not looked for or could not be measured.
    """
    found = {one.kind: [one.onset_tokens] for one in find_kinds(dialogue)}
    return [
        found.get(kind, False) if there and kind not in dialogue.not_measurable else None
        for kind, there in zip(kinds, looked, strict=True)
    ]
