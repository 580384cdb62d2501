"""The page of a sweep: any number of combinations; the reader only where transcripts are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bokeh.embed import components

from broken_record.analysis.report import Report
from broken_record.analysis.texts import Key, Text
from broken_record.comparison.report import TOKENS, Combination, Comparison, Difference, Level
from broken_record.comparison.wording import (
    caution,
    conclude,
    detectable_text,
    difference_text,
    estimate_text,
    kinds_found,
    leading,
    name_measure,
    values_text,
)
from broken_record.views.page import THEME, listed, named
from broken_record.views.recurrence import recurrence_plot
from broken_record.views.sweeps import shortened, sweep_figures
from broken_record.views.tables import Cell, table
from broken_record.views.templates import bokeh_itself, fill, harmless
from broken_record.views.timeline import KIND_COLOURS, find_worst

ENOUGH = 6  # of fewer pairs that all differ one way p stays above .05


def make_sweep_page(
    comparison: Comparison,
    *,
    made: str,
    reports: Sequence[Report] = (),
    texts: Mapping[Key, Text] | None = None,
    cdn: bool = False,
) -> str:
    """The page; with `texts` of `reports` it has a reader."""
    drawn: dict[str, Any] = figures_of_sweep(comparison)
    if texts is not None:
        drawn["recurrence"] = recurrence_plot()
    script, plots = components(drawn, theme=THEME) if drawn else ("", {})
    factors = [
        {
            "title": ", ".join(axes),
            "panels": [name for name in drawn if name.startswith(f"dose_{k}_")],
            "effect": effect_table(comparison, k) if comparison.effects else "",
        }
        for k, axes in enumerate(comparison.factors)
    ]
    forests = [name for name in drawn if name.startswith("forest_")]
    return fill(
        "sweep.html",
        made=made,
        cdn=cdn,
        live=False,
        bokeh=bokeh_itself(cdn=cdn),
        script=script,
        plots=plots,
        titles={name: plot.title.text for name, plot in drawn.items()},
        result=conclude(comparison),
        notes=list(caution(comparison)),
        combinations=combinations_table(comparison),
        factors=factors,
        forests=forests,
        differences=differences_table(comparison) if forests else "",
        data=None if texts is None else harmless(collect(reports, texts)),
    )


def figures_of_sweep(comparison: Comparison) -> dict[str, Any]:
    """The figures that there is something to draw for."""
    return named(dict(sweep_figures(comparison)))


def collect(reports: Sequence[Report], texts: Mapping[Key, Text]) -> dict[str, Any]:
    """What page.js reads."""
    runs = [
        {
            "name": report.run,
            "dialogues": [
                listed(entry, texts.get((report.run, entry.name))) for entry in report.dialogues
            ],
        }
        for report in reports
    ]
    courses = {key: text.course for key, text in texts.items()}
    return {"runs": runs, "first": find_worst(reports, courses), "colours": KIND_COLOURS}


def estimate_cell(measure: str, one: Combination | Level) -> Cell:
    """What it shows, sorted by the value."""
    estimate = one.estimates[measure]
    return Cell(estimate_text(measure, estimate), estimate.value or 0.0)


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
    head = [
        "combination",
        "dialogues",
        *(name_measure(measure, comparison) for measure in measures),
    ]
    return table("combinations", "Combinations", head, rows, "with 95 % intervals")


def effect_table(comparison: Comparison, k: int) -> str:
    """A row per value of an axis: all dialogues with it, and its differences from the first."""
    effect = comparison.effects[k]
    first = shortened(values_text(effect.levels[0].values), 20)
    head = [", ".join(effect.axes), "dialogues"]
    rows: list[list[object]] = [[values_text(one.values), one.dialogues] for one in effect.levels]
    for measure in leading(comparison):
        head += [name_measure(measure, comparison), f"minus {first}"]
        for row, level in zip(rows, effect.levels, strict=True):
            apart = difference_text(measure, level.differences.get(measure))
            row += [estimate_cell(measure, level), apart]
    note = "pairs share seed and all other settings; 95 % intervals, p adjusted by Holm"
    return table(f"effect-{k}", "Main effect", head, rows, note)


def differences_table(comparison: Comparison) -> str:
    """A row per combination and measure."""
    rows: list[list[object]] = []
    base = next(one for one in comparison.combinations if one.name == comparison.baseline)
    for one in comparison.others:
        for measure in [*leading(comparison), *kinds_found(comparison)]:
            apart = one.differences[measure]
            rows.append([
                one.name,
                name_measure(measure, comparison) if measure != TOKENS else "tokens until loop",
                estimate_text(measure, base.estimates[measure]).partition(" ")[0],
                estimate_text(measure, one.estimates[measure]).partition(" ")[0],
                Cell(difference_text(measure, apart).partition(", p")[0], apart.value or 0.0),
                p_cell(apart, apart.p),
                p_cell(apart, apart.adjusted_p),
                apart.pairs,
                apart.unpaired,
                detectable_text(measure, apart) if can_tell(apart) else "nothing: too few pairs",
            ])  # fmt: skip
    head = ["combination", "measure", "baseline", "here", "difference (95 %)", "p", "p, adjusted",
            "pairs", "unpaired", "seen from"]  # fmt: skip
    note = (
        "over pairs of one seed: rates by McNemar's exact test, else by turning signs; adjusted by "
        "Holm; seen from: the smallest difference that so many pairs would show, four times in five"
    )
    return table("differences", f"Differences from {comparison.baseline}", head, rows, note)


def can_tell(apart: Difference) -> bool:
    """Whether its pairs could have shown any difference."""
    return apart.detectable is not None or apart.pairs >= ENOUGH


def p_cell(apart: Difference, p: float | None) -> Cell:
    """A p, if there is one that could have been small."""
    return Cell("-") if p is None or not can_tell(apart) else Cell(f"{p:.3f}", p)
