from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from broken_record.analysis.metrics import looped_token_share, tokens_before
from broken_record.data import Dialogue, Finding, Turn

extents = st.tuples(st.integers(0, 14), st.none() | st.integers(0, 14))


def dialogue_of(tokens):
    """A dialogue whose turns, one an index, took so many tokens."""
    turns = tuple(
        Turn(i, "user" if i % 2 else "assistant", "Oh.", count) for i, count in enumerate(tokens)
    )
    return Dialogue({}, turns, "done")


def loop_of(onset, end, speaker):
    """A loop from one turn to another."""
    return Finding(
        "single_turn_loop", speaker, "break", onset, onset, onset, end, 2, 3, 0.5, (), "again"
    )


@given(st.lists(st.integers(0, 9), max_size=12), st.lists(extents, max_size=4))
def test_a_token_is_looped_where_its_turn_lies_in_a_loop_of_its_speaker(tokens, found):
    dialogue = dialogue_of(tokens)
    speakers = ("assistant", "user", "both")
    loops = [loop_of(onset, end, speakers[k % 3]) for k, (onset, end) in enumerate(found)]
    own = [turn for turn in dialogue.turns if turn.role == "user"]
    looped = [
        turn.tokens
        for turn in own
        if any(
            loop.onset_turn <= turn.index <= (99 if loop.end_turn is None else loop.end_turn)
            for loop in loops
            if loop.speaker != "assistant"
        )
    ]
    total = sum(turn.tokens for turn in own)
    assert looped_token_share(dialogue, "user", loops) == (sum(looped) / total if total else None)


def test_the_tokens_before_a_turn_are_not_known_behind_one_that_was_not_counted():
    assert tokens_before(dialogue_of([5, 7, None, 2]), [0, 1, 2, 3, 9]) == (0, 5, 12, None, None)
