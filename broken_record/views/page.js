"use strict";
// The reader. Text of models is only ever set as textContent.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const SEGMENT_COLOURS = ["#f6c6a8", "#bfe3d0", "#c9d4f5", "#f3e3a1", "#e6c8e8", "#cfe8f3", "#e3d6c3", "#d9e8b5"];
  const make = (tag, className, text) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  };

  async function unpack(packed) {
    const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return JSON.parse(await new Response(stream).text());
  }

  function codePoints(text) {
    // Offsets of the analysis count code points, those of strings here UTF-16 units.
    const places = [0];
    for (const letter of text) places.push(places[places.length - 1] + letter.length);
    return places;
  }

  function wordsOf(said, prefix) {
    // The assistant's words one after the other, with their places: a repeated segment may run over several replies.
    const words = [];
    for (const [index, role, text] of said) {
      if (role !== "assistant") continue;
      const from = text.startsWith(prefix) ? prefix.length : 0;
      for (const match of text.slice(from).matchAll(/\S+/g)) {
        words.push({ word: match[0], index, from: from + match.index, to: from + match.index + match[0].length });
      }
    }
    return words;
  }

  function places(words, segment) {
    // Where a segment stands: for each occurrence its stretches [index, from, to], one a turn.
    const wanted = segment.split(/\s+/).filter((word) => word && word !== "[empty]");
    const found = [];
    for (let at = 0; wanted.length && at + wanted.length <= words.length; at++) {
      if (!wanted.every((word, k) => words[at + k].word === word)) continue;
      const stretches = [];
      for (const { index, from, to } of words.slice(at, at + wanted.length)) {
        const last = stretches.at(-1);
        if (last?.[0] === index) last[2] = to;
        else stretches.push([index, from, to]);
      }
      found.push(stretches);
    }
    return found;
  }

  function marked(text, marks) {
    const borders = new Set([0, text.length]);
    for (const mark of marks) borders.add(mark.from).add(mark.to);
    const sorted = [...borders].filter((at) => at >= 0 && at <= text.length).sort((a, b) => a - b);
    const nodes = document.createDocumentFragment();
    for (let k = 0; k + 1 < sorted.length; k++) {
      const piece = text.slice(sorted[k], sorted[k + 1]);
      const here = marks.filter((mark) => mark.from <= sorted[k] && mark.to >= sorted[k + 1]);
      if (!here.length) { nodes.append(piece); continue; }
      const node = make("mark", here.map((mark) => mark.kind).join(" "), piece);
      const coloured = here.find((mark) => mark.colour);
      if (coloured) { node.style.backgroundColor = coloured.colour; node.style.color = "#000"; }
      nodes.append(node);
    }
    return nodes;
  }

  class Reader {
    constructor(parent) {
      this.root = make("div", "pane");
      parent.append(this.root);
      const bar = make("p", "bar");
      this.runs = make("select");
      this.runs.ariaLabel = "run";
      this.dialogues = make("select");
      this.dialogues.ariaLabel = "dialogue";
      this.segments = make("select");
      this.segments.ariaLabel = "repeated segment";
      this.search = make("input");
      this.search.type = "search";
      this.search.placeholder = "search";
      this.count = make("span");
      const back = make("button", "", "previous"), next = make("button", "", "next");
      back.title = "previous occurrence (p)";
      next.title = "next occurrence (n)";
      bar.append(this.runs, this.dialogues, this.segments, this.search, back, next, this.count);
      this.turns = make("div", "turns");
      this.turns.tabIndex = 0;
      this.root.append(bar, this.turns);
      for (const run of data.runs) this.runs.append(new Option(run.name));
      this.runs.addEventListener("change", () => { this.list(); this.load(); });
      this.dialogues.addEventListener("change", () => this.load());
      this.segments.addEventListener("change", () => { this.search.value = ""; this.draw(); this.jump(1); });
      this.search.addEventListener("input", () => { this.draw(); this.jump(1); });
      back.addEventListener("click", () => this.jump(-1));
      next.addEventListener("click", () => this.jump(1));
      this.turns.addEventListener("keydown", (event) => {
        if (event.key === "n") this.jump(1);
        if (event.key === "p") this.jump(-1);
      });
      this.list();
    }
    get run() { return data.runs[this.runs.selectedIndex]; }
    get dialogue() { return this.run?.dialogues[this.dialogues.selectedIndex]; }
    list() {
      // Dialogues that are not chosen stay in the list, hidden, so that an index means the same everywhere.
      const before = this.dialogues.selectedIndex, same = this.listed === this.run;
      this.listed = this.run;
      this.dialogues.replaceChildren(...(this.run?.dialogues ?? []).map((one) => {
        const option = new Option(`${one.name}${one.found ? ` (${one.found} finding${one.found === 1 ? "" : "s"})` : ""}`);
        option.hidden = option.disabled = !(window.parrot?.isChosen?.(this.run.name, one.name) ?? true);
        return option;
      }));
      if (same && before >= 0) this.dialogues.selectedIndex = before;
    }
    async open(run, name, turn) {
      this.runs.selectedIndex = Math.max(0, data.runs.findIndex((one) => one.name === run));
      this.list();
      this.dialogues.selectedIndex = Math.max(0, this.run.dialogues.findIndex((one) => one.name === name));
      const chosen = this.dialogue;
      await this.load();
      if (turn !== null && turn !== undefined && this.dialogue === chosen) this.go(turn);
    }
    async load() {
      const one = this.dialogue;
      this.search.value = "";
      this.detail = null;
      if (!one?.packed) {
        const why = one ? "Its transcript is not in this page: it was made with --no-transcripts, or the record is gone."
          : "This run has no dialogue that could be analysed.";
        this.turns.replaceChildren(make("p", "empty", why));
        this.said = [];
        this.segments.replaceChildren(new Option("repeated segments (0)", ""));
        this.draw();
        if (this === readers[0]) plotPairs(NOTHING);
        return;
      }
      const detail = await unpack(one.packed);
      if (this.dialogue !== one) return; // another was chosen meanwhile
      this.detail = detail;
      this.said = this.detail.said;
      this.detail.words = wordsOf(this.said, this.detail.prefix);
      const segments = this.detail.segments;
      this.segments.replaceChildren(new Option(`repeated segments (${segments.length})`, ""),
        ...segments.map((segment) => new Option(`${segment.count} x ${segment.text.slice(0, 60)}`, segment.text)));
      this.draw();
      this.turns.scrollTop = 0;
      if (this === readers[0]) plotPairs(this.detail);
    }
    draw() {
      const one = this.detail;
      this.hits = [];
      this.at = -1;
      this.count.textContent = "";
      if (!one) return;
      const proofs = new Map(), notes = new Map();
      for (const finding of one.findings) {
        for (const span of finding.spans) proofs.set(span.turn, [...(proofs.get(span.turn) ?? []), span]);
        notes.set(finding.onset_turn, [...(notes.get(finding.onset_turn) ?? []), finding]);
      }
      const wanted = this.search.value || this.segments.value;
      const coloured = new Map(); // index -> marks
      const mark = (segment, more) => {
        for (const stretches of places(one.words, segment)) {
          stretches.forEach(([index, from, to], k) => {
            const kind = k && more.kind === "found" ? "found also" : more.kind;
            coloured.set(index, [...(coloured.get(index) ?? []), { from, to, ...more, kind }]);
          });
        }
      };
      if (!this.search.value) {
        one.segments.slice(0, SEGMENT_COLOURS.length).forEach(({ text }, k) => (
          mark(text, { kind: "segment", colour: SEGMENT_COLOURS[k] })));
        if (this.segments.value) mark(this.segments.value, { kind: "found" });
      }
      const nodes = [];
      let tokens = one.initial_tokens;
      for (const [index, role, text, cost, finish, given] of this.said) {
        const node = make("div", `turn ${role}${given || index < one.parent?.at ? " given" : ""}`);
        node.dataset.index = index;
        const places = proofs.has(index) ? codePoints(text) : null;
        const marks = (proofs.get(index) ?? []).map((span) => (
          { from: places[span.start] ?? 0, to: places[span.end] ?? text.length, kind: "proof" }));
        marks.push(...(coloured.get(index) ?? []));
        if (this.search.value) {
          const low = text.toLowerCase(), low_wanted = wanted.toLowerCase();
          for (let at = low.indexOf(low_wanted); at >= 0; at = low.indexOf(low_wanted, at + low_wanted.length)) {
            marks.push({ from: at, to: at + wanted.length, kind: "found" });
          }
        }
        const said = make("div", "said");
        said.append(marked(text, marks));
        const counted = given ? "opening" : `turn ${index} · ${tokens.toLocaleString("en")} tokens before`;
        said.append(make("span", "cost", finish && finish !== "stop" ? `${counted} · ended by ${finish}` : counted));
        const margin = make("div", "margin");
        for (const finding of notes.get(index) ?? []) {
          const note = make("b", "", `${finding.level}: ${finding.kind} (${finding.speaker})`);
          note.style.borderColor = data.colours[finding.kind] ?? "#777";
          margin.append(note, make("span", "", finding.explanation));
        }
        node.append(said, margin);
        nodes.push(node);
        this.hits.push(...said.querySelectorAll("mark.found:not(.also)"));
        tokens += cost ?? 0;
      }
      if (one.parent) nodes.unshift(this.origin(one.parent));
      this.turns.replaceChildren(...nodes);
      if (wanted) this.count.textContent = `${this.hits.length} found`;
    }
    origin({ run, name, at }) {
      // Of a branch: its parent, which opens beside it where it is in this page.
      const there = data.runs.some((other) => other.name === run && other.dialogues.some((own) => own.name === name));
      const parent = make(there ? "a" : "span", "", `${run}/${name}`);
      if (there) {
        parent.href = "#" + [run, name, at].map(encodeURIComponent).join("/");
        parent.addEventListener("click", (event) => { event.preventDefault(); beside(run, name, at); });
      }
      const line = make("p", "origin", "branch of ");
      line.append(parent, `, new from turn ${at} on`);
      return line;
    }
    jump(step) {
      if (!this.hits?.length) return;
      this.hits[this.at]?.classList.remove("now");
      this.at = this.at < 0 && step < 0 ? this.hits.length - 1 : (this.at + step + this.hits.length) % this.hits.length;
      this.hits[this.at].classList.add("now");
      this.hits[this.at].scrollIntoView({ block: "center" });
      this.count.textContent = `${this.at + 1} of ${this.hits.length}`;
    }
    go(turn) {
      const node = this.turns.querySelector(`[data-index="${Number(turn)}"]`);
      this.turns.querySelector(".here")?.classList.remove("here");
      node?.classList.add("here");
      node?.scrollIntoView({ block: "center" });
      history.replaceState(null, "", "#" + [this.run.name, this.dialogue.name, turn].map(encodeURIComponent).join("/"));
    }
  }

  const NOTHING = { pairs: [], said: [] };
  function plotPairs({ pairs, said }) {
    for (const shown of window.Bokeh?.documents ?? []) {
      const source = shown.get_model_by_name("recurrence"), range = shown.get_model_by_name("recurrence-turns");
      if (!source) continue;
      source.data = { turn: pairs.map((pair) => pair[0]), earlier: pairs.map((pair) => pair[1]) };
      const end = Math.max(1, said.length);
      range.setv({ start: 0, end, reset_end: end });
    }
  }

  const readers = [];
  const place = document.getElementById("readers");
  readers.push(new Reader(place));
  const second = () => readers[1] ?? readers[readers.push(new Reader(place)) - 1];
  const box = document.getElementById("beside");
  box.addEventListener("change", async () => {
    readers[1]?.root.remove();
    readers.length = 1;
    if (box.checked) await second().load();
  });
  async function beside(run, dialogue, turn) {
    box.checked = true;
    await second().open(run, dialogue, turn);
  }
  Object.assign(window.parrot, {
    async open(run, dialogue, turn) {
      window.parrot.show("reader");
      await readers[0].open(run, dialogue, turn);
      readers[0].turns.focus();
    },
    goPair(turn, earlier) {
      readers[0].go(turn);
      if (readers[1]) readers[1].go(earlier);
    },
    plotPairs: () => plotPairs(readers[0].detail ?? NOTHING),
    data,
    readers,
  });
  async function follow() {
    const [run, dialogue, turn] = location.hash.slice(1).split("/").map(decodeURIComponent);
    if (dialogue === undefined) return false;
    await window.parrot.open(run, dialogue, turn ?? null);
    return true;
  }
  addEventListener("hashchange", follow);
  const waitForPlots = setInterval(() => {
    if (!window.Bokeh?.documents?.length) return;
    clearInterval(waitForPlots);
    window.parrot.plotPairs();
  }, 100);
  follow().then((opened) => opened || readers[0].load());
})();
