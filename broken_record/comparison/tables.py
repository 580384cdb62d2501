"""What analyze.py shows of a sweep on a terminal, as lines: combinations, differences from the
baseline, main effects, notes, and the result in a sentence. Names of users are escaped here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from broken_record.comparison.report import Combination, Comparison, Level
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
from broken_record.terminal import align, escape_controls

Named = Sequence[tuple[str, Combination | Level]]


def comparison_lines(name: str, comparison: Comparison, *, verbose: bool) -> Iterator[str]:
    """A sweep: combinations, differences from the baseline, main effects, notes, and the result;
    verbose: the differences of every kind too.
    """
    kinds, leads = kinds_found(comparison), leading(comparison)
    yield f"=== {escape_controls(name)} ==="
    every = [(one.name, one) for one in comparison.combinations]
    yield from estimate_lines("", every, leads, comparison)
    if kinds:
        heads = [kind.replace("_", "\n") for kind in kinds]
        shares = (
            [one.name, *(estimate_text(m, one.estimates[m]).partition(" ")[0] for m in kinds)]
            for one in comparison.combinations
        )
        yield from aligned(["share of dialogues with", *heads], shares)
    if comparison.others:
        others = [(one.name, one) for one in comparison.others]
        yield "differences with 95 % interval and p (Holm); seen from: what so many pairs show"
        yield "four times in five"
        yield from difference_lines(comparison.baseline, others, leads, comparison)
        for at in range(0, len(kinds) if verbose else 0, 3):
            yield from difference_lines(comparison.baseline, others, kinds[at : at + 3], comparison)
        surely = [(k, sum(one.differences[k].surely for one in comparison.others)) for k in kinds]
        told = ", ".join(f"{kind} in {count}" for kind, count in surely if count)
        yield f"kinds that differ beyond chance, in how many combinations: {told or 'none'}"
        yield ""
    for effect in comparison.effects:
        levels = [(values_text(level.values), level) for level in effect.levels]
        yield from estimate_lines(", ".join(effect.axes), levels, leads, comparison)
        yield from difference_lines(levels[0][0], levels[1:], leads, comparison)
    yield from map(escape_controls, caution(comparison))
    yield escape_controls(conclude(comparison))


def estimate_lines(
    title: str, rows: Named, measures: Sequence[str], comparison: Comparison
) -> Iterator[str]:
    """What combinations, or the values of an axis, show."""
    head = [title, "dialogues", *(name_measure(measure, comparison) for measure in measures)]
    yield from aligned(head, (
        [name, str(one.dialogues), *(estimate_text(m, one.estimates[m]) for m in measures)]
        for name, one in rows
    ))  # fmt: skip


def difference_lines(
    first: str, rows: Named, measures: Sequence[str], comparison: Comparison
) -> Iterator[str]:
    """How far they are from the first, and from where so many pairs show a difference."""
    head = [f"against {first}", "pairs"]
    for measure in measures:
        head += [name_measure(measure, comparison), "seen\nfrom"]
    yield from aligned(head, (
        [name, pairs_text(one, measures), *difference_cells(one, measures)] for name, one in rows
    ))  # fmt: skip


def pairs_text(one: Combination | Level, measures: Sequence[str]) -> str:
    """How many pairs; least and most, where a measure could not be taken of all."""
    counts = {one.differences[measure].pairs for measure in measures}
    return "-".join(map(str, sorted({min(counts), max(counts)})))


def difference_cells(one: Combination | Level, measures: Sequence[str]) -> Iterator[str]:
    """The differences, and the smallest that would have been shown."""
    for measure in measures:
        yield difference_text(measure, one.differences[measure])
        yield detectable_text(measure, one.differences[measure])


def aligned(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table, and an empty line."""
    yield from align(head, rows)
    yield ""
