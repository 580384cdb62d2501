"""What a person sees and chooses on the page: it can be read in both themes, a click leads to what
was found, and every choice stands in the address. In a real browser, with the network off.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import analyze
import view
from broken_record.analysis.course import follow
from broken_record.analysis.report import Report
from broken_record.analysis.verdict import tell
from broken_record.comparison.report import ANY_LOOP
from broken_record.data import Dialogue, Turn
from broken_record.text.transcript import Transcript
from broken_record.views.drift import drift_plot, place_turns
from broken_record.views.loops import DARK, SHARES
from broken_record.views.overview import HATCHES, MARKERS, PALETTE
from broken_record.views.page import tell_run
from broken_record.views.sweeps import forest
from broken_record.views.tables import pairs_table, settings_table
from broken_record.views.timeline import KIND_COLOURS, find_worst, stack
from tests.comparison.test_compare import compared, said
from tests.test_analyze_and_view import entry, finding, write_record
from tests.views.test_page import DRAWN, choose, page_of, point_of, source
from tests.views.test_sweep_page import put_comparison

LOOPING = Path(__file__).parents[2] / "docs" / "looping"
KINDS = ("multi_turn_loop", "single_turn_loop", "semantic_repetition")
NOVELTY = "How much is new, as a share of the words"


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    """A run in which nothing is found, and one of dialogues that loop."""
    folder = tmp_path_factory.mktemp("runs")
    calm, stuck = folder / "calm", folder / "stuck"
    calm.mkdir()
    stuck.mkdir()
    write_record(calm / "a.jsonl", ["Tea is what I meant.", "Rain, then.", "Bread is good too."])
    for kind in KINDS:
        shutil.copy(LOOPING / f"{kind}.jsonl", stuck)
    for run in (calm, stuck):
        assert analyze.main([str(run)]) == 0
    return page_of([calm, stuck], folder / "results.html")


def open_page(browser, file, *, fragment="", **context):
    page = browser.new_page(viewport={"width": 1280, "height": 900}, **context)
    page.goto(file.as_uri() + fragment)
    page.wait_for_function(DRAWN)
    return page


@pytest.fixture
def opened(browser, page_file):
    page = open_page(browser, page_file)
    page.folder = page_file.parent
    page.troubles = []
    page.on("pageerror", lambda error: page.troubles.append(str(error)))
    yield page
    assert page.troubles == []
    page.close()


def test_the_first_screen_says_the_verdict_and_how_many_dialogues_show_which_kind(opened):
    told = [tell(report) for report in view.read_runs([Path(opened.folder) / "stuck"])]
    shown = opened.locator("#verdict details").nth(1)
    assert shown.locator("summary").text_content() == f"stuck: {told[0][0]}"
    assert shown.locator("p").all_text_contents() == told[0][1:]
    rows = [opened.locator(f"#runs tr[data-row='{k}'] td").all_text_contents() for k in (0, 1)]
    assert rows[0][:4] == ["1", "0% (0)", "0% (0)", "nothing"]
    assert rows[1][:3] == ["3", "100% (3)", "0% (0)"]
    assert rows[1][3].startswith("100% the same line again 67% the same")
    bars = opened.locator("#runs tr[data-row='1'] .track i")
    assert bars.first.evaluate("(bar) => bar.style.width") == "100%"
    order = """[...document.querySelectorAll("#overview :is(#verdict, table, figure)")]
      .map((one) => one.ariaLabel ?? one.id)"""
    wanted = ["verdict", "runs", NOVELTY, "Each point is a dialogue", "means", "settings"]
    assert opened.evaluate(order) == wanted


def test_a_choice_of_dialogues_is_counted_in_the_row_of_its_run(opened):
    choose(opened, [], [0])
    rows = [opened.locator(f"#runs tr[data-row='{k}'] td").all_text_contents() for k in (0, 1)]
    assert rows[0][:4] == ["0", "-", "-", "nothing"] and rows[1][:3] == ["1", "100% (1)", "0% (0)"]


def test_a_run_that_was_not_looked_at_is_not_called_clean():
    assert tell_run(Report("a", (entry(),))) == [
        "Nothing was looked for.",
        "Run: python analyze.py RUN",
    ]


def said_as(turns):
    return Dialogue({"agent_prefix": ""}, tuple(turns), status="done")


@pytest.mark.parametrize(
    ("tokens", "label", "places"),
    [
        ((9, 1, 5, 5), "tokens said", [0, 9, 10, 15]),
        ((9, None, 5, 5), "generated turn", [0, 1, 2, 3]),
    ],
)
def test_novelty_is_drawn_over_tokens_where_all_were_counted(tokens, label, places):
    said = ("Tea, rain.", "Bread.", "Tea and snow.", "Rain.")
    turns = [
        Turn(i, ("assistant", "user")[i % 2], text, count)
        for i, (text, count) in enumerate(zip(said, tokens, strict=True))
    ]
    courses = {("a", "d"): follow(Transcript(said_as(turns)), turns)}
    assert list(place_turns(courses, "novelty")["a", "d"]) == places
    assert list(place_turns(courses, "characters")["a", "d"]) == [0, 1, 2, 3]
    plot = drift_plot([Report("a", (entry(),))], courses, "novelty", "")
    assert plot is not None and plot.xaxis[0].axis_label == label


def test_a_cell_is_white_only_where_a_kind_was_not_found_and_says_how_many(opened):
    assert SHARES[0] == "#ffffff" and len(SHARES) == 256
    paper, rarest = luminance("rgb(255, 255, 255)"), luminance(as_rgb(SHARES[1]))
    assert (paper + 0.05) / (rarest + 0.05) > 1.3
    for share, colour in enumerate(SHARES):  # and what is written on it can be read
        ink = 1.0 if share / 255 > DARK else 0.0
        dark, light = sorted((ink, luminance(as_rgb(colour))))
        assert (light + 0.05) / (dark + 0.05) >= 4.5
    shown = dict(
        zip(source(opened, "rates", "kind"), source(opened, "rates", "shown"), strict=False)
    )
    assert shown["refuses (refusal)"] == "0%, 0 of 3"


def as_rgb(colour):
    return f"rgb({', '.join(str(int(colour[k : k + 2], 16)) for k in (1, 3, 5))})"


def test_what_made_the_runs_leads_with_what_differs():
    table = settings_table({"a": {"same": "1", "other": "2"}, "b": {"same": "1", "other": "3"}})
    assert re.findall(r'<th scope="row">(\w+)', table) == ["other", "same"]


def luminance(colour):
    """Relative luminance of an `rgb(r, g, b)` (WCAG 2.2)."""
    values = [int(one) / 255 for one in colour[4:-1].split(",")]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_selectors_of_the_axes_can_be_read_in_both_themes(browser, page_file, theme):
    page = open_page(browser, page_file, color_scheme=theme)
    for axis in ("x-axis", "y-axis"):
        colours = page.evaluate(
            "(id) => { const s = getComputedStyle(document.getElementById(id));"
            " return [s.color, s.backgroundColor]; }",
            axis,
        )
        dark, light = sorted(map(luminance, colours))
        assert (light + 0.05) / (dark + 0.05) >= 4.5
    page.close()


def test_an_axis_shows_the_metric_that_is_selected(opened):
    opened.select_option("#y-axis", "coverage")
    drawn = """["scatter-y", "scatter-points-0"].map((name) => window.parrot.model(name))
      .map((found) => found.axis_label ?? found.glyph.y.field)"""
    assert opened.evaluate(drawn) == ["loop coverage (share of characters)", "coverage"]


def test_a_point_opens_its_dialogue_where_its_first_finding_begins(opened):
    opened.mouse.click(*point_of(opened, 1))
    opened.wait_for_selector(".turn.here")
    name, findings = opened.evaluate(
        "[parrot.readers[0].dialogue.name, parrot.readers[0].detail.findings]"
    )
    first = min(f["onset_turn"] for f in findings if f["level"] != "info")
    assert name == "multi_turn_loop"  # the run's first by name
    assert opened.locator(".turn.here").get_attribute("data-index") == str(first)
    assert opened.url.endswith(f"#stuck/multi_turn_loop/{first}")


def test_the_reader_opens_on_the_dialogue_with_most_turns_in_findings(opened):
    opened.click("[data-tab=reader]")
    name = opened.evaluate("parrot.readers[0].dialogue.name")
    worst = {one: finding_turns(opened, one) for one in KINDS}
    assert name == max(KINDS, key=lambda one: worst[one]) and opened.locator(".turn.here").count()
    assert f"#stuck/{name}/" in opened.url


def finding_turns(page, name):
    """How many turns the timeline's bars of a dialogue cover."""
    kinds = page.evaluate("Object.keys(parrot.data.colours).length")
    total = 0
    for k in range(kinds):
        if not page.evaluate(f"Boolean(parrot.model('timeline-{k}'))"):
            break
        columns = (source(page, f"timeline-{k}", c) for c in ("dialogue", "left", "right"))
        total += sum(right - left for one, left, right in zip(*columns, strict=True) if one == name)
    return total


def test_the_worst_dialogue_leads_and_without_dialogues_none_does():
    long, short = finding("single_turn_loop", onset_turn=2), finding("refusal", onset_turn=8)
    runs = [Report("a", (entry("few", turns=9, findings=(short,)),)),
            Report("b", (entry("most", turns=9, findings=(long,)),))]  # fmt: skip
    assert find_worst(runs, {}) == ("b", "most")
    assert find_worst([Report("a", ())], {}) is None


def test_system_messages_do_not_look_like_speech(opened):
    opened.evaluate("parrot.open('stuck', 'multi_turn_loop', 0)")
    system = opened.locator(".turn.system").first
    assert "system message" in system.text_content()
    look = "(node) => { const s = getComputedStyle(node); return [s.backgroundColor, s.fontStyle] }"
    speech = opened.locator(".turn.assistant .said").first
    assert system.locator(".said").evaluate(look) == ["rgba(0, 0, 0, 0)", "italic"]
    assert speech.evaluate(look)[0] != "rgba(0, 0, 0, 0)"


def test_the_menu_counts_the_places_that_next_goes_through(opened):
    opened.evaluate("parrot.open('stuck', 'single_turn_loop', 0)")
    menu = opened.locator("select[aria-label='repeated segment']")
    shown = menu.locator("option").all_text_contents()[1:]
    assert len(shown) > 2
    for k, text in enumerate(shown, 1):
        menu.select_option(index=k)
        count = text.partition(" x ")[0]
        assert opened.locator(".bar span").last.text_content() == f"1 of {count}"
        assert opened.locator("mark.now").count() >= 1
    last = int(count)
    opened.click("text=previous")
    assert opened.locator(".bar span").last.text_content() == f"{last} of {last}"


STATE = """() => JSON.stringify([
  document.querySelector("[aria-selected=true]").dataset.tab,
  ...["x-axis", "y-axis", "bins"].map((id) => document.getElementById(id).value),
  document.getElementById("chosen").hidden || document.getElementById("chosen").textContent,
  [...document.querySelectorAll("#means tbody th")].map((cell) => cell.textContent),
  parrot.readers.map(({ place, segments, search, count }) => (
    [place, segments.value, search.value, count.textContent])),
])"""


def choose_everything(page):
    """A choice of every sort; yields what the page shows after each."""
    menu = "select[aria-label='repeated segment']"
    steps = (
        lambda: page.select_option("#x-axis", "zlib"),
        lambda: page.select_option("#y-axis", "coverage"),
        lambda: choose(page, [], [0, 2]),
        lambda: page.click("#means th:nth-child(2)"),
        lambda: page.click("[data-tab=lengths]"),
        lambda: page.select_option("#bins", "old"),
        lambda: page.click("[data-tab=reader]"),
        lambda: page.select_option("select[aria-label=run]", "calm"),
        lambda: page.select_option("select[aria-label=run]", "stuck"),
        lambda: page.select_option("select[aria-label=dialogue]", index=2),
        lambda: page.fill("input[type=search]", "the"),
        lambda: page.select_option(menu, index=2),
        lambda: page.click("text=next"),
        lambda: page.check("#beside"),
    )
    before = page.evaluate(STATE), page.url
    for step in steps:
        step()
        page.wait_for_function(f"(before) => ({STATE})() !== before", arg=before[0])
        page.wait_for_function("parrot.readers.every((one) => one.said)")
        before = page.evaluate(STATE), page.url
        yield before


def test_every_choice_is_a_link_that_leads_to_it(browser, page_file):
    page = open_page(browser, page_file)
    seen = list(choose_everything(page))
    page.close()
    for state, address in (seen[5], seen[10], seen[-1]):
        page = open_page(browser, page_file, fragment="#" + address.partition("#")[2])
        page.wait_for_function(f"(state) => ({STATE})() === state", arg=state)
        page.close()


def test_going_back_leads_to_what_was_seen_before(opened):
    opened.click("[data-tab=loops]")
    opened.evaluate("parrot.open('stuck', 'single_turn_loop', 4)")
    assert opened.url.endswith("#stuck/single_turn_loop/4")
    opened.go_back()
    opened.wait_for_function("document.querySelector('[aria-selected=true]').dataset.tab==='loops'")
    opened.go_forward()
    opened.wait_for_function("parrot.readers[0].turn === 4")
    assert opened.locator("#reader").is_visible()


def test_bars_that_overlap_lie_beside_one_another_on_one_as_long_as_the_dialogue(opened):
    bars = []
    for k in range(12):
        if not opened.evaluate(f"Boolean(parrot.model('timeline-{k}'))"):
            break
        columns = (source(opened, f"timeline-{k}", c) for c in ("left", "right", "row", "height"))
        bars += [(left, right, row - h / 2, row + h / 2)
                 for left, right, row, h in zip(*columns, strict=True)]  # fmt: skip
    assert len(bars) > 4
    for k, (left, right, top, bottom) in enumerate(bars):
        for other in bars[:k]:
            apart = right <= other[0] or left >= other[1]
            assert apart or bottom <= other[2] + 1e-6 or top >= other[3] - 1e-6
    lengths = dict(
        zip(*(source(opened, "timeline-lengths", c) for c in ("dialogue", "right")), strict=True)
    )
    assert lengths["a"] == 3 and max(right for _, right, *_ in bars) <= max(lengths.values())


def test_findings_take_the_first_lane_that_is_free():
    spans = [(2, 5), (4, 9), (6, 7)]  # the third begins when the first has ended
    findings = tuple(finding("refusal", onset_turn=on, end_turn=end) for on, end in spans)
    assert [bar.lane for bar in stack(entry(findings=findings), 12)] == [0, 1, 0]


def test_a_plot_of_differences_holds_its_zero():
    settings = {name: {"x": name} for name in "ab"}
    runs = {"a": [said(seed) for seed in range(9)], "b": [said(seed, 50) for seed in range(9)]}
    plot = forest(compared(runs, settings=settings, n=9), ANY_LOOP)
    assert plot is not None and plot.renderers[-1].data_source.data["low"][0] > 0
    assert plot.x_range.start < 0 < plot.x_range.end


def looping(name, loops, of):
    found = {"findings": (finding("single_turn_loop"),), "onset_tokens": (9,)}
    dialogues = tuple(entry(f"{name}{k}", **found if k < loops else {}) for k in range(of))
    return Report(name, dialogues, thresholds={"single_turn_loop": {}, "refusal": {}})


@pytest.mark.parametrize(
    ("looped", "n", "told"),
    [
        (0, 3, ["-", "too few to tell: 0 of 3 against 3 of 3 is p 0.100"]),
        (0, 4, ["0.029", "beyond chance"]),  # 2 of the 70 ways to choose 4 of 8
        (1, 4, ["0.143", "may be chance: 4 and 4 dialogues show differences from 99% on"]),
    ],
)
def test_a_difference_that_so_few_cannot_show_says_so(looped, n, told):
    table = pairs_table([looping("a", looped, n), looping("b", n, n)])
    cells = [re.sub("<[^>]*>", "", cell) for cell in re.findall(r"<td.*?</td>", table)]
    assert cells[-2:] == told


def test_columns_of_a_sweep_can_be_reached_and_no_number_is_broken(browser, tmp_path):
    settings = {
        f"repeat_penalty={p},temperature={t}": {"repeat_penalty": p, "temperature": t}
        for p in (1.0, 1.1) for t in (0.0, 0.87)
    }  # fmt: skip
    folder, target = put_comparison(tmp_path / "sweep_1", settings), tmp_path / "page.html"
    assert view.main([str(folder), "-o", str(target), "--no-show"]) == 0
    page = browser.new_page(viewport={"width": 700, "height": 900})
    page.goto(target.as_uri())
    broken = """[...document.querySelectorAll("td > span")].filter((one) => (
      one.getClientRects().length > 1 && one.closest("section:not(.away)")))"""
    assert page.locator("td > span").count() > 20
    assert page.evaluate(f"{broken}.length") == 0
    names = page.locator("#combinations tbody th").first
    assert names.inner_html().count("<wbr>") == 1
    wide = page.locator(".wide").first
    box = wide.evaluate("(one) => [one.scrollWidth > one.clientWidth, one.tabIndex]")
    assert box == [True, 0]
    style = "(one) => getComputedStyle(one, '::-webkit-scrollbar').height"
    assert wide.evaluate(style) == "12px"
    wide.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.querySelector('.wide').scrollLeft > 0")
    page.close()


def test_keys_lead_from_finding_to_finding_to_the_search_and_to_help(opened):
    opened.evaluate("parrot.open('stuck', 'semantic_repetition', 0)")
    onsets = opened.evaluate(
        "[...new Set(parrot.readers[0].detail.findings.map((f) => f.onset_turn))]"
    )
    seen = []
    for key in ("j", "j", "k"):
        opened.keyboard.press(key)
        seen.append(int(opened.locator(".turn.here").get_attribute("data-index")))
    first, second, *_ = sorted(onsets)
    assert seen == [first, second, first] and opened.url.endswith(f"/{first}")
    opened.keyboard.press("?")
    assert opened.evaluate("document.getElementById('keys').open")
    opened.keyboard.press("/")
    opened.keyboard.type("jk?")
    assert opened.locator("input[type=search]").input_value() == "jk?"
    assert opened.locator(".turn.here").get_attribute("data-index") == str(first)


def test_the_copies_of_a_loop_lead_to_one_another_and_are_marked_in_the_margin(opened):
    opened.evaluate("parrot.open('stuck', 'single_turn_loop', 52)")
    here = opened.locator(".turn.here")
    assert here.get_by_label("previous copy, turn 50").count() == 1
    here.get_by_label("next copy, turn 54").click()
    assert opened.locator(".turn.here").get_attribute("data-index") == "54"
    label = opened.locator(".turn.here .marks i[title]").first.get_attribute("title")
    assert label == "the same line again (single_turn_loop), turns 52 - end"
    assert opened.locator(".turn[data-index='40'] .marks i[title]").count() == 0


def test_a_near_copy_can_be_compared_with_its_original(opened):
    opened.evaluate("parrot.open('stuck', 'semantic_repetition', 0)")
    opened.locator(".copies >> text=compare").first.click()
    shown = opened.locator(".difference").first
    assert shown.text_content().startswith("against turn ")
    left_out, put_in = (shown.locator(tag).count() for tag in ("del", "ins"))
    assert left_out and put_in
    said = shown.evaluate(
        """(one) => {
          const index = Number(one.closest(".turn").dataset.index);
          const kept = [...one.querySelectorAll("span, ins")].map((n) => n.textContent).join("");
          return [kept, parrot.readers[0].said.find((turn) => turn[0] === index)[2]];
        }"""
    )
    assert said[0] == said[1]
    opened.locator(".copies >> text=compare").first.click()
    assert opened.locator(".difference").count() == 0


def test_findings_are_boxed_among_the_turns_that_are_alike(opened):
    opened.evaluate("parrot.open('stuck', 'multi_turn_loop', 0)")
    boxes = [source(opened, "recurrence-boxes", column) for column in ("from", "to", "kind")]
    told = opened.evaluate(
        """parrot.readers[0].detail.findings.filter((f) => f.level !== "info").map((f) => (
          [f.origin_turn, f.end_turn === null ? parrot.readers[0].said.length : f.end_turn + 1,
           f.label]))"""
    )
    assert [list(box) for box in zip(*boxes, strict=True)] == told


def test_wide_figures_scroll_in_themselves_on_a_phone(browser, page_file):
    page = open_page(browser, page_file, fragment="#timeline")
    page.set_viewport_size({"width": 390, "height": 800})
    for tab in ("loops", "timeline"):
        page.click(f"[data-tab={tab}]")
        page.wait_for_function("document.documentElement.scrollWidth <= 390")
    assert page.evaluate("document.querySelector('#timeline figure').scrollWidth") > 500
    page.close()


def test_two_runs_with_a_kind_or_two_need_no_scrolling_on_a_phone(browser, tmp_path):
    for run in ("default", "greedy"):
        (tmp_path / run).mkdir()
        for k in (1, 2):
            shutil.copy(
                LOOPING / "single_turn_loop.jsonl",
                tmp_path / run / f"parrot_20261129_1200_{k}.jsonl",
            )
        assert analyze.main([str(tmp_path / run)]) == 0
    page = open_page(
        browser, page_of([tmp_path / "default", tmp_path / "greedy"], tmp_path / "p.html")
    )
    page.set_viewport_size({"width": 390, "height": 800})
    for tab in ("overview", "loops", "timeline"):
        page.click(f"[data-tab={tab}]")
        page.wait_for_function(
            "(tab) => document.documentElement.scrollWidth <= 390 &&"
            " [...document.querySelectorAll(`#${tab} figure`)].every((f) => f.scrollWidth <= 390)",
            arg=tab,
        )
    labels = page.evaluate(
        "Object.fromEntries(parrot.model('timeline-rows').major_label_overrides)"
    )
    assert list(labels.values()) == ["default 1", "default 2", "greedy 1", "greedy 2"]
    page.close()


def test_what_heads_a_wide_table_can_be_read_on_a_phone(browser, page_file):
    page = open_page(browser, page_file, fragment="#loops")
    page.set_viewport_size({"width": 390, "height": 800})
    for table in ("at-risk", "pairs"):
        head = page.locator(f"#{table} caption > div").bounding_box()
        assert head["x"] >= 0 and head["x"] + head["width"] <= 390
    page.close()


def test_beside_a_dialogue_stands_that_of_the_same_place_in_the_next_run(browser, page_file):
    page = open_page(browser, page_file, fragment="#stuck/multi_turn_loop/4")
    page.check("#beside")
    page.wait_for_function("parrot.readers[1]?.said")
    assert page.evaluate("parrot.readers.map((one) => [one.run.name, one.dialogue.name])") == [
        ["stuck", "multi_turn_loop"],
        ["calm", "a"],
    ]
    page.evaluate("parrot.goPair(6, 3)")  # of the dialogue on the left
    assert page.evaluate("parrot.readers.map((one) => one.turn)") == [6, None]
    page.select_option(".pane:nth-child(2) select[aria-label=run]", "stuck")
    page.wait_for_function("parrot.readers[1].dialogue === parrot.readers[0].dialogue")
    page.evaluate("parrot.goPair(6, 3)")
    assert page.evaluate("parrot.readers.map((one) => one.turn)") == [6, 3]
    page.close()


def test_beside_the_dialogue_of_one_run_stands_its_next(browser, page_file):
    file = page_of([page_file.parent / "stuck"], page_file.parent / "one.html")
    page = open_page(browser, file, fragment="#stuck/single_turn_loop/52")
    page.check("#beside")
    page.wait_for_function("parrot.readers[1]?.said")
    assert page.evaluate("parrot.readers[1].dialogue === parrot.readers[1].run.dialogues[0]")
    assert page.locator("#runs thead").text_content().endswith("in which share of dialogues")
    page.close()


def test_the_reader_fits_a_phone(browser, page_file):
    page = open_page(browser, page_file, fragment="#stuck/single_turn_loop/52")
    page.set_viewport_size({"width": 390, "height": 800})
    page.wait_for_function("document.documentElement.scrollWidth <= 390")
    said = page.locator(".turn.here .said").bounding_box()
    assert said["width"] > 180
    page.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_any_tab(browser, axe, page_file, theme):
    code = axe
    rules = {"runOnly": ["color-contrast"]} if theme == "dark" else {}  # the rest is the same
    page = open_page(browser, page_file, color_scheme=theme)
    page.evaluate(code)
    for tab in ("overview", "loops", "lengths", "timeline", "reader"):
        page.click(f"[data-tab={tab}]")
        found = page.evaluate(
            "(rules) => axe.run(document, { resultTypes: ['violations'], ...rules })", rules
        )
        told = {one["id"]: [node["html"] for node in one["nodes"]] for one in found["violations"]}
        assert told == {}
    page.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_figure_is_named_and_what_is_written_in_it_can_be_read(browser, page_file, theme):
    page = open_page(browser, page_file, color_scheme=theme)
    names = page.evaluate("[...document.querySelectorAll('figure')].map((one) => one.ariaLabel)")
    assert len(names) == 8 and all(names)
    inks = page.evaluate(
        """[...new Set(Bokeh.documents.flatMap((d) => [...d.all_models]).flatMap((m) => (
          [m.type === "Title" && m.text_color, m.axis_label_text_color, m.major_label_text_color,
           m.label_text_color])).map((c) => c?.value ?? c).filter(Boolean))]"""
    )
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    for ink in inks:
        low, high = sorted((luminance(as_rgb(ink)), luminance(paper)))
        assert (high + 0.05) / (low + 0.05) >= 4.5
    page.close()


def test_the_colours_of_runs_and_kinds_stand_out_on_both_papers():
    for colour in {*PALETTE, *KIND_COLOURS.values()} - {"#000000"}:  # which is turned to white
        own = luminance(as_rgb(colour))
        for paper in map(luminance, (as_rgb("#ffffff"), as_rgb("#16191d"))):
            low, high = sorted((own, paper))
            assert (high + 0.05) / (low + 0.05) >= 3, colour


def test_no_kind_and_no_run_is_told_by_its_colour_alone():
    assert len(set(HATCHES)) == len(HATCHES) >= len(KIND_COLOURS)
    assert len(set(MARKERS)) == len(MARKERS) == len(PALETTE)
