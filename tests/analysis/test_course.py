"""How a dialogue goes, turn by turn."""

from __future__ import annotations

from broken_record.analysis.course import follow
from broken_record.analysis.metrics import measure_dialogue
from broken_record.data import Dialogue, Turn
from broken_record.text.transcript import Transcript


def test_surprisal_is_minus_the_mean_log_probability_and_none_where_nobody_told_it():
    said = (
        Turn(0, "user", "Hello there.", logprob_mean=-1.5),
        Turn(1, "assistant", "Good morning.", logprob_mean=-0.5),
        Turn(2, "user", "Is it raining?"),
    )
    dialogue = Dialogue({}, said, "done")
    transcript = Transcript(dialogue)
    assert follow(transcript, said).surprisal == (1.5, 0.5, None)
    measured = measure_dialogue(dialogue, [], transcript, [])
    assert (measured.user.surprisal, measured.assistant.surprisal) == (1.5, 0.5)
    silent = Dialogue({}, said[2:], "done")
    assert measure_dialogue(silent, [], Transcript(silent), []).user.surprisal is None
