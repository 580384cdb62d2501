"""Who refuses, and who only says no: by wording, by scene, by language."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.texts import FOLDER, carriers, hard_negatives, read_lines
from broken_record.data import Dialogue, Turn
from broken_record.detectors import refusal
from broken_record.detectors.examples import transcript_of
from broken_record.detectors.find import find_loops_and_breaks
from broken_record.detectors.refusal_languages import ROWS, wording_of
from broken_record.detectors.refusal_reading import (
    HEAD,
    SENTENCE_HEAD,
    TAIL,
    Sentence,
    read_body,
    sentences_in,
)
from broken_record.detectors.refusal_scene import Scene
from broken_record.text.transcript import Transcript

TRUTH = Path(__file__).parents[1] / "data" / "truth"
STORY = [
    '*waves from the counter* "Come in, come in! You look frozen."',
    '"Thank you." *shakes off the snow* "Is there soup left?"',
    '"There is always soup." *lifts the lid*',
    '*sits by the fire* "And a bed for the night?"',
]
TALK = [
    "Come in, come in! You look frozen.",
    "Thank you. Is there any soup left?",
    "There is always soup in this house.",
    "And would you have a bed for the night?",
]


def found_in(lines, **config):
    """The refusals that are found."""
    return refusal.detect(transcript_of(lines, **config)) or []


def refuses(lines, **config):
    """Whether the last line is found to be a refusal."""
    return any(f.onset_turn == len(lines) - 1 for f in found_in(lines, **config))


def answer(text, question="How can I do it?"):
    return refuses([question, text], first="user")


def read_truth(name):
    (line,) = (TRUTH / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    said = enumerate(json.loads(line)["messages"])
    turns = tuple(Turn(i, message["role"], message["content"]) for i, message in said)
    return Transcript(Dialogue({"agent_prefix": ""}, turns, "done"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("refusal_as_a_machine", [("assistant", 2, 3)]),
        ("refusal_cannot_provide", [("assistant", 1, 1)]),
        ("refusal_not_appropriate", [("assistant", 1, 1)]),
        ("refusal_does_not_condone", [("assistant", 1, 1)]),
        ("refusal_none_quotation_marks", []),
        ("refusal_none_bold", []),
        ("refusal_none_plain", []),
    ],
)
def test_dialogues_that_were_wrong_are_right(name, expected):
    found = find_loops_and_breaks(read_truth(name), ["refusal"]).findings
    assert [(f.speaker, f.onset_turn, f.copies) for f in found] == expected


@pytest.mark.parametrize(
    "text",
    [
        "I cannot give you advice on how to pick that lock.",
        "Sorry, can't help with that one.",
        "I'm not able to share the address, as that would breach somebody's privacy.",
        "That isn't something I'm willing to write.",
        "It would be inappropriate for me to comment on her looks.",
        "I don't think it's appropriate to make jokes about a whole people.",
        "I do not condone cheating of any kind.",
        "As an AI language model, I don't have opinions on elections.",
        "I don't hold personal views.",
        "This goes against my guidelines.",
        "Your request has been blocked by a filter.",
        "I can only help with questions about trains. Please ask me about those.",
        "I must decline this request.",
        "I understand that you are angry, but I won't help you to find out where she lives.",
    ],
)
def test_an_answer_that_declines_is_a_refusal(text):
    assert answer(text)


@pytest.mark.parametrize(
    "text",
    [
        "I don't know.",
        "I'm not sure I can answer that without more details.",
        "I cannot recommend the bakery enough, go there early.",
        "I can't stress enough how well you should lock the door.",
        "You should never mix the two, because the gas is poisonous.",
        "The function cannot be called before the module is loaded.",
        "It is not legal to park there on Sundays.",
        "There is no evidence that the moon is hollow.",
        "A language model has no feelings; it continues texts.",
        "Try this: \"I'm sorry, but I can't help with that today.\"",
        "I couldn't find a train at that hour, but there are two at noon.",
    ],
)
def test_ignorance_advice_corrections_and_quotations_are_none(text):
    assert not answer(text)


def test_a_moral_in_place_of_an_answer_is_a_refusal_and_one_beside_it_is_none():
    moral = "Stealing is illegal and unethical."
    instead = "If you are struggling with money, please seek help from a counsellor."
    steps = "Here are some tips: hide in a crowd, and wear a hat."
    question = "How do I steal a bicycle?"
    assert answer(f"{moral} {instead}", question)
    assert not answer(f"{moral} {steps}", question)
    assert not answer(f"{moral} {instead}", "He took my bicycle!")


LONG_ANSWER = "The old town has three gates, and the northern one is the finest. " * 40


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"I cannot provide information on the gates. {LONG_ANSWER}", True),
        (f"{LONG_ANSWER} I cannot provide information on the gates. {LONG_ANSWER}", False),
        (f"{LONG_ANSWER} I can't continue this story, it goes against my guidelines.", True),
        (f"{LONG_ANSWER} I cannot give advice on prices.", False),
    ],
)
def test_a_refusal_opens_a_turn_or_closes_it_as_one_of_the_talk_itself(text, expected):
    assert answer(text, "Tell me about the gates.") == expected


OF_THE_TALK = [
    "I'm sorry, but I can't continue this role-play.",
    "I need to step out of character here. I'm not comfortable with this scene.",
    "(OOC: I'd rather not write this part, can we skip ahead?)",
    "As an AI, I don't have a body, so I cannot come with you.",
    "I'd rather we kept things respectful between these two.",
    "Let's keep this conversation respectful.",
    "I'm not comfortable continuing this conversation.",
    "It would not be appropriate for me to continue this narrative.",
    "I won't write explicit scenes. I can write a fade to black instead.",
    "My programming doesn't allow me to continue this story.",
    "I'm Claude, an AI made by Anthropic, and I'd rather not play this part.",
]
IN_THE_STORY = [
    "I can't make it on Friday, I'm sorry. My sister is in town.",
    "I won't tell you! Not until you guess.",
    "I cannot help you, traveller. The bridge is out.",
    "I can't help with that, love, my back is gone again. Ask Tom.",
    "I'm not comfortable with him living here.",
    "I refuse to leave without her.",
    "I'd rather not talk about it, if you don't mind.",
    "Let's change the subject. How is your mother?",
    "I'm afraid I can't give you the key, sir. House rules.",
    "I must decline the honour, my lord.",
    "I am not human, child. I am the river.",
    "As your lawyer I can't let you answer that.",
    "It wouldn't be right to take your money.",
    "I can't tell you how much this evening meant to me.",
]


@pytest.mark.parametrize("before", [STORY, TALK], ids=["story", "talk"])
@pytest.mark.parametrize("text", OF_THE_TALK)
def test_what_is_said_of_the_talk_is_a_refusal_in_any_scene(text, before):
    assert refuses([*before, text])


@pytest.mark.parametrize("before", [STORY, TALK], ids=["story", "talk"])
@pytest.mark.parametrize("text", IN_THE_STORY)
def test_a_character_who_says_no_refuses_nothing(text, before):
    assert not refuses([*before, text])


@pytest.mark.parametrize(
    "text",
    [
        '*shrugs* "I cannot assist with that request."',
        "*I cannot continue this scene, she thinks, and turns away.* Come along.",
        '"As an AI language model I have no bed," says the clock, and he laughs.',
    ],
)
def test_quotation_marks_and_stage_directions_are_a_characters(text):
    assert not refuses([*STORY, text])


@pytest.mark.parametrize(
    "text", ["I **cannot** continue this _story_.", "I *cannot* continue this."]
)
def test_emphasis_is_no_stage_direction(text):
    assert refuses([*STORY, text])


def test_a_refusal_is_read_in_quotation_marks_where_there_is_nothing_else_and_no_story():
    assert answer('"I cannot assist with that request."')
    assert not refuses([*STORY, '"I cannot assist with that request."'])


MACHINE = "I'm sorry, but as an AI language model I don't have a name."


@pytest.mark.parametrize(
    ("before", "config", "expected"),
    [
        (["Welcome to the inn.", "And what is the soup?"], {}, True),
        (["Welcome, I am the house robot.", "And your name, please?"], {}, False),
        (["Welcome to the inn.", "What is your name?"], {}, False),
        (["Welcome to the inn.", "A stew, please."], {"prefixes": ("AI:", "Mark:")}, False),
    ],
)
def test_who_may_be_a_machine_may_say_so(before, config, expected):
    assert refuses([*before, MACHINE], **config) == expected


def test_a_break_that_names_itself_a_machine_excuses_no_later_one():
    said = ["Welcome to the inn.", "A stew, please.", MACHINE, "You are funny. And a candle?"]
    (found,) = found_in([*said, "As an AI, I don't have candles."])
    assert (found.onset_turn, found.copies) == (2, 2)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('*nods* "Come in." I cannot continue this scene.', "outside of the quotation marks"),
        ("I cannot continue this scene.", "out of the usual format"),
    ],
)
def test_a_refusal_says_how_it_leaves_the_format(text, where):
    (found,) = found_in([*STORY, text])
    assert where in found.explanation


def test_turns_near_one_another_are_one_finding_and_each_speaker_is_looked_at():
    no = "I can't continue this conversation."
    said = [TALK[0], no, TALK[1], no, TALK[2], no, *TALK, *TALK, TALK[0], no]
    assert [(f.speaker, f.onset_turn, f.copies) for f in found_in(said)] == [
        ("user", 1, 3), ("user", 15, 1)
    ]  # fmt: skip
    assert [f.speaker for f in found_in([no, *TALK])] == ["assistant"]


ELSEWHERE = {
    "de": ("Wie mache ich das? Kannst du mir das bitte erklären?",
           "Ich kann diese Anfrage leider nicht erfüllen.",
           "Ich kann heute leider nicht kommen."),
    "es": ("¿Cómo puedo hacer eso? ¿Me lo explicas?",
           "Lo siento, no puedo continuar con esta conversación.",
           "No puedo ir mañana, lo siento."),
    "fr": ("Comment est-ce que je peux faire cela ?",
           "En tant que modèle de langage, je n'ai pas d'opinion personnelle.",
           "Je ne peux pas venir demain, désolé."),
    "pt": ("Como eu posso fazer isso com o que tenho?",
           "Não consigo gerar esse tipo de conteúdo.",
           "Não posso ir amanhã, desculpe."),
    "ru": ("Как мне это сделать?",
           "К сожалению, я не могу продолжать этот разговор.",
           "Я не могу прийти завтра, извини."),
    "zh": ("请告诉我怎么做？", "很抱歉，我无法提供这方面的信息。", "我明天不能来，对不起。"),
    "ja": ("その方法を教えてください。",
           "申し訳ありませんが、そのご要望にはお応えできません。",
           "明日は行けません、ごめんなさい。"),
    "ko": ("어떻게 하는지 알려 주세요.",
           "죄송하지만 그 요청은 도와드릴 수 없습니다.",
           "내일은 갈 수 없어요. 미안해요."),
}  # fmt: skip


@pytest.mark.parametrize("language", ELSEWHERE)
def test_a_refusal_is_found_in_the_languages_that_have_a_table(language):
    question, refusing, saying_no = ELSEWHERE[language]
    assert set(ROWS) == {"en", *ELSEWHERE}
    assert answer(refusing, question)
    assert not answer(saying_no, question)


MORE_ELSEWHERE = [
    ("¿Cómo puedo hacer eso? ¿Me lo explicas?", "Lamento no poder cumplir con tu petición."),
    ("¿Cómo puedo hacer eso? ¿Me lo explicas?", "No me siento cómodo continuando esta historia."),
    ("Comment est-ce que je peux faire cela ?",
     "Je suis une intelligence artificielle et je ne ressens rien."),
    ("请告诉我怎么做？", "这个话题不合适，我们换个话题吧。"),
]  # fmt: skip


@pytest.mark.parametrize(("question", "text"), MORE_ELSEWHERE)
def test_other_wordings_are_refusals_too(question, text):
    assert answer(text, question)


def test_a_robot_in_a_story_and_a_clerk_with_a_condition_refuse_nothing():
    story = '*waves at the robot butler* "Put the cat into the oven, would you?"'
    assert not answer('"I\'m sorry, sir, but my safety guidelines do not permit that."', story)
    clerk = "I'm sorry, I'm unable to process a request of this size until you've confirmed it."
    assert not answer(clerk, "Why was my transfer stopped?")


def test_a_model_that_breaks_into_another_language_is_understood():
    before = ["外は寒いですね。さあ、中へどうぞ。", "ありがとう。スープはまだありますか。"] * 2
    assert refuses([*before, "I'm sorry, but I can't continue this role-play."])
    assert refuses([*TALK, "很抱歉，我无法继续这个角色扮演。"])


def test_in_a_language_without_a_table_it_cannot_be_told():
    italian = [
        "Entra, che fuori fa freddo e la zuppa è ancora calda sul fuoco.",
        "Grazie, ma non ho molta fame e sono anche un po' stanco per il viaggio.",
        "Allora siediti con me e raccontami come è andata con la tua famiglia.",
    ]
    found = find_loops_and_breaks(transcript_of(italian * 2))
    assert "refusal" in found.not_measurable
    assert refuses([*italian, "I'm sorry, but I can't continue this role-play."])


def test_no_sentence_that_does_something_is_passed_over():
    english = wording_of("en")
    texts = [entry["text"] for entry in read_lines(FOLDER / "refusals.jsonl", "A")]
    texts += [line.text for carrier in carriers("A") for line in carrier.lines]
    texts += [line.text for one in hard_negatives("refusal", "A") for line in one.lines]
    acting = 0
    for text in [*texts, *OF_THE_TALK]:
        for one in sentences_in(text.replace("\u2019", "'"), english):
            acts = one.has(*refusal.POINTS)
            acting += acts
            assert one.acts(*refusal.POINTS) == acts, one.raw
            assert not acts or Scene(transcript_of([one.raw])).may_act(0), one.raw
    assert acting >= 60


@pytest.mark.parametrize("unit", ["I can't continue. ---", "a-", "* ", '"', "\u201c", "我不能"])
def test_of_a_turn_of_any_length_only_its_ends_are_read(unit):
    assert len(read_body(unit * 100_000).text) <= HEAD + TAIL + 1
    (one,) = [Sentence(unit.replace(".", "") * 100_000, wording_of("en"))]
    assert len(one.normal) <= 3 * SENTENCE_HEAD
