"""The whole page from reports, transcripts and plots: one file that opens offline.

What comes from a log, a config or a folder name reaches the page as JSON in a script that does not
run, or escaped into a table; page.js sets it as text. head.html, page.html, page.css, tabs.js and
page.js lie beside this file.
"""

from __future__ import annotations

import base64
import gzip
import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import resources
from typing import Any

from bokeh.embed import components
from bokeh.models import Plot
from bokeh.resources import CDN, INLINE
from bokeh.themes import Theme

from broken_record.analysis.report import DialogueReport, Report, time_until_loop
from broken_record.data import Dialogue
from broken_record.views.drift import Courses, drift_plot, means_of, stretches_of
from broken_record.views.lengths import SPEAKERS, bins_of, length_histograms
from broken_record.views.loops import heat_map, kinds_of, survival_plot
from broken_record.views.overview import GREY, scatter
from broken_record.views.recurrence import recurrence_plot
from broken_record.views.tables import (
    AVERAGED,
    at_risk_table,
    differences_of,
    nothing,
    pairs_table,
    settings_of,
    settings_table,
    table_of_runs,
)
from broken_record.views.timeline import KIND_COLOURS, timeline

THEME = Theme(json={"attrs": {
    "Plot": {"background_fill_color": None, "border_fill_color": None, "outline_line_color": GREY},
    "Axis": {"axis_label_text_color": GREY, "major_label_text_color": GREY,
             "axis_line_color": GREY, "major_tick_line_color": GREY},
    "Title": {"text_color": GREY}, "Grid": {"grid_line_color": GREY, "grid_line_alpha": 0.25},
    "Legend": {"background_fill_alpha": 0, "label_text_color": GREY, "border_line_alpha": 0,
               "title_text_color": GREY},
    "ColorBar": {"background_fill_color": None, "major_label_text_color": GREY},
}})  # fmt: skip
Dialogues = Mapping[tuple[str, str], Dialogue]
Pairs = Mapping[tuple[str, str], Sequence[tuple[int, int]]]


def make_page(
    reports: Sequence[Report],
    dialogues: Dialogues,
    *,
    made: str,
    pairs: Pairs | None = None,
    courses: Courses | None = None,
    texts: bool = True,
    cdn: bool = False,
) -> str:
    """The page; `dialogues`, `pairs` of similar turns and `courses` by (run, dialogue), none of
    what could not be read; with `texts` the reader shows them.
    """
    courses = courses or {}
    drawn = {**figures(reports, courses), "recurrence": recurrence_plot()}
    script, divs = components(drawn, theme=THEME)
    settings = {}
    for report in reports:
        first = next((d for (run, _), d in dialogues.items() if run == report.run), None)
        settings[report.run] = settings_of(first)

    def shown(name: str, otherwise: str = "") -> str:
        return str(divs.get(name) or (otherwise and nothing(otherwise)))

    parts = {
        "overview": table_of_runs(reports, differences_of(settings))
        + shown("scatter")
        + settings_table(settings),
        "loops": shown("heat", "Nothing was looked for; run: python analyze.py RUN")
        + shown("survival", "No tokens were counted, so no time until a loop.")
        + at_risk_table(reports)
        + pairs_table(reports),
        "lengths": shown("lengths_assistant", "No reply of the assistant was recorded.")
        + shown("lengths_user", "No transcript is there to take the user's lengths from.")
        + shown("length_drift", "No transcripts: nothing to draw over turns.")
        + shown("novelty_drift"),
        "timeline": shown("timeline", "Nothing was found in any dialogue."),
        "reader": reader(shown("recurrence")),
        "javascript": asset("page.js"),
        "selection": asset("selection.js"),
        "plots": script,
        "data": harmless(data_of(reports, dialogues if texts else {}, pairs or {}, courses)),
    }
    return fill("page.html", parts, made=made, cdn=cdn)


def reader(recurrence: str) -> str:
    """What page.js fills with transcripts."""
    return (
        '<p class="bar"><label><input type="checkbox" id="beside"> two dialogues side by side'
        f'</label></p><div id="readers"></div><aside id="again">{recurrence}</aside>'
    )


def fill(template: str, parts: Mapping[str, str], *, made: str, cdn: bool) -> str:
    """A template with its parts, behind the head that every page has."""
    sources = "" if not cdn else " https://cdn.bokeh.org"
    page = {
        **parts,
        "policy": "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'"
        + sources
        + "; style-src 'unsafe-inline'; img-src data: blob:; font-src data:",
        "made": html.escape(made),
        "css": asset("page.css"),
        "tabs": asset("tabs.js"),
        "bokeh": (CDN if cdn else INLINE).render(),
    }
    text = asset("head.html") + asset(template)
    pieces = text.split("{")
    out = [pieces[0]]
    for piece in pieces[1:]:
        name, closing, rest = piece.partition("}")
        out.append(page[name] + rest if closing and name in page else "{" + piece)
    return "".join(out)


def figures(reports: Sequence[Report], courses: Courses) -> dict[str, Any]:
    """The figures that there is something to draw for."""
    length = "Length of turns, both speakers (characters; median and middle half of dialogues)"
    novelty = "Novelty: content words not said in the ten turns before (share)"
    bins = bins_of(reports, courses)
    plots = {
        "scatter": scatter(reports),
        "heat": heat_map(reports),
        "survival": survival_plot(reports),
        **{f"lengths_{who}": length_histograms(reports, bins, who) for who in SPEAKERS},
        "length_drift": drift_plot(reports, courses, "characters", length),
        "novelty_drift": drift_plot(reports, courses, "novelty", novelty),
        "timeline": timeline(reports, courses),
    }
    drawn = {name: plot for name, plot in plots.items() if plot is not None}
    return named(drawn)


def named(plots: dict[str, Any]) -> dict[str, Any]:
    """The plots, each with its key for a name."""
    for name, plot in plots.items():
        next(iter(plot.select({"type": Plot}))).name = name
    return plots


def asset(name: str) -> str:
    """A file that lies beside this one."""
    return resources.files("broken_record.views").joinpath(name).read_text(encoding="utf-8")


def harmless(value: Any) -> str:
    """JSON that cannot end the script it stands in."""
    return json.dumps(value).replace("<", "\\u003c")


def data_of(
    reports: Sequence[Report], transcripts: Dialogues, pairs: Pairs, courses: Courses
) -> dict[str, Any]:
    """What page.js reads; "facts" of a dialogue are what selection.js needs to draw it again,
    "looked" of a run says which kinds were looked for.
    """
    bins, stretches, kinds = bins_of(reports, courses), stretches_of(courses), kinds_of(reports)
    runs = []
    for report in reports:
        looked = [kind in (report.thresholds or ()) for kind in kinds]
        entries = []
        for dialogue in report.dialogues:
            key = (report.run, dialogue.name)
            said, course = transcripts.get(key), courses.get(key)
            entries.append({
                "name": dialogue.name,
                "found": sum(finding.counts for finding in dialogue.findings),
                "facts": {
                    "values": [getattr(dialogue, name) for name, _ in AVERAGED.values()],
                    "time": time_until_loop(dialogue),
                    "kinds": [onset_of(dialogue, kind) if there else None
                              for kind, there in zip(kinds, looked, strict=True)],
                    "bins": {who: bins[who]["counts"].get(key) for who in bins},
                    "course": course and {what: means_of(getattr(course, what), stretches)
                                          for what in ("characters", "novelty")},
                },
                "packed": None if said is None else pack(said, dialogue, pairs.get(key, ())),
            })  # fmt: skip
        runs.append({"name": report.run, "looked": looked, "dialogues": entries})
    return {
        "runs": runs,
        "colours": KIND_COLOURS,
        "kinds": kinds,
        "digits": [digits for _, digits in AVERAGED.values()],
        "edges": {who: bins[who]["edges"] for who in bins},
        "stretches": stretches,
    }


def onset_of(dialogue: DialogueReport, kind: str) -> list[int | None] | bool | None:
    """[tokens before its first onset, null if not counted], false where it was not found, null
    where it could not be measured.
    """
    if kind in dialogue.not_measurable:
        return None
    own = [
        (finding.onset_turn, tokens)
        for finding, tokens in zip(dialogue.findings, dialogue.onset_tokens, strict=True)
        if finding.kind == kind and finding.counts
    ]
    return [min(own, key=lambda pair: pair[0])[1]] if own else False


def pack(said: Dialogue, report: DialogueReport, pairs: Sequence[tuple[int, int]]) -> str:
    """All that the reader shows of a dialogue as JSON, gzip, base64.

    A line of "said" is [index, role, content, tokens, finish_reason, whether it was given].
    """
    given = len(said.opening)
    value = {
        "said": [
            [m.index, m.role, m.content, m.tokens, m.finish_reason, place < given]
            for place, m in enumerate(said.messages)
        ],
        "initial_tokens": said.config.get("initial_tokens", 0),
        "prefix": said.prefixes["assistant"],
        "segments": [asdict(s) for s in sorted(report.segments, key=lambda s: -s.count)],
        "findings": [
            {"kind": f.kind, "level": f.level, "speaker": f.speaker, "onset_turn": f.onset_turn,
             "explanation": f.explanation, "spans": [asdict(span) for span in f.spans]}
            for f in report.findings
        ],
        "pairs": pairs,
    }  # fmt: skip
    return base64.b64encode(gzip.compress(json.dumps(value).encode(), mtime=0)).decode()
