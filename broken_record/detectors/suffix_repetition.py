"""A speaker closes turn after turn with the same words, whatever came before them.

Closing-template repetition, the mirror of prefix_repetition (templates.py lays turns side by side):
at least 8 words in common with one of the speaker's last 3 turns in 3 of 4 own turns; or 9 words in
three of four turns, where they are less than half of the turn; or 3 equal words at the end of 6
turns running. Two of twelve words may be others. The last two sentences also count by how they
begin. Without the rule of 9 words half of what readers marked is missed
(benchmarks/truth_on_real_text.py). Sign-offs of one or two words are too short, a
turn that comes again as a whole is single_turn_loop.

>>> from broken_record.detectors.examples import transcript_of
>>> close = "Tell me, what would you like to explore with me next?"
>>> said = [f"{text} {close}" for text in ("The sea is calm today.", "Bees sleep in the rain.",
...                                        "My kitchen is small.", "Owls turn their heads.")]
>>> found = detect(transcript_of([said[0], "A.", said[1], "B.", said[2], "C.", said[3]]))
>>> [(f.speaker, f.onset_turn, f.detect_turn, f.copies) for f in found]
[('assistant', 2, 6, 4)]
"""

from __future__ import annotations

from broken_record.data import Finding
from broken_record.detectors.templates import find_stretches, report
from broken_record.text.transcript import Transcript

KIND = "suffix_repetition"


def detect(
    transcript: Transcript,
    *,
    words: int = 8,
    sure_words: int = 9,
    hits: int = 3,
    of_turns: int = 4,
    most_share: float = 0.8,
    short_words: int = 3,
    short_turns: int = 6,
    break_copies: int = 6,
) -> list[Finding]:
    """One finding per speaker and stretch of turns that close alike (templates.find_stretches)."""
    stretches = find_stretches(
        transcript,
        "close",
        words=words,
        sure_words=sure_words,
        hits=hits,
        of_turns=of_turns,
        most_share=most_share,
        short_words=short_words,
        short_turns=short_turns,
    )
    return [report(transcript, KIND, frames, told, break_copies) for frames, told in stretches]
