"""results.html in a real browser, with the network off; skipped, visibly, where there is none."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

import analyze
import view
from broken_record.analysis.course import follow
from broken_record.analysis.report import Report, Unreadable
from broken_record.analysis.report_file import write_report
from broken_record.analysis.texts import read_texts
from broken_record.text.transcript import Transcript
from broken_record.views.drift import average, drift_plot
from broken_record.views.loops import survival_plot
from broken_record.views.overview import PALETTE
from broken_record.views.page import figures
from broken_record.views.tables import at_risk_table
from tests.conftest import CHROMIUM
from tests.replay import DATA
from tests.test_analyze_and_view import entry, finding, put_record, write_record

HOSTILE = [
    "<script>document.title='run'</script> & </script>", "\u202eright to left \u2028 line",
    "{{ 7 * 7 }} {% raw %} ${x}", "'\" onload=\"document.title='run'",
    "x" * 100_000,
]  # fmt: skip
LINE = "Tell me about the old lighthouse keeper, please."
FIGURES = "window.Bokeh?.documents.length > 0 && Bokeh.documents[0].is_idle"
DRAWN = f"window.parrot?.readers[0].said && {FIGURES}"


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
    page.wait_for_function(DRAWN)
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
    heads = opened.locator("#means th")
    first = opened.locator("#means tbody tr th:first-child")
    before = first.all_text_contents()
    heads.first.click()
    heads.first.click()
    assert sorted(first.all_text_contents()) == sorted(before) == first.all_text_contents()


def test_a_table_that_is_copied_runs_no_formula_in_a_spreadsheet(opened):
    opened.evaluate(
        """cells => {
            const row = document.querySelector("#means tbody tr");
            row.replaceChildren(...cells.map((text) => Object.assign(
                document.createElement("td"), { textContent: text })));
            Object.defineProperty(navigator, "clipboard", {
                value: { writeText: async (text) => { window.copied = text; } } });
        }""",
        ["=1+1", "+a", "-a", "@x", "\tx", "-1.5", 'a "b"', ""],
    )
    opened.evaluate("document.querySelector('#means').closest('.wide').nextSibling.click()")
    opened.wait_for_function("window.copied")
    row = opened.evaluate("window.copied").splitlines()[1]
    cells = ["'=1+1", "'+a", "'-a", "'@x", "'\tx", "-1.5", 'a ""b""', ""]
    assert row == ",".join(f'"{cell}"' for cell in cells)


def test_without_transcripts_the_reader_says_why(browser, page_file, tmp_path):
    run = next(p for p in page_file.parent.iterdir() if p.name == "clean")
    page = tmp_path / "small.html"
    assert view.main([str(run), "-o", str(page), "--no-show", "--no-transcripts"]) == 0
    assert "lighthouse" not in page.read_text()
    tab = browser.new_page()
    troubles = []
    tab.on("pageerror", lambda error: troubles.append(str(error)))
    tab.goto(page.as_uri())
    tab.click("[data-tab=reader]")
    tab.fill("input[type=search]", "tea")
    assert "--no-transcripts" in tab.locator(".empty").last.text_content()
    tab.wait_for_function(FIGURES)
    tab.wait_for_function(f"{RECURRENCE}?.data.turn.length === 0")
    assert troubles == []
    tab.close()


RECURRENCE = "Bokeh.documents.map((d) => d.get_model_by_name('recurrence')).find((m) => m)"


@pytest.fixture
def one_lost(browser, tmp_path):
    """A page of three dialogues; the transcript of the last is not there."""
    folder = tmp_path / "run"
    folder.mkdir()
    for name in ("first", "lost", "second"):
        said = [text for k in range(5) for text in (LINE, f"The {name} counted {k} waves.")]
        write_record(folder / f"{name}.jsonl", said, initial_tokens=50)
    assert analyze.main([str(folder), "--only", "single_turn_loop"]) == 0
    (folder / "lost.jsonl").unlink()
    page = browser.new_page()
    page.troubles = []
    page.on("pageerror", lambda error: page.troubles.append(str(error)))
    page.goto(page_of([folder], tmp_path / "results.html").as_uri())
    page.wait_for_function(DRAWN)
    page.click("[data-tab=reader]")
    yield page
    assert page.troubles == []
    page.close()


def test_a_dialogue_without_a_transcript_shows_nothing_of_the_one_before(one_lost):
    one_lost.wait_for_function(f"{RECURRENCE}.data.turn.length > 0")
    one_lost.select_option("select[aria-label=dialogue]", index=1)
    assert "transcript is not in this page" in one_lost.locator(".turns").text_content()
    one_lost.fill("input[type=search]", "lighthouse")
    assert one_lost.locator(".turn").count() == 0
    assert one_lost.locator(".bar span").last.text_content() == ""
    assert one_lost.locator("select[aria-label='repeated segment'] option").count() == 1
    assert one_lost.evaluate(f"{RECURRENCE}.data.turn.length") == 0


def test_the_reader_counts_from_the_initial_tokens_and_says_how_much_was_found(one_lost):
    costs = one_lost.locator(".turns .cost").all_text_contents()
    assert costs[:2] == ["turn 0 · 50 tokens before", "turn 1 · 60 tokens before"]
    shown = one_lost.locator("select[aria-label=dialogue] option").all_text_contents()
    assert shown == [f"{name} (1 finding)" for name in ("first", "lost", "second")]


def test_a_dialogue_that_unpacks_late_does_not_replace_a_later_choice(one_lost):
    one_lost.evaluate("""async () => {
      const Native = window.Response, waiting = [];
      window.Response = class extends Native {
        async text() {
          const text = await super.text();
          await new Promise((release) => waiting.push(release));
          return text;
        }
      };
      const opened = [];
      for (const name of ["first", "second"]) {
        opened.push(window.parrot.open("run", name, 0));
        while (waiting.length < opened.length) await new Promise((done) => setTimeout(done));
      }
      for (const release of waiting.reverse()) release();
      await Promise.all(opened);
    }""")
    assert "The second counted" in one_lost.locator(".turns").text_content()
    assert "The first counted" not in one_lost.locator(".turns").text_content()


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


def source(page, name, column):
    """A column of a Bokeh source of the page, as a list of numbers or strings."""
    code = """([name, column]) => {
      const found = Bokeh.documents.map((d) => d.get_model_by_name(name)).find((m) => m);
      const rounded = (value) => Math.round(value * 1e6) / 1e6;
      return [...found.data[column]].map((v) => (typeof v === "number" ? rounded(v) : v));
    }"""
    return page.evaluate(code, [name, column])


def choose(page, *indices):
    """Select points of the scatter, a list of places a run, as box and lasso do."""
    page.wait_for_function(FIGURES)
    page.evaluate(
        """(all) => all.forEach((indices, k) => {
          const named = (d) => d.get_model_by_name(`scatter-${k}`);
          Bokeh.documents.map(named).find((m) => m).selected.indices = indices;
        })""",
        list(map(list, indices)),
    )
    page.wait_for_function(
        """(count) => {
          const { hidden, textContent } = document.getElementById("chosen");
          return !hidden && textContent.includes(`shows ${count} of`);
        }""",
        arg=sum(map(len, indices)),
    )


def show_all(page):
    page.click("#chosen button")
    page.wait_for_function("document.getElementById('chosen').hidden")


WATCHED = [("rates", name) for name in ("run", "kind", "rate", "shown", "ink", "text", "onset")]
WATCHED += [
    (f"{name}-{k}", column)
    for k in (0, 1)
    for name, columns in (
        ("survival", ("tokens", "share", "at_risk")),
        ("lengths-assistant", ("share", "count")),
        ("lengths-user", ("share", "count")),
        ("characters", ("x", "low", "mid", "high")),
        ("novelty", ("x", "low", "mid", "high")),
    )
    for column in columns
]


ASSISTANT = "lengths-assistant-0"


def shown_of(page, places=WATCHED):
    """What the page shows that a choice changes: columns of figures, their labels, tables."""
    labels = """() => [0, 1].map((k) => Bokeh.documents.map((d) => (
      d.get_model_by_name(`survival-label-${k}`))).find((m) => m)?.label.value)"""
    texts = page.locator("#at-risk td, #means td, #runs td").all_text_contents()
    return [*(source(page, *place) for place in places), page.evaluate(labels), texts]


@pytest.fixture(scope="module")
def many_file(tmp_path_factory):
    """Two runs of five dialogues, of which some loop at one time or are as long as another; in the
    second run one kind alone was looked for.
    """
    folder = tmp_path_factory.mktemp("many")
    for run, arguments in (("all", []), ("one_kind", ["--only", "single_turn_loop"])):
        (folder / run).mkdir()
        for k, calm in enumerate((2, 2, 4, 20, 20)):
            words = [f"{w} is what {w}s {k} may mean." for w in map(chr, range(97, 97 + calm))]
            loop = [text for i in range(5) for text in (LINE, f"He counted {i} waves.")]
            write_record(folder / run / f"d{k}.jsonl", [*words, "And?", *loop * (calm < 20)])
        assert analyze.main([str(folder / run), *arguments]) == 0
    return page_of([folder / "all", folder / "one_kind"], folder / "results.html")


def test_choosing_every_point_draws_again_what_python_drew(browser, many_file):
    page = browser.new_page()
    page.goto(many_file.as_uri())
    page.wait_for_function(DRAWN)
    before = shown_of(page)
    assert before[0].count("all") > before[0].count("one_kind") == 1
    choose(page, range(5), range(5))
    assert shown_of(page) == before
    choose(page, [0, 3], [])
    assert source(page, "rates", "run").count("one_kind") == 1
    show_all(page)
    assert shown_of(page) == before
    page.close()


def some_entries():
    """Sixteen dialogues, the last the longest. Of those that are chosen below one in eight loops,
    12.5 %, and two refuse, their median onset 10.5 tokens: halves go to the even digit.
    """
    for k in range(16):
        loops, refuses = k in (2, 5, 7), k in (4, 8, 9)
        kinds = ["single_turn_loop"] * loops + ["refusal"] * refuses
        yield entry(
            f"d{k:02}",
            tokens=1000 + 100 * k,
            tokens_until_first_loop=300 + 50 * k if loops else None,
            loop_density=k * 0.0625,
            loop_coverage=k / 17,
            average_response_length=20.25 + k * k,
            response_lengths=(10 * k, 151),
            findings=tuple(map(finding, kinds)),
            onset_tokens=tuple(9 + k // 4 for _ in kinds),
        )


def test_chosen_points_show_what_a_page_of_them_alone_shows_to_the_last_digit(browser, tmp_path):
    entries = list(some_entries())
    chosen = [0, 2, 4, 6, 8, 10, 12, 15]
    thresholds: dict[str, dict[str, object]] = {"single_turn_loop": {}, "refusal": {}}
    pages = []
    for name, own in (("some", [entries[k] for k in chosen]), ("all", entries)):
        (tmp_path / name).mkdir()
        write_report(tmp_path / name, "run", own, thresholds)
        page = browser.new_page()
        page.goto(page_of([tmp_path / name], tmp_path / f"{name}.html").as_uri())
        page.wait_for_function(FIGURES)
        pages.append(page)
    alone, among = pages
    choose(among, chosen)
    places = [place for place in WATCHED if place[0] in ("rates", "survival-0", ASSISTANT)]
    assert shown_of(among, places) == shown_of(alone, places)
    assert "1 of 8, 12% (2% - 47%)" in source(among, "rates", "text")
    assert source(among, "rates", "onset") == ["9 tokens", "10 tokens"]
    for page in pages:
        page.close()


def test_a_curve_ends_where_its_run_does_and_means_are_over_what_all_runs_tell():
    def watched(name, *times):
        return Report(name, tuple(
            entry(tokens=tokens, tokens_until_first_loop=tokens if loop else None)
            for tokens, loop in times
        ))  # fmt: skip

    reports = [watched("long", (100, True), (1000, False)), watched("short", (300, False))]
    plot = survival_plot(reports)
    assert plot
    ends = [plot.select_one({"name": f"survival-{k}"}) for k in (0, 1)]
    assert [one.data["tokens"][-1] for one in ends] == [1000, 300]
    assert [item.label.value for item in plot.legend[0].items] == [
        "long: mean 200 of 300 tokens", "short: mean 300 of 300 tokens"
    ]  # fmt: skip


def test_a_turn_without_content_words_has_no_novelty(tmp_path):
    dialogue = put_record(tmp_path / "d.jsonl", ["Tea and bread.", "...", "And so it is.", "Tea."])
    course = follow(Transcript(dialogue), dialogue.turns)
    assert course.novelty == (1.0, None, None, 0.0)
    assert average(course.novelty, range(4), [0, 2, 3, 4]) == [1.0, None, 0.0]
    silent = {("a", "d"): replace(course, novelty=(None, None, None, None))}
    assert drift_plot([Report("a", (entry(),))], silent, "novelty", "") is None


def test_there_are_as_many_colours_as_runs():
    assert len(set(PALETTE)) == len(PALETTE) == view.MOST_RUNS


def test_where_no_tokens_were_counted_none_are_at_risk():
    counted, silent = Report("a", (entry(),)), Report("b", (entry(tokens=None),))
    assert at_risk_table([silent]) == ""
    assert at_risk_table([counted, silent]).count(">-<") == 6


def test_chosen_points_are_what_everything_else_shows_until_all_are_shown_again(opened):
    before = [source(opened, *place) for place in WATCHED]
    choose(opened, [0], [])
    assert "shows 1 of 2 dialogues" in opened.locator("#chosen").text_content()
    assert opened.locator("#means td:nth-child(2)").all_text_contents() == ["1", "0"]
    assert sum(source(opened, "lengths-assistant-1", "count")) == 0
    assert sum(source(opened, "lengths-assistant-0", "count")) > 0
    assert "not measurable" in source(opened, "rates", "text")
    views = "Bokeh.documents.map((d) => d.get_model_by_name('timeline-view-0')).find((m) => m)"
    shown = opened.evaluate(f"{views}.filter.indices")
    assert {source(opened, "timeline-0", "run")[at] for at in shown} <= {"clean"}
    hidden = "[...window.parrot.readers[0].dialogues.options].map((option) => option.hidden)"
    assert opened.evaluate(hidden) == [True]  # the reader stands on the worst dialogue
    show_all(opened)
    assert [source(opened, *place) for place in WATCHED] == before


FIND_SCATTER = """
  const inside = (view) => [view, ...[...(view.child_views ?? [])].flatMap(inside)];
  const scatter = () => [...Bokeh.index].flatMap(inside).find((v) => v.model.name === "scatter");
"""


def point_of(page, run):
    """Where on the screen a run's first point of the scatter is."""
    return page.evaluate(
        """(run) => {"""
        + FIND_SCATTER
        + """
          const view = scatter();
          const named = (d) => d.get_model_by_name(`scatter-${run}`);
          const { data } = Bokeh.documents.map(named).find((m) => m);
          view.canvas_view.el.scrollIntoView({ block: "center" });
          const box = view.canvas_view.el.getBoundingClientRect();
          const { x_scale: x, y_scale: y } = view.frame;
          return [box.x + x.compute(data.length[0]), box.y + y.compute(data.density[0])];
        }""",
        run,
    )


def test_a_click_on_a_point_opens_its_dialogue(opened):
    opened.mouse.click(*point_of(opened, 1))
    opened.wait_for_function("window.parrot.readers[0].dialogue.name === 'stuck'")
    assert opened.locator("#reader").is_visible()
    assert not opened.locator("#chosen").is_visible()


def test_a_click_in_the_legend_hides_a_run(opened):
    is_visible = (
        "() => {" + FIND_SCATTER + "return scatter().model.renderers.map((r) => r.visible); }"
    )
    assert opened.evaluate(is_visible) == [True, True]
    opened.locator("figure[aria-label^='Each point'] .bk-Legend .bk-item").first.click()
    assert opened.evaluate(is_visible) == [False, True]


def test_a_segment_is_marked_wherever_it_stands_even_across_replies(opened):
    open_stuck(opened, 0)
    chosen = opened.locator("select[aria-label='repeated segment']")
    assert chosen.locator("option").count() > 1
    chosen.select_option(index=1)
    assert opened.locator(".bar span").last.text_content().startswith("1 of ")
    marked = opened.locator("mark.found").first.text_content()
    assert marked and chosen.locator("option").nth(1).text_content().find(marked[:20]) >= 0


def test_the_buckets_of_old_can_be_chosen(opened):
    opened.click("[data-tab=lengths]")
    opened.select_option("#bins", "old")
    assert source(opened, "lengths-assistant-0", "right")[:3] == [2, 100, 200]
    assert sum(source(opened, "lengths-assistant-0", "count")) == 2


def test_the_page_names_what_made_its_runs(opened):
    opened.click("summary")
    cells = opened.locator("#settings :is(th, td)").all_text_contents()
    assert {"turn_max_tokens", "60", "90", "differs"} <= set(cells)


def page_of(folders, target):
    assert view.main([*map(str, folders), "-o", str(target), "--no-show"]) == 0
    return target


SAID = ["Tea is what I meant.", "Rain is what I meant.", "Bread is what I meant to say."]


def ten_runs(folder):
    for k in range(10):
        (folder / f"run{k}").mkdir()
        for name in ("a", "b"):
            write_record(folder / f"run{k}" / f"{name}.jsonl", [*SAID, f"{name} {k}"])


def one_dialogue(folder):
    (folder / "run").mkdir()
    write_record(folder / "run" / "a.jsonl", SAID)


def none_finished(folder):
    (folder / "run").mkdir()
    for name in ("a", "b"):
        put_record(folder / "run" / f"{name}.jsonl", SAID, finished=False)


def nothing_said(folder):
    (folder / "run").mkdir()
    put_record(folder / "run" / "a.jsonl", [], finished=False)


def old_logs_only(folder):
    shutil.copytree(DATA / "old_logs", folder / "run")
    (folder / "run" / "cut_short.log").unlink()


@pytest.mark.parametrize(
    ("make", "dialogues"),
    [(ten_runs, 20), (one_dialogue, 1), (none_finished, 2), (nothing_said, 0), (old_logs_only, 2)],
)
def test_every_tab_of_a_page_works_whatever_the_runs(browser, make, dialogues, tmp_path):
    make(tmp_path)
    folders = sorted(path for path in tmp_path.iterdir())
    for folder in folders:
        assert analyze.main([str(folder)]) == 0
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    troubles = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.goto(page_of(folders, tmp_path / "page.html").as_uri())
    page.wait_for_function(DRAWN)
    for tab in ("overview", "loops", "lengths", "timeline", "reader"):
        page.click(f"[data-tab={tab}]")
        shown = page.locator(f"#{tab} .bk-Figure, #{tab} .empty, #{tab} .turn")
        assert shown.first.is_visible()
    assert page.locator("#means tbody tr").count() == len(folders)
    counted = page.locator("#means td:nth-child(2)").all_text_contents()
    assert sum(map(int, counted)) == dialogues and troubles == []
    page.close()


def opened_by_three(path):
    """Three opening messages, two turns, then ten turns of which every other is LINE."""
    opening = [{"role": role, "content": f"{role} opens."} for role in ("system", "user")]
    opening.append({"role": "assistant", "content": "Good evening to you."})
    header = {"type": "dialogue", "version": 1,
              "config": {"agent_prefix": "", "conversation": opening}}  # fmt: skip
    stuck = [text for k in range(5) for text in (f"The keeper counted {k} waves and slept.", LINE)]
    turns = [
        {"type": "turn", "index": i, "role": ("assistant", "user")[i % 2], "content": text}
        for i, text in enumerate(["Tea is what I meant.", "Well.", *stuck], 3)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in [header, *turns]))


@pytest.mark.parametrize("transcript", [True, False])
def test_a_bar_that_is_open_ends_with_the_last_message(transcript, tmp_path):
    opened_by_three(tmp_path / "stuck.jsonl")
    assert analyze.main([str(tmp_path), "--only", "single_turn_loop"]) == 0
    if not transcript:  # then the last message is the last that is evidence
        (tmp_path / "stuck.jsonl").unlink()
    reports = view.read_runs([tmp_path])
    (report,) = reports[0].dialogues
    assert [(f.onset_turn, f.end_turn) for f in report.findings] == [(8, None)]
    made = read_texts([tmp_path], reports, lambda text, _: text.course)
    courses = {key: course for key, course in made if not isinstance(course, Unreadable)}
    plot = figures(reports, courses)["timeline"]
    bars = plot.select_one({"name": "timeline-0"}).data
    assert (bars["left"], bars["right"]) == ([8], [15])
    assert (plot.x_range.start, plot.x_range.end) == (0, 15)


def test_figures_are_written_as_png_and_svg_where_a_browser_is(
    page_file, tmp_path, monkeypatch, caplog
):
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    run, figures = str(page_file.parent / "clean"), tmp_path / "figures"
    arguments = [run, "-o", str(tmp_path / "p.html"), "--no-show", "--export", str(figures)]
    assert view.main(arguments) == 0
    for name in ("scatter", "heat", "survival", "lengths_assistant", "lengths_user"):
        assert (figures / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert ElementTree.parse(figures / f"{name}.svg").getroot().tag.endswith("svg")
    assert "loop density" in (figures / "scatter.svg").read_text()
    taken = tmp_path / "taken"
    taken.write_text("a file")
    assert view.main([*arguments[:-1], str(taken)]) == 1
    assert f"--export {taken}: cannot be written: File exists" in caplog.text
    monkeypatch.setenv("PATH", "")
    assert view.main(arguments) == 1 and "--export needs one of chromium, " in caplog.text


def test_a_page_replaces_the_one_before_whole_and_a_device_stays(tmp_path, caplog):
    one_dialogue(tmp_path)
    assert analyze.main([str(tmp_path / "run")]) == 0
    page = tmp_path / "page.html"
    page.write_text("the one before")
    with page.open() as before:
        page_of([tmp_path / "run"], page)
        assert before.read() == "the one before" and "</html>" in page.read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page.html", "run"]
    assert not page_of([tmp_path / "run"], Path("/dev/null")).is_file()
    inside = page / "page.html"
    assert view.main([str(tmp_path / "run"), "-o", str(inside), "--no-show"]) == 1
    assert f"{inside}: cannot be written: " in caplog.text


def test_a_branch_says_its_parent_and_opens_it_beside_itself(browser, tmp_path):
    said = [f"{word} is what I meant to say." for word in ("Tea", "Rain", "Bread", "Snow", "Salt")]
    for run in ("run", "branches"):
        (tmp_path / run).mkdir()
    write_record(tmp_path / "run" / "a.jsonl", said)
    header, rest = (tmp_path / "run" / "a.jsonl").read_text().split("\n", 1)
    for name, parent in (("b", "a"), ("c", "<i>gone")):
        branch = {"at": 2, "parent": {"run": "run", "name": parent, "sha256": "1f", "within": 9}}
        line = json.dumps({**json.loads(header), **branch})
        (tmp_path / "branches" / f"{name}.jsonl").write_text(f"{line}\n{rest}")
    runs = [str(tmp_path / run) for run in ("run", "branches")]
    assert analyze.main(runs) == 0
    assert view.main([*runs, "-o", str(tmp_path / "p.html"), "--no-show"]) == 0
    page = browser.new_page()
    page.goto(f"{(tmp_path / 'p.html').as_uri()}#branches/b")
    line = page.locator(".origin")
    line.wait_for()
    assert line.text_content() == "branch of run/a, new from turn 2 on"
    given = page.locator(".pane").first.locator(".turn.given")
    assert [given.nth(k).get_attribute("data-index") for k in range(given.count())] == ["0", "1"]
    line.locator("a").click()
    page.wait_for_selector(".pane:nth-child(2) .turn.here")
    other = page.locator(".pane").nth(1)
    assert other.locator(".turn.here").get_attribute("data-index") == "2"
    assert other.locator(".origin").count() == 0 and page.locator("#beside").is_checked()
    page.goto(f"{(tmp_path / 'p.html').as_uri()}#branches/c")
    page.wait_for_function("document.querySelector('.origin')?.textContent.includes('gone')")
    assert page.locator(".origin a").count() == 0
    page.close()
