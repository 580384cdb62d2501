"""comparison.json and comparison.csv: what analyze.py found of a sweep; schema, write and read.

comparison.json, version 1:

    {"version": 1, "n": 10, "baseline": NAME, "until": 2048, "measures": [MEASURE],
     "absent": [NAME],
     "combinations": [{"name", "settings": {PATH: VALUE}, "dialogues", "failed", "missing",
                       "distinct", "estimates": {MEASURE: {"n", "value", "low", "high"}},
                       "differences": {MEASURE: {"pairs", "unpaired", "value", "low", "high", "p",
                                                 "adjusted_p", "detectable"}}}],
     "effects": [{"axes": [PATH], "levels": [{"values": [VALUE], "dialogues", "estimates",
                                              "differences"}]}]}

A MEASURE is any_loop (whether a kind of loop was found), tokens_until_loop (the mean up to `until`
tokens, to which every combination was watched), loop_coverage, any_fault (whether any kind was
found, as far as the kinds could be told), or a kind of loop or break (whether it was found, level
info left out). Of a sweep of branches the measures are escaped (whether a branch got out of the
loop that it was begun for within `until` tokens) and escaped_any (of every loop), and "parents"
stands there, how many they have. Rates and shares lie in [0, 1]; null is not measured. The CSV
has a row per combination and measure, settings as JSON but for strings.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from broken_record.analysis.row_files import harmless
from broken_record.data import is_whole
from broken_record.errors import LogError
from broken_record.files.whole import read_json, reading, write_whole
from broken_record.terminal import command_of, words_to_paste

VERSION = 1
FILE, TABLE_FILE = "comparison.json", "comparison.csv"
ANY_LOOP, TOKENS, COVERAGE = "any_loop", "tokens_until_loop", "loop_coverage"
ANY_FAULT = "any_fault"
ESCAPED, ESCAPED_ANY = "escaped", "escaped_any"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A rate or a mean over `n` dialogues with its 95 % interval; None is not measured."""

    n: int
    value: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """The mean of paired differences with its interval (None where all are equal) and p.

    `unpaired` dialogues of either side have no partner; `detectable` is the smallest difference
    that so many pairs show with a power of .8 at the strictest of Holm's levels, if any.
    """

    pairs: int
    unpaired: int
    value: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    adjusted_p: float | None = None
    detectable: float | None = None

    @property
    def surely(self) -> bool:
        """Whether it is beyond chance."""
        return self.adjusted_p is not None and self.adjusted_p < 0.05


@dataclass(frozen=True, slots=True)
class Combination:
    """One run of the sweep; estimates and, of all but the baseline, differences by measure.

    `dialogues` ended, `distinct` is how many different ones they are by their lengths and counts.
    """

    name: str
    settings: Mapping[str, Any]
    dialogues: int
    failed: int
    missing: int
    distinct: int
    estimates: Mapping[str, Estimate]
    differences: Mapping[str, Difference]

    def value(self, measure: str) -> float:
        """What it shows of a measure; 0 where that was not measured."""
        return self.estimates[measure].value or 0.0


@dataclass(frozen=True, slots=True)
class Level:
    """All dialogues with one value of an axis (of zipped axes, with one of each); differences are
    from the axis' first.
    """

    values: tuple[Any, ...]
    dialogues: int
    estimates: Mapping[str, Estimate]
    differences: Mapping[str, Difference]


@dataclass(frozen=True, slots=True)
class Effect:
    """The main effect of an axis, or of axes that are zipped."""

    axes: tuple[str, ...]
    levels: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A sweep's comparison; `absent` are runs without a report, `until` is in tokens; `parents` are
    those of branches.
    """

    n: int
    baseline: str
    until: float
    measures: tuple[str, ...]
    combinations: tuple[Combination, ...]
    effects: tuple[Effect, ...]
    absent: tuple[str, ...] = ()
    parents: int | None = None

    @property
    def others(self) -> tuple[Combination, ...]:
        """All combinations but the baseline."""
        return tuple(one for one in self.combinations if one.name != self.baseline)

    @property
    def factors(self) -> tuple[tuple[str, ...], ...]:
        """The axes, zipped ones together, that have two values or more."""
        if self.effects:
            return tuple(effect.axes for effect in self.effects)
        together = tuple(self.combinations[0].settings)
        return (together,) if together and len(self.combinations) > 1 else ()


def as_key(value: Any) -> str:
    """A setting, or several, as JSON, the same for equal ones."""
    return json.dumps(value, sort_keys=True)


def as_json(comparison: Comparison) -> dict[str, Any]:
    """The schema's value."""
    value = asdict(comparison)
    parents = value.pop("parents")
    return {"version": VERSION, **value, **({} if parents is None else {"parents": parents})}


def list_rows(comparison: Comparison) -> Iterator[dict[str, Any]]:
    """A row per combination and measure, as the CSV has them."""
    for one in comparison.combinations:
        settings = {
            axis: value if isinstance(value, str | float) or is_whole(value) else json.dumps(value)
            for axis, value in one.settings.items()
        }
        for measure in comparison.measures:
            shown = one.estimates[measure]
            apart = one.differences.get(measure)
            yield {
                "combination": one.name,
                **settings,
                "dialogues": one.dialogues,
                "failed": one.failed,
                "missing": one.missing,
                "measure": measure,
                "n": shown.n,
                "value": shown.value,
                "low": shown.low,
                "high": shown.high,
                "baseline": comparison.baseline,
                "pairs": apart and apart.pairs,
                "unpaired": apart and apart.unpaired,
                "difference": apart and apart.value,
                "difference_low": apart and apart.low,
                "difference_high": apart and apart.high,
                "p": apart and apart.p,
                "adjusted_p": apart and apart.adjusted_p,
                "detectable": apart and apart.detectable,
            }


def as_csv(comparison: Comparison) -> str:
    """The rows with a head, harmless to a spreadsheet."""
    rows = list(list_rows(comparison))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in [list(rows[0]) if rows else ["combination"], *(row.values() for row in rows)]:
        writer.writerow(harmless(cell) if isinstance(cell, str) else cell for cell in row)
    return text.getvalue()


def write_comparison(comparison: Comparison, folder: Path) -> None:
    """Write both files into the sweep's folder, whole or not at all; LogError names the file."""
    text = json.dumps(as_json(comparison), indent=1) + "\n"
    write_whole(folder / FILE, [text.encode("ascii")])
    table = as_csv(comparison)
    write_whole(folder / TABLE_FILE, [table.encode("utf-8", "backslashreplace")])


def read_comparison(folder: Path) -> Comparison:
    """The comparison of a sweep's folder; LogError names the command that makes one."""
    path = folder / FILE
    remedy = f"run: {command_of('analyze.py')} {words_to_paste([folder])}"
    if not path.exists():
        raise LogError(f"{folder}: not analysed yet; {remedy}")
    with reading(lambda error: f"{path}: cannot be read as a comparison ({error}); {remedy}"):
        value = read_json(path, VERSION)
        combinations = tuple(
            Combination(**{**entry, **measured(entry)}) for entry in value["combinations"]
        )
        effects = tuple(
            Effect(
                tuple(effect["axes"]),
                tuple(
                    Level(**{**level, "values": tuple(level["values"]), **measured(level)})
                    for level in effect["levels"]
                ),
            )
            for effect in value["effects"]
        )
        return Comparison(
            n=value["n"],
            baseline=value["baseline"],
            until=value["until"],
            measures=tuple(value["measures"]),
            combinations=combinations,
            effects=effects,
            absent=tuple(value["absent"]),
            parents=value.get("parents"),
        )


def measured(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Estimates and differences of a combination or a level."""
    return {
        "estimates": {name: Estimate(**one) for name, one in entry["estimates"].items()},
        "differences": {name: Difference(**one) for name, one in entry["differences"].items()},
    }
