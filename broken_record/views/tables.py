"""The tables of the page, as HTML."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations

from broken_record.analysis.report import Report, summarize
from broken_record.data import Dialogue
from broken_record.stats import bootstrap_interval, compare_rates, detectable_difference, holm
from broken_record.views.loops import count_at_risk
from broken_record.views.templates import part

SURE = 0.05
# shown name -> (field of DialogueReport, digits)
AVERAGED = {
    "average length": ("average_response_length", 1),
    "loop density": ("loop_density", 3),
    "loop coverage": ("loop_coverage", 3),
    "tokens until first loop": ("tokens_until_first_loop", 0),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """What a cell shows, and what it is sorted by if not by that."""

    shown: object
    by: float | None = None


def table(
    name: str, title: str, head: Sequence[str], rows: Sequence[Sequence[object]], note: str = ""
) -> str:
    """An HTML table, its note below its title; what is no Cell is shown as it is."""
    cells = [[one if isinstance(one, Cell) else Cell(one) for one in row] for row in rows]
    return part("table", name, title, note, head, cells)


def table_of_runs(reports: Sequence[Report], differing: Mapping[str, Mapping[str, str]]) -> str:
    """A row per run: how many dialogues get stuck or break, and how, which selection.js fills in,
    and what sets the run apart.
    """
    rows = []
    for report in reports:
        apart = differing[report.run]
        by = ", ".join(f"{key.removeprefix('sampler.')} {apart[key]}" for key in apart)
        rows.append([report.run, len(report.dialogues), "-", "-", "-", by])
    head = ["run", "dialogues", "get stuck", "break", "in which share of dialogues", "differs by"]
    if len(rows) == 1:
        head, rows = head[:-1], [rows[0][:-1]]
    return table("runs", "Runs", head, rows)


def means_table(reports: Sequence[Report]) -> str:
    """A row per run: means with bootstrap intervals over dialogues."""
    rows: list[list[object]] = []
    for report in reports:
        row: list[object] = [report.run, len(report.dialogues)]
        for attribute, digits in AVERAGED.values():
            values = [getattr(dialogue, attribute) for dialogue in report.dialogues]
            row.append(interval_cell([v for v in values if v is not None], digits))
        rows.append(row)
    head = ["run", "dialogues", *AVERAGED]
    return table("means", "Means", head, rows, "over dialogues, with bootstrap 95 % intervals")


def interval_cell(values: Sequence[float], digits: int) -> Cell:
    """`mean (low - high)`, sorted by the mean."""
    found = bootstrap_interval(values)
    if found is None:
        return Cell("-")
    shown = f"{found.rate:,.{digits}f} ({found.low:,.{digits}f} - {found.high:,.{digits}f})"
    return Cell(shown, found.rate)


def at_risk_table(reports: Sequence[Report]) -> str:
    """How many dialogues are still watched and without a loop, at a few times; "" where no tokens
    were counted.
    """
    at_risk = count_at_risk(reports)
    if not at_risk.times[-1]:
        return ""
    head = ["run", *(f"{time:,.0f}" for time in at_risk.times)]
    rows = [
        [report.run, *(row if any(row) else "-" * len(row))]
        for report, row in zip(reports, at_risk.counts, strict=True)
    ]
    title = "Dialogues watched and not looping after so many tokens"
    return table("at-risk", title, head, rows, "at risk, in words of survival analysis")


def pairs_table(reports: Sequence[Report]) -> str:
    """Every pair of runs, every kind found in one of them: is the difference real?"""
    rows: list[list[object]] = []
    kinds = {report.run: summarize(report).kinds for report in reports}
    for one, other in combinations(reports, 2):
        others = kinds[other.run]
        compared = []
        for kind, a in kinds[one.run].items():
            if kind not in others or not (a.dialogues or others[kind].dialogues):
                continue  # a kind that neither shows can tell nothing: it costs no p (Tarone, 1990)
            b = others[kind]
            found = compare_rates(a.dialogues, a.measured, b.dialogues, b.measured)
            if found is not None:
                compared.append((kind, a, b, found))
        adjusted = holm([found.p for *_, found in compared])
        for (kind, a, b, found), p in zip(compared, adjusted, strict=True):
            can_tell = smallest_p(a.measured, b.measured) < SURE
            rows.append([
                f"{one.run} / {other.run}", kind, f"{a.dialogues} of {a.measured}",
                f"{b.dialogues} of {b.measured}",
                Cell(f"{found.difference:+.0%} ({found.low:+.0%} to {found.high:+.0%})",
                     found.difference),
                Cell(f"{p:.3f}", p) if can_tell else Cell("-"),
                tell_difference(p, a.measured, b.measured),
            ])  # fmt: skip
    if not rows:
        return ""
    head = ["runs", "kind", "first", "second", "difference (95 %)", "p", "what it tells"]
    note = (
        "of all dialogues; p by Fisher's exact test, adjusted by Holm over the kinds of a pair; a "
        "difference is shown that is seen four times in five"
    )
    return table("pairs", "Differences between runs", head, rows, note)


def smallest_p(n: int, other_n: int) -> float:
    """The p of none of n against all of other_n: the smallest there can be.

    >>> round(smallest_p(3, 3), 3), round(smallest_p(4, 4), 3)
    (0.1, 0.029)
    """
    found = compare_rates(0, n, other_n, other_n)
    return 1.0 if found is None else found.p


def tell_difference(p: float, n: int, other_n: int) -> str:
    """What a comparison of n dialogues with other_n says, or, where it says nothing, what so many
    could show.

    >>> tell_difference(1.0, 3, 3)
    'too few to tell: 0 of 3 against 3 of 3 is p 0.100'
    >>> tell_difference(0.4, 10, 12)
    'may be chance: 10 and 12 dialogues show differences from 60% on'
    """
    if p < SURE:
        return "beyond chance"
    least = smallest_p(n, other_n)
    if least >= SURE:
        return f"too few to tell: 0 of {n} against {other_n} of {other_n} is p {least:.3f}"
    seen = detectable_difference(n, other_n)
    return f"may be chance: {n} and {other_n} dialogues show differences from {seen:.0%} on"


def list_settings(said: Dialogue) -> dict[str, str]:
    """A run's settings by dotted names, who spoke, and with which packages."""
    settings = {"assistant model": "unknown"}
    for role, info in (("assistant", said.assistant), ("user", said.user)):
        shown = {**asdict(info), "model": info.model_name} if info else {}
        for name, value in shown.items():
            if name in ("engine", "build", "model", "n_ctx", "template") and value is not None:
                settings[f"{role} {name}"] = str(value)
    for key, value in said.config.items():
        if key == "seed":
            continue
        for name, inner in value.items() if isinstance(value, dict) else (("", value),):
            settings[f"{key}.{name}" if name else key] = json.dumps(inner, ensure_ascii=False)
    settings.update({f"package {name}": version for name, version in said.packages.items()})
    return settings


def tell_apart(settings: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Run -> what sets its settings apart from the others': key -> value."""
    keys = sorted({key for own in settings.values() for key in own if not passed_over(key)})
    told = [own for own in settings.values() if len(own) > 1]
    apart = [
        key for key in keys if all(key in own for own in told) and len({o[key] for o in told}) > 1
    ]
    both = [key for key in apart if f"user_{key}" in apart]
    same = {f"user_{key}" for key in both if all(o[key] == o[f"user_{key}"] for o in told)}
    kept = [key for key in apart if key not in same]
    return {run: {key: own.get(key, "-") for key in kept} for run, own in settings.items()}


def passed_over(key: str) -> bool:
    """What is not worth a place beside a run's name."""
    return key == "conversation" or key.startswith("package ")


def settings_table(settings: Mapping[str, Mapping[str, str]]) -> str:
    """Every setting of every run, what differs first and marked. "" where nothing is known."""
    keys = list(dict.fromkeys(key for own in settings.values() for key in own))
    if not keys:
        return ""
    rows = []
    for key in keys:
        values = [own.get(key, "-") for own in settings.values()]
        rows.append([key, "differs" if len(set(values)) > 1 else "", *values])
    rows.sort(key=lambda row: row[1] != "differs")
    return table("settings", "Configs, servers and packages", ["setting", "", *settings], rows)
