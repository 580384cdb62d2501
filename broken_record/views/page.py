"""The whole page from reports, transcripts and plots: one file that opens offline.

What comes from a log, a config or a folder name reaches the page as JSON in a script that does not
run, or escaped into a table; page.js sets it as text. page.html, page.css and page.js lie beside
this file.
"""

from __future__ import annotations

import base64
import gzip
import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import resources
from itertools import combinations
from typing import Any

from bokeh.embed import components
from bokeh.resources import CDN, INLINE
from bokeh.themes import Theme

from broken_record.records import Dialogue
from broken_record.report import DialogueReport, Report, summarize_kind
from broken_record.statistics import (
    bootstrap_interval,
    compare_rates,
    detectable_difference,
    holm,
)
from broken_record.views.drift import Course, drift_plot
from broken_record.views.lengths import length_histograms
from broken_record.views.loops import at_risk_rows, heat_map, survival_plot
from broken_record.views.overview import scatter
from broken_record.views.recurrence import recurrence_plot
from broken_record.views.timeline import KIND_COLOURS, timeline

GREY = "#808890"
THEME = Theme(json={"attrs": {
    "Plot": {"background_fill_color": None, "border_fill_color": None, "outline_line_color": GREY},
    "Axis": {"axis_label_text_color": GREY, "major_label_text_color": GREY,
             "axis_line_color": GREY, "major_tick_line_color": GREY},
    "Title": {"text_color": GREY}, "Grid": {"grid_line_color": GREY, "grid_line_alpha": 0.25},
    "Legend": {"background_fill_alpha": 0, "label_text_color": GREY, "border_line_alpha": 0},
    "ColorBar": {"background_fill_color": None, "major_label_text_color": GREY},
}})  # fmt: skip
Transcripts = Mapping[tuple[str, str], Dialogue]
Pairs = Mapping[tuple[str, str], Sequence[tuple[int, int]]]


def make_page(
    reports: Sequence[Report],
    transcripts: Transcripts,
    *,
    made: str,
    pairs: Pairs | None = None,
    courses: Mapping[tuple[str, str], Course] | None = None,
    cdn: bool = False,
) -> str:
    """The page; `transcripts`, `pairs` of similar turns and `courses` by (run, dialogue), none of
    what is left out.
    """
    names = (
        "scatter", "heat", "survival", "lengths", "length_drift", "novelty_drift", "timeline",
        "recurrence",
    )  # fmt: skip
    drawn = {**figures(reports, courses or {}), "recurrence": recurrence_plot()}
    script, divs = components(drawn, theme=THEME)
    shown = {name: divs.get(name, "") for name in names}
    differing = differences_of(reports, transcripts)
    parts = {
        "overview": table_of_runs(reports, differing) + shown["scatter"],
        "loops": (shown["heat"] or nothing("Nothing was looked for; run: python analyze.py RUN"))
        + (shown["survival"] or nothing("No tokens were counted, so no time until a loop."))
        + at_risk_table(reports)
        + pairs_table(reports),
        "lengths": (shown["lengths"] or nothing("No reply was recorded."))
        + (
            shown["length_drift"] + shown["novelty_drift"]
            or nothing("No transcripts: nothing to draw over turns.")
        ),
        "timeline": shown["timeline"] or nothing("Nothing was found in any dialogue."),
        "recurrence": shown["recurrence"],
    }
    sources = "" if not cdn else " https://cdn.bokeh.org"
    page = {
        **parts,
        "policy": "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'"
        + sources
        + "; style-src 'unsafe-inline'; img-src data: blob:; font-src data:",
        "made": html.escape(made),
        "css": asset("page.css"),
        "javascript": asset("page.js"),
        "bokeh": (CDN if cdn else INLINE).render(),
        "plots": script,
        "data": harmless(data_of(reports, transcripts, pairs or {})),
    }
    text = asset("page.html")
    pieces = text.split("{")
    out = [pieces[0]]
    for piece in pieces[1:]:
        name, closing, rest = piece.partition("}")
        out.append(page[name] + rest if closing and name in page else "{" + piece)
    return "".join(out)


def figures(reports: Sequence[Report], courses: Mapping[tuple[str, str], Course]) -> dict[str, Any]:
    """The figures that there is something to draw for."""
    length = "Length of turns, both speakers (characters; median and middle half of dialogues)"
    novelty = "Novelty: content words not said in the ten turns before (share)"
    plots = {
        "scatter": scatter(reports),
        "heat": heat_map(reports),
        "survival": survival_plot(reports),
        "lengths": length_histograms(reports),
        "length_drift": drift_plot(reports, courses, "characters", length),
        "novelty_drift": drift_plot(reports, courses, "novelty", novelty),
        "timeline": timeline(reports),
    }
    return {name: plot for name, plot in plots.items() if plot is not None}


def asset(name: str) -> str:
    """A file that lies beside this one."""
    return resources.files("broken_record.views").joinpath(name).read_text(encoding="utf-8")


def harmless(value: Any) -> str:
    """JSON that cannot end the script it stands in."""
    return json.dumps(value).replace("<", "\\u003c")


def nothing(why: str) -> str:
    """What stands where there is nothing to draw."""
    return f'<p class="empty">{html.escape(why)}</p>'


def data_of(reports: Sequence[Report], transcripts: Transcripts, pairs: Pairs) -> dict[str, Any]:
    """What page.js reads."""
    runs = []
    for report in reports:
        entries = []
        for dialogue in report.dialogues:
            key = (report.run, dialogue.name)
            said = transcripts.get(key)
            entries.append({
                "name": dialogue.name,
                "found": sum(finding.level != "info" for finding in dialogue.findings),
                "packed": None if said is None else pack(said, dialogue, pairs.get(key, ())),
            })  # fmt: skip
        runs.append({"name": report.run, "dialogues": entries})
    return {"runs": runs, "colours": KIND_COLOURS}


def pack(said: Dialogue, report: DialogueReport, pairs: Sequence[tuple[int, int]]) -> str:
    """All that the reader shows of a dialogue as JSON, gzip, base64.

    A line of "said" is [index, role, content, tokens, finish_reason, whether it was given].
    """
    lines: list[list[Any]] = [
        [i, message["role"], message["content"], None, None, True]
        for i, message in enumerate(said.config.get("conversation") or ())
    ]
    lines += [[t.index, t.role, t.content, t.tokens, t.finish_reason, False] for t in said.turns]
    value = {
        "said": lines,
        "segments": [asdict(s) for s in sorted(report.segments, key=lambda s: -s.count)],
        "findings": [
            {"kind": f.kind, "level": f.level, "speaker": f.speaker, "onset_turn": f.onset_turn,
             "explanation": f.explanation, "spans": [asdict(span) for span in f.spans]}
            for f in report.findings
        ],
        "pairs": pairs,
    }  # fmt: skip
    return base64.b64encode(gzip.compress(json.dumps(value).encode(), mtime=0)).decode()


def differences_of(
    reports: Sequence[Report], transcripts: Transcripts
) -> dict[str, dict[str, str]]:
    """Run -> what sets its config apart from the others': key -> value."""
    flat: dict[str, dict[str, str]] = {}
    for report in reports:
        found = next((d for (run, _), d in transcripts.items() if run == report.run), None)
        flat[report.run] = {} if found is None else flatten(found)
    keys = sorted({key for config in flat.values() for key in config})
    told = [config for config in flat.values() if len(config) > 1]
    apart = [
        key
        for key in keys
        if all(key in config for config in told) and len({config[key] for config in told}) > 1
    ]
    both = [key for key in apart if f"user_{key}" in apart]
    same = {f"user_{key}" for key in both if all(c[key] == c[f"user_{key}"] for c in told)}
    kept = [key for key in apart if key not in same]
    return {run: {key: config.get(key, "-") for key in kept} for run, config in flat.items()}


def flatten(dialogue: Dialogue) -> dict[str, str]:
    """A config's settings by dotted names, and who spoke."""
    settings = {"assistant model": str(getattr(dialogue.assistant, "model", None) or "unknown")}
    for key, value in dialogue.config.items():
        if key in ("conversation", "seed"):
            continue
        for name, inner in value.items() if isinstance(value, dict) else (("", value),):
            settings[f"{key}.{name}" if name else key] = json.dumps(inner)
    return settings


def table(caption: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """An HTML table; a pair is (shown, what it is sorted by)."""

    def cell(value: object) -> str:
        shown, by = value if isinstance(value, tuple) else (value, None)
        sort = "" if by is None else f' data-value="{html.escape(str(by))}"'
        return f'<td class="name"{sort}>{html.escape(str(shown))}</td>'

    heads = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    body = "".join(f"<tr>{''.join(map(cell, row))}</tr>" for row in rows)
    return (
        f'<div class="wide"><table><caption>{html.escape(caption)}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def table_of_runs(reports: Sequence[Report], differing: Mapping[str, Mapping[str, str]]) -> str:
    """A row per run: means with bootstrap intervals over dialogues, and what sets it apart."""
    names = {
        "average length": "average_response_length",
        "loop density": "loop_density",
        "loop coverage": "loop_coverage",
        "tokens until first loop": "tokens_until_first_loop",
    }
    rows: list[list[object]] = []
    for report in reports:
        row: list[object] = [report.run, len(report.dialogues)]
        for name, attribute in names.items():
            values = [getattr(dialogue, attribute) for dialogue in report.dialogues]
            digits = 0 if "tokens" in name else 3 if "loop" in name else 1
            row.append(interval_cell([v for v in values if v is not None], digits))
        apart = differing[report.run]
        row.append(", ".join(f"{key.removeprefix('sampler.')} {apart[key]}" for key in apart))
        rows.append(row)
    head = ["run", "dialogues", *names, "differs by"]
    return table("Means over dialogues with bootstrap 95 % intervals", head, rows)


def interval_cell(values: Sequence[float], digits: int) -> tuple[str, float] | str:
    """`mean (low - high)`, sorted by the mean."""
    found = bootstrap_interval(values)
    if found is None:
        return "-"
    shown = f"{found.rate:,.{digits}f} ({found.low:,.{digits}f} - {found.high:,.{digits}f})"
    return shown, found.rate


def at_risk_table(reports: Sequence[Report]) -> str:
    """How many dialogues are still watched and without a loop, at a few times."""
    times, counts = at_risk_rows(reports)
    head = ["run", *(f"{time:,.0f}" for time in times)]
    rows = [[report.run, *row] for report, row in zip(reports, counts, strict=True)]
    return table("Dialogues at risk after so many tokens", head, rows)


def pairs_table(reports: Sequence[Report]) -> str:
    """Every pair of runs, every kind found in one of them: is the difference real?"""
    rows: list[list[object]] = []
    for one, other in combinations(reports, 2):
        kinds = [kind for kind in one.thresholds or () if kind in (other.thresholds or ())]
        compared = []
        for kind in kinds:
            a, b = summarize_kind(one, kind), summarize_kind(other, kind)
            found = compare_rates(a.dialogues, a.measured, b.dialogues, b.measured)
            if found is not None:
                compared.append((kind, a, b, found))
        adjusted = holm([found.p for *_, found in compared])
        for (kind, a, b, found), p in zip(compared, adjusted, strict=True):
            if a.dialogues or b.dialogues:
                rows.append([
                    f"{one.run} / {other.run}", kind, f"{a.dialogues} of {a.measured}",
                    f"{b.dialogues} of {b.measured}",
                    (f"{found.difference:+.0%} ({found.low:+.0%} - {found.high:+.0%})",
                     found.difference),
                    (f"{p:.3f}", p),
                    f"{detectable_difference(a.measured, b.measured):.0%}",
                ])  # fmt: skip
    if not rows:
        return ""
    head = ["runs", "kind", "first", "second", "difference (95 %)", "p (Fisher, Holm)",
            "seen from"]  # fmt: skip
    return table(
        "Differences between runs (seen from: what so many dialogues show with a power of .8)",
        head,
        rows,
    )
