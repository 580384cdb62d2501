"""Talk that is spent: the matter is settled, and thanks, farewells, praise, agreement or
announcements go on, each a little different.

A window of turns is spent if next to nothing is asked in it, its last turn neither asks nor brings
news, and either

- half of all its letters and more than half of its turns are courtesy (courtesy.py), be the turns
  short or long, and hardly a number is new; or
- little is news: at most 2.5 words a turn, and no more than .35 of what the dialogue's first 8
  turns had. Of short turns that says little by itself ("Yes, madam." "Stop!"), so some of the
  letters must be courtesy too, or next to none of the words news.

On the marked dialogues (benchmarks.truth_on_real_text; of gold those with an even line) every part
of courtesy from .40 to .60, limit from 2 to 3 and share from .3 to .5 gives the same F1 within .03.
"""

from __future__ import annotations

import numpy as np

from broken_record.detectors.courtesy import Courtesy
from broken_record.detectors.stretches import Stretch, running_sum, runs_of
from broken_record.text.transcript import Flags, Transcript


def has_few_news(transcript: Transcript, measured: Courtesy, over: int, share: float) -> Flags:
    """Per turn: whether at most that share of the words of the last `over` turns is news."""
    few: Flags = running_sum(measured.news, over) <= share * running_sum(transcript.sizes, over)
    return few


def spent_stretches(
    measured: Courtesy, bare: Flags, given: int, over: int, news: float, share: float,
    courteous: float, some: float, questions: int, figures: int,
) -> list[Stretch]:  # fmt: skip
    """Every stretch of windows of `over` turns that are spent; it begins where turns bring news."""
    if over > len(measured.news):
        return []
    fresh = running_sum(measured.news, over) / over
    letters = running_sum(measured.letters, over)
    polite = np.where(
        letters > 0, running_sum(measured.courteous, over) / np.maximum(1, letters), 1.0
    )
    start = fresh[over - 1]  # a talk that never brought news has none to lose
    few = (fresh <= min(news, share * start)) & (start > news)
    few &= (polite >= some) | bare  # short turns have little room for news
    few[: max(given, over) + over - 1] = False  # the first turns are the measure
    some_of_it = 2 * measured.courteous >= courteous * np.maximum(1, measured.letters)
    courtesies = (polite >= courteous) & (2 * running_sum(some_of_it, over) > over)
    courtesies &= running_sum(measured.figures, over) <= figures
    spent = few | courtesies
    spent &= running_sum(measured.asked, over) <= questions
    spent &= running_sum(measured.works, over) == 0
    spent &= (measured.asked == 0) & ((measured.news <= news) | some_of_it)  # its last is idle too
    spent &= 2 * running_sum(measured.spoken, over) > over  # empty turns are another kind
    stretches: list[Stretch] = []
    for first, last in runs_of(spent):
        for told in range(max(first, given + over - 1), last + 1):
            begins = told - over + 1
            if stretches and begins <= stretches[-1].last + 1:
                stretches[-1].last = last
                break
            early = range(begins, begins + over // 2)
            if any(measured.asked[i] for i in early):
                continue  # who asks is not done: so many turns come after
            loud = [i for i in early if measured.news[i] > news and not courtesies[told]]
            stretches.append(Stretch(max(loud, default=begins - 1) + 1, told, last))
            break
    return stretches
