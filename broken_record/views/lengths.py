"""How long replies are: a histogram per run and speaker, in shared bins.

The bins are even ones up to the longest reply, or the buckets that analyze.py has always printed
(0 and 1, hundreds to 2,000, and all above). Counts of dialogues add up, so that selection.js can
draw them for a selection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from bokeh.models import ColumnDataSource, HoverTool
from bokeh.plotting import figure

from broken_record.analysis.histograms import LENGTHS
from broken_record.analysis.report import Report
from broken_record.analysis.texts import Key
from broken_record.views.drift import Courses
from broken_record.views.overview import HATCHES, PALETTE, put_legend_above

BINS = 40
OLD_EDGES = (*LENGTHS, LENGTHS[-1] + 100)
Speaker = Literal["assistant", "user"]
SPEAKERS: tuple[Speaker, ...] = ("assistant", "user")
Lengths = Mapping[Key, Sequence[int]]


def collect_lengths(reports: Sequence[Report], courses: Courses, speaker: Speaker) -> Lengths:
    """Characters of every reply by (run, dialogue); the user's are known from transcripts alone."""
    if speaker == "assistant":
        return {(r.run, d.name): d.response_lengths for r in reports for d in r.dialogues}
    return {key: course.user_lengths for key, course in courses.items()}


def even_edges(lengths: Lengths) -> list[float]:
    """The borders of the even bins, shared by all runs."""
    longest = max((n for own in lengths.values() for n in own), default=0)
    return [float(edge) for edge in np.linspace(0, max(1, longest), BINS + 1)]


def count(lengths: Sequence[int], edges: Sequence[float]) -> list[int]:
    """How many lie in each bin; what is above the last border, in the last.

    >>> count([0, 1, 2, 150, 9000], OLD_EDGES)[:3], count([9000], OLD_EDGES)[-1]
    ([2, 1, 1], 1)
    """
    inside = np.minimum(np.asarray(lengths, dtype=np.float64), edges[-1])
    return [int(n) for n in np.histogram(inside, edges)[0]]


@dataclass(frozen=True, slots=True)
class Bins:
    """The borders of the even and of the old bins, and how many replies of each dialogue lie in
    them.
    """

    edges: dict[str, list[float]]
    counts: dict[Key, dict[str, list[int]]]


def count_bins(reports: Sequence[Report], courses: Courses) -> dict[str, Bins]:
    """By speaker; none of one who has no reply."""
    found: dict[str, Bins] = {}
    for speaker in SPEAKERS:
        lengths = collect_lengths(reports, courses, speaker)
        if any(lengths.values()):
            edges = {"even": even_edges(lengths), "old": [float(edge) for edge in OLD_EDGES]}
            counts = {
                key: {name: count(own, borders) for name, borders in edges.items()}
                for key, own in lengths.items()
            }
            found[speaker] = Bins(edges, counts)
    return found


def length_histograms(
    reports: Sequence[Report], bins: Mapping[str, Bins], speaker: Speaker
) -> figure | None:
    """The share of replies per bin of characters, a run on top of the other; None without replies.

    `bins` is what count_bins made.
    """
    if speaker not in bins:
        return None
    edges = bins[speaker].edges["even"]
    plot = figure(
        title=f"Length of the {speaker}'s replies",
        x_axis_label="characters",
        y_axis_label="share of replies",
        height=340,
        sizing_mode="stretch_width",
        tools="pan,wheel_zoom,box_zoom,reset,save",
    )
    for k, (report, colour) in enumerate(zip(reports, PALETTE, strict=False)):
        own = [c["even"] for (run, _), c in bins[speaker].counts.items() if run == report.run]
        counts = np.sum(own, axis=0) if own else np.zeros(len(edges) - 1)
        shares = counts / max(1, counts.sum())
        source = ColumnDataSource(
            {"left": edges[:-1], "right": edges[1:], "count": counts, "share": shares},
            name=f"lengths-{speaker}-{k}",
        )
        bars = plot.quad("left", "right", "share", 0, source=source, color=colour, fill_alpha=0.4,
                         hatch_pattern=HATCHES[k], hatch_color=colour,
                         hatch_alpha=0.6, legend_label=report.run)  # fmt: skip
        tips = [("characters", "@left{0} - @right{0}"), ("replies", "@count")]
        plot.add_tools(HoverTool(renderers=[bars], tooltips=tips))
    put_legend_above(plot, 5)
    return plot
