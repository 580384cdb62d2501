"""How talk changes over its turns: length, novelty, surprisal, a line with a band a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

from broken_record.analysis.course import Course
from broken_record.analysis.report import Report
from broken_record.analysis.texts import Key
from broken_record.views.overview import DASHES, PALETTE, put_legend_above

BINS = 24
Courses = Mapping[Key, Course]
What = Literal["characters", "novelty", "surprisal"]


def has_any(courses: Courses, what: What) -> bool:
    """Whether something of it was measured in some turn."""
    return any(value is not None for course in courses.values() for value in getattr(course, what))


def is_timed(courses: Courses) -> bool:
    """Whether the tokens of every turn were counted."""
    return all(course.tokens_before is not None for course in courses.values())


def place_turns(courses: Courses, what: What) -> dict[Key, Sequence[int]]:
    """Where each generated turn stands along x: lengths by turns, novelty by the tokens said before
    if they were counted.
    """
    timed = what == "novelty" and is_timed(courses)
    return {
        key: course.tokens_before
        if timed and course.tokens_before is not None
        else range(len(course.characters))
        for key, course in courses.items()
    }


def cut_stretches(places: Mapping[Key, Sequence[int]]) -> list[int]:
    """The borders of the stretches over which means are taken, shared by all runs."""
    longest = max((own[-1] + 1 for own in places.values() if own), default=0)
    borders = np.unique(np.linspace(0, longest, min(BINS, longest) + 1).astype(int))
    return [int(border) for border in borders]


def average(
    values: Sequence[float | None], places: Sequence[int], edges: Sequence[int]
) -> list[float | None]:
    """A dialogue's mean per stretch, as far as it goes; None where nothing was measured.

    >>> average([1, 3, 5, None], range(4), [0, 2, 3, 4, 6])
    [2.0, 5.0, None]
    """
    stretches: list[list[float]] = []
    for value, at in zip(values, places, strict=True):
        while at >= edges[len(stretches)]:
            stretches.append([])
        if value is not None:
            stretches[-1].append(value)
    return [round(float(np.mean(own)), 3) if own else None for own in stretches]


def drift_plot(
    reports: Sequence[Report], courses: Courses, what: What, title: str
) -> figure | None:
    """The median over dialogues per stretch, and the middle half as a band; None where nothing was
    measured.
    """
    places = place_turns(courses, what)
    edges = cut_stretches(places)
    if len(edges) < 3:
        return None
    plot = figure(
        title=title,
        x_axis_label="tokens said" if what == "novelty" and is_timed(courses) else "generated turn",
        height=340,
        sizing_mode="stretch_width",
        tools="pan,wheel_zoom,box_zoom,reset,save",
    )
    for k, (report, colour) in enumerate(zip(reports, PALETTE, strict=False)):
        own = [average(getattr(course, what), places[key], edges)
               for key, course in courses.items() if key[0] == report.run]  # fmt: skip
        stretches = [
            [mean for means in own for mean in means[at : at + 1] if mean is not None]
            for at in range(len(edges) - 1)
        ]
        known = [(at, means) for at, means in enumerate(stretches) if means]
        quarters = [np.quantile(means, [0.25, 0.5, 0.75]).tolist() for _, means in known]
        low, middle, high = zip(*quarters, strict=True) if quarters else ((), (), ())
        source = ColumnDataSource(
            {
                "x": [(edges[at] + edges[at + 1]) / 2 for at, _ in known],
                "low": low,
                "mid": middle,
                "high": high,
            },
            name=f"{what}-{k}",
        )
        if quarters:
            band = {"source": source, "color": colour, "legend_label": report.run}
            plot.varea("x", "low", "high", alpha=0.18, **band)
            plot.line("x", "mid", line_width=2.5, line_dash=DASHES[k % len(DASHES)], **band)
    if not plot.renderers:
        return None
    put_legend_above(plot, 5)
    return plot
