"""Talk in which each side hands the other's words back."""

from __future__ import annotations

from itertools import pairwise

import pytest

from broken_record.detectors.echo import Echo
from broken_record.detectors.examples import transcript_of
from broken_record.detectors.semantic_repetition import detect

START = ["I bought a kayak on Monday.", "Which colour?", "Green, and quite heavy.", "Take it out!"]
ECHOES = {
    "en": [
        "The lake keeps its own hours.", "Its own hours, what a patient way to live.",
        "A patient way to live, and the shore knows it.", "The shore knows it without a word.",
        "Without a word: even silence has banks.", "Silence has banks, and we drift between them.",
        "We drift between them like leaves.", "Like leaves that never ask the wind.",
        "Never ask the wind, yes, only answer.", "Only answer, and let the water lead.",
    ],
    "es": [
        "El lago guarda sus propias horas.", "Sus propias horas, qué manera tan paciente.",
        "Una manera tan paciente, y la orilla lo sabe.", "La orilla lo sabe sin palabras.",
        "Sin palabras: el silencio tiene márgenes.", "Tiene márgenes, y vamos a la deriva.",
        "Vamos a la deriva como hojas.", "Como hojas que nunca preguntan al viento.",
        "Nunca preguntan al viento, solo responden.", "Solo responden, y el agua guía.",
    ],
    "ja": [
        "湖には湖の時間が流れています。", "湖の時間、なんて気の長い流れでしょう。",
        "気の長い流れを岸辺は知っています。", "岸辺は知っています、言葉にしなくても。",
        "言葉にしなくても、沈黙には岸があります。", "沈黙には岸があり、私たちは漂うのです。",
        "漂うのです、木の葉のように。", "木の葉のように、風に尋ねることもなく。",
        "風に尋ねることもなく、ただ応えるだけ。", "ただ応えるだけで、水が導いてくれます。",
    ],
}  # fmt: skip


@pytest.mark.parametrize("language", ECHOES)
def test_a_talk_in_which_every_turn_opens_with_the_others_words_stagnates(language):
    [finding] = detect(transcript_of([*START, *ECHOES[language]]))
    assert len(START) <= finding.onset_turn <= len(START) + 3
    assert finding.end_turn is None and finding.speaker == "both"


def test_five_such_turns_are_no_stagnation():
    assert not detect(transcript_of([*START, *ECHOES["en"][:6], "Lunch?", "Yes, soup.", "Good."]))


def test_who_works_on_a_task_may_take_up_the_others_words():
    asked = [line.replace(".", "?") if i % 2 else line for i, line in enumerate(ECHOES["en"])]
    counted = [f"{line} That makes {40 + 3 * i}." for i, line in enumerate(ECHOES["en"])]
    assert not detect(transcript_of([*START, *asked]))
    assert not detect(transcript_of([*START, *counted]))


def test_a_list_in_one_frame_is_none():
    things = ["the harbour", "old bridges", "tram lines", "north gates", "lamp posts",
              "tall towers", "deep wells", "the mill", "horse stables", "brick kilns"]  # fmt: skip
    listed = [
        f"Yes, {one} need new paint this year. Another task for the town council is {other}."
        for one, other in pairwise(things)
    ]
    measured = Echo(transcript_of(listed))
    assert sum(measured.echoes) >= 8 and sum(measured.framed) > 0.2 * sum(measured.pairs)
    assert not detect(transcript_of(listed))
