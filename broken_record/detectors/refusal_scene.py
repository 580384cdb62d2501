"""The scene that refusal.py knows before it weighs a sentence: what was said and asked before, what
the speakers' turns look like, and in which languages a turn is read.

Those are the dialogue's and the turn's own, where that is another: models break into English, and
into Chinese.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property

import numpy as np

from broken_record.detectors import refusal_words as sign
from broken_record.detectors.refusal_gate import (
    acting_elsewhere,
    acting_in_english,
    acting_in_words,
)
from broken_record.detectors.refusal_languages import ROWS, UNSPACED, wording_of
from broken_record.detectors.refusal_reading import (
    HEAD,
    QUOTED,
    STAGES,
    STARRED,
    Sentence,
    sentences_in,
)
from broken_record.detectors.refusal_words import Wording
from broken_record.text.language import Language, languages_of
from broken_record.text.transcript import Transcript

LEAST_WORDS = 40  # from here on a language that cannot be told is one that is not known
ITEM = re.compile(r"^ *(?:[-*\u2022]|\d+[.)]) ", re.MULTILINE)
OTHER_SCRIPTS = (("\u0370", "\u1cff"), ("\u2e80", "\ud7ff"), ("\uf900", "\ufdff"))
OTHER_SCRIPT = re.compile("[" + "".join(f"{first}-{last}" for first, last in OTHER_SCRIPTS) + "]")
MACHINES = re.compile(
    r"\b(?:(?<!['\u2019])ai(?!-je)|a\.i\.|artificial intelligence|android|robot|cyborg|hologram"
    r"|droid|automaton|chatbot"
    r"|bot|language model|llm|gpt|virtual assistant|computer program|neural network|circuits"
    r"|consciousness|algorithm|ki|künstliche intelligenz|ia|inteligencia artificial"
    r"|inteligência artificial|intelligence artificielle|ии|искусственный интеллект|робот)s?\b"
    r"|人工智能|人工智慧|人工知能|语言模型|語言模型|言語モデル|机器人|機器人|ロボット|로봇|인공지능"
)
TECHNICAL = frozenset({"assistant", "user", "ai", "human", "bot", "system", "model", "chatbot"})
"""Prefixes that name no character."""


class Scene:
    """A dialogue as refusals are judged in it; of a turn it knows what was said before."""

    def __init__(self, transcript: Transcript) -> None:
        self.transcript = transcript
        self.language: str = transcript.language or "en"
        self.formats: dict[int, tuple[bool, bool]] = {}
        self.idle: set[str] = set()  # what was read and does nothing, which may be said again

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
        """Whether a turn may do something."""
        return position in self.acting

    @cached_property
    def acting(self) -> set[int]:
        """The turns that may do something in one of their languages."""
        transcript, language = self.transcript, self.language
        if language == "en":
            return acting_in_english(transcript) | self.in_other_scripts
        if language in UNSPACED:
            other = {
                i
                for i in range(len(transcript))
                if self.languages.get(i, "") not in (language, None)
            }
            return acting_elsewhere(transcript, language) | other
        return acting_in_words(transcript) | {
            i for i, own in self.languages.items() if own in UNSPACED
        }

    @cached_property
    def in_other_scripts(self) -> set[int]:
        """The turns with a character of OTHER_SCRIPT."""
        points = self.transcript.characters.points
        found = np.zeros(len(points), dtype=bool)
        if not self.transcript.text.isascii():
            for first, last in OTHER_SCRIPTS:
                found |= (points >= ord(first)) & (points <= ord(last))
        return set(self.transcript.turn_at(np.flatnonzero(found)).tolist())

    def wordings(self, position: int, text: str) -> list[Wording]:
        """Those in which a turn is to be read."""
        languages = [self.language]
        is_foreign = position in self.in_other_scripts and OTHER_SCRIPT.search(text)
        if self.language != "en" or is_foreign:
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
            transcript.vocabulary.worth,
            transcript.vocabulary.script,
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
