"""Generations -> one offline page: the figures, the most common tokens, the turns with borders."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Sequence

from bokeh.embed import components
from bokeh.plotting import figure
from bokeh.resources import INLINE

from broken_record.terminal import escape_controls
from broken_record.views.page import THEME
from broken_record.views.tables import table
from broken_record.views.templates import asset
from v0.turns import COLUMNS, MODES, Generation, Said, figures

MOST_COMMON = 40
STYLE = """.turns { height: auto; min-height: 0; max-height: 80vh; }
.system .said, .nobody .said { background: none; border: 1px dashed var(--line); }"""
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:"
)


def make_page(generations: Sequence[Generation], about: str) -> str:
    """One offline file: the figures, and of every mode the most common tokens and the turns."""
    plots = []
    for generation in generations:
        counts = Counter(token for said in generation.turns for token in said.tokens)
        common = [(repr(token), n) for token, n in counts.most_common(MOST_COMMON)]
        names = [name for name, _ in common]
        plot = figure(
            title=f"{generation.mode}: the most common of {len(counts):,} different output tokens",
            x_range=names, y_axis_label="times", height=340, min_border_bottom=90,
            sizing_mode="stretch_width", tools="hover,save", tooltips="@x: @top",
        )  # fmt: skip
        plot.vbar(x=names, top=[n for _, n in common], width=0.8)
        plot.xaxis.major_label_orientation = 1.2
        plot.y_range.start = 0
        plots.append(plot)
    script, divs = components(plots, theme=THEME)
    rows = [[g.mode, *figures([g])] for g in generations]
    body = [f"<h1>The first design: one long generation</h1><p>{safe(about)}</p>",
            table("turns", "Turns and tokens", ["mode", *COLUMNS], rows)]  # fmt: skip
    for generation, div in zip(generations, divs, strict=True):
        body.append(f"<h2>{safe(generation.mode)}: {safe(MODES[generation.mode])}</h2>{div}")
        body += ['<div class="turns">', *map(turn_on_page, generation.turns), "</div>"]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"><title>v0</title>'
        f"<style>{asset('page.css')}{STYLE}</style>{INLINE.render()}</head>"
        f"<body><section>{''.join(body)}</section>{script}</body></html>\n"
    )


def turn_on_page(said: Said) -> str:
    """A turn as a bubble on its speaker's side, with its cost beside it."""
    return (
        f'<div class="turn {said.role}"><div class="said">{safe(said.text.strip())}</div>'
        f'<div class="margin"><b>{said.role}</b>{len(said.tokens)} tokens</div></div>'
    )


def safe(text: str) -> str:
    """Model text as HTML text."""
    return html.escape(escape_controls(text))
