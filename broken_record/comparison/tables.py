"""What analyze.py shows of a sweep on a terminal, as lines: combinations, differences from the
baseline, main effects, notes, and the result in a sentence. Names of users are escaped here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap

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

PROSE = 100  # columns
DIFFERENCES = (
    "differences with 95 % interval and p (Holm); seen from: the smallest difference that so many "
    "pairs would show, four times in five"
)


def comparison_lines(
    name: str, comparison: Comparison, *, width: int, verbose: bool
) -> Iterator[str]:
    """A sweep: the result, combinations, differences from the baseline, main effects and notes;
    verbose: the differences of every kind too.
    """
    kinds, leads = kinds_found(comparison), leading(comparison)
    yield f"=== {escape_controls(name)} ==="
    yield from wrap(escape_controls(conclude(comparison)), min(width, PROSE))
    yield ""
    every = [(one.name, one) for one in comparison.combinations]
    yield from estimate_lines("", every, leads, comparison, width)
    if kinds:
        heads = [kind.replace("_", "\n") for kind in kinds]
        shares = (
            [one.name, *(estimate_text(m, one.estimates[m]).partition(" ")[0] for m in kinds)]
            for one in comparison.combinations
        )
        yield from aligned(["share of dialogues with", *heads], shares, width)
    if comparison.others:
        others = [(one.name, one) for one in comparison.others]
        yield from wrap(DIFFERENCES, min(width, PROSE))
        yield from difference_lines(comparison.baseline, others, leads, comparison, width)
        for at in range(0, len(kinds) if verbose else 0, 3):
            some = kinds[at : at + 3]
            yield from difference_lines(comparison.baseline, others, some, comparison, width)
        surely = [(k, sum(one.differences[k].surely for one in comparison.others)) for k in kinds]
        told = ", ".join(
            f"{kind} in {count} of {len(comparison.others)}" for kind, count in surely if count
        )
        told = f"kinds that differ beyond chance: {told or 'none'}"
        if comparison.parents is None:
            yield from wrap(told, min(width, PROSE), subsequent_indent="  ")
            yield ""
    for effect in comparison.effects:
        levels = [(values_text(level.values), level) for level in effect.levels]
        yield from estimate_lines(", ".join(effect.axes), levels, leads, comparison, width)
        yield from difference_lines(levels[0][0], levels[1:], leads, comparison, width)
    for note in caution(comparison):
        yield from wrap(escape_controls(note), min(width, PROSE), subsequent_indent="  ")


def estimate_lines(
    title: str, rows: Named, measures: Sequence[str], comparison: Comparison, width: int
) -> Iterator[str]:
    """What combinations, or the values of an axis, show."""
    head = [title, "dialogues", *(name_measure(measure, comparison) for measure in measures)]
    yield from aligned(head, (
        [name, str(one.dialogues), *(estimate_text(m, one.estimates[m]) for m in measures)]
        for name, one in rows
    ), width)  # fmt: skip


def difference_lines(
    first: str, rows: Named, measures: Sequence[str], comparison: Comparison, width: int
) -> Iterator[str]:
    """How far they are from the first, and from where so many pairs show a difference."""
    head = [f"against {first}", "pairs"]
    for measure in measures:
        head += [name_measure(measure, comparison), "seen\nfrom"]
    yield from aligned(head, (
        [name, pairs_text(one, measures), *difference_cells(one, measures)] for name, one in rows
    ), width)  # fmt: skip


def pairs_text(one: Combination | Level, measures: Sequence[str]) -> str:
    """How many pairs; least and most, where a measure could not be taken of all."""
    counts = {one.differences[measure].pairs for measure in measures}
    return "-".join(map(str, sorted({min(counts), max(counts)})))


def difference_cells(one: Combination | Level, measures: Sequence[str]) -> Iterator[str]:
    """The differences, and the smallest that would have been shown."""
    for measure in measures:
        yield difference_text(measure, one.differences[measure])
        yield detectable_text(measure, one.differences[measure])


def aligned(head: Sequence[str], rows: Iterable[Sequence[str]], width: int) -> Iterator[str]:
    """A table and an empty line; as many tables as it takes for every one to fit into `width`, each
    with the first column.

    >>> list(aligned(["", "one", "two"], [["a", "123", "456"]], width=8))
    ['    one', 'a   123', '', '    two', 'a   456', '']
    """
    listed = [list(row) for row in rows]
    at = 1
    while at < len(head):
        until = len(head)
        while until > at + 1 and widest(part(head, listed, at, until)) > width:
            until -= 1
        yield from part(head, listed, at, until)
        yield ""
        at = until


def part(head: Sequence[str], rows: Sequence[Sequence[str]], at: int, until: int) -> list[str]:
    """The table of the first column and of those from `at` to before `until`."""
    first, *others = ([line[0], *line[at:until]] for line in (head, *rows))
    return list(align(first, others))


def widest(lines: Sequence[str]) -> int:
    """The columns that a table takes."""
    return max(map(len, lines))
