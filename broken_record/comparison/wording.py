"""A comparison in words, for the terminal and the page alike: cells, notes, and the result."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from broken_record.analysis.verdict import count
from broken_record.comparison.report import (
    ANY_FAULT,
    ANY_LOOP,
    COVERAGE,
    ESCAPED,
    ESCAPED_ANY,
    TOKENS,
    Combination,
    Comparison,
    Difference,
    Estimate,
)
from broken_record.stats import pairs_needed

SURE = 0.05 / 2  # the result looks at two measures


def name_measure(measure: str, comparison: Comparison) -> str:
    """What stands over a measure's column, in one line or two."""
    titles = {
        ANY_LOOP: "any loop",
        TOKENS: f"tokens until loop\n(of {comparison.until:,.0f})",
        COVERAGE: "loop coverage",
        ANY_FAULT: "any fault",
        ESCAPED: f"out of that loop\n({comparison.until:,.0f} tokens)",
        ESCAPED_ANY: f"out of every loop\n({comparison.until:,.0f} tokens)",
    }
    return titles.get(measure, measure)


def leading(comparison: Comparison) -> list[str]:
    """The measures that are no single kind."""
    leads = (ANY_LOOP, TOKENS, COVERAGE, ESCAPED, ESCAPED_ANY)
    return [m for m in leads if m in comparison.measures]


def kinds_found(comparison: Comparison) -> list[str]:
    """The kinds that were found in some dialogue, any of them before."""
    return [
        measure
        for measure in comparison.measures
        if measure not in leading(comparison)
        and any(one.estimates[measure].value for one in comparison.combinations)
    ]


def values_text(values: Sequence[Any]) -> str:
    """The values of one axis, or of axes that are zipped.

    >>> values_text((0.7, "as it is", None))
    '0.7, as it is, null'
    """
    return ", ".join(value if isinstance(value, str) else json.dumps(value) for value in values)


def number(measure: str, value: float, sign: str = "") -> str:
    """A value in its measure's form.

    >>> number("refusal", 0.25), number("tokens_until_loop", -1200.4, "+")
    ('25%', '-1,200')
    """
    form = {TOKENS: ",.0f", COVERAGE: ".3f"}.get(measure, ".0%")
    return format(value, sign + form)


def estimate_text(measure: str, estimate: Estimate) -> str:
    """`value (low - high)`; - where nothing was measured."""
    if estimate.value is None:
        return "-"
    shown = number(measure, estimate.value)
    if estimate.low is None or estimate.high is None:
        return shown
    return f"{shown} ({number(measure, estimate.low)} - {number(measure, estimate.high)})"


def difference_text(measure: str, difference: Difference | None) -> str:
    """`value (low to high), p`; - where there is no pair."""
    if difference is None or difference.value is None:
        return "-"
    return (
        number(measure, difference.value, "+")
        + interval_text(measure, difference)
        + f", {p_text(difference)}"
    )


def interval_text(measure: str, difference: Difference) -> str:
    """` (low to high)`; nothing where all differences are equal."""
    if difference.low is None or difference.high is None:
        return ""
    low, high = (number(measure, end, "+") for end in (difference.low, difference.high))
    return f" ({low} to {high})"


def p_text(difference: Difference) -> str:
    """The adjusted p."""
    p = 1.0 if difference.adjusted_p is None else difference.adjusted_p
    return "p < 0.001" if p < 0.001 else f"p {p:.3f}"


def detectable_text(measure: str, difference: Difference | None) -> str:
    """The smallest difference that would have been shown."""
    if difference is None or difference.detectable is None:
        return "-"
    return number(measure, difference.detectable)


def caution(comparison: Comparison) -> Iterator[str]:
    """What a reader must know before believing: who is missing, and who is always the same."""
    for name in comparison.absent:
        yield f"{name}: nothing there to compare"
    if comparison.parents is not None:
        parents = count(comparison.parents, "dialogue")
        yield (
            f"branches of {parents}; those of one are alike, so p and the intervals of differences "
            "go by dialogue; the intervals of shares are of these branches"
        )
    for one in comparison.combinations:
        apart = one.differences.get(COVERAGE) or one.differences.get(ESCAPED_ANY)
        counts = {
            "failed": one.failed,
            "missing": one.missing,
            "dialogues without a partner": apart.unpaired if apart else 0,
        }
        if any(counts.values()):
            yield f"{one.name}: " + ", ".join(f"{n} {what}" for what, n in counts.items() if n)
        if one.distinct < one.dialogues:
            yield (
                f"{one.name}: {one.dialogues} dialogues, {one.distinct} different; where seeds "
                "change nothing, intervals and p say nothing of other scenes"
            )


def conclude(comparison: Comparison) -> str:
    """Which combination loops least, by how much against the baseline, how sure; and which one has
    the fewest faults of any kind, if that is another. Of branches which gets out most often.
    """
    if comparison.parents is not None:
        return " ".join(conclude_escape(comparison, measure) for measure in leading(comparison))
    return " ".join(filter(None, (conclude_loops(comparison), conclude_faults(comparison))))


def conclude_escape(comparison: Comparison, measure: str) -> str:
    """Which combination gets out most often, by how much against the baseline, how sure."""
    known = [one for one in comparison.combinations if one.estimates[measure].value is not None]
    if not known:
        return "Nothing can be said: of no branch can be told whether it got out."
    best = max(known, key=lambda one: (one.value(measure), one.name == comparison.baseline))
    ties = sum(one.value(measure) == best.value(measure) for one in known) - 1
    who = f"{best.name} (with {ties} as good)" if ties else best.name
    do = "get out of the loop that they were begun for"
    if measure == ESCAPED_ANY:
        do = "stay out of every loop"
    share = estimate_text(measure, best.estimates[measure])
    shown = f"{share} of its branches {do} within {comparison.until:,.0f} tokens"
    if not comparison.others:
        return f"{best.name}: {shown}; there is nothing to compare it with."
    if ties == len(known) - 1:
        return f"All get out alike: {shown}."
    if best.name == comparison.baseline:
        return f"None gets out more often than the baseline, {best.name}: {shown}."
    difference = best.differences[measure]
    if difference.value is None:
        return f"{who} gets out most often: {shown}; no branch has a partner in the baseline."
    base = next(one for one in known if one.name == comparison.baseline)
    apart = (
        f"{shown}, {number(measure, base.value(measure))} of the baseline's; "
        f"{difference_text(measure, difference)}, {count(difference.pairs, 'pair')} from "
        f"{count(comparison.parents or 0, 'dialogue')}"
    )
    if is_better(measure, best):
        return f"{who} gets out most often: {apart}."
    could = "too few to show a difference"
    if difference.detectable is not None:
        could = (
            f"which show a difference of {difference.detectable:.0%} or more, four times in five"
        )
    return (
        "None gets out more often than the baseline, beyond chance. The most is "
        f"{who}: {apart}, {could}."
    )


def conclude_faults(comparison: Comparison) -> str:
    """That what loops least breaks otherwise, and what does not; empty where that is not so."""
    ranked = rank(comparison)
    if ANY_FAULT not in comparison.measures or not ranked or not comparison.others:
        return ""
    least = ranked[0]
    fewest = min(ranked, key=lambda one: one.value(ANY_FAULT))
    if least.value(ANY_FAULT) <= fewest.value(ANY_FAULT):
        return ""
    shares = [estimate_text(ANY_FAULT, one.estimates[ANY_FAULT]) for one in (least, fewest)]
    return (
        f"But counting breaks too, {least.name} goes wrong in {shares[0]} of its dialogues; the "
        f"fewest faults of any kind has {fewest.name}, in {shares[1]}."
    )


def rank(comparison: Comparison) -> list[Combination]:
    """The combinations with an ended dialogue, by how little they loop."""
    if ANY_LOOP not in comparison.measures:
        return []
    return sorted(
        (one for one in comparison.combinations if one.estimates[ANY_LOOP].value is not None),
        key=lambda one: (
            one.value(ANY_LOOP), -one.value(TOKENS), one.value(COVERAGE),
            one.name != comparison.baseline,
        ),
    )  # fmt: skip


def conclude_loops(comparison: Comparison) -> str:
    """Which combination loops least, by how much against the baseline, how sure."""
    if not comparison.others:
        return "One combination: there is nothing to compare it with."
    if ANY_LOOP not in comparison.measures:
        return "No kind of loop was looked for, so none of the combinations loops least."
    ranked = rank(comparison)
    if not ranked:
        return "Nothing can be said: no dialogue ran to its end."
    least = ranked[0]
    latest = max(ranked, key=lambda one: one.value(TOKENS))
    ties = sum(one.value(ANY_LOOP) == least.value(ANY_LOOP) for one in ranked) - 1
    who = f"{least.name} (with {ties} as good)" if ties else least.name
    if is_better(ANY_LOOP, least):
        return f"{who} loops least: {against(ANY_LOOP, least, comparison)}."
    if is_better(TOKENS, latest):
        return (
            f"{latest.name} loops latest: {against(TOKENS, latest, comparison)}. That any loops in "
            "fewer dialogues than the baseline is not sure."
        )
    share = f"in {estimate_text(ANY_LOOP, least.estimates[ANY_LOOP])} of its dialogues"
    shown = [one.differences[ANY_LOOP] for one in comparison.others]
    more = sum(one.surely and (one.value or 0) > 0 for one in shown)
    if least.name == comparison.baseline and more:
        return (
            f"None loops less than the baseline {least.name}, {share}; {more} of the {len(shown)} "
            "others loop more, beyond chance."
        )
    could = power(least.differences.get(ANY_LOOP) or shown[0])
    if ties == len(ranked) - 1:
        if not least.value(ANY_LOOP):
            none = estimate_text(ANY_LOOP, least.estimates[ANY_LOOP])
            return f"No setting loops: {none} of the dialogues of each; {could}."
        return f"All loop alike, {share.replace('its', 'the')}; {could}."
    base = next((one for one in ranked if one.name == comparison.baseline), None)
    if base and base.value(ANY_LOOP) == least.value(ANY_LOOP):
        widest = max(shown, key=lambda one: abs(one.value or 0.0))
        return (
            f"None loops less than the baseline {base.name}, {share}, or later, beyond chance; "
            f"{ties} of the {len(ranked) - 1} others loop as little; {power(widest)}."
        )
    return (
        "None loops less than the baseline, or later, beyond chance. The least is "
        f"{who}, {share}; {could}."
    )


def is_better(measure: str, one: Combination) -> bool:
    """Whether a combination differs from the baseline for the better, beyond chance."""
    difference = one.differences.get(measure)
    if difference is None or difference.value is None or difference.adjusted_p is None:
        return False
    upwards = measure in (TOKENS, ESCAPED, ESCAPED_ANY)
    better = difference.value > 0 if upwards else difference.value < 0
    return better and difference.adjusted_p < SURE


def against(measure: str, one: Combination, comparison: Comparison) -> str:
    """What it shows and what the baseline shows, the difference, and how sure that is."""
    base = next(other for other in comparison.combinations if other.name == comparison.baseline)
    values = [number(measure, side.value(measure)) for side in (one, base)]
    shown = f"in {values[0]} of its dialogues, the baseline in {values[1]}"
    if measure == TOKENS:
        shown = (
            f"after {values[0]} tokens of {comparison.until:,.0f}, the baseline after {values[1]}"
        )
    difference = one.differences[measure]
    return f"{shown}; {difference_text(measure, difference)}, {difference.pairs} pairs"


def power(difference: Difference) -> str:
    """What so many pairs would have shown, and how many would show what was seen."""
    if difference.detectable is None:
        return f"{difference.pairs} pairs are too few to show a difference" + more(difference)
    return (
        f"{difference.pairs} pairs show a difference of {difference.detectable:.0%} or more, four "
        f"times in five{more(difference)}"
    )


def more(difference: Difference) -> str:
    """How many seeds would decide."""
    seen = abs(difference.value or 0.0)
    needed = pairs_needed(seen) if seen else None
    if needed is None or needed <= difference.pairs:
        return ""
    return f"; to tell the {seen:.0%} that were seen from chance takes some {needed} seeds"
