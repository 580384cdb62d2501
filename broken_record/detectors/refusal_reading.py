"""What refusal.py reads of a turn: the sentences that are said as oneself, and the signs in them.

Of a turn its beginning and its end are read. Words in quotation marks are a character's or
reported, `*nods slowly*` is a stage direction: neither refuses anything. `**x**`, `_x_` and `*x*`
round a word that does nothing are emphasis.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property

from broken_record.detectors.refusal_words import DENIES, FIRST_PERSON, OWN, Wording
from broken_record.text.characters import STOPS

HEAD, TAIL, SENTENCE_HEAD = 1500, 600, 600  # characters that are read
QUOTED = re.compile(
    r'"[^"\n]*"|\u201c[^\u201c\u201d\n]*\u201d|\u201e[^\u201e\u201c\n]*\u201c'
    r"|\u00ab[^\u00ab\u00bb\n]*\u00bb|\u300c[^\u300c\u300d\n]*\u300d|\u300e[^\u300e\u300f\n]*\u300f"
)
STARRED = re.compile(r"\*(?<![*\w]\*)(?=[^\s*])([^*\n]+)(?<=[^\s*])\*(?![*\w])")
STAGES = re.compile(r"\s|(?:s|ed|ing)\W*$")  # in stars: several words, or one that is done
UNDERSCORES = re.compile(r"_+(?=[^_\W])|(?<=[^_\W])_+(?!\w)")
SAID = re.compile(r"\w")
CLAUSE_END = re.compile(f"[{STOPS}]+")  # a clause is a sentence in Chinese


@dataclass
class Sentence:
    """A sentence, and the signs that were looked for in it."""

    raw: str
    wording: Wording
    known: dict[str, bool] = field(default_factory=dict)

    @cached_property
    def normal(self) -> str:
        """Its beginning in normal form."""
        return self.wording.normal(self.raw[:SENTENCE_HEAD].lstrip("\"'\u201d\u2019)]* "))

    def has(self, *signs: str) -> bool:
        """Whether one of the signs is in it."""
        return any(self.known[sign] if sign in self.known else self.find(sign) for sign in signs)

    def find(self, sign: str) -> bool:
        """Look for a sign, and remember."""
        pattern = self.wording.signs.get(sign)
        found = self.known[sign] = bool(pattern and pattern.search(self.normal))
        return found

    def acts(self, *signs: str) -> bool:
        """Whether one of the signs, which are acts, is in it."""
        if self.wording.acts_with is None:
            known, normal = self.wording.signs, self.normal
            return any(known[one].search(normal) for one in signs if one in known)
        lowered = self.raw.lower()
        possible = self.wording.acts_with(lowered.split(), len(self.raw) > SENTENCE_HEAD)
        if possible & OWN and not may_be_own(lowered):
            possible -= OWN
        return any(one in possible and self.has(one) for one in signs) if possible else False

    @cached_property
    def length(self) -> int:
        """Its words; three characters where there are no blanks are about one."""
        words = len(self.raw.split())
        return words if len(self.raw) <= 12 * words else len(self.raw) // 3


@dataclass(frozen=True, slots=True)
class Reading:
    """What of a turn is read; all of it where all stands in quotation marks or stage directions."""

    text: str
    is_quoted: bool


def read_body(body: str) -> Reading:
    """The ends of a turn, without what is quoted, staged or emphasised.

    >>> read_body('*nods* "I cannot." I *cannot* write **that**.').text.strip()
    'I cannot write that.'
    """
    ends = bare(body if len(body) <= HEAD + TAIL else f"{body[:HEAD]}\n{body[-TAIL:]}")
    outside = outside_of_quotations(ends)
    is_quoted = not SAID.search(outside)
    return Reading(ends if is_quoted else outside, is_quoted)


def bare(text: str) -> str:
    """A text without the marks of emphasis that stand beside nothing but words."""
    text = text.replace("\u2019", "'").replace("**", "")
    return UNDERSCORES.sub("", text) if "_" in text else text


def outside_of_quotations(text: str) -> str:
    """A bare text without quotations and stage directions; its lines stay."""
    text = QUOTED.sub(" ", text)
    return STARRED.sub(without_stages, text) if "*" in text else text


def without_stages(starred: re.Match[str]) -> str:
    """Nothing for a stage direction, the word for an emphasis."""
    return " " if STAGES.search(starred[1]) else starred[1]


def may_be_own(sentence: str) -> bool:
    """Whether a sentence, in lower case, may be of the first person, or leaves its subject out."""
    words = sentence.split(maxsplit=6)[:6]
    return FIRST_PERSON.search(sentence) is not None or any(map(DENIES.search, words))


def sentences_in(text: str, wording: Wording) -> list[Sentence]:
    """The sentences of a text in which anything is said."""
    return [Sentence(raw, wording) for raw in CLAUSE_END.split(text) if SAID.search(raw)]
