from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from broken_record.detectors.examples import transcript_of
from broken_record.detectors.rounds import FARTHEST, LEAST_ALIKE, nearest_before


def nearest_plainly(transcript):
    """The definition: cosines of turns as sets of words, a word weighing its rarity."""
    n = len(transcript)
    borders, words = transcript.first.tolist(), transcript.words.tolist()
    turns = [sorted(set(words[borders[i] : borders[i + 1]])) for i in range(n)]
    turns_with = {word: sum(word in turn for turn in turns) for turn in turns for word in turn}
    weights = {word: math.log(n / count) ** 2 for word, count in turns_with.items()}
    norms = [math.sqrt(sum(weights[word] for word in turn)) or 1.0 for turn in turns]
    lags = []
    for i in range(n):
        cosines = {}
        for k in range(max(0, i - FARTHEST), i):
            shared = [word for word in turns[i] if word in turns[k] and 2 * turns_with[word] <= n]
            cosines[k] = sum(weights[word] for word in shared) / (norms[i] * norms[k])
        nearest = max(cosines, key=lambda k: (cosines[k], k), default=i)
        lags.append(i - nearest if cosines.get(nearest, 0.0) >= LEAST_ALIKE else 0)
    return lags


@given(st.lists(st.lists(st.sampled_from("abcdefghij"), max_size=6).map(" ".join), max_size=60))
def test_the_nearest_turn_is_the_one_that_shares_most_rare_words(said):
    transcript = transcript_of(said)
    assert nearest_before(transcript).tolist() == nearest_plainly(transcript)
