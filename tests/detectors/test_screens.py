"""What is only looked at where something may be found is looked at wherever something is."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Prefix

from broken_record.data import Dialogue, Turn
from broken_record.detectors import multi_turn_loop, paths
from broken_record.detectors.courtesy import GESTURE, find_gestures
from broken_record.detectors.examples import transcript_of
from broken_record.detectors.find import find_loops_and_breaks
from broken_record.detectors.intra_turn_repetition import (
    has_word_again,
    is_simple,
    said_twice,
    word_runs,
)
from broken_record.detectors.line_runs import code_runs
from broken_record.detectors.repeats import comes_again
from broken_record.detectors.rounds import FARTHEST, add_shared, best_stretch, may_reach
from broken_record.detectors.salad import (
    find_few_function_words,
    long_sentences,
    longest_sentence,
    with_few_function_words,
)
from broken_record.detectors.template_views import LAST, Views
from broken_record.detectors.weak_repeats import (
    has_triples_again,
    may_be_said_at_once,
    said_at_once,
    weak_sign,
)
from broken_record.text.characters import STOPS
from broken_record.text.language import languages_of
from broken_record.text.layout import Layout
from broken_record.text.similarity import ALIKE, bags_of, compare_pairs, may_be_alike, pair_cells
from broken_record.text.transcript import Transcript

SAID = st.lists(
    st.sampled_from(
        'the you I oxide gusto velvet Ladder pelicanRoof don\'t 7 *smiles* (nods) "so" . ? ! - ```'
        " http://a.b | # *_nod *hand *on* [hand \n \n\n \n- \u6d77 \u5c71 \u304c \u3002 \uff01"
        " \u0440\u0435".split(" ")
    ),
    max_size=90,
).map(" ".join)  # fmt: skip
NEARLY = [
    f"{said}{ending}"
    for said in ("Im happy to help", "they sail at dawn", "who rang this bell", "no cocoa")
    for ending in ("", "ing", " o", "s")
]
TURNS = st.lists(SAID, min_size=1, max_size=14)


@pytest.mark.parametrize("said", [(), ("",), ("hi *nods*",), ("x", ""), ("\u6d77",), ("...",)])
@pytest.mark.parametrize("prefix", ["", "Ann:"])
def test_next_to_nothing_can_be_looked_at(said: tuple[str, ...], prefix: str) -> None:
    turns = tuple(Turn(i, "user" if i % 2 else "assistant", text) for i, text in enumerate(said))
    found = find_loops_and_breaks(Transcript(Dialogue({"agent_prefix": prefix}, turns, "done")))
    assert {finding.kind for finding in found.findings} <= {"empty_response"}


@given(TURNS)
def test_no_turn_with_salad_and_no_long_sentence_is_passed_over(turns: list[str]) -> None:
    transcript = transcript_of(turns)
    few = (0.3, 0.25, 20.0)
    suspect = with_few_function_words(transcript, few[:2])
    longest = longest_sentence(transcript)
    for i in range(len(transcript)):
        assert suspect[i] or find_few_function_words(transcript, i, few, 0.25) is None
        sentences = [last - first for _, first, last in long_sentences(transcript, i, 1)]
        assert longest[i] >= max(sentences, default=0)


@given(TURNS, st.sampled_from(["opening", "close"]))
def test_turns_that_share_words_in_a_row_are_near(turns: list[str], side) -> None:
    transcript = transcript_of(turns)
    views = Views(transcript, list(range(len(turns))), side, None)
    near = set(views.near())
    alike = views.begin_alike(3)
    for k in range(len(turns)):
        for j in range(max(0, k - LAST), k):
            for mine in views[k]:
                for theirs in views[j]:
                    if mine.step == theirs.step and have_words_in_common(mine, theirs):
                        assert (k, j) in near
        if k and views[k] and views[k - 1]:
            mine, theirs = views[k][0], views[k - 1][0]
            assert alike[k] or mine.upto[Prefix.similarity(mine.text, theirs.text)] < 3


def have_words_in_common(mine, theirs) -> bool:
    """Whether two views share a run that is worth three words."""
    return any(
        mine.upto[b] - mine.upto[a] >= 3 and mine.text[a:b] in theirs.text
        for a in range(len(mine.text))
        for b in range(a + 3, min(a + 6, len(mine.text)) + 1)
    )


@given(st.lists(st.text("abcdefgh\u6d77", max_size=12), min_size=64, max_size=70))
def test_texts_that_are_alike_may_be(texts: list[str]) -> None:
    lengths = np.array([len(text) for text in texts])
    for apart in (1, 3):
        ones = np.arange(apart, len(texts))
        alike = compare_pairs(texts[apart:], texts[:-apart], ALIKE)
        possible = may_be_alike(bags_of(texts), lengths, ones, ones - apart, ALIKE)
        assert possible[alike > 0].all()
        cells = set(np.concatenate(pair_cells(texts, lengths > 0, lengths > 0, 1, ALIKE)).tolist())
        assert cells >= set((apart * len(texts) + ones[(alike > 0) & (lengths[ones] > 0)]).tolist())


@given(st.lists(st.sampled_from(NEARLY), min_size=6, max_size=40))
def test_turns_that_are_not_compared_are_in_no_loop(turns: list[str]) -> None:
    transcript = transcript_of(turns)
    found = multi_turn_loop.detect(transcript)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "ALL_ODD", 1.0)  # all are
        assert multi_turn_loop.detect(transcript) == found


@given(st.lists(st.integers(0, 8), max_size=60), st.integers(3, 9))
def test_rounds_that_are_clear_may_be(lags: list[int], period: int) -> None:
    if best_stretch(lags, period, 4.0) is not None:
        assert may_reach(np.array(lags), np.array([period]), 4.0).all()


@given(st.sets(st.tuples(st.integers(0, 5), st.integers(0, 40)), max_size=120))
def test_what_turns_share_is_what_all_pairs_of_them_share(said: set[tuple[int, int]]) -> None:
    words, turns = np.array(sorted(said), dtype=np.int64).reshape(-1, 2).T
    shared = np.zeros((41, FARTHEST + 1))
    for i in range(len(words)):
        for k in range(i + 1, len(words)):
            if words[i] == words[k] and turns[k] - turns[i] <= FARTHEST:
                shared[turns[k], turns[k] - turns[i]] += 0.1 * words[i]
    assert (add_shared(words * (41 + FARTHEST) + turns, turns, 0.1 * words, 41) == shared).all()


@given(SAID)
def test_gestures_and_ends_of_sentences_are_those_of_the_patterns(text: str) -> None:
    transcript = transcript_of([text])
    assert find_gestures(transcript) == [
        match.span() for match in GESTURE.finditer(transcript.text)
    ]
    begins, ends = transcript.characters.stops
    spans = [match.span() for match in re.finditer(f"[{STOPS}]+", transcript.text)]
    assert list(zip(begins.tolist(), ends.tolist(), strict=True)) == spans


@given(st.lists(st.text("ab \u6d77\u5c71\n-.", max_size=60), min_size=1, max_size=3))
def test_turns_without_three_words_again_are_not_weak(turns: list[str]) -> None:
    transcript = transcript_of(turns)
    for i in range(len(transcript)):
        if transcript.counts[i]:
            laid = Layout(transcript, i)
            has_three = has_triples_again(transcript, i)
            assert has_three or weak_sign(laid) is None
            may_be = has_three and may_be_said_at_once(transcript, i)
            assert may_be or not [*said_at_once(laid)]


@given(
    st.lists(st.sampled_from("no tickle b c d e 海 山 http://a.b - 1. . {".split()), max_size=30)
    .map(" ".join)
    .map(lambda text: f"{text} {text[:30]}")
)
def test_turns_in_which_no_words_come_again_have_no_runs(text: str) -> None:
    transcript = transcript_of([text])
    if not transcript.counts[0] or not is_simple(transcript, 0, 40, 3):
        return
    laid = Layout(transcript, 0)
    found = [*word_runs(laid, 3, 12, 8, 24, 4), *code_runs(laid, 3, 24, 0.5), *said_twice(laid)]
    again = comes_again(transcript, 0, 8 * 2 / 3) or has_word_again(transcript, 0, 4)
    assert again or not found


@given(TURNS)
def test_the_languages_of_all_turns_are_those_of_each(turns: list[str]) -> None:
    transcript = transcript_of(turns)
    known = transcript.vocabulary
    told = languages_of(
        transcript.turn_of, transcript.plain, known.worth, known.script, len(transcript)
    )
    assert all(language == transcript.language_at(i) for i, language in told.items())
