"""A loop is the same loop in every script."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from broken_record.detectors.examples import transcript_of
from broken_record.detectors.find import find_loops_and_breaks
from broken_record.detectors.registry import LOOPS
from tests.text.test_words import SAME

TRUTH = Path(__file__).parents[1] / "data" / "truth"
ANSWERS = [
    "Which of the two do you mean, then?", "My brother says the ferry was late again.",
    "Somebody left the window open all night.", "Did it ever stop raining up there?",
]  # fmt: skip
RIGHT = {  # the number in a case's name -> kind, onset, copies
    "01": ("single_turn_loop", 11, 5),
    "03": ("single_turn_loop", 11, 6),
    "04": ("intra_turn_repetition", 9, 5),
    "06": ("prefix_repetition", 7, 7),
    "07": ("multi_turn_loop", 12, 3),
}


SENTENCES = {
    "en": [
        "The old ferry leaves at nine tonight.",
        "My brother keeps bees behind the mill.",
        "Nobody answered the bell on Monday.",
        "A grey cat sleeps in the window.",
        "The baker sold all his bread early.",
        "Rain came in through the roof again.",
        "She painted the kitchen door green.",
        "The train to Porto was late.",
    ],
    "ru": [
        "Старый паром уходит сегодня в девять вечера.",
        "Мой брат держит пчёл за мельницей.",
        "В понедельник никто не ответил на звонок.",
        "Серая кошка спит на окне.",
        "Пекарь рано продал весь хлеб.",
        "Дождь снова протекал через крышу.",
        "Она покрасила дверь кухни в зелёный цвет.",
        "Поезд в Порту опоздал на час.",
    ],
    "ar": [
        "تغادر العبارة القديمة في التاسعة مساء اليوم.",
        "أخي يربي النحل خلف الطاحونة.",
        "لم يرد أحد على الجرس يوم الاثنين.",
        "قطة رمادية تنام على النافذة.",
        "باع الخباز كل خبزه مبكرا.",
        "تسرب المطر من السقف مرة أخرى.",
        "دهنت باب المطبخ باللون الأخضر.",
        "تأخر القطار إلى بورتو ساعة كاملة.",
    ],
    "zh": [
        "旧渡船今晚九点离开码头。",
        "我哥哥在磨坊后面养蜜蜂。",
        "星期一没有人来应门铃。",
        "一只灰猫睡在窗台上。",
        "面包师很早就卖完了面包。",
        "雨水又从屋顶漏了进来。",
        "她把厨房的门漆成了绿色。",
        "开往波尔图的火车晚点了。",
    ],
    "ja": [
        "古い渡し船は今夜九時に出ます。",
        "兄は水車小屋の裏で蜂を飼っています。",
        "月曜日は誰も呼び鈴に答えませんでした。",
        "灰色の猫が窓辺で眠っています。",
        "パン屋は早くにパンを売り切りました。",
        "雨がまた屋根から漏れてきました。",
        "彼女は台所の扉を緑に塗りました。",
        "ポルト行きの列車は遅れました。",
    ],
    "th": [
        "เรือข้ามฟากเก่าออกคืนนี้ตอนสามทุ่ม",
        "พี่ชายของฉันเลี้ยงผึ้งหลังโรงสี",
        "ไม่มีใครรับกระดิ่งเมื่อวันจันทร์",
        "แมวสีเทานอนอยู่ที่หน้าต่าง",
        "คนทำขนมปังขายหมดแต่เช้า",
        "ฝนรั่วเข้ามาทางหลังคาอีกแล้ว",
        "เธอทาประตูครัวเป็นสีเขียว",
        "รถไฟไปปอร์โตมาสาย",
    ],
}
WRAPPED = [
    "{}",
    "- {}",
    "1. {}",
    "## {}",
    "> {}",
    '"{}"',
    "\u201c{}\u201d",
    "\u300c{}\u300d",
    "`{}`",
    "**{}**",
]


def looping(language):
    """Loops of one line and other sentences in a language, by what they are."""
    line, rests = SAME[language], SENTENCES[language]
    openings = [f"{line} {rests[k]} {rests[(k + 3) % 8]}" for k in range(6)]
    closes = [f"{rests[k]} {rests[(k + 3) % 8]} {rests[(k + 5) % 8]} {line}" for k in range(6)]
    return {
        "single_turn_loop": [line] * 6,
        "multi_turn_loop": rests[:5] * 3,
        "prefix_repetition": [x for k in range(6) for x in (openings[k], rests[7 - k])],
        "suffix_repetition": [x for k in range(6) for x in (closes[k], rests[7 - k])],
        "clean": rests,
    }


def read_truth(name):
    """(name of the case, what is found) of a file of tests/data/truth/."""
    for line in (TRUTH / f"{name}.jsonl").read_text("utf-8").splitlines():
        case = json.loads(line)
        said = [message["content"] for message in case["messages"]]
        transcript = transcript_of(said, first=case["messages"][0]["role"])
        yield case.get("name"), find_loops_and_breaks(transcript).findings


@pytest.mark.parametrize("language", SAME)
def test_the_same_line_five_times_is_the_same_finding_in_every_script(language):
    said = [text for answer in ANSWERS for text in (SAME[language], answer)]
    found = find_loops_and_breaks(transcript_of([*said, SAME[language]])).findings
    assert [(f.kind, f.speaker, f.onset_turn, f.period, f.copies) for f in found] == [
        ("single_turn_loop", "assistant", 2, 2, 5)
    ]


@pytest.mark.parametrize("language", SENTENCES)
@pytest.mark.parametrize("wrapped", WRAPPED)
def test_a_loop_is_the_same_kind_in_every_script_and_markup(language, wrapped):
    for kind, said in looping(language).items():
        found = find_loops_and_breaks(transcript_of([wrapped.format(text) for text in said]))
        named = {f.kind for f in found.findings if f.counts} - {"semantic_repetition"}
        assert named == {kind} - {"clean"}


@pytest.mark.parametrize("language", ["english", "japanese"])
def test_a_real_line_five_times_is_a_loop_of_its_speaker(language):
    ((_, found),) = read_truth(f"single_turn_loop_in_{language}")
    assert [(f.kind, f.speaker, f.onset_turn, f.copies) for f in found] == [
        ("single_turn_loop", "assistant", 2, 5)
    ]


def test_loops_in_chinese_and_japanese_are_found_as_in_english():
    for name, found in read_truth("loops_in_chinese_and_japanese"):
        loops = [(f.kind, f.onset_turn, f.copies) for f in found if f.kind in LOOPS]
        number = name.split("-")[1]
        if number in RIGHT:
            assert RIGHT[number] in loops, name
        assert loops, name
