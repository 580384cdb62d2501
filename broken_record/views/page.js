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

  function index(words) {
    const places = new Map(); // word -> where it stands
    words.forEach(({ word }, at) => { if (!places.get(word)?.push(at)) places.set(word, [at]); });
    return places;
  }

  function places({ words, starts }, segment) {
    // Where a segment stands: for each occurrence its stretches [index, from, to], one a turn.
    const wanted = segment.split(/\s+/).filter((word) => word && word !== "[empty]");
    const found = [];
    for (const at of starts.get(wanted[0]) ?? []) {
      if (!wanted.every((word, k) => words[at + k]?.word === word)) continue;
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
      const hits = here.filter((mark) => mark.hit !== undefined).map((mark) => mark.hit);
      if (hits.length) node.dataset.hits = hits.join(" ");
      const coloured = here.find((mark) => mark.colour);
      if (coloured) { node.style.backgroundColor = coloured.colour; node.style.color = "#000"; }
      nodes.append(node);
    }
    return nodes;
  }

  function copiesOf(finding, said) {
    // Index -> [the copy before, the copy after] of every turn in which a loop stands, null where there is none: as many turns
    // away as its period, else the nearest of the same speaker.
    const roles = new Map(said.map(([index, role]) => [index, role]));
    const turns = finding.copied ? [...new Set(finding.spans.map((span) => span.turn))].sort((a, b) => a - b) : [];
    const beside = (at, step) => {
      const alike = turns.filter((turn) => roles.get(turn) === roles.get(at) && Math.sign(turn - at) === step);
      const near = step > 0 ? alike[0] : alike.at(-1);
      return (finding.period && alike.find((turn) => turn === at + step * finding.period)) ?? near ?? null;
    };
    return new Map(turns.map((turn) => [turn, [beside(turn, -1), beside(turn, 1)]]));
  }

  function difference(before, after) {
    // What is left out of a text and what is put in, word by word: the longest words in common, in order, stay.
    const a = before.split(/(\s+)/), b = after.split(/(\s+)/), width = b.length + 1;
    const common = new Uint16Array((a.length + 1) * width);
    for (let i = a.length - 1; i >= 0; i--) for (let j = b.length - 1; j >= 0; j--) {
      common[i * width + j] = a[i] === b[j] ? common[(i + 1) * width + j + 1] + 1
        : Math.max(common[(i + 1) * width + j], common[i * width + j + 1]);
    }
    const nodes = [], put = (tag, word) => {
      if (nodes.at(-1)?.tagName === tag.toUpperCase()) nodes.at(-1).append(word);
      else nodes.push(make(tag, "", word));
    };
    for (let i = 0, j = 0; i < a.length || j < b.length;) {
      if (i < a.length && j < b.length && a[i] === b[j]) { put("span", a[i++]); j++; }
      else if (j >= b.length || (i < a.length && common[(i + 1) * width + j] >= common[i * width + j + 1])) put("del", a[i++]);
      else put("ins", b[j++]);
    }
    return nodes;
  }
  const LONGEST = 4000; // characters of texts that are compared word by word

  const NOT_SEARCHED = { search: null, segment: null, hit: null };
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
      this.turn = null;
      this.turns.tabIndex = 0;
      this.root.append(bar, this.turns);
      for (const run of data.runs) this.runs.append(new Option(run.name));
      this.runs.addEventListener("change", () => { this.list(); this.choose(); });
      this.dialogues.addEventListener("change", () => this.choose());
      this.segments.addEventListener("change", () => { this.search.value = ""; this.draw(); this.visit(0); });
      this.search.addEventListener("input", () => { this.draw(); this.visit(0); });
      back.addEventListener("click", () => this.jump(-1));
      next.addEventListener("click", () => this.jump(1));
      this.list();
    }
    get run() { return data.runs[this.runs.selectedIndex]; }
    get dialogue() { return this.run?.dialogues[this.dialogues.selectedIndex]; }
    list() {
      // Dialogues that are not chosen stay in the list, hidden, so that an index means the same everywhere.
      const before = this.dialogues.value, same = this.listed === this.run?.name;
      this.listed = this.run?.name;
      this.dialogues.replaceChildren(...(this.run?.dialogues ?? []).map((one) => {
        const option = new Option(`${one.name}${one.found ? ` (${one.found} finding${one.found === 1 ? "" : "s"})` : ""}`, one.name);
        option.hidden = option.disabled = !(window.parrot?.isChosen?.(this.run.name, one.name) ?? true);
        return option;
      }));
      if (same && before) this.dialogues.value = before;
    }
    async open(run, name, turn) {
      this.runs.selectedIndex = Math.max(0, data.runs.findIndex((one) => one.name === run));
      this.list();
      this.dialogues.selectedIndex = Math.max(0, this.run.dialogues.findIndex((one) => one.name === name));
      await this.choose(turn);
    }
    async refresh() {
      // Takes over what has grown; who reads the end goes on reading the end.
      const { turns, shown } = this;
      this.list();
      if (shown === this.dialogue?.packed) return;
      const place = turns.scrollTop, isAtEnd = place + turns.clientHeight > turns.scrollHeight - 40;
      const { at, search, segments } = this, searched = search.value, segment = segments.value;
      await this.load();
      search.value = searched;
      segments.value = segment;
      this.draw();
      if (searched || segment) this.visit(Math.max(0, at));
      this.go(this.turn, false);
      turns.scrollTop = isAtEnd ? turns.scrollHeight : place;
    }
    async choose(turn = null) {
      // Shows the dialogue that is chosen at a turn, or where its first finding begins.
      const chosen = this.dialogue;
      this.turn = null;
      await this.load();
      if (this.dialogue !== chosen) return;
      const onsets = (this.detail?.findings ?? []).filter((one) => one.level !== "info").map((one) => one.onset_turn);
      this.go(turn ?? (onsets.length ? Math.min(...onsets) : null));
    }
    get place() {
      const named = [this.run?.name, this.dialogue?.name];
      return named.includes(undefined) ? ["reader"] : this.turn === null ? named : [...named, String(this.turn)];
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
      this.shown = one.packed;
      this.said = this.detail.said;
      const words = wordsOf(this.said, this.detail.prefix), starts = index(words);
      // Of some segments the parts stand apart, around a longer one that the analysis took out before: they cannot be shown.
      this.detail.standing = this.detail.segments.map(({ text }) => ({ text, places: places({ words, starts }, text) }))
        .filter((segment) => segment.places.length).sort((a, b) => b.places.length - a.places.length);
      const { standing } = this.detail;
      this.segments.replaceChildren(new Option(`repeated segments (${standing.length})`, ""),
        ...standing.map((one) => new Option(`${one.places.length} x ${one.text.slice(0, 60)}`, one.text)));
      this.draw();
      this.turns.scrollTop = 0;
      if (this === readers[0]) plotPairs(this.detail);
    }
    draw() {
      const one = this.detail;
      this.hits = 0;
      this.at = -1;
      this.count.textContent = "";
      if (!one) return;
      const proofs = new Map(), notes = new Map();
      for (const finding of one.findings) {
        for (const span of finding.spans) proofs.set(span.turn, [...(proofs.get(span.turn) ?? []), span]);
        notes.set(finding.onset_turn, [...(notes.get(finding.onset_turn) ?? []), finding]);
      }
      const copies = one.findings.map((finding) => copiesOf(finding, this.said));
      const texts = new Map(this.said.map(([index, , text]) => [index, text]));
      const wanted = this.search.value || this.segments.value;
      const coloured = new Map(); // index -> marks
      const mark = (segment, more, isHit) => {
        for (const stretches of segment.places) {
          const hit = isHit ? this.hits++ : undefined;
          for (const [index, from, to] of stretches) {
            coloured.set(index, [...(coloured.get(index) ?? []), { from, to, hit, ...more }]);
          }
        }
      };
      if (!this.search.value) {
        one.standing.slice(0, SEGMENT_COLOURS.length).forEach((segment, k) => (
          mark(segment, { kind: "segment", colour: SEGMENT_COLOURS[k] })));
        const chosen = one.standing.find((segment) => segment.text === this.segments.value);
        if (chosen) mark(chosen, { kind: "found" }, true);
      }
      const nodes = [];
      let tokens = one.initial_tokens;
      const most = Math.max(0, ...Object.values(one.surprisal));
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
            marks.push({ from: at, to: at + wanted.length, kind: "found", hit: this.hits++ });
          }
        }
        const said = make("div", "said");
        said.append(marked(text, marks));
        const counted = given ? (role === "system" ? "system message" : "opening")
          : `turn ${index} · ${tokens.toLocaleString("en")} tokens before`;
        said.append(make("span", "cost", finish && finish !== "stop" ? `${counted} · ended by ${finish}` : counted));
        const margin = make("div", "margin");
        if (most && !given) margin.append(this.tellSurprisal(one.surprisal[index], most));
        for (const finding of notes.get(index) ?? []) {
          const note = make("b", "", `${finding.level}: ${finding.label} (${finding.speaker})`);
          note.style.borderColor = data.colours[finding.kind] ?? "#777";
          margin.append(note, make("span", "", finding.explanation));
        }
        one.findings.forEach((finding, k) => {
          if (copies[k].has(index)) margin.append(this.linkCopies(finding, copies[k], index, texts, said));
        });
        node.append(this.markMargin(one.findings, index), said, margin);
        nodes.push(node);
        tokens += cost ?? 0;
      }
      if (one.parent) nodes.unshift(this.origin(one.parent));
      this.turns.replaceChildren(...nodes);
      nodes.find((node) => node.dataset.index === String(this.turn))?.classList.add("here");
      if (wanted) this.count.textContent = `${this.hits} found`;
    }
    tellSurprisal(nats, most) {
      // How surprised the model was by its own turn, as a number, and as a bar beside the dialogue's highest.
      const line = make("div", "surprisal");
      line.title = "minus the mean log probability of the turn's tokens; low: the model was sure of them (s: the next lowest)";
      if (nats === undefined) { line.append("surprisal not recorded"); return line; }
      const track = make("span", "track"), bar = make("i", "");
      track.ariaHidden = "true";
      bar.style.width = `${(100 * nats) / most}%`;
      track.append(bar);
      line.append(track, `surprisal ${nats.toFixed(2)} nats`);
      return line;
    }
    sink(way) {
      // To the next turn of which the model was surer than of those beside it, of the same speaker; or the one before.
      const own = this.said?.filter(([index]) => this.detail?.surprisal[index] !== undefined) ?? [];
      const low = own.filter(([index, role], k) => {
        const beside = [own.slice(0, k).findLast((one) => one[1] === role), own.slice(k + 1).find((one) => one[1] === role)];
        return beside.every((one) => !one || this.detail.surprisal[index] < this.detail.surprisal[one[0]]);
      }).map(([index]) => index);
      const at = this.turn ?? -1;
      const turn = way > 0 ? low.find((one) => one > at) ?? low[0] : low.findLast((one) => one < at) ?? low.at(-1);
      if (turn !== undefined) this.go(turn);
    }
    markMargin(findings, index) {
      // A bar for each finding that goes on in a turn, always in the same place.
      const marks = make("div", "marks");
      for (const finding of findings) {
        const mark = make("i", "");
        if (finding.level !== "info" && finding.origin_turn <= index && index <= (finding.end_turn ?? Infinity)) {
          mark.style.background = data.colours[finding.kind] ?? "#777";
          mark.title = `${finding.label}, turns ${finding.onset_turn} - ${finding.end_turn ?? "end"}`;
          if (index < finding.onset_turn) mark.className = "before";
        }
        marks.append(mark);
      }
      return marks;
    }
    linkCopies(finding, copies, index, texts, said) {
      // Buttons to the copy before and after, and to what sets a near copy apart from the first.
      const links = make("span", "copies"), [before, after] = copies.get(index);
      links.style.borderColor = data.colours[finding.kind] ?? "#777";
      for (const [turn, text] of [[before, "\u2039 copy"], [after, "copy \u203a"]]) {
        if (turn === null) continue;
        const link = make("button", "", text);
        link.title = link.ariaLabel = `${turn < index ? "previous" : "next"} copy, turn ${turn}: ${finding.label}`;
        link.addEventListener("click", () => this.go(turn));
        links.append(link);
      }
      let first = index;
      while (copies.get(first)[0] !== null) [first] = copies.get(first);
      const [original, text] = [texts.get(first), texts.get(index)];
      if (original !== text && Math.max(original.length, text.length) < LONGEST) {
        const compare = make("button", "", "compare");
        compare.title = `with turn ${first}`;
        compare.addEventListener("click", () => {
          const open = said.querySelector(".difference");
          if (open) { open.remove(); return; }
          const shown = make("div", "difference", `against turn ${first}: `);
          shown.append(...difference(original, text));
          said.append(shown);
        });
        links.append(compare);
      }
      return links;
    }
    step(way) {
      // To the next finding, or the one before.
      const onsets = [...new Set((this.detail?.findings ?? []).map((one) => one.onset_turn))].sort((a, b) => a - b);
      const at = this.turn ?? -1;
      const turn = way > 0 ? onsets.find((one) => one > at) ?? onsets[0] : onsets.findLast((one) => one < at) ?? onsets.at(-1);
      if (turn !== undefined) this.go(turn);
    }
    origin({ run, name, at }) {
      // Of a branch: its parent, which opens beside it where it is in this page.
      const there = data.runs.some((other) => other.name === run && other.dialogues.some((own) => own.name === name));
      const parent = make(there ? "a" : "span", "", `${run}/${name}`);
      if (there) {
        parent.href = "#" + [run, name, at].map(encodeURIComponent).join("/");
        parent.addEventListener("click", (event) => { event.preventDefault(); showBeside([run, name, at]); });
      }
      const line = make("p", "origin", "branch of ");
      line.append(parent, `, new from turn ${at} on`);
      return line;
    }
    jump(step) {
      if (this.hits) this.visit(this.at < 0 && step < 0 ? this.hits - 1 : (this.at + step + this.hits) % this.hits);
    }
    visit(at) {
      // Shows an occurrence of what is searched for.
      this.at = at < this.hits ? at : -1;
      for (const node of this.turns.querySelectorAll("mark.now")) node.classList.remove("now");
      const nodes = this.turns.querySelectorAll(`mark[data-hits~="${this.at}"]`);
      for (const node of nodes) node.classList.add("now");
      if (nodes.length) {
        this.centre(nodes[0]);
        this.count.textContent = `${this.at + 1} of ${this.hits}`;
      }
      if (this === readers[0]) {
        window.parrot.note({ search: this.search.value, segment: this.segments.value, hit: this.at > 0 ? this.at : null });
      }
    }
    go(turn, isMoved = true) {
      const node = turn === null ? null : this.turns.querySelector(`[data-index="${Number(turn)}"]`);
      this.turns.querySelector(".here")?.classList.remove("here");
      this.turn = node ? Number(turn) : null;
      node?.classList.add("here");
      if (node && isMoved) this.centre(node);
      if (isMoved) this.tell();
    }
    centre(node) {
      const outer = this.turns.getBoundingClientRect(), inner = node.getBoundingClientRect();
      this.turns.scrollTop += inner.top - outer.top - Math.max(0, (outer.height - inner.height) / 2);
    }
    tell() {
      // Notes in the address what is shown; another dialogue than before is a step that leads back.
      if (!isShown()) return;
      const { place } = this;
      if (this !== readers[0]) window.parrot.note({ beside: place.map(encodeURIComponent).join("/") });
      else if (window.parrot.address().place.slice(0, 2).join("/") === place.slice(0, 2).join("/")) window.parrot.note({}, place);
      else window.parrot.note(NOT_SEARCHED, place, true);
    }
  }
  const isShown = () => !document.getElementById("reader").classList.contains("away");

  const NOTHING = { pairs: [], said: [], findings: [] };
  // Keys of the reader that was used last, wherever the focus is but in a field.
  const keys = {
    j: (reader) => reader.step(1),
    k: (reader) => reader.step(-1),
    s: (reader) => reader.sink(1),
    S: (reader) => reader.sink(-1),
    n: (reader) => reader.jump(1),
    p: (reader) => reader.jump(-1),
    "/": (reader) => reader.search.focus(),
    "?": () => { const help = document.getElementById("keys"); help.open = !help.open; },
  };
  document.addEventListener("keydown", (event) => {
    if (!isShown() || event.ctrlKey || event.metaKey || event.altKey || !(event.key in keys)) return;
    if (event.target.closest("input, select, textarea")) return;
    event.preventDefault();
    keys[event.key](readers.find((one) => one.root.contains(event.target)) ?? readers[0]);
  });

  function plotPairs({ pairs, said, findings }) {
    const source = window.parrot.model("recurrence");
    if (!source) return;
    source.data = { turn: pairs.map((pair) => pair[0]), earlier: pairs.map((pair) => pair[1]) };
    const end = Math.max(1, said.length), boxes = { from: [], to: [], colour: [], kind: [] };
    for (const finding of findings.filter((one) => one.level !== "info")) {
      boxes.from.push(finding.origin_turn);
      boxes.to.push((finding.end_turn ?? end - 1) + 1);
      boxes.colour.push(data.colours[finding.kind] ?? "#777777");
      boxes.kind.push(finding.label);
    }
    window.parrot.model("recurrence-boxes").data = boxes;
    window.parrot.model("recurrence-turns").setv({ start: 0, end, reset_end: end });
  }

  const readers = [];
  readers.push(new Reader(document.getElementById("readers")));
  const beside = document.getElementById("beside");
  async function showBeside(place) {
    readers[1]?.root.remove();
    readers.length = 1;
    beside.checked = Boolean(place);
    if (!place) return;
    readers.push(new Reader(document.getElementById("readers")));
    await readers[1].open(...place);
  }
  function besideOf({ runs, run, dialogues, dialogue, turn }) {
    // What to read beside a dialogue: that of the same place in the next run, which has the same seed, else the next one.
    const [r, d] = [runs.selectedIndex, dialogues.selectedIndex];
    if (!dialogue) return ["reader"];
    const other = data.runs[(r + 1) % data.runs.length];
    const next = other === run ? run.dialogues[(d + 1) % run.dialogues.length] : other.dialogues[d] ?? other.dialogues[0];
    return next === dialogue || !next ? [run.name, dialogue.name, ...(turn === null ? [] : [String(turn)])] : [other.name, next.name];
  }
  beside.addEventListener("change", async () => {
    await showBeside(beside.checked ? besideOf(readers[0]) : null);
    if (!beside.checked) window.parrot.note({ beside: null });
  });
  const { note, followers, refreshers, placeOf, whenDrawn, show } = window.parrot;
  placeOf.reader = () => readers[0].place;
  Object.assign(window.parrot, {
    async open(run, dialogue, turn) {
      show("reader");
      note(NOT_SEARCHED, [run, dialogue], true);
      await readers[0].open(run, dialogue, turn);
      readers[0].turns.focus();
    },
    goPair(turn, earlier) {
      readers[0].go(turn);
      if (readers[1]?.dialogue === readers[0].dialogue) readers[1].go(earlier);
    },
    showBeside,
    plotPairs: () => plotPairs(readers[0].detail ?? NOTHING),
    data,
    readers,
  });
  followers.push(async ({ place: [run, dialogue, turn], chosen }) => {
    if (dialogue !== undefined) {
      show("reader");
      await readers[0].open(run, dialogue, turn);
      readers[0].turns.focus();
    } else if (!readers[0].said) await readers[0].open(...(data.first ?? []));
    const [reader] = readers, wanted = ["segment", "search"].map((name) => chosen.get(name) ?? "");
    const hit = Number(chosen.get("hit") ?? 0);
    if (String(wanted) !== String([reader.segments.value, reader.search.value]) || (reader.hits && hit !== reader.at)) {
      [reader.segments.value, reader.search.value] = wanted;
      reader.draw();
      reader.visit(hit);
    }
    const other = chosen.get("beside");
    if (Boolean(other) !== beside.checked) await showBeside(other && other.split("/").map(decodeURIComponent));
  });
  whenDrawn(window.parrot.plotPairs);
  refreshers.push(() => whenDrawn(window.parrot.plotPairs));
})();
