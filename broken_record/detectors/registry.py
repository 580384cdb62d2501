"""The loops and the breaks: a file of that name each, and this dict is the whole registry.

A detector is the function `detect` of its file: it takes a Transcript and its thresholds as keyword
arguments, and returns its findings, or None where the dialogue cannot tell (a text log has lost
outer white space). To add one, write its file and its line here; order is precedence where findings
meet. A detector is imported when it is asked for, so that naming the kinds costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from broken_record.data import Finding

Detector = Callable[..., "list[Finding] | None"]

KINDS: dict[str, Literal["loop", "break"]] = {
    "empty_response": "break",
    "leading_whitespace": "break",
    "apostrophe_break": "break",
    "role_leak": "break",
    "refusal": "break",
    "intra_turn_repetition": "loop",
    "single_turn_loop": "loop",
    "multi_turn_loop": "loop",
    "prefix_repetition": "loop",
    "suffix_repetition": "loop",
    "word_soup": "break",
    "semantic_repetition": "loop",
}
LOOPS = tuple(kind for kind, family in KINDS.items() if family == "loop")
LEXICAL_LOOPS = tuple(kind for kind in LOOPS if kind != "semantic_repetition")
"""The loops that are told by words that come again."""


def detector_of(kind: str) -> Detector:
    """The detector of a kind.

    >>> detector_of("refusal").__name__
    'detect'
    """
    detector: Detector = import_module(f"broken_record.detectors.{kind}").detect
    return detector
