"""What a word is, decided once: the pattern, its normal form, its classes, with offsets back into
the raw text.

Everything that compares words does so in normal form (NFKC, casefold, straight apostrophes). The
word lists are English; those of other languages only serve to tell that a text is not English.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

CURLY = "\N{RIGHT SINGLE QUOTATION MARK}"
WORD = re.compile(rf"\w+(?:['{CURLY}]\w+)*")

STRUCTURE = re.compile(
    r"```[\s\S]*?(?:```|\Z)"  # fenced code
    r"|^[ \t]*(?:[-*+\u2022][ \t]|\d+[.)][ \t]|#+[ \t]|\|).*$"  # list items, headings, tables
    r"|\bhttps?://\S+",
    re.MULTILINE,
)

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


@dataclass(frozen=True, slots=True)
class Word:
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
    return STRUCTURE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def normalize(word: str) -> str:
    r"""The form in which words are compared: NFKC, casefold, straight apostrophes.

    >>> normalize("DON\u2019T")
    "don't"
    """
    if word.isascii():
        return word.lower()
    return unicodedata.normalize("NFKC", word).casefold().replace(CURLY, "'")


def find_words(text: str) -> Iterator[Word]:
    r"""The words of a text, compared without regard to case and kind of apostrophe.

    >>> [word.text for word in find_words("Don\u2019t stop, *don't*!")]
    ["don't", 'stop', "don't"]
    """
    for match in WORD.finditer(text):
        yield Word(normalize(match[0]), match.start(), match.end())


def body_of(content: str, prefix: str) -> str:
    """What a message says: its content without the speaker's prefix, white space kept.

    >>> body_of("Skye:  hi", "Skye:")
    '  hi'
    """
    return content.removeprefix(prefix)


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


LEAST_STEM = 3  # characters of a content word's stem


class Vocabulary(dict[str, int]):
    """Words as they stand in texts -> numbers of their normal forms, with a column per property.

    Kept over dialogues, because most words come again; numbers are names and mean nothing else.
    `neutral[n]` is the number of the form that is the same for either person, `stem[n]` a number of
    the stem, `function[n]` and `content[n]` say which class a word is of.
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
            for name in ("neutral", "stem", "function", "content"):
                column = getattr(self, name)
                setattr(self, name, np.concatenate((column, np.zeros_like(column))))
        form = describe(normal)
        self.stem[number] = self.stems.setdefault(form.stem, len(self.stems))
        self.function[number] = form.is_function
        self.content[number] = not form.is_function and len(form.stem) >= LEAST_STEM
        self.neutral[number] = number if form.neutral == normal else self.number(form.neutral)
        return number


def vocabulary() -> Vocabulary:
    """The one of this process; a full one makes room for a new one."""
    if len(SHARED[0]) > Vocabulary.MOST:
        SHARED[0] = Vocabulary()
    return SHARED[0]


SHARED = [Vocabulary()]
