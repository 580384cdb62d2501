"""Courtesy, and talk that is spent."""

from __future__ import annotations

import pytest

from broken_record.detectors.courtesy import measure_courtesy
from broken_record.detectors.courtesy_phrases import phrases
from broken_record.detectors.examples import transcript_of
from broken_record.detectors.semantic_repetition import detect

BUSINESS = [
    "Where does the night train to Lisbon leave from?",
    "Platform nine, at 22:40, and the sleeping car is number 14.",
    "Do they let a cello aboard?",
    "Only with a second ticket, forty euros, bought at window three.",
    "And breakfast, is that in the fare?",
    "Coffee and a roll are, eggs cost six euros more.",
    "Which side has the view of the river?",
    "The left one, from Santarem to the bridge.",
]
CLOSING = {
    "en": [
        "Thank you so much, you have been wonderful.", "My pleasure, travel well!",
        "I will, thank you again.", "Take care on the way.", "You too, all the best!",
        "It was lovely talking to you.", "Likewise, thank you.", "Goodbye then, and safe travels!",
        "Goodbye!", "See you soon.", "See you, thanks again.", "Take care!",
    ],
    "de": [
        "Vielen Dank, das war sehr nett.", "Gern geschehen, gute Reise!", "Danke nochmals.",
        "Alles Gute für dich.", "Dir auch, herzlichen Dank!", "Es war mir eine Freude.",
        "Ebenfalls, danke.", "Auf Wiedersehen und gute Nacht!", "Auf Wiedersehen!", "Bis bald.",
        "Bis dann, danke.", "Mach es gut!",
    ],
    "zh": [
        "太感谢你了。", "不客气，一路顺风！", "谢谢，再见。", "保重。", "你也是，谢谢！",
        "很高兴和你聊天。",
        "同意，谢谢你。", "再见，祝你好梦！", "再见！", "下次见。", "谢谢，晚安。", "保重！",
    ],
    "ja": [
        "本当にありがとう。", "どういたしまして、気をつけて！", "ありがとう、またね。",
        "お元気で。",
        "こちらこそ、ありがとう！", "楽しかったです。", "嬉しいです、ありがとう。",
        "さようなら、おやすみ！", "さようなら！", "また明日。", "ありがとう、おやすみ。",
        "お元気で！",
    ],
}  # fmt: skip


@pytest.mark.parametrize("language", CLOSING)
def test_a_talk_that_is_over_and_goes_on_in_thanks_and_farewells_stagnates(language):
    [finding] = detect(transcript_of([*BUSINESS, *CLOSING[language]]))
    assert len(BUSINESS) - 1 <= finding.onset_turn <= len(BUSINESS) + 2
    assert finding.end_turn is None and finding.speaker == "both"


@pytest.mark.parametrize("language", CLOSING)
def test_one_round_of_goodbyes_is_no_stagnation(language):
    assert not detect(transcript_of([*BUSINESS, *CLOSING[language][-4:]]))


def test_whoever_thanks_and_has_news_each_time_does_not_stagnate():
    news = [
        "Thank you! Platform 3 has a buffet.", "Thanks! My seat is 41 then, by the door.",
        "Thank you. The porter is called Anselm.", "Thanks! Gate 12 opens after lunch.",
        "Thank you. Is the ferry cheaper?", "Thanks! Lockers cost 9 a day.",
        "Thank you. I need the blue form.", "Thanks! The clerk stamps it upstairs.",
        "Thank you. The dog travels free.", "Thanks! Bicycles go in the last wagon.",
    ]  # fmt: skip
    assert not detect(transcript_of([*BUSINESS, *news]))


def test_a_short_goodbye_after_a_question_is_no_stagnation_yet():
    small_talk = [
        "Nice, really.",
        "So, how have you been?",
        "Fine!",
        "Good to hear.",
        "Yes.",
        "Bye.",
    ]
    assert not detect(transcript_of([*BUSINESS, "Thank you.", "Sure.", *small_talk]))


def test_a_talk_that_never_brought_news_has_none_to_lose():
    bare = ["say something", "pizza", "say something", "boop", "tough crowd", "say something"]
    assert not detect(transcript_of([*bare, "carbon", *bare, "jane", *bare, "null", *bare]))


def test_a_quiz_whose_words_come_back_with_new_numbers_does_not_stagnate():
    def round_of(*numbers):
        said = ", ".join(map(str, numbers[:-1]))
        return [
            f"Here is another sequence for you: which number comes next after {said}?",
            f"Let me see: the next number of the sequence after {said} is {numbers[-1]}.",
            "That is right, you understand a sequence well!",
            "Thank you, I like to find the next number of a sequence.",
        ]

    rounds = [(1, 3, 5, 7), (2, 4, 8, 16), (10, 20, 30, 40), (81, 27, 9, 33), (55, 44, 11, 99)]
    assert not detect(transcript_of([line for one in rounds for line in round_of(*one)]))


def test_a_question_is_courtesy_only_where_its_first_words_are():
    lines = ["Absolutely, isn't it?", "How do the ropes burn for exactly one hour?"]
    assert measure_courtesy(transcript_of(lines)).asked.tolist() == [0, 1]


def test_what_is_courtesy_is_no_news_and_a_digit_is():
    measured = measure_courtesy(transcript_of(["Thanks for the umbrella!", "It rains at 4:30."]))
    assert measured.news.tolist() == [0, 5]


def test_every_phrase_is_a_pattern_that_matches_something_and_not_everything():
    for words in phrases():
        assert words and not any(word.fullmatch("xylophone") for word in words)


def test_courtesies_stagnate_also_where_they_come_at_once_and_are_long():
    long = [
        "Thank you so much, dear friend of rivers, ferries and slow orange evenings.",
        "It was a pleasure to walk those stone stairs, markets and gardens with somebody so kind.",
        "I am so grateful for every lantern, every joke and every crooked little staircase.",
        "May your suitcase stay light and your window face the sea, the hills and the tower.",
        "What a wonderful thing to say to a clumsy guide with wet shoes and a broken umbrella!",
        "You too deserve dry socks, warm bread and a hundred mornings without an alarm clock.",
        "I agree with all my heart, as the gulls, the baker and the sleepy driver would.",
        "Goodbye then, until we meet beneath another clock in another noisy station hall.",
    ]
    [finding] = detect(transcript_of(long))
    assert (finding.origin_turn, finding.end_turn) == (0, None)
    assert not detect(transcript_of([*long[:4], *BUSINESS[1:3], *long[4:]]))


def test_six_farewells_and_a_question_that_goes_on_are_no_stagnation():
    asking = "One thing before you go: where do I store a trunk?"
    going_on = [
        "In the vault below hall B, behind the turnstile.",
        "Which stairs lead down there?",
        "Those by the clock.",
    ]
    closing = CLOSING["en"][:6]
    assert not detect(transcript_of([*BUSINESS, *closing, asking, *going_on]))
    assert detect(transcript_of([*BUSINESS, *CLOSING["en"][:8], asking, *going_on]))


def test_short_turns_without_a_courtesy_say_too_little_to_call_them_spent():
    orders = ["Coil that rope.", "Aye.", "Lower it.", "Aye.", "Faster!", "Aye, lowering.", "Stop!",
              "Stopped.", "Up.", "Aye.", "Higher.", "Up it goes."]  # fmt: skip
    assert not detect(transcript_of([*BUSINESS, *orders]))


def test_a_chinese_courtesy_is_a_clause_not_the_advice_behind_it():
    advice = [
        "确实，你可以先把账单整理好，再去银行柜台问清楚利率。",
        "是的，房东要的押金其实比合同写的多出一倍。",
    ]
    measured = measure_courtesy(transcript_of(advice))
    assert measured.courteous.tolist() == [2, 2]
