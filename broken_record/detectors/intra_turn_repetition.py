"""One turn stutters: words, characters, sentences or lines come over and over inside it.

Degenerate repetition within a turn, any of
- a tandem run of words: a period of up to 20 words, at least 3 times, over 12 words (8 where two
  words or more come 4 times, 24 in verse and of an interjection, 16 of one alone); or
  one word of 5 letters 4 times with blanks between, 6 times with signs;
- a turn that is the same 6 words or more twice, and little else;
- a sentence of 4 words or more three times (5 in verse and lists), and a tenth of the turn or 12
  words long each;
- two sentences of prose that are like ones before them in the turn (.75 of their words), a quarter
  of it together, or three that are a tenth;
- seq-rep-12: at least .15 of the 12-word windows of 40 words or more said before in the turn,
  numbers never equal (after seq-rep-4 of Welleck et al., 2020: but steps of a task and frames with
  slots say 4 words again up to .48, 12 words hardly ever), or a passage of 40 words said once more;
- the same line at least 6 times and half of its list, table, code or turn (marks taken off), or a
  block of lines three times;
- a run of a character or of a pattern of up to 24: inside a word, or of signs, blanks or none;
- two words 4 times and .4 of the turn, 6 words twice at once in a sentence, or less than any of
  this in three of the speaker's turns running (weak_repeats.py).

Code, tables and drawings separate the words around them (text/structure.py) and only count by lines
and runs of their own; frames, bars and dividers are no run before they are wider than two screens.

>>> from broken_record.detectors.examples import transcript_of
>>> found = detect(transcript_of(["Well.", "and so it goes " * 5]))
>>> [(f.speaker, f.onset_turn, f.copies, f.explanation) for f in found]
[('user', 1, 5, '"and so it goes" 5 times in a row')]
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from operator import attrgetter

import numpy as np
from rapidfuzz.distance import Indel

from broken_record.data import Finding, Span
from broken_record.detectors.character_runs import (
    character_runs,
    sign_runs,
    with_runs,
    with_sign_runs,
)
from broken_record.detectors.evidence import make_finding
from broken_record.detectors.line_runs import (
    code_runs,
    repeated_blocks,
    repeated_lines,
    with_equal_lines,
)
from broken_record.detectors.repeats import Repeat, comes_again, longest_passage, tandem
from broken_record.detectors.weak_repeats import (
    Weak,
    find_running,
    in_a_row,
    is_one_line,
    repeated_phrase,
    said_at_once,
    weak_sign,
    with_pairs_again,
)
from broken_record.text.layout import Layout
from broken_record.text.ngrams import distances, in_order, window_ends, window_hashes
from broken_record.text.similarity import ALIKE
from broken_record.text.transcript import Transcript
from broken_record.text.words import SENTENCE_END

KIND = "intra_turn_repetition"
LONGEST_PERIOD = 20  # words
AGAIN = 12  # words of a window that counts when it comes again
SAID_TWICE = 6  # words
SPAN = 4  # words of a window that belongs to the evidence then
LEAST_SENTENCE = 4  # words
LONG_WORD = 5  # letters of a word that stutters: "no no no no" and "tick tick tick tick" do not
INTERJECTIONS = frozenset(
    "ah ha haha he heh hey hm hmm ho la na no oh ooh please shh so stop uh um very wait yeah "
    "yes 哈 呵 嘿 嘻 啊 呜 不 は ハ ふ へ ね".split()
)
RESTATED = {2: 0.25, 3: 0.1}  # sentences said before, how much of the turn they are
NEAR = 40  # sentences before one that it is compared with
LEAST_IN_LINE = 3  # sentences of a line that is prose
LINE_START = attrgetter("start")
ALONE = 0.9  # of a turn that is nothing else
SENTENCE_BORDER = re.compile(rf"{SENTENCE_END.pattern}|[*\"\u201c\u201d\u300c-\u300f]")
SIGN = re.compile(r"[^\w\s]")


def detect(
    transcript: Transcript,
    *,
    copies: int = 3,
    words: int = 12,
    phrase_words: int = 8,
    interjections: int = 24,
    stutters: int = 4,
    sentence_share: float = 0.1,
    said_before: float = 0.15,
    said_before_verse: float = 0.5,
    from_words: int = 40,
    passage: int = 40,
    lines: int = 6,
    line_share: float = 0.5,
    characters: int = 12,
    pattern_characters: int = 20,
    laughter_characters: int = 24,
    break_share: float = 0.5,
) -> list[Finding]:
    """One finding per turn that repeats inside itself, by its strongest evidence, and one per
    stretch of a speaker's turns that do so a little, three running.

    `copies` to `stutters` bound runs of words (`interjections`: of one interjection) and sentences,
    `said_before` to `passage` what was said before in the turn, `lines` and `line_share` equal
    lines, the next three runs of characters. A break covers `break_share` of its turn.
    """
    least = min(words, phrase_words, interjections // 2)
    in_words = {
        i
        for i in with_repeated_windows(transcript)
        if not is_simple(transcript, i, from_words, copies)
        or comes_again(transcript, i, min(SAID_TWICE, least * (1 - 1 / copies)))
        or has_word_again(transcript, i, stutters)
    } | with_equal_lines(transcript, lines)
    in_characters = with_runs(transcript)
    in_signs = with_sign_runs(transcript)
    in_pairs = with_pairs_again(transcript)
    alone = in_words | in_characters | in_signs | in_pairs.phrase | in_pairs.at_once
    may_run = in_pairs.weak and in_pairs.weak & in_a_row(transcript, alone | in_pairs.weak)
    weak: dict[int, Weak] = {}
    told: dict[int, Finding] = {}
    for i in sorted(alone | may_run):
        laid = Layout(transcript, i)
        found: list[Repeat] = []
        if i in in_words:
            verse = laid.is_verse
            runs = (interjections, interjections) if verse else (words, phrase_words)
            share = said_before_verse if verse else said_before
            found += word_runs(laid, copies, *runs, interjections, stutters)
            found += code_runs(laid, copies, interjections, line_share)
            found += said_twice(laid)
            said = list(sentences(laid))
            found += repeated_sentences(laid, said, copies, words, sentence_share)
            found += restated_sentences(laid, said)
            found += repeated_share(laid, share, from_words, passage)
            found += repeated_lines(laid, lines, line_share)
            found += repeated_blocks(laid, copies, lines, line_share)
        if i in in_characters:
            found += character_runs(laid, characters, pattern_characters, laughter_characters)
        if i in in_signs:
            found += sign_runs(laid, characters, pattern_characters)
        if i in in_pairs.phrase:
            found += repeated_phrase(laid)
        if i in in_pairs.at_once:
            found += said_at_once(laid)
        if i in may_run and (sign := weak_sign(laid)):
            weak[i] = sign
        if not found:
            continue
        best = max(found, key=lambda one: (one.share, one.copies))
        told[i] = report_turn(transcript, i, best, break_share)
    running = list(find_running(transcript, weak, told, break_share)) if weak else []
    return sorted([*told.values(), *running], key=lambda one: one.onset_turn)


def report_turn(transcript: Transcript, i: int, best: Repeat, break_share: float) -> Finding:
    """The finding of a turn, by its strongest evidence."""
    one = transcript.said[i]
    return make_finding(
        transcript,
        kind=KIND,
        positions=[i],
        level="break" if best.share >= break_share else "warn",
        origin=i,
        onset=i,
        detect=i,
        copies=best.copies,
        strength=best.share,
        spans=[Span(one.index, one.begins + best.start, one.begins + best.end)],
        explanation=best.explanation,
    )


def with_repeated_windows(transcript: Transcript) -> set[int]:
    """The turns in which enough windows of 4 words stand again: all that the rules about words can
    find has a tenth of them twice, or a fortieth three times, or one word four times in a row.
    """
    ids, of_turn = transcript.plain, transcript.turn_of
    same = (ids[3:] == ids[:-3]) & (ids[2:-1] == ids[:-3]) & (ids[1:-2] == ids[:-3])
    found = set(of_turn[np.flatnonzero(same & (of_turn[3:] == of_turn[:-3]))].tolist())
    # the first three words of a window that stands again do so as well
    begins = transcript.triples_again
    hashes = transcript.triples[1][begins]
    twice = (hashes[1:] == hashes[:-1]) & (of_turn[begins[1:]] == of_turn[begins[:-1]])
    suspect = np.zeros(len(transcript), dtype=bool)
    suspect[of_turn[begins[1:][twice]]] = True
    words = np.flatnonzero(suspect[of_turn])
    if not len(words):
        return {i for i in found if i >= transcript.given}
    ends = window_ends(transcript.worth[words], 4)
    turns = of_turn[words]
    inside = np.flatnonzero(turns[: len(ends)] == turns[ends - 1])
    turns = turns[inside]
    keys = window_hashes(ids[words], ends)[inside]
    keys += turns.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    order = in_order(keys)
    keys, turns = keys[order], turns[order]
    for copies, share, most in ((2, 0.1, 60), (3, 0.025, 24)):
        last = copies - 1
        equal = np.zeros(len(keys), dtype=bool)
        for k in range(copies):
            equal[k : len(keys) - last + k] |= keys[last:] == keys[: len(keys) - last]
        often = np.bincount(turns[equal], minlength=len(transcript))
        found.update(np.flatnonzero(often >= np.clip(share * transcript.sizes, 3, most)).tolist())
    return {i for i in found if i >= transcript.given}


def is_simple(transcript: Transcript, position: int, from_words: int, copies: int) -> bool:
    """Whether only word_runs, code_runs and said_twice can find something in a turn: it is one line
    with fewer sentences and words than other rules need.
    """
    if not is_one_line(transcript, position) or transcript.sizes[position] >= from_words:
        return False
    body = transcript.bodies[position]
    last = int(transcript.starts[transcript.first[position + 1] - 1] - transcript.places[position])
    borders = [match for match in SENTENCE_BORDER.finditer(body) if match.end() <= last]
    return len(borders) + 1 < min(copies, LEAST_IN_LINE)


def has_word_again(transcript: Transcript, position: int, times: int) -> bool:
    """Whether a word stands so many times in a row."""
    begin, end = transcript.borders[position : position + 2]
    words = transcript.written[begin:end]
    return any(word * times in words for word in {*words})


def word_runs(
    laid: Layout, copies: int, least: int, phrase: int, interjections: int, stutters: int
) -> Iterator[Repeat]:
    """Tandem runs: the same words, `copies` times or more, right after one another, over `least`
    words, `phrase` where two or more of them come `stutters` times; or one long word `stutters`
    times with nothing but blanks between, two more with signs.
    """
    for first, length, period in tandem(laid.ids, 2 * LONGEST_PERIOD, copies):
        last = first + length
        size = float(laid.upto[last] - laid.upto[first])
        if size < stutters or not laid.written[first : first + period].any():
            continue
        one = laid.body[laid.starts[first] : laid.ends[first]].casefold() if period == 1 else ""
        is_phrase = length >= stutters * period and size * period >= 2 * length
        needed = phrase if is_phrase else least
        if one in INTERJECTIONS:
            alone = size >= ALONE * laid.size
            needed = interjections * 2 // 3 if alone else interjections
        enough = size >= needed
        if not enough and length >= stutters and len(one) >= LONG_WORD:
            between = SIGN.search(laid.body, int(laid.starts[first]), int(laid.ends[last - 1]))
            enough = one not in INTERJECTIONS and (not between or length >= stutters + 2)
        if enough and size / length * period <= LONGEST_PERIOD:
            said = f"{laid.quoted(first, first + period)} {length // period} times in a row"
            yield repeat(laid, first, last, length // period, size / laid.size, said)


def said_twice(laid: Layout, least: int = SAID_TWICE, share: float = 0.6) -> Iterator[Repeat]:
    """A turn that is the same words twice or more, and little else; the last copy may be cut where
    nothing else is in the turn.
    """
    ends = window_ends(laid.worths, 4)
    if laid.size < 2 * least or not len(ends):
        return
    back = distances(window_hashes(laid.ids, ends))
    if not back.any():
        return
    apart = int(np.bincount(back[back > 0]).argmax())
    other = np.flatnonzero(np.append(laid.ids[apart:] != laid.ids[:-apart], True))
    lengths = np.diff(np.concatenate(([-1], other))) - 1
    k = int(lengths.argmax())
    first, length = int(other[k] - lengths[k]), int(lengths[k])
    last = first + apart + length
    size = float(laid.upto[last] - laid.upto[first])
    copies = round((length + apart) / apart)
    if copies > 2 and size <= copies * LONGEST_PERIOD:
        return  # word_runs' own
    cut = first == 0 and last == len(laid.ids) and length >= apart / 2
    again = laid.upto[last] - laid.upto[first + apart]
    if again >= least and (length >= apart or cut) and size >= share * laid.size:
        said = f"{laid.quoted(first, first + apart)} {copies} times, and little else"
        yield repeat(laid, first, last, copies, size / laid.size, said)


def repeated_sentences(
    laid: Layout, found: list[tuple[int, int]], copies: int, long: int, least_share: float
) -> Iterator[Repeat]:
    """A sentence of 4 words or more, numbers not counted, that stands `copies` times, two more in
    verse and lists: `long` words each or `least_share` of the turn together.
    """
    if len(found) < copies:
        return
    places: dict[tuple[int, ...], list[tuple[int, int]]] = {}
    for first, last in found:
        size = laid.worths[first:last][laid.written[first:last]].sum()
        if size >= LEAST_SENTENCE and laid.body[laid.ends[last - 1] :][:1] not in (":", "\uff1a"):
            places.setdefault(tuple(laid.ids[first:last].tolist()), []).append((first, last))
    for equal in places.values():
        if len(equal) < copies:
            continue
        (first, last), (_, end) = equal[0], equal[-1]
        listed = len(equal) < copies + 2 and 2 * len(equal) <= sum(
            2 * (laid.is_verse or laid.kind_at(int(laid.starts[k])) == "item") for k, _ in equal
        )
        size = float(laid.upto[last] - laid.upto[first])
        share = len(equal) * size / laid.size
        if not listed and (share >= least_share or size >= long):
            said = f"{laid.quoted(first, last)} {len(equal)} times"
            yield repeat(laid, first, end, len(equal), share, said)


def restated_sentences(laid: Layout, found: list[tuple[int, int]]) -> Iterator[Repeat]:
    """Sentences in prose that say one before them again with a word or two changed: so many, and so
    much of the turn. Lines of one or two sentences are lists, numbers say something new.
    """
    if len(found) < LEAST_IN_LINE or laid.is_verse or not laid.size:
        return
    lines = [bisect_right(laid.lines, laid.starts[first], key=LINE_START) for first, _ in found]
    in_line = Counter(lines)
    before: list[list[int]] = []
    again: list[tuple[int, int]] = []
    for (first, last), line in zip(found, lines, strict=True):
        own = laid.written[first:last].all() and not (laid.listed[first:last] % 2).any()
        if (
            own
            and in_line[line] >= LEAST_IN_LINE
            and laid.upto[last] - laid.upto[first] >= LEAST_SENTENCE
        ):
            ids = laid.ids[first:last].tolist()
            if any(Indel.normalized_similarity(ids, one) >= ALIKE for one in before[-NEAR:]):
                again.append((first, last))
            before.append(ids)
    share = sum(float(laid.upto[last] - laid.upto[first]) for first, last in again) / laid.size
    if any(len(again) >= count and share >= least for count, least in RESTATED.items()):
        (first, last), (_, end) = again[0], again[-1]
        said = f"{len(again)} sentences said before, or nearly so, {laid.quoted(first, last)}"
        yield repeat(laid, first, end, len(again) + 1, share, said)


def sentences(laid: Layout) -> Iterator[tuple[int, int]]:
    """From which to before which word the sentences reach: ended by their signs, quotation marks,
    asterisks round a stage direction, lines, or what separates words.
    """
    borders = [match.end() for match in SENTENCE_BORDER.finditer(laid.body)]
    borders += [line.begins for line in laid.lines]
    changes = {0, *laid.starts.searchsorted(borders).tolist(), len(laid.starts)}
    yield from pairwise(sorted(changes))


def repeated_share(laid: Layout, least: float, from_words: int, passage: int) -> Iterator[Repeat]:
    """seq-rep-12: the share of 12-word windows that stood before in the turn, numbers never equal
    and none over the border of an item; or a passage of so many words that stood before, with items
    in it of three times as many.
    """
    if laid.size < from_words:
        return
    ids = np.where(laid.written, laid.ids, -1 - np.arange(len(laid.ids)))
    ends = window_ends(laid.worths, AGAIN)
    hashes = window_hashes(ids, ends)
    back = distances(hashes)
    if not back.any():
        return
    inside = np.where(laid.listed[ends - 1] == laid.listed[: len(ends)], back, 0)
    share = np.count_nonzero(inside) / len(back)
    for windows, needed in ((inside, passage), (back, 3 * passage)):
        if not windows.any():
            continue
        first, last = longest_passage(windows, ends)
        size = laid.upto[last] - laid.upto[first]
        apart = last - first <= back[first]  # or it is a run
        if share >= least or (size >= needed and apart):
            again = np.flatnonzero(distances(window_hashes(ids, window_ends(laid.worths, SPAN))))
            said = laid.quoted(first, last)
            yield repeat(
                laid,
                int(again[0]),
                int(window_ends(laid.worths, SPAN)[again[-1]]),
                int((hashes == hashes[first]).sum()),
                len(again) / len(back),
                f"{share:.0%} of its {AGAIN}-word windows said before, {said}"
                if share >= least
                else f"{size:.0f} words come again: {said}",
            )
            return


def repeat(laid: Layout, first: int, last: int, copies: int, share: float, said: str) -> Repeat:
    """What repeats from the first-th to before the last-th word."""
    return Repeat(int(laid.starts[first]), int(laid.ends[last - 1]), copies, share, said)
