"""The page of a sweep in a real browser, with the network off; skipped, visibly, without one."""

from __future__ import annotations

import json

import pytest
from bokeh.models import Line, Scatter

import analyze
import view
from broken_record.comparison.report import ANY_LOOP, COVERAGE, TOKENS, write_comparison
from broken_record.views.overview import GREY, PALETTE
from broken_record.views.sweeps import dose_response, find_lines, forest
from tests.comparison.test_compare import GRID, compared, put_sweep, said
from tests.conftest import CHROMIUM
from tests.views.test_page import FIGURES

HOSTILE = [
    "</script><script>document.title='run'</script>", "<img src=x onerror=document.title='run'>",
    "$$\\frac{1}{2}$$ {plots} {{ 7 * 7 }}", "\u202eright to left \u2028 line\n\x1b[2J", "x" * 500,
]  # fmt: skip


def runs_of(settings, looped=lambda k, seed: (seed + k) % 3 == 0):
    """Nine dialogues of each run, of which some loop."""
    return {
        name: [said(seed, 50 + 9 * k if looped(k, seed) else None) for seed in range(9)]
        for k, name in enumerate(settings)
    }


def put_comparison(folder, settings):
    """A sweep that has been analysed, as far as the page needs it."""
    folder.mkdir()
    write_comparison(compared(runs_of(settings), settings=settings, n=9), folder)
    (folder / "sweep.json").write_text("{}")
    return folder


def opened(browser, page_file, troubles, **more):
    page = browser.new_page(viewport={"width": 1280, "height": 900}, **more)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda m: m.type == "error" and troubles.append(m.text))
    page.on("request", lambda r: r.url.startswith(("file:", "data:")) or troubles.append(r.url))
    page.goto(page_file.as_uri())
    page.wait_for_function(FIGURES)
    return page


@pytest.fixture(scope="module")
def sweep_file(tmp_path_factory):
    """The page of a small sweep with transcripts."""
    folder = tmp_path_factory.mktemp("swept")
    settings = {"a": {"t": 1}, "b": {"t": 2}}
    sweep, page = put_sweep(folder / "s", {"t": [1, 2]}, settings, n=2), folder / "page.html"
    assert analyze.main([str(sweep)]) == 0
    assert view.main([str(sweep), "-o", str(page), "--no-show", "--transcripts"]) == 0
    return page


def test_a_panel_has_a_line_per_combination_of_the_other_axes_and_of_many_the_main_effect():
    few = compared(runs_of(GRID), settings=GRID, n=9)
    assert few.factors == (("x",), ("y",))
    assert [line.label for line in find_lines(few, ("x",), ANY_LOOP)] == ["1", "2"]
    labels = [item.label.value for item in dose_response(few, ("x",), TOKENS).legend[0].items]
    assert labels == ["1", "2"]
    glyphs = [one.glyph for one in dose_response(few, ("x",), TOKENS).renderers]
    dashes = [one.line_dash for one in glyphs if isinstance(one, Line)]
    assert len(dashes) == 2 and dashes[0] != dashes[1]
    assert {one.marker for one in glyphs if isinstance(one, Scatter)} == {"circle", "square"}
    settings = {f"{x}{y}": {"x": x, "y": y} for x in (1, 2) for y in range(7)}
    many = compared(runs_of(settings), settings=settings, n=9)
    labels = [item.label.value for item in dose_response(many, ("x",), TOKENS).legend[0].items]
    assert labels == ["all dialogues"]


def test_a_sweep_of_one_axis_has_one_line():
    settings = {name: {"x": k, "y": name} for k, name in enumerate("abc")}
    found = compared(runs_of(settings), settings=settings, n=9, zipped=[("x", "y")])
    assert found.factors == (("x", "y"),)
    (line,) = find_lines(found, ("x", "y"), ANY_LOOP)
    assert [values for values, _ in line.points] == [(0, "a"), (1, "b"), (2, "c")]
    assert not dose_response(found, ("x", "y"), ANY_LOOP).legend


def test_a_forest_plot_has_the_best_combination_first():
    settings = {name: {"x": name} for name in "abc"}
    found = compared(runs_of(settings, lambda k, seed: seed < (5, 8, 1)[k]), settings=settings, n=9)
    plots = {measure: forest(found, measure) for measure in (ANY_LOOP, TOKENS)}
    for plot in plots.values():
        labels = plot.yaxis[0].major_label_overrides if plot else {}
        assert [labels[row].text for row in (0, 1)] == ["x=c", "x=b"]
    drawn = plots[ANY_LOOP]
    assert drawn and drawn.renderers[-1].data_source.data["value"] == [-4 / 9, 3 / 9]
    shown = drawn.renderers[-1].data_source.data
    assert [*zip(shown["colour"], shown["marker"], strict=True)] == [(GREY, "circle")] * 2
    assert forest(compared({"a": []}, n=9), COVERAGE) is None


def test_a_row_of_a_forest_says_what_differs_from_the_baseline_alone():
    same = {"sampler.temperature": 0.3, "sampler.repeat_penalty": 1.0}
    settings = {"a": same, "b": {**same, "sampler.repeat_penalty": 1.1}}
    found = compared(runs_of(settings, lambda k, seed: k == 1), settings=settings, n=9)
    plot = forest(found, TOKENS)
    assert plot and plot.yaxis[0].major_label_overrides[0].text == "repeat_penalty=1.1"


def test_what_differs_beyond_chance_is_told_by_its_form_too():
    settings = {name: {"x": name} for name in "ab"}
    found = compared(runs_of(settings, lambda k, seed: k == 1), settings=settings, n=9)
    plot = forest(found, ANY_LOOP)
    shown = plot.renderers[-1].data_source.data if plot else {}
    assert [*zip(shown["colour"], shown["marker"], strict=True)] == [(PALETTE[0], "diamond")]


def test_every_combination_is_on_the_page_and_hostile_settings_are_text(browser, tmp_path):
    settings = {
        f"{k} {text[:40]}".replace("/", ""): {"sampler.t": k, "prompt <b>": text}
        for k in range(3) for text in HOSTILE
    }  # fmt: skip
    folder, target = put_comparison(tmp_path / "sweep_1", settings), tmp_path / "page.html"
    assert view.main([str(folder), "-o", str(target), "--no-show"]) == 0
    troubles: list[str] = []
    page = opened(browser, target, troubles)
    assert page.locator("#combinations tbody tr").count() == 15
    assert page.locator("#sweep .bk-Figure").count() == 4
    shown = page.locator("#effect-1 tbody th").all_text_contents()
    assert shown[0] == HOSTILE[0] and shown[1] == HOSTILE[1]
    page.click("[data-tab=apart]")
    assert page.locator("#apart .bk-Figure").count() == 3
    assert page.locator("#differences tbody tr").count() == 14 * 5
    assert page.locator("[data-tab=reader]").count() == 0
    assert page.locator("main img, main b + script").count() == 0
    assert page.title() == "Broken Record Parrot" and troubles == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    page.close()


def test_transcripts_are_in_the_page_only_when_asked_for(browser, tmp_path):
    folder = put_sweep(tmp_path / "s", {"t": [1, 2]}, {"a": {"t": 1}, "b": {"t": 2}}, n=2)
    assert analyze.main([str(folder)]) == 0
    target = tmp_path / "page.html"
    assert view.main([str(folder), "-o", str(target), "--no-show"]) == 0
    assert 'id="data"' not in target.read_text()
    assert view.main([str(folder), "-o", str(target), "--no-show", "--transcripts"]) == 0
    troubles: list[str] = []
    page = opened(browser, target, troubles)
    page.click("[data-tab=reader]")
    page.wait_for_function("window.parrot.readers[0].said")
    assert page.locator(".turn").count() == 20
    page.evaluate("window.parrot.open('b', 'b_8', 4)")
    page.wait_for_selector(".turn.here")
    assert page.locator(".turn.here").get_attribute("data-index") == "4" and troubles == []
    page.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_any_tab_of_a_sweep(browser, axe, sweep_file, theme):
    rules = {"runOnly": ["color-contrast"]} if theme == "dark" else {}  # the rest is the same
    troubles: list[str] = []
    page = opened(browser, sweep_file, troubles, color_scheme=theme)
    page.evaluate(axe)
    for tab in ("sweep", "apart", "reader"):
        page.click(f"[data-tab={tab}]")
        found = page.evaluate(
            "(rules) => axe.run(document, { resultTypes: ['violations'], ...rules })", rules
        )
        told = {one["id"]: [node["html"] for node in one["nodes"]] for one in found["violations"]}
        assert told == {}
    assert troubles == []
    page.close()


def test_a_sweep_fits_a_phone(browser, sweep_file):
    troubles: list[str] = []
    page = opened(browser, sweep_file, troubles)
    page.set_viewport_size({"width": 390, "height": 800})
    for tab in ("sweep", "apart", "reader"):
        page.click(f"[data-tab={tab}]")
        page.wait_for_function("document.documentElement.scrollWidth <= 390")
    widths = page.evaluate(
        "[...document.querySelectorAll('#apart figure')].map((one) => one.scrollWidth)"
    )
    assert len(widths) == 3 and min(widths) > 450
    head = page.locator("#combinations thead").bounding_box()
    assert head["height"] < 100 and troubles == []
    page.close()


def test_a_forest_of_no_difference_has_an_axis_that_can_be_read():
    settings = {name: {"x": name} for name in "ab"}
    found = compared(runs_of(settings, lambda k, seed: False), settings=settings, n=9)
    for measure, wide in ((ANY_LOOP, 0.1), (TOKENS, 10.0)):
        plot = forest(found, measure)
        assert plot and plot.x_range.end > wide and plot.x_range.start < -wide


def test_a_sweep_that_is_not_analysed_or_lost_a_run_says_so(tmp_path, caplog):
    folder = put_sweep(tmp_path / "s", {"t": [1, 2]}, {"a": {"t": 1}, "b": {"t": 2}}, n=2)
    page = ["-o", str(tmp_path / "p.html"), "--no-show"]
    assert view.main([str(folder), *page]) == 1
    assert f"{folder}: not analysed yet; run: python analyze.py {folder}" in caplog.text
    assert analyze.main([str(folder)]) == 0
    (folder / "b" / "analysis.json").unlink()
    assert view.main([str(folder), *page]) == 0
    assert view.main([str(folder), "--transcripts", *page]) == 1
    assert f"run: python analyze.py {folder / 'b'}" in caplog.text
    assert view.main([str(folder), str(folder / "a"), *page]) == 2
    assert "a sweep has a page of its own" in caplog.text


def test_a_sweep_of_one_combination_makes_a_page(tmp_path):
    folder, target = put_comparison(tmp_path / "s", {"a": {"x": 1}}), tmp_path / "p.html"
    assert view.main([str(folder), "-o", str(target), "--no-show"]) == 0
    assert "One combination: there is nothing" in target.read_text(encoding="utf-8")


@pytest.mark.parametrize("runs", ["a", "ab"])
def test_a_sweep_with_nothing_to_compare_makes_a_page(runs, tmp_path):
    folder = put_sweep(tmp_path / "s", {"t": [*runs]}, {name: {"t": name} for name in runs}, n=1)
    for name in runs:
        (folder / name / f"{name}_7.jsonl").write_text("{}")
    assert analyze.main([str(folder)]) == 1
    target = tmp_path / "p.html"
    assert view.main([str(folder), "-o", str(target), "--no-show"]) == 0
    assert "nothing to compare" in target.read_text(encoding="utf-8")


def test_the_figures_of_a_sweep_are_exported(browser, tmp_path):
    folder = put_comparison(tmp_path / "s", GRID)
    out = ["-o", str(tmp_path / "p.html"), "--export", str(tmp_path / "figures"), "--no-show"]
    assert CHROMIUM and view.main([str(folder), *out]) == 0
    names = {path.name for path in (tmp_path / "figures").glob("*.svg")}
    panels = {f"dose_{k}_{measure}.svg" for k in (0, 1) for measure in (ANY_LOOP, TOKENS)}
    assert names == panels | {f"forest_{m}.svg" for m in (ANY_LOOP, TOKENS, COVERAGE)}
    assert json.loads((folder / "comparison.json").read_text())["version"] == 1
