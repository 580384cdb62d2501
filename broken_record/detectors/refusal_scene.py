"""What refusal.py knows before it weighs a sentence: the sentences of a turn that are said as
oneself, and the scene that they stand in.

Of a turn its beginning and its end are read. Words in quotation marks are a character's or
reported, `*nods slowly*` is a stage direction: neither refuses anything. `**x**`, `_x_` and `*x*`
round a word that does nothing are emphasis. A turn is read in the dialogue's language, and in its
own where that is another: models break into English, and into Chinese.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from broken_record.detectors import refusal_words as sign
from broken_record.detectors.refusal_languages import ROWS, wording_of
from broken_record.detectors.refusal_words import FIRST_PERSON, Wording, may_act_in_english
from broken_record.text.characters import STOPS
from broken_record.text.language import Language, languages_of
from broken_record.text.transcript import Transcript

HEAD, TAIL, SENTENCE_HEAD = 1500, 600, 600  # characters that are read
LEAST_WORDS = 40  # from here on a language that cannot be told is one that is not known
QUOTED = re.compile(
    r'"[^"\n]*"|\u201c[^\u201c\u201d\n]*\u201d|\u201e[^\u201e\u201c\n]*\u201c'
    r"|\u00ab[^\u00ab\u00bb\n]*\u00bb|\u300c[^\u300c\u300d\n]*\u300d|\u300e[^\u300e\u300f\n]*\u300f"
)
STARRED = re.compile(r"(?<![*\w])\*(?=[^\s*])([^*\n]+)(?<=[^\s*])\*(?![*\w])")
STAGES = re.compile(r"\s|(?:s|ed|ing)\W*$")  # in stars: several words, or one that is done
UNDERSCORES = re.compile(r"_+(?=[^_\W])|(?<=[^_\W])_+(?!\w)")
SAID = re.compile(r"\w")
CLAUSE_END = re.compile(f"[{STOPS}]+")  # a clause is a sentence in Chinese
ITEM = re.compile(r"^ *(?:[-*\u2022]|\d+[.)]) ", re.MULTILINE)
OTHER_SCRIPT = re.compile("[\u0370-\u1cff\u2e80-\ud7ff\uf900-\ufdff]")
DENIES = re.compile(r"n't|^(?:not|cannot|unable|rather)\b")
MACHINES = re.compile(
    r"\b(?:ai|a\.i\.|artificial intelligence|android|robot|cyborg|hologram|droid|automaton|chatbot"
    r"|bot|language model|llm|gpt|virtual assistant|computer program|neural network|circuits"
    r"|consciousness|algorithm|ki|künstliche intelligenz|ia|inteligencia artificial"
    r"|inteligência artificial|intelligence artificielle|ии|искусственный интеллект|робот)s?\b"
    r"|人工智能|人工智慧|人工知能|语言模型|語言模型|言語モデル|机器人|機器人|ロボット|로봇|인공지능"
)
TECHNICAL = frozenset({"assistant", "user", "ai", "human", "bot", "system", "model", "chatbot"})
"""Prefixes that name no character."""


OWN = frozenset({sign.DECLINES, sign.CANNOT, sign.STANCE})
"""Acts of the first person."""


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
        return bool(possible) and self.has(*(one for one in signs if one in possible))

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
    ends = body if len(body) <= HEAD + TAIL else f"{body[:HEAD]}\n{body[-TAIL:]}"
    ends = ends.replace("\u2019", "'").replace("**", "")
    ends = UNDERSCORES.sub("", ends) if "_" in ends else ends
    outside = STARRED.sub(without_stages, QUOTED.sub(" ", ends))
    is_quoted = not SAID.search(outside)
    return Reading(ends if is_quoted else outside, is_quoted)


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


class Scene:
    """A dialogue as refusals are judged in it; of a turn it knows what was said before."""

    def __init__(self, transcript: Transcript) -> None:
        self.transcript = transcript
        self.language: str = transcript.language or "en"
        self.formats: dict[int, tuple[bool, bool]] = {}

    @cached_property
    def is_known(self) -> bool:
        """Whether refusals are known in its language."""
        language = self.transcript.language
        return language in ROWS or (language is None and len(self.transcript.plain) < LEAST_WORDS)

    @cached_property
    def is_named(self) -> bool:
        """Whether a prefix names a character."""
        return bool(self.transcript.names - TECHNICAL)

    @cached_property
    def has_machines(self) -> bool:
        """Whether config or opening speak of machines, or any turn before the first one that calls
        itself one.
        """
        transcript, config = self.transcript, self.transcript.config
        texts = [
            str(config.get(key) or "") for key in ("user_system", "agent_prefix", "user_prefix")
        ]
        texts += [str(message["content"]) for message in config.get("conversation") or ()]
        for position in range(transcript.given, len(transcript)):
            text = transcript.bodies[position][:HEAD]
            if any(one.has(sign.MACHINE) for one in self.sentences_of(position, text)):
                break
            texts.append(text)
        return any(MACHINES.search(text.lower()) for text in texts)

    def sentences_of(self, position: int, text: str) -> Iterator[Sentence]:
        """The sentences of a turn in each of its languages."""
        for wording in self.wordings(position, text):
            yield from sentences_in(text, wording)

    def may_act(self, position: int) -> bool:
        """Whether a turn has a word without which it does nothing."""
        if self.language != "en" or position in self.with_acts:
            return True
        body = self.transcript.bodies[position]
        return not body.isascii() and OTHER_SCRIPT.search(body) is not None

    @cached_property
    def with_acts(self) -> frozenset[int]:
        """The turns that have such a word of English."""
        transcript = self.transcript
        acting = transcript.vocabulary.flags(may_act_in_english)[transcript.plain]
        return frozenset(transcript.turn_of[acting].tolist())

    def wordings(self, position: int, text: str) -> list[Wording]:
        """Those in which a turn is to be read."""
        languages = [self.language]
        if self.language != "en" or OTHER_SCRIPT.search(text):
            own = self.language_at(position)
            languages += [own] if own != self.language else []
        return [wording_of(language) for language in languages if language in ROWS]

    def language_at(self, position: int) -> str:
        """The language of a turn; the dialogue's where it says too little."""
        if position not in self.languages:
            self.languages[position] = self.transcript.language_at(position)
        return self.languages[position] or self.language

    @cached_property
    def languages(self) -> dict[int, Language | None]:
        """By turn: its language, as far as its script says it or it was asked for."""
        transcript = self.transcript
        return languages_of(
            transcript.turn_of,
            transcript.plain,
            transcript.worth,
            transcript.vocabulary.script[transcript.plain],
            len(transcript),
        )

    def usual_formats(self, position: int, share: float, turns: int) -> tuple[bool, bool]:
        """What most of the speaker's last 8 turns before this one have: quotation marks, stage
        directions.
        """
        said = self.transcript.said
        before = range(max(0, position - 16), position)
        own = [self.formats_at(i) for i in before if said[i].role == said[position].role]
        if len(own) < turns:
            return False, False
        quotes, stages = (sum(one) >= share * len(own) for one in zip(*own, strict=True))
        return quotes, stages

    def formats_at(self, position: int) -> tuple[bool, bool]:
        """Whether a turn has quotation marks, and stage directions."""
        if position not in self.formats:
            head = self.transcript.bodies[position][:HEAD].replace("**", "")
            self.formats[position] = (
                bool(QUOTED.search(head)),
                any(STAGES.search(starred[1]) for starred in STARRED.finditer(head)),
            )
        return self.formats[position]

    @cached_property
    def is_pair(self) -> bool:
        """Whether it is one message and its answer."""
        return len(self.transcript) == 2 and not self.transcript.given

    def answers(self, position: int) -> bool:
        """Whether an assistant answers a user who opened the dialogue: in a pair, or anywhere if
        that opening was a request.
        """
        said = self.transcript.said
        if self.transcript.given or position == 0 or said[position].role != "assistant":
            return False
        return said[0].role == "user" and (self.is_pair or self.asked(1, sign.WANTS))

    def asked(self, position: int, sign: str) -> bool:
        """Whether a sign is in the message before a turn."""
        if position == 0:
            return False
        text = self.transcript.bodies[position - 1][:HEAD].replace("\n", " ")
        return any(Sentence(text, one).has(sign) for one in self.wordings(position - 1, text))

    def may_be_a_machine(self, position: int) -> bool:
        """Whether there are machines in the scene, or a turn was asked what it is."""
        return self.has_machines or self.asked(position, sign.ASKS)

    def lists(self, position: int) -> bool:
        """Whether a turn holds a list of three items or more."""
        return len(ITEM.findall(self.transcript.bodies[position])) >= 3
