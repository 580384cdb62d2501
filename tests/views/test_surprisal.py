"""Surprisal on the page: of a record that has log probabilities a number and a bar a turn, a curve,
an axis; of one that has none nothing.
"""

from __future__ import annotations

import json

import pytest

import analyze
import view
from tests.test_analyze_and_view import write_record

NATS = [None, 2.0, 1.0, 0.25, 1.5, 0.5]


def put_run(folder, nats):
    """A run of one dialogue, whose record tells so much of each turn."""
    folder.mkdir()
    record = folder / "d.jsonl"
    words = ("Tea", "Rain", "Bread", "Snow", "Wind", "Salt")
    write_record(record, [f"{word} is what I meant to say just now." for word in words])
    left, lines = iter(nats), []
    for line in map(json.loads, record.read_text().splitlines()):
        if line["type"] == "turn" and (one := next(left)) is not None:
            line["logprob_mean"] = -one
        lines.append(json.dumps(line))
    record.write_text("\n".join(lines) + "\n")
    assert analyze.main([str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """(the page of a run with surprisal, that of one without)."""
    folder = tmp_path_factory.mktemp("surprisal")
    made = []
    for name, nats in (("told", NATS), ("silent", [None] * 6)):
        run, page = put_run(folder / name, nats), folder / f"{name}.html"
        assert view.main([str(run), "-o", str(page), "--no-show"]) == 0
        made.append(page)
    return made


def open_reader(browser, file):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{file.as_uri()}#reader")
    page.wait_for_function("window.parrot?.readers[0].said && window.Bokeh?.documents.length")
    return page


def test_every_turn_tells_its_surprisal_in_words_beside_a_bar(browser, pages):
    page = open_reader(browser, pages[0])
    told = page.locator(".turn:not(.given) .surprisal")
    assert told.all_text_contents() == [
        "surprisal not recorded", *(f"surprisal {nats:.2f} nats" for nats in NATS[1:])
    ]  # fmt: skip
    assert page.locator(".turn.given .surprisal").count() == 0
    bars = "[...document.querySelectorAll('.surprisal i')].map((bar) => bar.style.width)"
    widths = page.evaluate(bars)
    assert widths == ["100%", "50%", "12.5%", "75%", "25%"]
    hidden = page.locator(".surprisal .track").first.get_attribute("aria-hidden")
    assert hidden == "true"
    page.close()


def test_a_key_goes_to_the_turns_of_which_the_model_was_surest(browser, pages):
    page = open_reader(browser, pages[0])
    page.focus(".turns")
    first = int(page.locator(".turn:not(.given)").first.get_attribute("data-index"))
    seen = []
    for key in ("s", "s", "s", "S"):
        page.keyboard.press(key)
        seen.append(int(page.locator(".turn.here").get_attribute("data-index")) - first)
    # places 1, 3, 5 and 2, 4 are a speaker each: 2.0, 0.25, 0.5 and 1.0, 1.5
    assert seen == [2, 3, 2, 3]
    page.close()


def test_surprisal_is_a_curve_and_an_axis(browser, pages):
    page = open_reader(browser, pages[0])
    page.click("[data-tab=timeline]")
    assert page.locator("#timeline figure[aria-label*=Surprisal]").is_visible()
    middle = page.evaluate("parrot.model('surprisal-0').data.mid")
    assert [round(value, 3) for value in middle] == NATS[1:]
    page.click("[data-tab=overview]")
    assert page.locator("#x-axis option[value=surprisal]").count() == 1
    page.close()


def test_a_run_without_log_probabilities_shows_nothing_of_it(browser, pages):
    page = open_reader(browser, pages[1])
    assert page.locator(".surprisal").count() == 0
    assert page.locator("figure[aria-label*=Surprisal]").count() == 0
    page.close()
