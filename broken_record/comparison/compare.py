"""A sweep compared: what a combination shows, how far it is from the baseline, what an axis does.

What counts of a dialogue, and which are pairs, is observe.py's. The methods stand in
stats.py: rates of pairs are compared by McNemar's exact test, anything else by turning the
signs of the differences; p is adjusted over the comparisons of one measure (Holm). Of an axis the
pairs share all other settings as well, and those of one seed are averaged first, as they are not
independent; so are the branches of one parent, of which is asked whether they got out. Nothing is
read or written here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import fmean

from broken_record.analysis.report import Report, count_dialogues
from broken_record.comparison.observe import Key, Observed, observe, watched
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
    Effect,
    Estimate,
    Level,
    as_key,
)
from broken_record.errors import ConfigError, LogError, nearest
from broken_record.files.sweep_folder import Sweep
from broken_record.stats import (
    Interval,
    bootstrap_interval,
    common_until,
    detectable_paired_difference,
    detectable_shift,
    holm,
    mcnemar_p,
    sign_flip_p,
    survival,
    wilson_interval,
)

Values = Mapping[tuple[Key, Key], float]  # by unit, and by what a pair must share


def check_baseline(sweep: Sweep, baseline: str | None) -> None:
    """ConfigError where the sweep has no run of that name."""
    names = [run.name for run in sweep.runs]
    if baseline is not None and baseline not in names:
        near = nearest(baseline, names) or names[0]
        raise ConfigError([f"--baseline {baseline}: no such run; did you mean {near}?"])


def compare(
    sweep: Sweep,
    reports: Mapping[str, Report],
    loops: Collection[str],
    baseline: str | None = None,
) -> Comparison:
    """Compare the runs whose reports are there, by the runs' names, with the baseline; if none is
    named, that with the config's own settings, else the first of them. `loops` are the kinds that
    count as one. LogError without its report.
    """
    runs = [run for run in sweep.runs if run.name in reports]
    if not runs or baseline not in (None, *(run.name for run in runs)):
        raise LogError(f"{baseline or 'the sweep'}: nothing analysed to compare with")
    looked_for = [reports[run.name].thresholds or {} for run in runs]
    kinds = [kind for kind in looked_for[0] if all(kind in own for own in looked_for)]
    loops = [kind for kind in kinds if kind in loops]
    faults = [ANY_FAULT] if len(loops) < len(kinds) else []
    measures = ([ANY_LOOP, TOKENS] if loops else []) + [COVERAGE, *faults, *kinds]
    branches = [found for run in runs if (found := count_dialogues(reports[run.name]).branches)]
    if branches:
        measures = [ESCAPED] * any(one.told for one in branches) + [ESCAPED_ANY]
    observed = [observe(run, reports[run.name], measures, loops) for run in runs]
    until = common_until([one.times.values() for one in observed])
    if branches:
        until = max(one.within for one in branches)
    observed = [watched(one, until) if TOKENS in measures else one for one in observed]
    if baseline is None and sweep.own in reports:
        baseline = sweep.own
    first = next(one for one in observed if baseline in (None, one.run.name))
    others = [one for one in observed if one is not first]
    apart = dict(zip(
        (one.run.name for one in others),
        differences(measures, [[one] for one in others], [first], ()),
        strict=True,
    ))  # fmt: skip
    expected = max(sweep.n, len({key for one in observed for key in one.keys}))
    return Comparison(
        n=sweep.n,
        baseline=first.run.name,
        until=until,
        measures=tuple(measures),
        combinations=tuple(
            combination(one, measures, until, expected, apart.get(one.run.name, {}))
            for one in observed
        ),
        effects=tuple(find_effects(sweep, observed, measures, until)),
        absent=tuple(run.name for run in sweep.runs if run.name not in reports),
        parents=max((one.parents for one in branches), default=None),
    )


def combination(
    one: Observed,
    measures: Sequence[str],
    until: float,
    expected: int,
    apart: Mapping[str, Difference],
) -> Combination:
    """One run, with its differences from the baseline; `expected` dialogues should be there."""
    return Combination(
        name=one.run.name,
        settings=one.run.settings,
        dialogues=one.ended,
        failed=one.found - one.ended,
        missing=max(0, expected - one.found),
        distinct=one.distinct,
        estimates={measure: estimate(measure, [one], until) for measure in measures},
        differences=apart,
    )


def estimate(measure: str, group: Sequence[Observed], until: float) -> Estimate:
    """A measure over all dialogues of some runs."""
    values = [value for one in group for value in one.values[measure].values()]
    if not values:
        return Estimate(0)
    if measure == COVERAGE:
        return Estimate(len(values), fmean(values), *ends(bootstrap(values)))
    if measure == TOKENS:
        times = [time for one in group for time in one.times.values()]
        curve = survival([t for t, _ in times], [looped for _, looped in times], until)
        return Estimate(len(values), curve.restricted_mean, *ends(bootstrap(values)))
    interval = wilson_interval(round(sum(values)), len(values))
    return Estimate(len(values), fmean(values), *ends(interval))


def ends(interval: Interval | None) -> tuple[float | None, float | None]:
    """Low and high."""
    return (None, None) if interval is None else (interval.low, interval.high)


def bootstrap(values: Sequence[float]) -> Interval | None:
    """The bootstrap interval; None where all are equal, as drawing from those tells nothing."""
    return bootstrap_interval(values) if len(set(values)) > 1 else None


def differences(
    measures: Sequence[str],
    groups: Sequence[Sequence[Observed]],
    first: Sequence[Observed],
    axes: Collection[str],
) -> list[dict[str, Difference]]:
    """Of each group by measure the difference from the first, p adjusted over the groups."""
    found: list[dict[str, Difference]] = [{} for _ in groups]
    level = 0.05 / max(1, len(groups))
    for measure in measures:
        base, rates = pooled(measure, first, axes), measure not in (TOKENS, COVERAGE)
        apart = [
            difference(pooled(measure, group, axes), base, level, rates=rates) for group in groups
        ]
        tested = [(k, one.p) for k, one in enumerate(apart) if one.p is not None]
        for (k, _), p in zip(tested, holm([p for _, p in tested]), strict=True):
            apart[k] = replace(apart[k], adjusted_p=p)
        for by_measure, one in zip(found, apart, strict=True):
            by_measure[measure] = one
    return found


def pooled(measure: str, group: Sequence[Observed], axes: Collection[str]) -> Values:
    """The values of a group by unit, and by dialogue and all settings but `axes`; without axes, by
    dialogue.
    """
    values: dict[tuple[Key, Key], float] = {}
    for one in group:
        rest = {axis: value for axis, value in one.run.settings.items() if axis not in axes}
        shared = as_key(rest) if axes else ""
        own = one.values[measure].items()
        values.update({(one.unit(key), (key, shared)): value for key, value in own})
    return values


def difference(one: Values, other: Values, level: float, *, rates: bool) -> Difference:
    """One less other over the pairs that both have; of one unit the mean."""
    units: dict[Key, list[float]] = {}
    for pair, value in one.items():
        if pair in other:
            units.setdefault(pair[0], []).append(value - other[pair])
    pairs = sum(map(len, units.values()))
    unpaired = len(one) + len(other) - 2 * pairs
    if not pairs:
        return Difference(0, unpaired)
    apart = [fmean(unit) for unit in units.values()]
    if rates and pairs == len(units):
        p = mcnemar_p(apart.count(1.0), apart.count(-1.0))
        shown = detectable_paired_difference(pairs, level)
    else:
        p, shown = sign_flip_p(apart), detectable_shift(apart, level)
    return Difference(pairs, unpaired, fmean(apart), *ends(bootstrap(apart)), p, None, shown)


def find_effects(
    sweep: Sweep, observed: Sequence[Observed], measures: Sequence[str], until: float
) -> Iterator[Effect]:
    """The main effect of every factor with two values or more, where there are several factors: of
    one alone the combinations tell the same.
    """
    for axes in sweep.factors if len(sweep.factors) > 1 else ():
        groups: dict[str, list[Observed]] = {}
        for one in observed:
            groups.setdefault(as_key([one.run.settings[axis] for axis in axes]), []).append(one)
        first, *others = groups.values()
        if not others:
            continue
        apart = [{}, *differences(measures, others, first, axes)]
        levels = [
            Level(
                values=tuple(group[0].run.settings[axis] for axis in axes),
                dialogues=sum(one.ended for one in group),
                estimates={measure: estimate(measure, group, until) for measure in measures},
                differences=own,
            )
            for group, own in zip(groups.values(), apart, strict=True)
        ]
        yield Effect(axes, tuple(levels))
