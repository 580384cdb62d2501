"""A speaker closes turn after turn with the same words, whatever came before them.

Closing-template repetition, the mirror of prefix_repetition (templates.py lays turns side by side):
in 3 of 4 own turns at least 8 words in common with one of the speaker's last 3; or 3 equal words at
the end of 6 turns running. Two of twelve words may be others. The last two sentences also count by
how they begin, and earlier lines where half of what is left from them on is the same (stanzas.py).
Sign-offs of one or two words are too short. A turn that comes again as a whole is single_turn_loop;
readers name its close nowhere besides, so find.py takes it away.

>>> from broken_record.detectors.examples import transcript_of
>>> close = "Tell me, what would you like to explore with me next?"
>>> said = [f"{text} {close}" for text in ("The sea is calm today.", "Bees sleep in the rain.",
...                                        "My kitchen is small.", "Owls turn their heads.")]
>>> found = detect(transcript_of([said[0], "A.", said[1], "B.", said[2], "C.", said[3]]))
>>> [(f.speaker, f.onset_turn, f.detect_turn, f.copies) for f in found]
[('assistant', 2, 4, 4)]
"""

from __future__ import annotations

from broken_record.data import Finding
from broken_record.detectors.stanzas import with_stanzas
from broken_record.detectors.templates import find_stretches, report
from broken_record.text.transcript import Transcript

KIND = "suffix_repetition"


def detect(
    transcript: Transcript,
    *,
    words: int = 8,
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
        hits=hits,
        of_turns=of_turns,
        most_share=most_share,
        short_words=short_words,
        short_turns=short_turns,
        further=with_stanzas,
    )
    return [report(transcript, KIND, frames, told, break_copies) for frames, told in stretches]
