"""What a word is, decided once: the pattern, its normal form, its classes, with offsets back into
the raw text.

Where a script puts no blanks between its words (Han, Kana, Thai, Lao, Khmer, Myanmar) every
character, with the marks that it carries, stands for itself, and two of them are worth a word: a
sentence in English has about 1.1 to 1.7 characters a word in Chinese and 2 to 2.5 in Japanese. So
"a turn of six words" means about the same everywhere. Signs and emoji are no words (find_signs).

Everything that compares words does so in normal form (NFKC, casefold, straight apostrophes). The
word lists are English; those of other languages only serve to tell that a text is not English
(language.py says what it is).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from broken_record.text.language import COMMON_IN, script_of

CURLY = "\N{RIGHT SINGLE QUOTATION MARK}"
UNSPACED = (  # Han, Kana; Thai, Lao; Myanmar; Khmer: what is neither a digit nor a sign there
    "\u3005\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9d\U00020000-\U0003ffff"
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u0edc-\u0edf"
    "\u1000-\u103f\u1050-\u109d\ua9e0-\ua9ef\ua9fa-\ua9fe\uaa60-\uaa7f"
    "\u1780-\u17d3\u17d7\u17dc\u17dd"
)
CLUSTER = (  # a vowel written before, what carries the marks, the marks (and what is stacked)
    "[\u0e40-\u0e44]?[\u0e01-\u0e2e][\u0e30-\u0e3a\u0e45\u0e47-\u0e4e]*"
    "|[\u0ec0-\u0ec4]?[\u0e81-\u0eae\u0edc-\u0edf][\u0eb0-\u0ebd\u0ec8-\u0ece]*"
    "|[\u1000-\u102a\u103f\u1050-\u1055](?:\u1039[\u1000-\u1021]|[\u102b-\u1038\u103a-\u103e])*"
    "|[\u1780-\u17b3](?:\u17d2[\u1780-\u17b3]|[\u17b4-\u17d1\u17d3\u17dd])*"
    f"|[{UNSPACED}]"
)
MARKS_OF_LETTERS = (  # combining marks of Latin, Cyrillic, Hebrew, Arabic, India's scripts
    "\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f"
    "\u0670\u06d6-\u06dc\u0900-\u0903\u093a-\u094f\u0951-\u0957\u0962\u0963\u0981-\u0983\u09bc-\u09cd"
    "\u0a01-\u0a03\u0a3c-\u0a51\u0a81-\u0a83\u0abc-\u0acd\u0b01-\u0b03\u0b3c-\u0b57\u0b82\u0bbe-\u0bcd"
    "\u0c00-\u0c04\u0c3c-\u0c56\u0c81-\u0c83\u0cbc-\u0cd6\u0d00-\u0d03\u0d3b-\u0d4d\u0d81-\u0d83"
    "\u0dca-\u0ddf\u1dc0-\u1dff"
)
LETTERS = rf"[^\W_{UNSPACED}]+"
INNER = rf"(?:['{CURLY}\u200c\u200d]|_+)"  # inside a word only
WORD = re.compile(
    rf"({LETTERS}(?:[{MARKS_OF_LETTERS}]+(?:{LETTERS})?|{INNER}{LETTERS})*|{CLUSTER})"
)
SPACED_WORD = re.compile(r"([^\W_]+(?:(?:['\u2019]|_+)[^\W_]+)*)")
IS_UNSPACED = re.compile(f"[{UNSPACED}{MARKS_OF_LETTERS}\u200c\u200d]")
"""Where a text has none of these, SPACED_WORD finds the words that WORD does, in half the time."""
IS_CLUSTER = re.compile(f"[{UNSPACED}]")

PICTURE = (
    "[\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u25aa-\u27bf\u2934\u2935\u2b05-\u2b55\u3030"
    "\u303d\u3297\u3299\U0001f000-\U0001faff]"
)
TONE = "[\ufe0e\ufe0f\u20e3\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]"
EMOJI = f"[\U0001f1e6-\U0001f1ff]{{2}}|{PICTURE}{TONE}*(?:\u200d{PICTURE}{TONE}*)*"
SIGNS = re.compile(rf"{EMOJI}|(?:(?!{PICTURE})[^\w\s]|_)+")

SENTENCE_END = re.compile(
    r"(?<![.!?\u2026])[.!?\u2026]+(?=[\s\"'*)\u00bb\u201d\u2019]|$)"
    r"|[\u0589\u061f\u06d4\u0964\u0965\u104a\u104b\u1362\u1367\u17d4\u17d5\u203c\u2047-\u2049\u3002"
    r"\uff01\uff0e\uff1f\uff61]+"
)
"""What ends a sentence, in every script that has a sign for it (Thai and Lao have none)."""

MARKED_LINE = r"(?:[-*+\u2022][ \t]|\d+[.)][ \t]|#+[ \t]|\|)"  # list items, headings, tables
STRUCTURE = re.compile(
    r"```[\s\S]*?(?:```|\Z)"  # fenced code
    rf"|^[ \t]*{MARKED_LINE}.*$"
    r"|\bhttps?://\S+",
    re.MULTILINE,
)

LINE_BEGINS = re.compile(rf"[ \t]*{MARKED_LINE}")
LINE_BEGINS_BELOW = re.compile(rf"\n[ \t]*{MARKED_LINE}")

FUNCTION_WORDS = frozenset(
    """a about above after again against all along also although always am among an and another any
    anybody anyone anything are around as at away back be because been before behind being below
    beside between beyond both but by can cannot could did do does doing done down during each
    either else enough even ever every everybody everyone everything few first for from get gets
    getting go goes going gone got had has have having he her here hers herself him himself his how
    however i if in inside instead into is it its itself just keep last least less let like little
    made make many may maybe me might mine more most much must my myself near neither never no
    nobody none nor not nothing now of off often oh on once one only onto or other others ought our
    ours out outside over own per perhaps quite rather really same say see seem shall she should
    since so some somebody someone something soon still such than that the their theirs them then
    there these they thing things this those though through till to together too toward towards two
    under unless until up upon us very was we well were what whatever when where whether which while
    who whom whose why will with within without would yes yet you your yours yourself""".split()
)
OTHER_FUNCTION_WORDS = frozenset(
    """der die das und ist nicht ich du sie wir ihr ein eine einen einem einer zu mit auf von dem
    den im es er auch aber wie noch nur wenn dass war hat bei nach aus für
    le la les un une des du et est pas je tu il elle nous vous ils que qui dans pour sur avec ne ce
    cette au aux mais ou où si plus son sa ses mon ma mes ton ta tes
    el los las una y es no yo tú él ella que en por para con su sus mi mis pero como más se lo al
    del ha muy porque cuando
    il gli uno e è non io lui lei che di da per con sono mi ti si ma come più anche della del alla
    o os as um uma e é não eu ele ela que em por para com seu sua mas como mais se ao do da dos
    de het een en is niet ik jij hij zij wij van op te met voor dat die maar ook nog er aan als
    och att det som en på är av för med den till inte jag han hon vi ni men om så""".split()
)
PERSONS = {
    **dict.fromkeys(("he", "she", "him", "her", "his", "hers"), "<pron>"),
    **dict.fromkeys(("himself", "herself"), "<pron>self"),
    **dict.fromkeys(("he's", "she's"), "<pron>'s"),
    **dict.fromkeys(("he'd", "she'd"), "<pron>'d"),
    **dict.fromkeys(("he'll", "she'll"), "<pron>'ll"),
    **dict.fromkeys(("man", "woman", "boy", "girl", "guy", "lady", "gentleman"), "<person>"),
    **dict.fromkeys(("men", "women", "boys", "girls", "guys", "ladies", "gentlemen"), "<persons>"),
    **dict.fromkeys(("mr", "mrs", "ms", "miss", "sir", "madam", "ma'am"), "<title>"),
}


REMEMBERED = 1 << 16  # words


class Word(NamedTuple):
    """A word in normal form; `start` and `end` are offsets in the raw text."""

    text: str
    start: int
    end: int


class Form(NamedTuple):
    """What is known of a word: its normal form, the same for either person, its class, its stem."""

    normal: str
    neutral: str
    is_function: bool
    stem: str


def mask_structure(text: str) -> str:
    r"""The text with fenced code, tables, list items, headings and addresses blanked, lengths kept.

    >>> mask_structure("Look:\n- one\nDone.")
    'Look:\n     \nDone.'
    """
    if not may_be_structured(text):
        return text
    return STRUCTURE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def may_be_structured(text: str) -> bool:
    """What all texts have that STRUCTURE finds something in; most have none of it."""
    marks = "```" in text or "http" in text
    return bool(marks or LINE_BEGINS.match(text) or LINE_BEGINS_BELOW.search(text))


@lru_cache(maxsize=REMEMBERED)
def normalize(word: str) -> str:
    r"""The form in which words are compared: NFKC, casefold, straight apostrophes.

    >>> normalize("DON\u2019T")
    "don't"
    """
    if word.isascii():
        return word.lower()
    return unicodedata.normalize("NFKC", word).casefold().replace(CURLY, "'")


def split_words(text: str) -> list[str]:
    r"""A text in pieces: what stands before the first word, that word, what stands between it and
    the next ..., what stands behind the last.

    >>> split_words("Oh, no!")
    ['', 'Oh', ', ', 'no', '!']
    """
    has_blanks = text.isascii() or not IS_UNSPACED.search(text)
    return (SPACED_WORD if has_blanks else WORD).split(text)


def find_words(text: str) -> Iterator[Word]:
    r"""The words of a text, compared without regard to case and kind of apostrophe.

    >>> [word.text for word in find_words("Don\u2019t stop, *don't*!")]
    ["don't", 'stop', "don't"]
    >>> [word.text for word in find_words("\u6d77\u304c\u597d\u304d, \u0e40\u0e23\u0e37\u0e2d")]
    ['\u6d77', '\u304c', '\u597d', '\u304d', '\u0e40\u0e23\u0e37', '\u0e2d']
    """
    if text.isascii():
        pieces = split_words(text.lower())
        spoken: Iterable[str] = pieces[1::2]
    else:
        pieces = split_words(text)
        spoken = map(normalize, pieces[1::2])
    borders = [*accumulate(map(len, pieces))]
    return map(Word, spoken, borders[::2], borders[1::2])


def find_signs(text: str) -> Iterator[Word]:
    r"""The runs of signs of a text, each emoji for itself; what joiners join is one.

    >>> [sign.text for sign in find_signs("Oh -- no! \U0001f600\U0001f600 # #")]
    ['--', '!', '\U0001f600', '\U0001f600', '#', '#']
    """
    for match in SIGNS.finditer(text):
        yield Word(match[0], match.start(), match.end())


def worth(word: str) -> float:
    """How much of a word it is: one, or a half where characters stand for themselves.

    >>> worth("sea"), worth("\u6d77")
    (1.0, 0.5)
    """
    return 1.0 if word[0] < "\u0e01" or not IS_CLUSTER.match(word) else 0.5


@lru_cache(maxsize=REMEMBERED)
def is_function_word(word: str) -> bool:
    """Whether a normalised word is an English function word; contractions go by their first part.

    >>> [is_function_word(word) for word in ("they'll", "don't", "window", "she's")]
    [True, True, False, True]
    """
    first, apostrophe, _ = word.partition("'")
    if apostrophe and word.endswith("n't"):
        first = {"wo": "will", "ca": "can"}.get(first[:-1], first[:-1])
    return first in FUNCTION_WORDS


def stem(word: str) -> str:
    """A word without its commonest English endings; crude on purpose, for counting new content.

    >>> [stem(word) for word in ("stories", "walking", "walked", "glasses", "mark's", "this")]
    ['story', 'walk', 'walk', 'glass', 'mark', 'this']
    """
    word = word.partition("'")[0]
    for ending, instead, least in (
        ("ies", "y", 5),
        ("sses", "ss", 5),
        ("ing", "", 6),
        ("ed", "", 5),
        ("ly", "", 5),
    ):
        if word.endswith(ending) and len(word) >= least:
            return word[: -len(ending)] + instead
    if word.endswith("s") and len(word) > 4 and word[-2] not in "su":
        return word[:-1]
    return word


def describe(word: str) -> Form:
    """The form of a word as it stands in a text.

    >>> describe("She's")
    Form(normal="she's", neutral="<pron>'s", is_function=True, stem='she')
    """
    normal = normalize(word)
    return Form(normal, PERSONS.get(normal, normal), is_function_word(normal), stem(normal))


SLOT_BITS = 18  # of the slots for hashes of words: a hundred times the words of a dialogue
LONGEST_HASHED = 64  # letters
LEAST_STEM = 3  # characters of a content word's stem
COLUMNS = ("neutral", "stem", "function", "content", "worth", "script", "common", "spelled")


class Vocabulary(dict[str, int]):
    """Words as they stand in texts -> numbers of their normal forms, with a column per property.

    Kept over dialogues, because most words come again; numbers are names and mean nothing else.
    `neutral[n]` is the number of the form that is the same for either person, `stem[n]` a number of
    the stem, `function[n]` and `content[n]` say which class a word is of, `worth[n]` how much of a
    word it is, `script[n]` and `common[n]` what language.py wants to know of it; `spelled[n]` is
    the form itself, as `texts[n]`.
    """

    MOST = 1 << 20

    def __init__(self) -> None:
        super().__init__()
        self.normals: dict[str, int] = {}
        self.texts: list[str] = []
        self.stems: dict[str, int] = {}
        self.neutral: npt.NDArray[np.int64] = np.zeros(1024, dtype=np.int64)
        self.stem: npt.NDArray[np.int64] = np.zeros(1024, dtype=np.int64)
        self.function: npt.NDArray[np.bool_] = np.zeros(1024, dtype=bool)
        self.content: npt.NDArray[np.bool_] = np.zeros(1024, dtype=bool)
        self.worth: npt.NDArray[np.float64] = np.zeros(1024)
        self.script: npt.NDArray[np.int64] = np.zeros(1024, dtype=np.int64)
        self.common: npt.NDArray[np.int64] = np.zeros(1024, dtype=np.int64)
        self.spelled: npt.NDArray[np.object_] = np.zeros(1024, dtype=object)
        self.kept: dict[Callable[[str], bool], npt.NDArray[np.bool_]] = {}
        self.kept_bits: dict[Callable[[str], int], npt.NDArray[np.int64]] = {}
        self.hashes: npt.NDArray[np.uint64] = np.zeros(1 << SLOT_BITS, dtype=np.uint64)
        self.numbers: npt.NDArray[np.int64] = np.zeros(1 << SLOT_BITS, dtype=np.int64)

    def __missing__(self, word: str) -> int:
        form = describe(word)
        number = self.number(form.normal)
        self[word] = number
        return number

    def number(self, normal: str) -> int:
        """The number of a normal form, a new one with its columns filled."""
        if normal in self.normals:
            return self.normals[normal]
        number = self.normals[normal] = len(self.texts)
        self.texts.append(normal)
        if number >= len(self.stem):
            for name in COLUMNS:
                column = getattr(self, name)
                setattr(self, name, np.concatenate((column, np.zeros_like(column))))
        form = describe(normal)
        self.spelled[number] = normal
        self.stem[number] = self.stems.setdefault(form.stem, len(self.stems))
        self.function[number] = form.is_function
        self.worth[number] = worth(normal)
        self.script[number] = script_of(normal)
        self.common[number] = COMMON_IN.get(normal, 0)
        self.content[number] = not form.is_function and len(form.stem) >= LEAST_STEM
        self.neutral[number] = number if form.neutral == normal else self.number(form.neutral)
        return number

    def numbers_of(
        self,
        hashes: npt.NDArray[np.uint64],
        lengths: npt.NDArray[np.int64],
        spell: Callable[[int], str],
    ) -> npt.NDArray[np.int64]:
        """The numbers of words by the hashes of how they are spelled, which `spell` says of the one
        at a place. It is asked of those alone that do not lie in their slot of the table of hashes,
        and of long ones: somebody could make two of those with the same hash.
        """
        slots = (hashes >> np.uint64(64 - SLOT_BITS)).astype(np.int64)
        numbers: npt.NDArray[np.int64] = self.numbers[slots]
        is_long = lengths > LONGEST_HASHED
        unknown = ((self.hashes[slots] != hashes) & ~is_long).nonzero()[0]
        if len(unknown):
            _, first, which = np.unique(hashes[unknown], return_index=True, return_inverse=True)
            found = [self[spell(place)] for place in unknown[first].tolist()]
            numbers[unknown] = np.array(found)[which]
            self.hashes[slots[unknown]] = hashes[unknown]
            self.numbers[slots[unknown]] = numbers[unknown]
        for place in is_long.nonzero()[0].tolist():
            numbers[place] = self[spell(place)]
        return numbers

    def flags(self, of: Callable[[str], bool]) -> npt.NDArray[np.bool_]:
        """By number: what a function says of the normal form; it is asked once of each."""
        known = self.kept.get(of, np.zeros(0, dtype=bool))
        if len(known) < len(self.texts):
            more = np.fromiter(map(of, self.texts[len(known) :]), dtype=bool)
            known = self.kept[of] = np.concatenate((known, more))
        return known

    def bits(self, of: Callable[[str], int]) -> npt.NDArray[np.int64]:
        """By number: the same of a function that says a whole number."""
        known = self.kept_bits.get(of, np.zeros(0, dtype=np.int64))
        if len(known) < len(self.texts):
            more = np.fromiter(map(of, self.texts[len(known) :]), dtype=np.int64)
            known = self.kept_bits[of] = np.concatenate((known, more))
        return known


def vocabulary() -> Vocabulary:
    """The one of this process; a full one makes room for a new one."""
    if len(SHARED[0]) > Vocabulary.MOST:
        SHARED[0] = Vocabulary()
    return SHARED[0]


SHARED = [Vocabulary()]
