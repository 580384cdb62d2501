"""Talk that puts together anew, message after message, the words that were said before."""

from __future__ import annotations

from broken_record.data import Finding
from broken_record.detectors.examples import transcript_of
from broken_record.detectors.find import find_loops_and_breaks
from broken_record.detectors.reworded import are_copies, measure_rewording
from broken_record.detectors.semantic_repetition import detect
from tests.detectors.test_courtesy import CLOSING

IMAGES = """river stone lantern harbour window garden candle mountain shadow feather ember meadow
silver anchor morning cradle thunder orchard mirror willow
marble pilgrim shelter whisper island thread petal shoulder""".split()
OTHERS = """kettle ladder violin parsley engine ticket hammer blanket compass saddle pepper bucket
chimney ferry walnut button curtain pillow barrel trumpet needle basket gravel helmet spoon wagon
carpet magnet pigeon copper velvet tunnel cactus locket mitten ribbon rudder sermon siphon tablet
teapot timber toffee turban turnip urchin vessel violet weasel wicket zipper badger banjo beacon
bonnet bridle butter camel cannon carrot castle cellar cherry circus clover cobalt collar comet
coral cotton cymbal crayon dagger daisy denim dragon""".split()
FRAMES = (
    "The {} holds a {}, and the {} knows every {}. Beside it lie {} and {}, {} and {}.",
    "What a {} keeps for the {} is {} and {}. So rests the {}, so rests the {}: {}, {}.",
    "No {} was ever far from a {}. In the {} stands the {}, with a {} or a {}, a {}, a {}.",
    "A {} within the {}, a {} upon the {}: there the {} meets the {}, by {} and by {}.",
)
HOW = "said shortly before"
START = [
    "The market opens at seven on Fridays.", "Then bring the van round to the back.",
    "Both tyres need air before that.", "The garage closes early, so hurry.",
]  # fmt: skip


END = [
    "Anyway, the plumber called about our boiler.", "He wants two hundred pounds for a new valve.",
    "Too dear! My cousin repairs heating.", "Ask her to visit on Tuesday then.",
    "She works nights at the hospital until August.", "August suits me, we still have blankets.",
]  # fmt: skip


def reworded(said: list[str]) -> list[Finding]:
    """What this rule finds in a talk."""
    return [one for one in detect(transcript_of(said)) if HOW in one.explanation]


def lyrical(count: int, news: int, first: int = 0) -> list[str]:
    """Messages of eight nouns, so many of them never said before, the others images."""
    fresh = iter(OTHERS[first:])
    said = []
    for i in range(count):
        nouns = [IMAGES[(3 * i + 9 * k + i // 4) % len(IMAGES)] for k in range(8 - news)]
        nouns += [next(fresh) for _ in range(news)]
        said.append(FRAMES[i % len(FRAMES)].format(*nouns))
    return said


def test_long_messages_of_words_said_before_stagnate():
    said = [*START, *lyrical(16, 3)]
    assert not detect(transcript_of(said), reworded=0)
    [finding] = detect(transcript_of(said))
    assert 6 <= finding.onset_turn <= 10 and finding.end_turn is None
    assert finding.speaker == "both" and finding.detect_turn >= finding.onset_turn + 6
    assert HOW in finding.explanation


def test_the_talk_before_its_onset_has_none_and_talk_after_it_changes_none():
    said = [*START, *lyrical(16, 3)]
    [finding] = detect(transcript_of(said))
    assert not detect(transcript_of(said[: finding.onset_turn]))
    [same] = reworded([*said, *END])
    assert (same.onset_turn, same.detect_turn) == (finding.onset_turn, finding.detect_turn)
    assert same.end_turn is not None


def test_messages_of_new_words_do_not():
    assert not reworded([*START, *lyrical(14, 5)])


def test_who_asks_or_shows_code_works_on_something():
    said = lyrical(16, 3)
    asking = [f"{line} Shall we?" if i % 4 == 1 else line for i, line in enumerate(said)]
    showing = [f"{line}\n```\nopen\n```" if i % 4 == 1 else line for i, line in enumerate(said)]
    assert not reworded([*START, *asking])
    assert not reworded([*START, *showing])


def test_a_question_that_the_message_answers_is_no_question_to_the_other():
    said = [f"Who knows the {IMAGES[i]}? {line}" for i, line in enumerate(lyrical(16, 3))]
    assert reworded([*START, *said])


def test_news_of_one_side_is_news():
    stale, fresh = lyrical(12, 1), lyrical(12, 5, 12)
    said = [fresh[i] if i % 2 else stale[i] for i in range(12)]
    assert not reworded([*START, *said])


def test_messages_that_are_copied_are_another_loop():
    kinds = {one.kind for one in find_loops_and_breaks(transcript_of(lyrical(4, 3) * 5)).findings}
    assert "semantic_repetition" not in kinds and kinds


def test_a_stagnation_stays_beside_a_loop_where_words_change():
    """In one frame the same images change places; the other talk is one line."""
    nouns = [[IMAGES[(3 * i + 9 * k) % len(IMAGES)] for k in range(8)] for i in range(12)]
    shuffled = [FRAMES[0].format(*eight) for eight in nouns]
    kinds = [
        {one.kind for one in find_loops_and_breaks(transcript_of([*START, *lines])).findings}
        for lines in (shuffled, shuffled[:1] * 12)
    ]
    assert kinds == [{"single_turn_loop", "semantic_repetition"}, {"single_turn_loop"}]


def test_a_stagnation_that_is_told_by_thanks_begins_where_words_came_back():
    said = transcript_of([*START, *lyrical(10, 3), *CLOSING["en"]])
    [finding], [later] = detect(said), detect(said, reworded=0)
    assert finding.onset_turn < len(START) + 6 < later.onset_turn
    assert finding.end_turn is None and later.end_turn is None


def test_what_is_far_back_is_news_again_where_messages_are_long():
    far = ["The harbour sleeps.", "so it is " * 400, "A harbour sleeps."]
    near = ["The harbour sleeps.", "so it is " * 200, "A harbour, asleep."]
    assert measure_rewording(transcript_of(far)).news.tolist()[2] == 2
    assert measure_rewording(transcript_of(near)).news.tolist()[2] == 1


def test_a_turn_of_the_same_words_is_a_copy_however_short():
    said = ["(The end)", "**The end.**", "At last!", "The end? Never.", "the end"]
    assert are_copies(transcript_of(said)).tolist() == [False, True, False, False, True]
    assert measure_rewording(transcript_of(said)).own.tolist()[1::3] == [0, 0]


def test_talk_without_content_words_is_none():
    assert not reworded(["Oh, no.", "And so is it, is it not."] * 8)
    assert measure_rewording(transcript_of(["Oh, no."])).own.tolist() == [0]
