"""Who a line says is speaking: the label in front of it, a name and a colon ("Mark: ...").

A speaker's label is that of the config's prefix or, where a chat came without one, what most of its
own messages begin with. It does not know whether a label that is not the speaker's is a fault.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from broken_record.text.transcript import Transcript

LABEL = re.compile(
    r"^[ \t>*_\[(#]{0,8}([^\W\d_][\w.'\u2019 -]{0,28}?)[ \t)\]*_]{0,6}[:\uff1a][*_]{0,3}"
    r"(?=[\s\"*(\u201c\u00ab\u300c]|$)",
    re.MULTILINE,
)
ACT = re.compile(r"\s*(?:\*[^*\n]*\*|\([^)\n]*\)|\[[^\]\n]*\])\s*")
"""A stage direction that stands before the label of a turn."""
MOST_WORDS = 4
NO_NAMES = frozenset(
    "thought thoughts output input answer question response note action observation task".split()
)


class Label(NamedTuple):
    """A label at the beginning of a line, in offsets of the body; `name` is in one case."""

    name: str
    start: int
    end: int


def find_labels(body: str) -> list[Label]:
    r"""The labels at line starts of a body.

    >>> find_labels("Hm.\n**Mark:** Yes: no.")
    [Label(name='mark', start=4, end=13)]
    """
    if not has_colon(body):
        return []
    return [
        Label(match[1].casefold(), match.start(), match.end())
        for match in LABEL.finditer(body)
        if len(match[1].split()) <= MOST_WORDS
    ]


KNOWN: WeakKeyDictionary[Transcript, dict[str, str | None]] = WeakKeyDictionary()
"""The labels of transcripts that are in use; three detectors ask for them."""


def has_colon(text: str) -> bool:
    """Whether a label may stand in a text."""
    return ":" in text or "\uff1a" in text


def with_colons(transcript: Transcript) -> set[int]:
    """The positions of the turns in which a label may stand."""
    if not has_colon(transcript.text):
        return set()
    points = transcript.characters.points
    places = np.flatnonzero((points == ord(":")) | (points == ord("\uff1a")))
    return set(transcript.turn_at(places).tolist())


def opening_label(body: str) -> Label | None:
    """The label that a body begins with, behind a stage direction at most."""
    act = ACT.match(body)
    begins = (act.end() if act else 0, len(body) - len(body.lstrip()))
    head = body[:240]
    return next((label for label in find_labels(head) if label.start in begins), None)


def speaker_labels(transcript: Transcript) -> dict[str, str | None]:
    """By role: the label of its speaker; None where it has none.

    >>> from broken_record.detectors.examples import transcript_of
    >>> speaker_labels(transcript_of(["Ann: Hi.", "Hello.", "Ann: Bye.", "Yes."]))
    {'assistant': 'ann', 'user': None}
    """
    if transcript in KNOWN:
        return KNOWN[transcript]
    prefixes = dict(zip(("assistant", "user"), transcript.prefixes, strict=True))
    found: dict[str, str | None] = {}
    with_colon = with_colons(transcript)
    for role, own in transcript.of_role.items():
        named = prefixes[role].strip().rstrip(":\uff1a").strip().casefold()
        opened = map(opening_label, [transcript.bodies[i] for i in own if i in with_colon])
        begun = Counter(label.name for label in opened if label and label.name not in NO_NAMES)
        (most, count), *_ = begun.most_common(1) or [("", 0)]
        learned = most if count >= max(2, len(own) / 2) else None
        found[role] = named or learned
    KNOWN[transcript] = found
    return found
