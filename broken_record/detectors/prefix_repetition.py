"""A speaker opens turn after turn with the same words and then goes on differently.

Opening-template repetition (templates.py lays turns side by side): in 3 of 4 own turns at least 6
words in common with one of the speaker's last 3, and less than .8 of the turn unless it says all of
the earlier one and goes on; or 3 equal words in 6 turns running. Two openings that take turns are
told apart, and each has to come so often. Two of twelve words may be others (one in three finds no
more of what readers marked, and courtesies besides). The speaker's label and a leading stage
direction may be passed over. It differs from single_turn_loop by how the turns end.

>>> from broken_record.detectors.examples import transcript_of
>>> opening = "I can almost see it from here."
>>> rests = ["The sea is so calm today.", "Where did you learn that?",
...          "My own kitchen is small and dark.", "Tell me what you would cook first."]
>>> said = [f"{opening} {rest}" for rest in rests]
>>> found = detect(transcript_of([said[0], "A.", said[1], "B.", said[2], "C.", said[3]]))
>>> [(f.speaker, f.onset_turn, f.detect_turn, f.copies) for f in found]
[('assistant', 2, 4, 4)]
"""

from __future__ import annotations

from broken_record.data import Finding
from broken_record.detectors.templates import find_stretches, report
from broken_record.text.transcript import Transcript

KIND = "prefix_repetition"


def detect(
    transcript: Transcript,
    *,
    words: int = 6,
    hits: int = 3,
    of_turns: int = 4,
    most_share: float = 0.8,
    short_words: int = 3,
    short_turns: int = 6,
    break_copies: int = 6,
) -> list[Finding]:
    """One finding per speaker and stretch of turns that open alike (templates.find_stretches)."""
    stretches = find_stretches(
        transcript,
        "opening",
        words=words,
        hits=hits,
        of_turns=of_turns,
        most_share=most_share,
        short_words=short_words,
        short_turns=short_turns,
    )
    return [report(transcript, KIND, frames, told, break_copies) for frames, told in stretches]
