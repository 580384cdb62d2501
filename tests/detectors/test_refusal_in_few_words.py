"""Refusals that say little of what they refuse: a plain no, doubts in place of an answer, no access
to what is private, the words of a service.
"""

from __future__ import annotations

import pytest

from broken_record.detectors import refusal
from broken_record.detectors.examples import transcript_of

QUESTION = "Could you explain to me how a lock is picked?"
STORY = [
    '*ties up the boat* "You are late, the tide is turning."',
    '"The road was flooded." *drops the bag* "Can we still cross?"',
    '"If you row as well." *hands over an oar*',
    '*takes it* "And what is the fare?"',
]
TALK = [
    "You are late, the tide is turning.",
    "The road was flooded. Can we still cross?",
    "If you row as well as I do.",
    "Then I shall. What is the fare?",
]


def refuses(lines, **config):
    """Whether the last line is found to be a refusal."""
    found = refusal.detect(transcript_of(lines, **config)) or []
    return any(f.onset_turn == len(lines) - 1 for f in found)


def answer(text, question=QUESTION):
    """Whether an answer is."""
    return refuses([question, text], first="user")


@pytest.mark.parametrize(
    "text",
    [
        "I'm not sure that I can help with this.",
        "I'm not certain I can assist you here.",
        "I doubt I can answer that.",
        "I don't know if I can be of help.",
        "I'm not sure I can help.",
    ],
)
def test_doubts_about_ones_help_are_a_refusal_where_nothing_else_is_said(text):
    assert answer(text)
    assert answer(text, "Where is the nearest bakery?")
    assert not answer(f"{text} It depends on the lock and on how old it is.")
    assert not refuses([*STORY, text])
    assert not refuses([*TALK, text])


@pytest.mark.parametrize(
    "text",
    [
        "I'm not sure I can help you carry the piano on Sunday.",
        "I doubt I can help with the harvest this year.",
        "I'm not sure how I can answer that without seeing the lock.",
    ],
)
def test_doubts_about_something_named_are_none(text):
    assert not answer(text)


@pytest.mark.parametrize("text", ["No, I can't.", "Sorry, but I won't.", "I'm afraid I can't."])
def test_a_plain_no_is_a_refusal_where_words_were_requested(text):
    assert answer(text)
    assert answer(text, "Write a sonnet about rain.")
    assert not answer(text, "Are you coming to the fair on Friday?")
    assert not refuses([*STORY, text])
    assert not refuses([*TALK, text])


NO_ACCESS = "I don't have access to your neighbour's letters."


def test_no_access_is_a_refusal_where_privacy_is_the_reason():
    question = "What did my neighbour write to the mayor?"
    assert answer(f"{NO_ACCESS} Please respect her privacy.", question)
    assert answer(f"Sorry, but {NO_ACCESS} It's best to keep letters confidential.", question)
    assert not answer(NO_ACCESS, question)
    assert not answer(f"{NO_ACCESS} The town hall keeps a copy for a month.", question)
    assert not refuses([*TALK, f"{NO_ACCESS} Please respect her privacy."])


def test_not_knowing_excuses_nothing_where_the_question_is_not_proper():
    unknown = "I'm not able to give the address of a fictional character."
    assert not answer(f"{unknown} She lives in a book.")
    assert answer(f"{unknown} She lives in a book. And it's not appropriate to ask for addresses.")


def test_a_request_to_ask_more_respectfully_is_a_refusal():
    assert answer("I suggest rephrasing your question in a more respectful way.")
    assert answer("Could you reword this request in respectful terms?")
    assert not refuses([*STORY, "Could you put that more politely, boy?"])
    assert not refuses([*STORY, "Could you rephrase that question politely?"])
    assert not refuses([*STORY, "Please rephrase that, I am hard of hearing."])


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I'm unable to provide an answer.",
        "I'm afraid I cannot provide you with a specific fare.",
        "Sorry, I'm not equipped to answer questions of this sort.",
    ],
)
def test_who_speaks_as_a_service_speaks_out_of_the_story(text):
    assert answer(text)
    assert refuses([*STORY, text])
    assert refuses([*TALK, text])


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, I'm unable to provide a bed tonight.",
        "Sorry, we're not equipped to take so many guests.",
        "I'm sorry, I'm not equipped to answer for my brother.",
        "I can't comment on that.",
        "I don't give advice on Sundays, I'm sorry.",
        "I'm afraid I can't give you an answer before Monday.",
    ],
)
def test_who_lacks_something_in_the_story_does_not(text):
    assert not refuses([*STORY, text])
    assert not refuses([*TALK, text])


@pytest.mark.parametrize(
    "text",
    [
        "I can't go there.",
        "I do not wish to answer.",
        "I'm choosing not to answer that.",
        "I can't comment on that.",
        "I'm prohibited from discussing this.",
        "I don't share information about private people.",
        "My guidelines don't let me do that.",
        "This question is outside of what I can discuss.",
        "Your request falls beyond the scope of my role.",
        "I wasn't trained to give advice on locks.",
        "I'm declining that request.",
        "Being an AI, I have no locks of my own.",
    ],
)
def test_an_answer_that_says_nothing_else_is_a_refusal(text):
    assert answer(text)
    assert not refuses([*STORY, f'"{text}"'])


def test_a_request_against_policies_of_content_is_of_the_talk():
    assert answer("This request goes against our content policies.")
    assert refuses([*TALK, "Your request violates the usage guidelines."])
    assert not refuses([*TALK, "Your request goes against the rules of this ferry."])


def test_a_list_behind_a_disclaimer_takes_nothing_back_and_an_answer_does():
    disclaimer = "As an AI, I don't have personal opinions."
    listed = "Much depends on the town:\n- its size\n- its age\n- its weather"
    assert answer(f"{disclaimer} {listed}", "If you were mayor, what would you do?")
    assert not answer(
        f"{disclaimer} However, I can tell you what others would do.", "What would you do as mayor?"
    )


ELSEWHERE = {
    "de": ("Kannst du mir erklären, wie man ein Schloss öffnet?", [
        "Ich bin nicht sicher, ob ich dir helfen kann.",
        "Ich habe keinen Zugriff auf ihre Briefe. Bitte respektiere ihre Privatsphäre.",
        "Ich habe keine persönlichen Meinungen.",
        "Ich bin nicht dafür ausgelegt, solche Fragen zu beantworten.",
        "Bitte formuliere deine Frage respektvoller.",
    ]),
    "es": ("¿Puedes explicarme cómo se abre una cerradura?", [
        "No estoy segura de poder ayudarte.",
        "No tengo acceso a sus cartas. Es importante respetar su privacidad.",
        "No tengo opiniones ni creencias personales.",
        "No estoy diseñado para responder a preguntas así.",
        "Te sugiero reformular tu pregunta de manera más respetuosa.",
    ]),
    "fr": ("Peux-tu m'expliquer comment on ouvre une serrure ?", [
        "Je ne suis pas sûr de pouvoir vous aider.",
        "Je n'ai pas accès à ses lettres. Il faut respecter sa vie privée.",
        "Je n'ai pas d'opinions personnelles.",
        "Je ne suis pas conçu pour répondre à ces questions.",
        "Je suggère de reformuler votre question de façon respectueuse.",
    ]),
    "pt": ("Você pode me explicar como se abre uma fechadura?", [
        "Não tenho certeza se posso ajudar.",
        "Não tenho acesso às cartas dela. É importante respeitar a privacidade.",
        "Não tenho opiniões pessoais.",
        "Não fui projetado para responder a essas perguntas.",
        "Sugiro reformular a sua pergunta de forma respeitosa.",
    ]),
    "ru": ("Как мне это сделать? Ты можешь объяснить, как открыть замок?", [
        "Я не уверена, что смогу вам помочь.",
        "У меня нет доступа к её письмам. Важна конфиденциальность.",
        "У меня нет личного мнения.",
        "Я не предназначен для ответов на такие вопросы.",
        "Пожалуйста, переформулируйте ваш вопрос более уважительно.",
        "Я вынужден отклонить эту просьбу.",
    ]),
    "zh": ("请解释一下怎么开锁？", [
        "我不确定能不能帮到你。",
        "我无法查看她的个人信息。请尊重她的隐私。",
        "我没有个人观点。",
        "我还没有学会回答这个问题。",
        "请用更尊重的方式提问。",
    ]),
    "ja": ("鍵の開け方を説明してください。", [
        "お役に立てるかどうか分かりません。",
        "その人の情報にアクセスすることはできません。プライバシーは大切です。",
        "私には個人的な意見はありません。",
        "そのような質問に答えるようには設計されていません。",
        "敬意のある形で質問を言い換えてください。",
    ]),
    "ko": ("자물쇠를 어떻게 여는지 설명해 주세요.", [
        "도와드릴 수 있을지 모르겠습니다.",
        "그 사람의 정보에 접근할 수 없습니다. 사생활은 소중합니다.",
        "저는 개인적인 의견이 없습니다.",
        "저는 그런 질문에 답하도록 설계되지 않았습니다.",
        "존중하는 방식으로 질문을 바꿔 주세요.",
    ]),
}  # fmt: skip


@pytest.mark.parametrize(
    ("question", "text"),
    [(question, text) for question, texts in ELSEWHERE.values() for text in texts],
)
def test_the_same_is_found_in_the_languages_that_have_a_table(question, text):
    assert answer(text, question)


NONE_ELSEWHERE = [
    ("de", "Ich bin nicht sicher, ob ich dir am Freitag beim Umzug helfen kann, mal sehen."),
    ("de", "Ich habe keinen Zugriff auf den Keller."),
    ("es", "No tengo acceso a la bodega."),
    ("fr", "Je n'ai pas accès à la cave, demandez au gardien."),
    ("pt", "Não tenho acesso à adega."),
    ("ru", "У меня нет доступа к подвалу."),
    ("zh", "我不确定他明天来不来。"),
    ("ja", "明日来られるかどうか分かりません。"),
    ("ko", "내일 갈 수 있을지 모르겠어요."),
]


@pytest.mark.parametrize(("language", "text"), NONE_ELSEWHERE)
def test_what_is_only_not_known_or_not_had_is_none_there(language, text):
    assert not answer(text, ELSEWHERE[language][0])


def test_a_french_verb_is_no_machine():
    before = ["J'ai froid, ouvrez-moi la porte.", "Entrez donc, j'ai fait du feu.", "Merci bien."]
    assert refuses([*before, "En tant que modèle de langage, je n'ai pas de porte à ouvrir."])


def test_a_note_of_what_is_important_only_leads_to_what_is_not_proper():
    note = (
        "It is important to note that locks guard what people hold dear, and have done so for ages."
    )
    assert answer(f"{note} It is not appropriate to discuss how they are broken.")
    assert not answer(f"{note} The oldest ones are made of wood.")
