"""The loops and the breaks: a file of that name each, and this dict is the whole registry.

A detector is the function `detect` of its file: it takes a Transcript and its thresholds as keyword
arguments, and returns its findings, or None where the dialogue cannot tell (a text log has lost
outer white space). To add one, write its file and its line here; order is precedence where findings
meet. A detector is imported when it is asked for, so that naming the kinds costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from broken_record.data import Finding

Detector = Callable[..., "list[Finding] | None"]


class Kind(NamedTuple):
    """Whether it loops or breaks, and what people call it."""

    family: Literal["loop", "break"]
    words: str


KINDS: dict[str, Kind] = {
    "empty_response": Kind("break", "nothing to say"),
    "leading_whitespace": Kind("break", "white space first"),
    "apostrophe_break": Kind("break", "broken apostrophes"),
    "role_leak": Kind("break", "speaks for the other side"),
    "refusal": Kind("break", "refuses"),
    "intra_turn_repetition": Kind("loop", "repeats inside a reply"),
    "single_turn_loop": Kind("loop", "the same line again"),
    "multi_turn_loop": Kind("loop", "the same exchange again"),
    "prefix_repetition": Kind("loop", "the same opening again"),
    "suffix_repetition": Kind("loop", "the same close again"),
    "word_soup": Kind("break", "word soup"),
    "semantic_repetition": Kind("loop", "the same in other words"),
}
LOOPS = tuple(kind for kind, one in KINDS.items() if one.family == "loop")
LEXICAL_LOOPS = tuple(kind for kind in LOOPS if kind != "semantic_repetition")
"""The loops that are told by words that come again."""


def detector_of(kind: str) -> Detector:
    """The detector of a kind.

    >>> detector_of("refusal").__name__
    'detect'
    """
    detector: Detector = import_module(f"broken_record.detectors.{kind}").detect
    return detector
