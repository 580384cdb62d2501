"""How a dialogue goes, turn by turn: lengths, novelty, and how surprised the model was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from broken_record.data import Turn
from broken_record.detectors.semantic_repetition import Content
from broken_record.text.transcript import Transcript


@dataclass(frozen=True, slots=True)
class Course:
    """One dialogue over its generated turns: characters said, and the share of content words that
    were not said in the ten turns before, None of a turn without any; the characters of the user's
    replies alone; the index of its last message, the opening ones counted; the surprisal, minus the
    mean log probability of a turn's tokens in nats, None where the record has none; and the tokens
    said before each generated turn, None where some were not counted.
    """

    characters: tuple[int, ...]
    novelty: tuple[float | None, ...]
    user_lengths: tuple[int, ...]
    last: int
    surprisal: tuple[float | None, ...]
    tokens_before: tuple[int, ...] | None


def follow(transcript: Transcript, turns: Sequence[Turn]) -> Course:
    """How a dialogue goes over its generated turns."""
    content = Content(transcript)
    own = range(transcript.given, len(transcript))
    novelty = tuple(
        float(content.new[i] / content.words[i]) if content.words[i] else None for i in own
    )
    lengths = tuple(len(transcript.bodies[i].strip()) for i in own)
    user = tuple(n for n, i in zip(lengths, own, strict=True) if transcript.said[i].role == "user")
    last = transcript.said[-1].index if transcript.said else 0
    sure = (turn.logprob_mean for turn in turns)
    surprisal = tuple(None if one is None else -one for one in sure)
    counted = [transcript.said[i].tokens for i in own]
    known = [tokens for tokens in counted if tokens is not None]
    before = tuple(accumulate(known, initial=0))[:-1] if len(known) == len(counted) else None
    return Course(lengths, novelty, user, last, surprisal, before)
