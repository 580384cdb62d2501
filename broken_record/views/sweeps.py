"""A sweep's figures: how an axis' value moves what is measured, and how far each run is from the
baseline.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from bokeh.models import (
    ColumnDataSource,
    FixedTicker,
    HoverTool,
    NumeralTickFormatter,
    PlainText,
    Span,
)
from bokeh.plotting import figure

from broken_record.comparison.report import (
    ANY_LOOP,
    COVERAGE,
    TOKENS,
    Combination,
    Comparison,
    Estimate,
    as_key,
)
from broken_record.comparison.wording import (
    detectable_text,
    difference_text,
    estimate_text,
    leading,
    name_measure,
    values_text,
)
from broken_record.views.overview import DASHES, GREY, MARKERS, PALETTE

MOST_LINES = 6  # as many combinations of the other axes have a colour each
ROWS = 40
LABEL = 44
LETTER, SCALE = 7, 450  # pixels: of a label, of the rest; where there is less room, figures scroll
FORMATS = {TOKENS: "0,0", COVERAGE: "0.00"}


@dataclass(frozen=True, slots=True)
class Line:
    """What one line of a panel joins: a value of the axis with its estimate, in order."""

    label: str
    points: tuple[tuple[tuple[Any, ...], Estimate], ...]


def list_values(comparison: Comparison, axes: Sequence[str]) -> list[tuple[Any, ...]]:
    """The values of an axis, each once, in the order of the sweep."""
    every = (values_at(one, axes) for one in comparison.combinations)
    return list({as_key(values): values for values in every}.values())


def values_at(one: Combination, axes: Sequence[str]) -> tuple[Any, ...]:
    """A combination's values of some axes."""
    return tuple(one.settings[axis] for axis in axes)


def as_numbers(values: Sequence[tuple[Any, ...]]) -> list[float]:
    """The values of one axis as numbers; none where they are not all numbers."""
    numbers = [value[0] for value in values if len(value) == 1]
    return [float(n) for n in numbers] if {type(n) for n in numbers} <= {int, float} else []


def places(values: Sequence[tuple[Any, ...]]) -> list[float]:
    """Where values stand: numbers to scale, unless some would lie too near to each other to be
    read; anything else evenly.

    >>> places([(1.0,), (1.1,), (1.5,)]), places([(0,), (2048,), (64,)]), places([("a",), (1,)])
    ([1.0, 1.1, 1.5], [0.0, 2.0, 1.0], [0.0, 1.0])
    """
    numbers = as_numbers(values)
    if not numbers:
        return [float(k) for k in range(len(values))]
    ordered = sorted(numbers)
    if min(high - low for low, high in pairwise(ordered)) * 12 < ordered[-1] - ordered[0]:
        return [float(ordered.index(n)) for n in numbers]
    return numbers


def find_lines(comparison: Comparison, axes: Sequence[str], measure: str) -> list[Line]:
    """A line per combination of the other axes."""
    others = [axis for axis in comparison.combinations[0].settings if axis not in axes]
    groups: dict[str, list[Combination]] = {}
    for one in comparison.combinations:
        groups.setdefault(as_key(values_at(one, others)), []).append(one)
    return [
        Line(
            values_text(values_at(group[0], others)),
            tuple((values_at(one, axes), one.estimates[measure]) for one in group),
        )
        for group in groups.values()
    ]


def main_effect(comparison: Comparison, axes: Sequence[str], measure: str) -> Line:
    """The line over all dialogues of each value."""
    effect = next(effect for effect in comparison.effects if effect.axes == tuple(axes))
    points = tuple((level.values, level.estimates[measure]) for level in effect.levels)
    return Line("all dialogues", points)


def dose_response(comparison: Comparison, axes: Sequence[str], measure: str) -> figure:
    """A measure with its 95 % intervals over an axis' values: a line per combination of the others;
    of many of those, the main effect before them.
    """
    values = list_values(comparison, axes)
    at = dict(zip(map(as_key, values), places(values), strict=True))
    to_scale = as_numbers(values) in ([], [*at.values()])
    span = max(at.values()) - min(at.values()) or 1.0
    top = {ANY_LOOP: 1.0, TOKENS: comparison.until}.get(measure)
    plot = figure(
        title=name_measure(measure, comparison).replace("\n", " "),
        x_axis_label=", ".join(axes) + ("" if to_scale else " (evenly spaced)"),
        x_range=(min(at.values()) - span * 0.08, max(at.values()) + span * 0.08),
        height=340,
        sizing_mode="stretch_width",
        tools="pan,wheel_zoom,box_zoom,reset,save",
    )
    if top:
        plot.y_range.update(start=-0.03 * top, end=1.05 * top)
    lines = find_lines(comparison, axes, measure)
    faint = lines if len(lines) > MOST_LINES else []
    for k, line in enumerate(faint):
        draw(plot, line, at, measure, 0.0, f"others-{k}", color=GREY, alpha=0.35)
    bold = [main_effect(comparison, axes, measure)] if faint else lines
    for k, line in enumerate(bold):
        aside = (k - (len(bold) - 1) / 2) * span * 0.008
        draw(plot, line, at, measure, aside, f"line-{k}", bars=True, look=k, color=PALETTE[k],
             line_width=2.5)  # fmt: skip
    plot.xaxis.ticker = FixedTicker(ticks=sorted(set(at.values())))
    room = max(7, 72 // len(values))
    plot.xaxis.major_label_overrides = {
        at[as_key(value)]: plain(values_text(value), room) for value in values
    }
    plot.yaxis.formatter = NumeralTickFormatter(format=FORMATS.get(measure, "0%"))
    if plot.legend:
        plot.legend.click_policy = "hide"
        plot.add_layout(plot.legend[0], "above")
        plot.legend.location = "left"
        plot.legend.orientation = "horizontal"
        longest = max(len(shortened(line.label)) for line in bold)
        columns = max(1, 56 // (longest + 5))
        plot.legend.ncols = columns
        plot.height += 24 * ((len(bold) - 1) // columns)
        plot.legend.padding = 0
        plot.legend.spacing = 14
        others = [axis for axis in comparison.combinations[0].settings if axis not in axes]
        plot.legend.title = "" if faint else ", ".join(others)
    return plot


def draw(
    plot: figure,
    line: Line,
    at: Mapping[str, float],
    measure: str,
    aside: float,
    name: str,
    *,
    bars: bool = False,
    look: int = 0,
    **style: Any,
) -> None:
    """One line with its points, and bars for the intervals; by `look` they differ otherwise than in
    colour.
    """
    known = [(value, e) for value, e in line.points if e.value is not None]
    known.sort(key=lambda point: at[as_key(point[0])])
    source = ColumnDataSource(
        {
            "x": [at[as_key(value)] + aside for value, _ in known],
            "y": [e.value for _, e in known],
            "low": [e.value if e.low is None else e.low for _, e in known],
            "high": [e.value if e.high is None else e.high for _, e in known],
            "value": [values_text(value) for value, _ in known],
            "text": [f"{estimate_text(measure, e)} of {e.n} dialogues" for _, e in known],
            "line": [line.label] * len(known),
        },
        name=f"{measure}-{name}",
    )
    if bars and line.label:
        style["legend_label"] = shortened(line.label)
    plot.line("x", "y", source=source, line_dash=DASHES[look % len(DASHES)], **style)
    style.pop("line_width", None)
    points = plot.scatter(
        "x", "y", source=source, size=8 if bars else 4, marker=MARKERS[look % len(MARKERS)], **style
    )
    if bars:
        plot.segment("x", "low", "x", "high", source=source, line_width=1.5, **style)
    tips = [("", "@line"), ("value", "@value"), ("", "@text")]
    plot.add_tools(HoverTool(renderers=[points], tooltips=tips))


def forest(comparison: Comparison, measure: str) -> figure | None:
    """Paired differences from the baseline with intervals, best first; None without a pair."""
    apart = [(tell_apart(one, comparison), one.differences[measure]) for one in comparison.others]
    known = [(name, difference) for name, difference in apart if difference.value is not None]
    known.sort(key=lambda pair: pair[1].value or 0.0, reverse=measure == TOKENS)
    if not known:
        return None
    source = ColumnDataSource(
        {
            "row": list(range(len(known))),
            "value": [d.value for _, d in known],
            "low": [d.value if d.low is None else d.low for _, d in known],
            "high": [d.value if d.high is None else d.high for _, d in known],
            "colour": [PALETTE[0] if d.surely else GREY for _, d in known],
            "marker": ["diamond" if d.surely else "circle" for _, d in known],
            "name": [name for name, _ in known],
            "text": [difference_text(measure, d) for _, d in known],
            "pairs": [d.pairs for _, d in known],
            "seen": [detectable_text(measure, d) for _, d in known],
        },
        name=f"forest-{measure}",
    )
    rows = min(ROWS, len(known))
    least, most = min(0.0, *source.data["low"]), max(0.0, *source.data["high"])
    if most == least:  # as wide as differences that can be read
        least, most = (-10.0, 10.0) if measure == TOKENS else (-0.1, 0.1)
    room = 0.05 * (most - least)
    plot = figure(
        x_range=(least - room, most + room),
        title=name_measure(measure, comparison).replace("\n", " ")
        + ", less the baseline's (blue diamonds: beyond chance)",
        y_range=(rows - 0.5, -0.5),
        height=110 + 24 * rows,
        sizing_mode="stretch_width",
        min_width=LETTER * max(len(shortened(name)) for name, _ in known) + SCALE,
        tools="pan,wheel_zoom,box_zoom,reset,save",
    )
    plot.add_layout(Span(location=0, dimension="height", line_color=GREY, line_dash="dashed"))
    plot.segment("low", "row", "high", "row", source=source, color="colour", line_width=2)
    points = plot.scatter("value", "row", source=source, color="colour", marker="marker", size=11)
    tips = [("", "@name"), ("difference", "@text"), ("pairs", "@pairs"), ("seen from", "@seen")]
    plot.add_tools(HoverTool(renderers=[points], tooltips=tips))
    plot.yaxis.ticker = FixedTicker(ticks=list(range(len(known))))
    plot.yaxis.major_label_overrides = {k: plain(name) for k, (name, _) in enumerate(known)}
    plot.xaxis.formatter = NumeralTickFormatter(
        format="+0.000" if measure == COVERAGE else "+" + FORMATS.get(measure, "0%")
    )
    plot.ygrid.visible = False
    return plot


def tell_apart(one: Combination, comparison: Comparison) -> str:
    """In what a combination differs from the baseline, which the title names as such."""
    usual = next(own for own in comparison.combinations if own.name == comparison.baseline)
    return ", ".join(
        f"{key.rpartition('.')[2]}={values_text([value])}"
        for key, value in one.settings.items()
        if value != usual.settings[key]
    )


def shortened(text: str, longest: int = LABEL) -> str:
    r"""A name that has room: in one line, its middle left out where it is long.

    >>> shortened("one\ntwo"), shortened("abcdefghi", 6)
    ('one two', 'abc\u2026hi')
    """
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    if len(shown) <= longest:
        return shown
    return f"{shown[: longest // 2]}\u2026{shown[len(shown) - (longest - 1) // 2 :]}"


def plain(text: str, longest: int = LABEL) -> PlainText:
    """A name as an axis' label, not read as a formula."""
    return PlainText(text=shortened(text, longest))


def sweep_figures(comparison: Comparison) -> Iterator[tuple[str, figure]]:
    """(name, figure): per axis the panels dose_K_MEASURE, then forest_MEASURE."""
    for k, axes in enumerate(comparison.factors):
        for measure in (ANY_LOOP, TOKENS):
            if measure in comparison.measures:
                yield f"dose_{k}_{measure}", dose_response(comparison, axes, measure)
    for measure in leading(comparison):
        plot = forest(comparison, measure)
        if plot is not None:
            yield f"forest_{measure}", plot
