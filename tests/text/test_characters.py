"""Characters as arrays find what the patterns find."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from broken_record.text.characters import Characters
from broken_record.text.words import SENTENCE_END, WORD, split_words

SIGNS = (
    "a B \u00e9 \u00df \u6d77 \u304c \u30fc ' \u2019 _ __ - . ... ! ? \u2026 \u3002 \uff01 \u203c"
    ' " ) * \u00bb 1 \u00b2 \u200d \u200c \u0301 \U0001f600 \U00020000 \U0001d400 \U0003134b'
    " \ud800 \u0e17 \u00a0 \u2028 \u2161"
)
PIECES = st.sampled_from([*SIGNS.split(" "), " ", "\n", "\t", "\x1c"])
TEXTS = st.lists(PIECES | st.characters(), max_size=40).map("".join)


@given(TEXTS)
@example("a'b'c a''b a_'b a__b _a_ 'a' a\u200db")
@example("")
def test_words_are_those_of_the_pattern(text: str) -> None:
    cut = Characters(text).cut()
    if cut is None:
        return
    found = [match.span() for match in WORD.finditer(text)]
    assert list(zip(cut.starts.tolist(), cut.ends.tolist(), strict=True)) == found
    assert [text[start:end] for start, end in found] == split_words(text)[1::2]


@given(TEXTS)
def test_sentences_end_where_the_pattern_says(text: str) -> None:
    ends = Characters(text).sentence_ends.tolist()
    assert ends == [match.end() for match in SENTENCE_END.finditer(text)]


def test_marks_and_clusters_are_left_to_the_patterns() -> None:
    assert Characters("e\u0301").cut() is None
    assert Characters("\u0e17\u0e35\u0e48").cut() is None
    assert Characters("plain \U0001f600").cut() is not None
