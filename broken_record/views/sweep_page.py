"""The page of a sweep: any number of combinations; the reader only where transcripts are given."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from bokeh.embed import components

from broken_record.analysis.report import Report
from broken_record.comparison.report import TOKENS, Combination, Comparison, Level
from broken_record.comparison.wording import (
    detectable_text,
    difference_text,
    estimate_text,
    kinds_found,
    leading,
    notes_of,
    result_of,
    title_of,
    values_text,
)
from broken_record.views.page import (
    THEME,
    Dialogues,
    Pairs,
    asset,
    fill,
    harmless,
    named,
    pack,
    reader,
)
from broken_record.views.recurrence import recurrence_plot
from broken_record.views.sweeps import factors_of, shortened, sweep_figures
from broken_record.views.tables import nothing, table
from broken_record.views.timeline import KIND_COLOURS


def make_sweep_page(
    comparison: Comparison,
    *,
    made: str,
    reports: Sequence[Report] = (),
    dialogues: Dialogues | None = None,
    pairs: Pairs | None = None,
    cdn: bool = False,
) -> str:
    """The page; with `dialogues` by (run, dialogue) of `reports` it has a reader."""
    drawn: dict[str, Any] = figures_of_sweep(comparison)
    if dialogues is not None:
        drawn["recurrence"] = recurrence_plot()
    script, divs = components(drawn, theme=THEME) if drawn else ("", {})
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in notes_of(comparison))
    sweep = [
        f'<p id="result"><b>{html.escape(result_of(comparison))}</b></p>',
        f'<ul id="notes">{notes}</ul>' if notes else "",
        combinations_table(comparison),
    ]
    for k, axes in enumerate(factors_of(comparison)):
        panels = [divs[name] for name in drawn if name.startswith(f"dose_{k}_")]
        sweep.append(f'<h2>{html.escape(", ".join(axes))}</h2><div class="panels">')
        sweep.append("".join(panels) + "</div>")
        if comparison.effects:
            sweep.append(effect_table(comparison, k))
    forests = "".join(divs[name] for name in drawn if name.startswith("forest_"))
    parts = {
        "sweep": "".join(sweep),
        "apart": (forests + differences_table(comparison))
        if forests
        else nothing("There is nothing to compare with the baseline."),
        "plots": script,
        "reader_tab": "",
        "reader": "",
        "transcripts": "",
    }
    if dialogues is not None:
        data = harmless(data_of(reports, dialogues, pairs or {}))
        inside = reader(divs["recurrence"])
        parts |= {
            "reader_tab": '<button role="tab" data-tab="reader">Reader</button>',
            "reader": f'<section id="reader" role="tabpanel">{inside}</section>',
            "transcripts": f'<script type="application/json" id="data">{data}</script>'
            f"<script>{asset('page.js')}</script>",
        }
    return fill("sweep.html", parts, made=made, cdn=cdn)


def figures_of_sweep(comparison: Comparison) -> dict[str, Any]:
    """The figures that there is something to draw for."""
    return named(dict(sweep_figures(comparison)))


def data_of(reports: Sequence[Report], dialogues: Dialogues, pairs: Pairs) -> dict[str, Any]:
    """What page.js reads."""
    runs = []
    for report in reports:
        entries = []
        for entry in report.dialogues:
            key = (report.run, entry.name)
            said = dialogues.get(key)
            found = sum(finding.counts for finding in entry.findings)
            packed = None if said is None else pack(said, entry, pairs.get(key, ()))
            entries.append({"name": entry.name, "found": found, "packed": packed})
        runs.append({"name": report.run, "dialogues": entries})
    return {"runs": runs, "colours": KIND_COLOURS}


def estimate_cell(measure: str, one: Combination | Level) -> tuple[str, float]:
    """What it shows, sorted by the value."""
    estimate = one.estimates[measure]
    return estimate_text(measure, estimate), estimate.value or 0.0


def combinations_table(comparison: Comparison) -> str:
    """A row per combination: what it shows."""
    measures = [*leading(comparison), *kinds_found(comparison)]
    rows = [
        [
            one.name + " (baseline)" * (one.name == comparison.baseline),
            one.dialogues,
            *(estimate_cell(measure, one) for measure in measures),
        ]
        for one in comparison.combinations
    ]
    head = ["combination", "dialogues", *(title_of(measure, comparison) for measure in measures)]
    return table("combinations", "Combinations, with 95 % intervals", head, rows)


def effect_table(comparison: Comparison, k: int) -> str:
    """A row per value of an axis: all dialogues with it, and its differences from the first."""
    effect = comparison.effects[k]
    first = shortened(values_text(effect.levels[0].values), 20)
    head = [", ".join(effect.axes), "dialogues"]
    rows: list[list[object]] = [[values_text(one.values), one.dialogues] for one in effect.levels]
    for measure in leading(comparison):
        head += [title_of(measure, comparison), f"minus {first}"]
        for row, level in zip(rows, effect.levels, strict=True):
            apart = difference_text(measure, level.differences.get(measure))
            row += [estimate_cell(measure, level), apart]
    caption = "Main effect: pairs share seed and all other settings (95 % intervals, p by Holm)"
    return table(f"effect-{k}", caption, head, rows)


def differences_table(comparison: Comparison) -> str:
    """A row per combination and measure."""
    rows: list[list[object]] = []
    base = next(one for one in comparison.combinations if one.name == comparison.baseline)
    for one in comparison.others:
        for measure in [*leading(comparison), *kinds_found(comparison)]:
            apart = one.differences[measure]
            rows.append([
                one.name,
                title_of(measure, comparison) if measure != TOKENS else "tokens until loop",
                estimate_text(measure, base.estimates[measure]).partition(" ")[0],
                estimate_text(measure, one.estimates[measure]).partition(" ")[0],
                (difference_text(measure, apart).partition(", p")[0], apart.value or 0.0),
                "-" if apart.p is None else (f"{apart.p:.3f}", apart.p),
                "-" if apart.adjusted_p is None else (f"{apart.adjusted_p:.3f}", apart.adjusted_p),
                apart.pairs,
                apart.unpaired,
                detectable_text(measure, apart),
            ])  # fmt: skip
    head = ["combination", "measure", "baseline", "here", "difference (95 %)", "p", "p (Holm)",
            "pairs", "unpaired", "seen from"]  # fmt: skip
    caption = (
        f"Differences from {comparison.baseline} over pairs of one seed: rates by McNemar's exact "
        "test, else by turning signs; seen from: what so many pairs show four times in five"
    )
    return table("differences", caption, head, rows)
