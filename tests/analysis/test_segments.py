from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broken_record.analysis import removal
from broken_record.analysis.numbering import may_repeat, number_words
from broken_record.analysis.removal import CollisionError, Level
from broken_record.analysis.segments import find_segments, find_segments_plainly, old_numbers
from broken_record.data import Segment
from broken_record.text.ngrams import hash_sums, loop_coverage
from broken_record.tiny.corpus import scene_writer

words = st.sampled_from(["a", "b", "ab", "", "[empty]"])


@given(st.lists(words, max_size=120).map(" ".join))
def test_the_fast_finder_equals_the_plain_one_on_small_alphabets(text):
    assert find_segments(text) == find_segments_plainly(text)


@given(
    line=st.lists(words, min_size=1, max_size=12).map(" ".join),
    copies=st.integers(2, 30),
    between=st.lists(words, max_size=3).map(" ".join),
)
def test_the_fast_finder_equals_the_plain_one_on_loops(line, copies, between):
    text = f" {between} ".join([line] * copies)
    assert find_segments(text) == find_segments_plainly(text)


@pytest.mark.parametrize("many", [1, 8, 20])
@given(
    line=st.lists(words, min_size=1, max_size=12).map(" ".join),
    copies=st.integers(2, 30),
    between=st.lists(words, max_size=3).map(" ".join),
)
def test_the_fast_finder_equals_the_plain_one_where_it_counts_all_anew(many, line, copies, between):
    text = f" {between} ".join([line] * copies)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(removal, "MANY", many)
        assert find_segments(text) == find_segments_plainly(text)


@pytest.mark.parametrize(
    "words",
    [["a", "b"], ["w1", "w10", "w2", "0"], ["a", "ba", "ab", "b"], ["a", "b", "", "ab"]],
    ids=" ".join,
)
def test_the_fast_finder_equals_the_plain_one_where_words_hold_words(words):
    text = " ".join(random.Random(1).choices(words, k=1500))
    assert find_segments(text) == find_segments_plainly(text) != []


@pytest.mark.parametrize("seed", range(3))
def test_the_fast_finder_equals_the_plain_one_on_dialogues(seed):
    scene = scene_writer(seed).scene(120)
    replies = [said for name, said in scene if name == "Skye"]
    rng = random.Random(seed)
    replies += (
        rng.sample(replies, 20)
        + ["[empty]"] * 3
        + [reply.replace(" ", "  ") for reply in replies[:5]]
    )
    text = " ".join(replies)
    assert find_segments(text) == find_segments_plainly(text) != []


@given(st.lists(words | st.just("\ud800"), max_size=20), st.integers(2, 7))
def test_words_may_repeat_where_a_window_of_them_stands_twice(said, n):
    windows = [tuple(said[i : i + n]) for i in range(len(said) - n + 1)]
    assert may_repeat(" ".join(said), n) == (len({*windows}) < len(windows))


def test_windows_that_share_a_hash_by_chance_are_not_taken_out():
    numbers, ids = number_words("a b c d e f a b c d e g")
    level = Level(numbers, ids, hash_sums(ids), 5)
    (key,) = level.groups
    level.key_at[2] = key
    level.join(2, key)  # as if "c d e f a" had the hash of "a b c d e"
    with pytest.raises(CollisionError):
        list(level.take_out())


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("", []),
        ("a b c d a b c d", []),  # fewer than 5 words do not count
        ("a b c d e x a b c d e", [("a b c d e", 2)]),
        ("a  b c d x a  b c d", [("a  b c d", 2)]),  # the empty word of a double space counts
        ("a a a a a a a", [("a a a a a a", 2)]),  # windows overlap
        # removal takes the string out of the middle of words, and glues what is left
        ("a b c d e . xa b c d ey . a b c d e", [("a b c d e", 2)]),
        ("  a      ", [("    ", 2)]),  # of nothing but empty words; more stand there after a cut
        # two that share a word are taken out together
        (" a  aa a a  aa a  aa a   aa a ", [("a  aa a ", 2), ("  aa a ", 2)]),
        # on a tie the first; then nothing of the second is left whole
        ("a b c d e f a b c d e f", [("a b c d e f", 2)]),
    ],
)
def test_segments_worked_by_hand(text, segments):
    expected = [Segment(text, count) for text, count in segments]
    assert find_segments(text) == find_segments_plainly(text) == expected


def test_a_window_that_is_recorded_twice_adds_its_counts():
    # taking it out of "a b c d a b c d ee" and of "aa b c d e b c d e" makes it anew, twice
    text = "a b c d e 1 a b c d e 2 a b c d a b c d ee 3 aa b c d e b c d e 4"
    expected = [Segment("a b c d e", 4)]
    assert find_segments(text) == find_segments_plainly(text) == expected


def test_the_old_numbers_worked_by_hand():
    numbers = old_numbers(["one two three four five", "", "one two three four five six"])
    assert numbers.response_lengths == (23, 0, 27)
    assert numbers.segments == (Segment("one two three four five", 2),)
    assert (numbers.characters, numbers.loop_score) == (50, 46)
    assert numbers.loop_density == 46 / 50
    assert numbers.average_response_length == 50 / 3


def test_the_old_numbers_of_nothing_are_zero():
    numbers = old_numbers([])
    assert (numbers.loop_density, numbers.average_response_length, numbers.segments) == (0, 0, ())
    assert old_numbers(["", ""]).loop_density == 0


def test_density_is_unbounded_and_coverage_is_not():
    line = "this very line is said again and again by the same poor model"
    assert old_numbers([line] * 40).loop_density > 4
    assert 0.9 < loop_coverage("\n".join([line] * 40)) < 1
