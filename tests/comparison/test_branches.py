"""A sweep of branches compared, by hand: pairs of one seed, and a parent's together one unit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broken_record.analysis.escape import Escape
from broken_record.comparison.report import ESCAPED, ESCAPED_ANY, read_comparison, write_comparison
from broken_record.comparison.tables import comparison_lines
from broken_record.comparison.wording import caution, conclude
from broken_record.data import Branch
from broken_record.views.sweep_page import make_sweep_page
from tests.comparison.test_compare import compared, said


def branches(outs, *, of_any=None, kind="single_turn_loop"):
    """Of each parent its branches, which got out or not; the same seeds in every run."""
    found = []
    for parent, own in enumerate(outs):
        for i, out in enumerate(own):
            branch = Branch("run", f"p{parent}", f"{parent}f", 40, 800, kind, "both", 41)
            escape = Escape(branch, 800, None, None, out, out if of_any is None else of_any)
            found.append(said(100 * parent + i, escape=escape))
    return found


IN, OUT = [False, False], [True, True]


def test_the_branches_of_a_parent_are_one_unit_of_the_test():
    runs = {"a": branches([IN] * 6), "b": branches([OUT] * 5 + [[True, False]])}
    found = compared(runs)
    assert (found.measures, found.parents, found.until) == ((ESCAPED, ESCAPED_ANY), 6, 800)
    a, b = found.combinations
    assert (a.estimates[ESCAPED].value, b.estimates[ESCAPED].value) == (0, 11 / 12)
    assert b.estimates[ESCAPED].low < 11 / 12 < b.estimates[ESCAPED].high  # Wilson's of 12
    apart = b.differences[ESCAPED]
    assert (apart.pairs, apart.unpaired, apart.value) == (12, 0, pytest.approx(5.5 / 6))
    assert apart.p == 2 / 2**6  # six parents, all one way; twelve pairs would say 2 / 2**11


def test_one_branch_a_parent_is_judged_by_mcnemars_test():
    runs = {"a": branches([[False]] * 6), "b": branches([[True]] * 6)}
    assert compared(runs).others[0].differences[ESCAPED].p == 2 * 0.5**6


def test_the_sentence_says_which_setting_gets_out_and_how_surely():
    found = compared({"a": branches([IN] * 7), "b": branches([OUT] * 7)})
    told = [
        f"b gets out most often: 100% (78% - 100%) of its branches {do} within 800 tokens, 0% of "
        "the baseline's; +100%, p 0.016, 14 pairs from 7 dialogues."
        for do in ("get out of the loop that they were begun for", "stay out of every loop")
    ]
    assert conclude(found) == " ".join(told)
    assert next(caution(found)).startswith("branches of 7 dialogues; those of one are alike")


def test_what_may_be_chance_is_said_to_be():
    found = compared({"a": branches([IN] * 4 + [OUT] * 2), "b": branches([IN, *[OUT] * 5])})
    sentence = conclude(found)
    assert sentence.startswith(
        "None gets out more often than the baseline, beyond chance. The most"
    )
    assert "is b: 83% (55% - 95%)" in sentence and "p 0.250" in sentence
    alike = compared({"a": branches([IN, OUT]), "b": branches([OUT, IN])})
    assert conclude(alike).startswith("All get out alike: 50% (15% - 85%) of its branches")
    few = compared({"a": branches([IN] * 3), "b": branches([OUT] * 3)})
    assert conclude(few).endswith("too few to show a difference.")


def test_the_baseline_may_be_the_best_and_others_as_good():
    runs = {"a": branches([OUT] * 3), "b": branches([IN] * 3)}
    assert conclude(compared(runs)).startswith(
        "None gets out more often than the baseline, a: 100%"
    )
    runs = {"a": branches([IN] * 6), "b": branches([OUT] * 6), "c": branches([OUT] * 6)}
    assert "b (with 1 as good)" in conclude(compared(runs))
    assert "nothing to compare it with" in conclude(compared({"a": branches([OUT])}))


def test_branches_of_no_loop_are_compared_by_whether_they_stay_out_of_any():
    outs = [[None, None]] * 6
    runs = {"a": branches(outs, of_any=False), "b": branches(outs, of_any=True)}
    found = compared(runs)
    assert found.measures == (ESCAPED_ANY,)
    assert "of its branches stay out of every loop within 800" in conclude(found)
    nothing = compared({"a": branches(outs), "b": branches(outs)})
    assert conclude(nothing).startswith("Nothing can be said")


def test_branches_that_failed_or_cannot_be_told_have_no_partner():
    b = branches([OUT] * 3)
    b[0] = replace(b[0], status="error")
    b[1] = replace(b[1], escape=replace(b[1].escape, escaped=None))
    apart = compared({"a": branches([IN] * 3), "b": b}).others[0].differences[ESCAPED]
    assert (apart.pairs, apart.unpaired) == (4, 2)


def test_a_comparison_of_branches_is_written_read_and_shown(tmp_path):
    found = compared({"a": branches([IN] * 7), "b": branches([OUT] * 7)})
    write_comparison(found, tmp_path)
    assert read_comparison(tmp_path) == found
    lines = "\n".join(comparison_lines("s", found, width=200, verbose=True))
    assert "out of that loop" in lines and "(800 tokens)" in lines and "100% (78% - 100%)" in lines
    assert "kinds that differ" not in lines
    page = make_sweep_page(found, made="")
    assert "gets out most often" in page and "out of every loop" in page


def test_an_axis_of_which_the_page_has_nothing_to_show_has_no_heading_there():
    found = compared({"a": branches([IN] * 6), "b": branches([OUT] * 6)})
    assert "<h2>" not in make_sweep_page(found, made="today", cdn=True)
