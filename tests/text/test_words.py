"""What a word is in every script, what it is worth, and what language words are of."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broken_record.detectors.examples import transcript_of
from broken_record.text.characters import Characters
from broken_record.text.ngrams import span_hashes
from broken_record.text.words import (
    SENTENCE_END,
    SPACED_WORD,
    STRUCTURE,
    WORD,
    Vocabulary,
    find_signs,
    find_words,
    mask_structure,
)

SAME = {
    "en": "The sea is calm today, as if it were waiting for somebody. Do you see it?",
    "de": "Das Meer ist heute ruhig, als würde es auf jemanden warten. Siehst du das?",
    "es": "El mar está tranquilo hoy, como si esperara a alguien. ¿Lo ves tú?",
    "fr": "La mer est calme aujourd'hui, comme si elle attendait quelqu'un. Tu la vois ?",
    "pt": "O mar está calmo hoje, como se esperasse por alguém. Você não vê?",
    "ru": "Море сегодня спокойное, как будто оно кого-то ждёт. Ты это видишь?",
    "ar": "البحر هادئ اليوم، كأنه ينتظر شخصا ما. هل ترى ذلك؟",
    "hi": "समुद्र आज शांत है, जैसे वह किसी का इंतज़ार कर रहा हो। क्या तुम देखते हो?",
    "ko": "오늘 바다는 마치 누군가를 기다리는 것처럼 고요하네요. 보이세요?",
    "ja": "今日の海は静かで、まるで誰かを待っているようです。見えますか？",
    "zh": "今天的海很安静，像是在等什么人回来。你看见了吗？",
    "th": "วันนี้ทะเลสงบเหมือนกำลังรอใครสักคนอยู่ คุณเห็นไหม",
}


def texts(line):
    return [word.text for word in find_words(line)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Don’t go, O'Brien!", ["don't", "go", "o'brien"]),
        ("_x_ snake_case ____ a__b", ["x", "snake_case", "a__b"]),
        ("人々が見た。", ["人", "々", "が", "見", "た"]),
        ("コーヒーAB12", ["コ", "ー", "ヒ", "ー", "ab12"]),
        ("เรือ", ["เรื", "อ"]),
        ("मैं हूँ।", ["मैं", "हूँ"]),
        ("cafe\u0301s", ["cafés"]),
        ("می‌خواهم", ["می‌خواهم"]),
        ("# 🎉 (≧▽≦) ...", []),
    ],
)
def test_what_is_a_word(line, expected):
    assert texts(line) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("👩‍👧‍👦👩‍👧‍👦", ["👩‍👧‍👦"] * 2),
        ("👍🏽 🇯🇵🇩🇪 ❤️", ["👍🏽", "🇯🇵", "🇩🇪", "❤️"]),
        ("(≧▽≦) ._. __ x", ["(≧", "▽", "≦)", "._.", "__"]),
        ("Well, no?!", [",", "?!"]),
    ],
)
def test_what_is_a_sign(line, expected):
    assert [sign.text for sign in find_signs(line)] == expected


@pytest.mark.parametrize("language", SAME)
def test_a_line_is_worth_about_the_same_in_every_language(language):
    transcript = transcript_of([SAME[language]])
    assert transcript.sizes[0] == pytest.approx(12, abs=4)
    assert transcript.language == language


@pytest.mark.parametrize("language", SAME)
def test_sentences_end_in_every_script_that_has_a_sign_for_it(language):
    assert len(SENTENCE_END.findall(SAME[language])) == (0 if language == "th" else 2)


def test_numbers_and_names_of_files_hold_no_end_of_a_sentence():
    assert len(SENTENCE_END.findall("It cost 1.50 in a.b.txt ... or so!")) == 2


def test_one_line_of_code_over_and_over_does_not_decide_on_the_language():
    assert transcript_of(["Who are you?", "print(wait(1))\n" * 60]).language == "en"
    assert transcript_of(["print(wait(1))\n" * 60]).language is None
    assert transcript_of(["Hm.", "..."]).language is None


def test_where_characters_stand_for_words_places_and_sizes_differ():
    transcript = transcript_of(["海が好き OK", "I see."])
    assert transcript.counts.tolist() == [5, 2]
    assert transcript.sizes.tolist() == [3.0, 2.0]


@given(st.text("ab1'’_ .é🎉\n"))
def test_the_faster_pattern_finds_the_same_words_where_there_are_blanks(text):
    assert SPACED_WORD.findall(text) == [match[0] for match in WORD.finditer(text)]


@given(st.text(alphabet="ab1 \t\n-*#|.)`•htps:/٣", max_size=60) | st.text(max_size=40))
def test_structure_is_masked_wherever_it_is_found(text):
    masked = STRUCTURE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    assert mask_structure(text) == masked


def test_words_are_numbered_by_hashes_as_by_their_letters():
    # the hash of these two is the same in whatever base (Thue and Morse): long words are spelled
    one = "".join("ab"[bin(k).count("1") % 2] for k in range(2048))
    other = one.translate(str.maketrans("ab", "ba"))
    said = f"She said \u201cDon\u2019t\u201d she SAID {one} {other} \u6d77\u306e \u00c9t\u00e9 " * 2
    characters = Characters(said)
    cut = characters.cut()
    assert cut is not None
    starts, ends = cut
    hashes = span_hashes(characters.points, starts, ends)
    known = Vocabulary()
    for _ in range(2):
        numbers = known.numbers_of(hashes, ends - starts, lambda i: said[starts[i] : ends[i]])
        assert numbers.tolist() == [known[word.group()] for word in WORD.finditer(said)]
    assert known[one] != known[other]
    assert (hashes[[5]] == hashes[[6]]).all()
