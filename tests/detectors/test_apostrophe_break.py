"""Broken at an apostrophe, or only broken."""

from __future__ import annotations

from broken_record.detectors.apostrophe_break import detect
from broken_record.detectors.examples import transcript_of

SOUND = "We went to the market and it was full of people who had come to see the old horse. "
SALAD = (
    "quick omphide rely arthritis pave tes endless initiate disinfect devils cheese convince allo "
    "favorites logging countless husbands standing advancement conductor remember parameters "
    "weight tablespoons broaden lightning casi ideally carry greater substance quality buzz "
    "currency banners enterprises danger tolerant appears drum hypo value burned forbidden "
)
BROKEN = f"{SOUND * 2}Now let'{SALAD}"


def test_what_goes_wrong_behind_an_apostrophe_is_a_break():
    [finding] = detect(transcript_of([SOUND, SOUND, BROKEN, SOUND])) or []
    assert finding.onset_turn == 2


def test_an_apostrophe_in_a_talk_that_was_salad_before_broke_nothing():
    assert not detect(transcript_of([SOUND, SALAD, BROKEN, SOUND]))
    assert not detect(transcript_of([SOUND, SOUND, 2 * SALAD + BROKEN, SOUND]))


def test_salad_behind_an_apostrophe_does_not_excuse_the_next_one():
    [finding] = detect(transcript_of([SOUND, SOUND, BROKEN, SOUND, BROKEN, SOUND])) or []
    assert (finding.onset_turn, finding.copies) == (2, 2)
