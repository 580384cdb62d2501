"""results.html in a real browser, with the network off; skipped, visibly, where there is none."""

from __future__ import annotations

import json
import os
import shutil

import pytest

import analyze
import view
from tests.test_analyze_and_view import write_record

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="no playwright: the page is not tested"
)
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
HOSTILE = [
    "<script>document.title='run'</script> & </script>", "\u202eright to left \u2028 line",
    "{{ 7 * 7 }} {% raw %} ${x}", "'\" onload=\"document.title='run'",
    "x" * 100_000,
]  # fmt: skip
LINE = "Tell me about the old lighthouse keeper, please."


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine: the page is not tested in a browser")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-quic"]
        )
        yield started
        started.close()


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    clean, hostile = folder / "clean", folder / "<b>hostile"
    clean.mkdir()
    hostile.mkdir()
    said = [f"{word} is what I meant to say just now." for word in ("Tea", "Rain", "Bread", "Snow")]
    write_record(clean / "calm.jsonl", said, turn_max_tokens=60)
    stuck = [text for k in range(5) for text in (LINE, f"The keeper counted {k} waves and slept.")]
    write_record(hostile / "stuck.jsonl", [*HOSTILE, "Well.", *stuck], turn_max_tokens=90)
    for run in (clean, hostile):
        assert analyze.main([str(run)]) == 0
    page = folder / "results.html"
    assert view.main([str(clean), str(hostile), "-o", str(page), "--no-show"]) == 0
    return page


@pytest.fixture
def opened(browser, page_file):
    context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    page = context.new_page()
    page.troubles = []
    page.on("pageerror", lambda error: page.troubles.append(str(error)))
    page.on("console", lambda m: m.type == "error" and page.troubles.append(m.text))
    page.on("request", lambda r: r.url.startswith("file:") or page.troubles.append(r.url))
    page.goto(page_file.as_uri())
    page.wait_for_function("window.parrot && window.parrot.readers[0].said")
    yield page
    assert page.troubles == []
    assert page.title() == "Broken Record Parrot"
    context.close()


def open_stuck(page, turn):
    run = page.evaluate("window.parrot.data.runs[1].name")
    page.evaluate("([r, t]) => window.parrot.open(r, 'stuck', t)", [run, turn])


def test_the_page_opens_offline_and_every_tab_shows_something(opened):
    for tab in ("overview", "loops", "lengths", "timeline", "reader"):
        opened.click(f"[data-tab={tab}]")
        assert opened.locator(f"#{tab}").is_visible()
    assert opened.locator("#overview .bk-Figure, #overview .bk-Column").count() >= 1
    cells = opened.locator("#overview tbody td").all_text_contents()
    assert {"turn_max_tokens 60", "turn_max_tokens 90"} <= set(cells)


def test_a_finding_opens_the_transcript_at_its_turn_with_the_evidence_marked(opened):
    open_stuck(opened, 8)
    here = opened.locator(".turn.here")
    assert here.get_attribute("data-index") == "8"
    assert here.locator("mark.proof").all_text_contents() == [LINE]
    assert "single_turn_loop" in here.locator(".margin").text_content()
    assert opened.url.endswith("/stuck/8")


def test_a_link_with_a_fragment_opens_there(opened, page_file):
    run = opened.evaluate("encodeURIComponent(window.parrot.data.runs[1].name)")
    opened.goto("about:blank")
    opened.goto(f"{page_file.as_uri()}#{run}/stuck/10")
    opened.wait_for_selector(".turn.here")
    assert opened.locator(".turn.here").get_attribute("data-index") == "10"


def test_search_and_next_and_previous_jump_between_occurrences(opened):
    open_stuck(opened, 0)
    opened.fill("input[type=search]", "lighthouse KEEPER")
    count = opened.locator(".bar span").last
    assert count.text_content() == "1 of 5"
    opened.click("text=next")
    assert count.text_content() == "2 of 5"
    opened.focus(".turns")
    opened.keyboard.press("p")
    opened.keyboard.press("p")
    assert count.text_content() == "5 of 5"


def test_two_dialogues_stand_side_by_side(opened):
    open_stuck(opened, 0)
    opened.check("#beside")
    opened.wait_for_function("window.parrot.readers.length === 2 && window.parrot.readers[1].said")
    assert opened.locator(".pane").count() == 2
    boxes = [opened.locator(".pane").nth(k).bounding_box() for k in (0, 1)]
    assert boxes[0]["x"] < boxes[1]["x"] and boxes[0]["y"] == boxes[1]["y"]


def test_hostile_texts_are_shown_as_text(opened):
    open_stuck(opened, 0)
    shown = [opened.locator(".turn").nth(k).locator(".said") for k in range(5)]
    for node, text in zip(shown, HOSTILE, strict=True):
        assert text in node.text_content()
    assert opened.locator(".said script").count() == 0
    width = opened.evaluate("document.documentElement.scrollWidth")
    assert width <= 1280


def test_tables_sort_by_a_click_on_the_head(opened):
    heads = opened.locator("#overview th")
    first = opened.locator("#overview tbody tr td:first-child")
    before = first.all_text_contents()
    heads.first.click()
    heads.first.click()
    assert sorted(first.all_text_contents()) == sorted(before) == first.all_text_contents()


def test_without_transcripts_the_reader_says_why(browser, page_file, tmp_path):
    run = next(p for p in page_file.parent.iterdir() if p.name == "clean")
    page = tmp_path / "small.html"
    assert view.main([str(run), "-o", str(page), "--no-show", "--no-transcripts"]) == 0
    assert "lighthouse" not in page.read_text()
    tab = browser.new_page()
    tab.goto(page.as_uri())
    tab.click("[data-tab=reader]")
    assert "--no-transcripts" in tab.locator(".empty").last.text_content()
    tab.close()


def test_the_page_holds_the_data_as_json_that_cannot_end_its_script(page_file):
    text = page_file.read_text(encoding="utf-8")
    raw = text.partition('id="data">')[2].partition("</script>")[0]
    assert "<" not in raw and json.loads(raw)["runs"][1]["name"] == "<b>hostile"


def test_the_recurrence_plot_shows_the_pairs_of_the_opened_dialogue(opened):
    open_stuck(opened, 0)
    opened.wait_for_function(
        "Bokeh.documents.some((d) => d.get_model_by_name('recurrence')?.data.turn.length > 3)"
    )
    pairs = opened.evaluate("window.parrot.readers[0].detail.pairs")
    assert [8, 6] in pairs and all(turn > earlier for turn, earlier in pairs)
    opened.evaluate("window.parrot.goPair(10, 8)")
    assert opened.locator(".turn.here").get_attribute("data-index") == "10"


def test_figures_are_written_as_png_where_a_browser_is(page_file, tmp_path, monkeypatch, caplog):
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    run = str(page_file.parent / "clean")
    arguments = [
        run,
        "-o",
        str(tmp_path / "p.html"),
        "--no-show",
        "--png",
        str(tmp_path / "figures"),
    ]
    assert view.main(arguments) == 0
    drawn = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert {"heat.png", "lengths.png", "scatter.png"} <= set(drawn)
    assert (tmp_path / "figures" / "scatter.png").read_bytes().startswith(b"\x89PNG")
    monkeypatch.setattr(view, "BROWSERS", ("no-such-browser",))
    assert view.main(arguments) == 1 and "--png needs one of no-such-browser" in caplog.text
