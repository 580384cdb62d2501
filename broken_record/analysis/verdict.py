"""A run's answer in a few sentences: how many dialogues loop or break, how, who, from when, what
helps.

The numbers are report.py's, the reasons penalties.py's; what a small number of dialogues leaves
open is said with them. A dialogue that failed or did not finish counts as far as it got, which is
said too.

>>> from broken_record.analysis.report import Report
>>> tell(Report("run", ()))
['Nothing can be said: no dialogue has a turn.']
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from broken_record.analysis.report import Counts, KindSummary, Report, count_dialogues
from broken_record.detectors.registry import KINDS, LOOPS
from broken_record.stats import wilson_interval

WHO = {"assistant": "the assistant", "user": "the user", "both": "both sides"}
LIMIT = "runs to the limit"
REMEDIES = {
    "empty_response": "a stop string that cannot come first, or another template",
    "leading_whitespace": "a lower temperature, or a prefix without a blank at its end",
    "apostrophe_break": "a lower temperature, or a higher min_p",
    "role_leak": "a stop string with the other side's name, or the model's own template",
    "refusal": "another system message, or another model",
    "word_soup": "a lower temperature, a higher min_p, or a milder penalty",
    LIMIT: "a larger turn_max_tokens, or a stop string",
}
"""What helps against a break; of loops penalties.py says it."""


def tell(report: Report) -> list[str]:
    """The sentences, the answer first."""
    counts = count_dialogues(report)
    n = counts.summary.dialogues - counts.summary.silent
    if not n:
        return ["Nothing can be said: no dialogue has a turn.", *tell_unfinished(counts)]
    return [
        *tell_escapes(counts),
        *tell_findings(counts, n),
        *tell_copies(counts, n),
        *tell_remedy(counts),
        *tell_unfinished(counts),
    ]


def tell_escapes(counts: Counts) -> Iterator[str]:
    """Of branches, how many got out."""
    one = counts.branches
    if one is None:
        return
    shares = [
        f"{escaped} of {told} {said} ({interval.low:.0%} - {interval.high:.0%})"
        for said, escaped, told in (
            ("get out of the loop that they were begun for", one.escaped, one.told),
            ("stay out of every loop", one.escaped_any, one.told_any),
        )
        if (interval := wilson_interval(escaped, told))
    ]
    if shares:
        yield f"Within {one.within:,} tokens {', '.join(shares)}."
    yield f"{count(one.branches, 'branch')}, begun again from {count(one.parents, 'dialogue')}."


def tell_findings(counts: Counts, n: int) -> Iterator[str]:
    """How many dialogues loop, how many break."""
    found = {kind: one for kind, one in counts.summary.kinds.items() if one.dialogues}
    loops = [kind for kind in LOOPS if kind in found]
    breaks = [kind for kind in found if kind not in LOOPS]
    if not found:
        most = wilson_interval(0, n)
        open_ = f"; with so few, up to {most.high:.0%} of such dialogues still may" if most else ""
        yield f"Nothing loops and nothing breaks in {count(n, 'dialogue')}{open_}."
        return
    yield tell_family("Gets stuck", counts.stuck, n, loops, counts)
    yield tell_family("Breaks", counts.broken, n, breaks, counts)


def tell_family(verb: str, hit: int, n: int, kinds: Sequence[str], counts: Counts) -> str:
    """One family: the share with its interval, and of the kind that leads what, who and when."""
    interval = wilson_interval(hit, n)
    if not hit or interval is None:
        return f"{verb} in none."
    share = f"{verb} in {hit} of {count(n, 'dialogue')} ({interval.low:.0%} - {interval.high:.0%})"
    lead = max(kinds, key=lambda kind: weight(counts.summary.kinds[kind]))
    one = counts.summary.kinds[lead]
    tied = sum(weight(counts.summary.kinds[kind]) == weight(one) for kind in kinds) > 1
    most = "in several ways, e.g. " if tied else "mostly " if len(kinds) > 1 else ""
    return f"{share}: {most}{name_kind(lead, counts)}, {when(one)}; {recovery(one)}."


def weight(one: KindSummary) -> tuple[int, int]:
    """By what a kind leads: in how many dialogues it was found, and how many did not recover."""
    return one.dialogues, one.dialogues - one.recovered


def name_kind(kind: str, counts: Counts) -> str:
    """What people call a kind, and its name."""
    words = LIMIT if runs_to_limit(kind, counts) else KINDS[kind].words
    return f"{words} ({kind}, {counts.summary.kinds[kind].dialogues})"


def runs_to_limit(kind: str, counts: Counts) -> bool:
    """Whether it is word soup that mostly is nothing but replies cut at turn_max_tokens."""
    return kind == "word_soup" and 2 * counts.runaways > counts.summary.kinds[kind].dialogues


def when(one: KindSummary) -> str:
    """Who most often, and from when on."""
    who = WHO[next(iter(one.speakers))]
    about = "about " if one.dialogues > 1 else ""
    tokens = one.median_onset_tokens
    clock = "" if tokens is None else f" ({tokens:,.0f} tokens)"
    return f"{who}, from {about}turn {one.median_onset_turn or 0:.0f}{clock} on"


def recovery(one: KindSummary) -> str:
    """How many went on without it."""
    if one.dialogues == 1:
        return "it recovers" if one.recovered else "it does not recover"
    return f"{one.recovered or 'none'} of {one.dialogues} recover"


def tell_copies(counts: Counts, n: int) -> Iterator[str]:
    """That dialogues are the same: they tell no more than one of them."""
    if 0 < counts.distinct < n and counts.branches is None:
        one = f"only {counts.distinct} of the {n} dialogues differ"
        if counts.distinct == 1:
            one = f"{'both' if n == 2 else f'all {n}'} dialogues are the same"
        yield (
            f"But {one}, by their lengths: the seed changes little or nothing here, and the "
            "intervals say nothing of other scenes."
        )


def tell_remedy(counts: Counts) -> Iterator[str]:
    """What would have helped most often, and where to read on."""
    kinds = {kind: weight(one) for kind, one in counts.summary.kinds.items() if one.dialogues}
    if not kinds:
        return
    lead = max(kinds, key=kinds.__getitem__)
    page = f"docs/looping.md#{lead}"
    if counts.cures:
        cure, told = next(iter(counts.cures.items()))
        yield f"What may help: {cure} (so say {told} of {counts.stuck} that got stuck); {page}."
    elif remedy := REMEDIES.get(LIMIT if runs_to_limit(lead, counts) else lead):
        yield f"What may help: {remedy}; {page}."
    else:
        yield f"What may help: {page}."


def tell_unfinished(counts: Counts) -> Iterator[str]:
    """Which dialogues are not whole."""
    names = {"error": "failed", "interrupted": "interrupted", "unfinished": "unfinished"}
    cut = [f"{counts.statuses[name]} {said}" for name, said in names.items()
           if counts.statuses[name]]  # fmt: skip
    if cut:
        yield f"Not whole: {', '.join(cut)}, which count as far as they got."


def count(n: int, what: str) -> str:
    """`1 dialogue`, `2 dialogues`."""
    return f"{n} {what}{'' if n == 1 else 'es' if what.endswith('ch') else 's'}"
