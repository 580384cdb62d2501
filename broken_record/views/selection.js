"use strict";
// Points chosen in the scatter are what everything else shows: the figures' sources and the tables are computed again here,
// from the facts of the chosen dialogues. Without a choice the page shows what Python computed, from the same facts. There are
// too many choices to compute them all before, so the statistics stand here a second time, by the methods of stats.py: intervals
// from the same draws, shown in the same digits.
(() => {
  const { data, model, address, note, followers, refreshers, whenDrawn } = window.parrot;
  const sum = (values) => values.reduce((a, b) => a + b, 0);
  const mean = (values) => sum(values) / values.length;
  const percent = (share) => `${number(100 * share, 0)}%`;

  function number(value, digits) {
    // As Python rounds: what lies halfway, which toFixed rounds up, goes to the even neighbour.
    let shown = value.toFixed(digits);
    const isHalf = /^50*$/.test(value.toFixed(digits + 40).slice(-40));
    if (isHalf && Number(shown.at(-1)) % 2) shown = value.toFixed(digits + 1).slice(0, digits ? -1 : -2);
    return Number(shown).toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  }

  function quantile(sorted, share) {
    const at = share * (sorted.length - 1), low = Math.floor(at), high = Math.ceil(at);
    return sorted[low] + (sorted[high] - sorted[low]) * (at - low);
  }

  function wilson(count, n) {
    const { z } = data.method, centre = (count + z * z / 2) / (n + z * z);
    const half = z * Math.sqrt(count * (n - count) / n + z * z / 4) / (n + z * z);
    return [Math.max(0, centre - half), Math.min(1, centre + half)];
  }

  // What numpy's default_rng draws (PCG64, O'Neill 2014) from the state that stands in the data: words of 32 bits, of each 64 the
  // lower half first. They are the same for every choice, so they are kept.
  const WORD = 2 ** 32, MULTIPLIER = 0x2360ed051fc65da44385df649fccf645n;
  const increment = BigInt(data.method.increment);
  let state = BigInt(data.method.state), drawn = new Uint32Array(0);
  function words(count) {
    const before = drawn;
    drawn = new Uint32Array(2 * Math.ceil(count / 2));
    drawn.set(before);
    for (let k = before.length; k < drawn.length; k += 2) {
      state = BigInt.asUintN(128, state * MULTIPLIER + increment);
      const folded = BigInt.asUintN(64, (state >> 64n) ^ state), turn = state >> 122n;
      const turned = (folded >> turn) | (folded << (64n - turn));
      drawn[k] = Number(BigInt.asUintN(32, turned));
      drawn[k + 1] = Number(BigInt.asUintN(32, turned >> 32n));
    }
  }

  function bootstrap(values) {
    const n = values.length, uneven = WORD % n;
    let at = 0;
    const place = () => { // below n, each as often (Lemire, 2019)
      for (;;) {
        if (at === drawn.length) words(Math.max(at + 1000, data.method.draws * n));
        const product = drawn[at++] * n;
        if (product % WORD >= uneven) return Math.floor(product / WORD);
      }
    };
    const means = Array.from({ length: data.method.draws }, () => {
      let total = 0;
      for (let k = 0; k < n; k++) total += values[place()];
      return total / n;
    }).sort((a, b) => a - b);
    return [quantile(means, 0.025), quantile(means, 0.975)];
  }

  function commonUntil(runs) {
    // The tokens up to which every run tells the share: those of its longest dialogue, unless all had looped by then.
    let longest = 0, known = Infinity;
    for (const watched of runs.filter((one) => one.length)) {
      const last = Math.max(...watched.map(([time]) => time));
      longest = Math.max(longest, last);
      if (!watched.every(([time, event]) => event || time < last)) known = Math.min(known, last);
    }
    return Math.min(longest, known);
  }

  function survival(watched, until, shared) {
    const times = [0], shares = [1], at_risk = [watched.length];
    const events = [...new Set(watched.filter(([, event]) => event).map(([time]) => time))].sort((a, b) => a - b);
    for (const at of events) {
      const left = watched.filter(([time]) => time >= at).length;
      const struck = watched.filter(([time, event]) => event && time === at).length;
      times.push(at);
      shares.push(shares.at(-1) * (1 - struck / left));
      at_risk.push(left);
    }
    const borders = [...times.map((time) => Math.min(time, shared)), shared];
    const restricted = sum(shares.map((share, k) => share * (borders[k + 1] - borders[k])));
    const end = shares.at(-1) ? Math.max(...watched.map(([time]) => time)) : until;
    times.push(end);
    shares.push(shares.at(-1));
    at_risk.push(watched.filter(([time]) => time >= end).length);
    return { tokens: times, share: shares, at_risk, restricted };
  }

  const fill = (name, columns) => { const source = model(name); if (source) source.data = columns; };
  const cell = (table, row, column, text, by) => {
    const node = document.querySelector(`#${table} tr[data-row="${row}"]`)?.cells[column];
    if (!node) return;
    node.textContent = text;
    if (by === undefined) delete node.dataset.value;
    else node.dataset.value = by;
  };

  const everyone = () => data.runs.flatMap((run) => run.dialogues);
  const times = () => everyone().flatMap((one) => one.facts.time?.[0] ?? []);
  let bins = "even";

  function drawHistograms(chosen) {
    for (const [speaker, edges] of Object.entries(data.edges)) {
      chosen.forEach((facts, k) => {
        const own = facts.map((one) => one.bins[speaker]?.[bins]).filter(Boolean);
        const counts = edges[bins].slice(1).map((_, at) => sum(own.map((one) => one[at])));
        const all = Math.max(1, sum(counts));
        fill(`lengths-${speaker}-${k}`, { left: edges[bins].slice(0, -1), right: edges[bins].slice(1), count: counts,
          share: counts.map((count) => count / all) });
      });
    }
  }

  function drawCourses(chosen) {
    for (const what of Object.keys(data.stretches)) {
      chosen.forEach((facts, k) => {
        const columns = { x: [], low: [], mid: [], high: [] };
        const borders = data.stretches[what];
        for (let at = 0; at + 1 < borders.length; at++) {
          const means = facts.map((one) => one.course?.[what][at]).filter((value) => value !== undefined && value !== null);
          if (!means.length) continue;
          means.sort((a, b) => a - b);
          columns.x.push((borders[at] + borders[at + 1]) / 2);
          columns.low.push(quantile(means, 0.25));
          columns.mid.push(quantile(means, 0.5));
          columns.high.push(quantile(means, 0.75));
        }
        fill(`${what}-${k}`, columns);
      });
    }
  }

  function drawLoops(chosen) {
    const heat = { run: [], kind: [], rate: [], shown: [], ink: [], text: [], onset: [] };
    chosen.forEach((facts, k) => data.kinds.forEach((_, at) => {
      if (!data.runs[k].looked[at]) return;
      const measured = facts.map((one) => one.kinds[at]).filter((found) => found !== null);
      const found = measured.filter(Boolean);
      const onsets = found.map(([tokens]) => tokens).filter((tokens) => tokens !== null).sort((a, b) => a - b);
      const [low, high] = measured.length ? wilson(found.length, measured.length) : [];
      const rate = measured.length ? found.length / measured.length : NaN;
      heat.run.push(data.runs[k].name);
      heat.kind.push(data.labels[at]);
      heat.rate.push(rate);
      heat.shown.push(measured.length ? `${percent(rate)}, ${found.length} of ${measured.length}` : "not measurable");
      heat.ink.push(rate > data.dark ? "white" : "black");
      heat.text.push(measured.length ? `${found.length} of ${measured.length}, ${percent(rate)} (${percent(low)} - ${percent(high)})`
        : "not measurable");
      heat.onset.push(onsets.length ? `${number(quantile(onsets, 0.5), 0)} tokens` : "-");
    }));
    fill("rates", heat);
    const until = times().reduce((longest, time) => Math.max(longest, time), 0);
    const shared = commonUntil(chosen.map((facts) => facts.map((one) => one.time).filter(Boolean)));
    chosen.forEach((facts, k) => {
      const watched = facts.map((one) => one.time).filter(Boolean);
      const { restricted, ...columns } = watched.length ? survival(watched, until, shared) : { tokens: [], share: [], at_risk: [] };
      fill(`survival-${k}`, columns);
      const label = model(`survival-label-${k}`);
      const told = watched.length ? `mean ${number(restricted, 0)} of ${number(shared, 0)} tokens` : "none chosen";
      if (label) label.label = { value: `${data.runs[k].name}: ${told}` };
      for (let at = 0; at < 6; at++) {
        cell("at-risk", k, at + 1, watched.length ? watched.filter(([time]) => time >= until * at / 5).length : "-");
      }
    });
  }

  const make = (tag, className, text = "") => Object.assign(document.createElement(tag), { className, textContent: text });
  function drawRuns(chosen) {
    chosen.forEach((facts, k) => {
      cell("runs", k, 1, facts.length);
      const struck = (one, isLoop) => one.kinds.some((found, at) => found && data.loops[at] === isLoop);
      [true, false].forEach((isLoop, at) => {
        const count = facts.filter((one) => struck(one, isLoop)).length;
        const known = facts.length && data.runs[k].looked.some((looked, kind) => looked && data.loops[kind] === isLoop);
        cell("runs", k, 2 + at, known ? `${percent(count / facts.length)} (${count})` : "-", known ? count / facts.length : undefined);
      });
      const kinds = data.kinds.map((kind, at) => {
        const measured = facts.filter((one) => one.kinds[at] !== null).length;
        const count = facts.filter((one) => one.kinds[at]).length;
        return { kind, label: data.labels[at].replace(/ \(\w+\)$/, ""), count, share: measured ? count / measured : 0 };
      }).filter(({ count }) => count).sort((a, b) => b.share - a.share);
      const bars = kinds.flatMap(({ kind, label, share }) => {
        const bar = make("span", "share"), track = make("span", "track"), fill = make("i", "");
        fill.style.width = percent(share);
        fill.style.background = data.colours[kind] ?? "#777";
        track.append(fill);
        bar.append(track, `${percent(share)} ${label}`);
        return [bar, " "];
      });
      const place = document.querySelector(`#runs tr[data-row="${k}"]`).cells[4];
      place.dataset.value = kinds[0]?.share ?? 0;
      place.replaceChildren(...(bars.length ? bars : ["nothing"]));
    });
  }

  function drawMeans(chosen) {
    chosen.forEach((facts, k) => {
      cell("means", k, 1, facts.length);
      data.digits.forEach((digits, at) => {
        const values = facts.map((one) => one.values[at]).filter((value) => value !== null);
        if (!values.length) { cell("means", k, at + 2, "-"); return; }
        const [low, high] = bootstrap(values).map((value) => number(value, digits));
        cell("means", k, at + 2, `${number(mean(values), digits)} (${low} - ${high})`, mean(values));
      });
    });
  }

  function drawPoints(isChosen) {
    data.runs.forEach((run, k) => {
      const source = model(`scatter-${k}`);
      source.data.alpha = source.data.dialogue.map((name) => (isChosen(run.name, name) ? 0.75 : 0.12));
      source.change.emit();
    });
  }

  function drawTimeline(isChosen) {
    const IndexFilter = window.Bokeh.Models.get("IndexFilter");
    for (let k = "lengths", source; (source = model(`timeline-${k}`)); k = k === "lengths" ? 0 : k + 1) {
      const { run, dialogue } = source.data;
      const indices = [...run.keys()].filter((at) => isChosen(run[at], dialogue[at]));
      model(`timeline-view-${k}`).filter = new IndexFilter({ indices });
    }
  }

  function draw(isChosen) {
    const chosen = data.runs.map((run) => run.dialogues.filter((one) => isChosen(run.name, one.name)).map((one) => one.facts));
    drawRuns(chosen);
    drawMeans(chosen);
    drawLoops(chosen);
    drawHistograms(chosen);
    drawCourses(chosen);
    drawPoints(isChosen);
    drawTimeline(isChosen);
    for (const reader of window.parrot.readers) reader.list();
    return sum(chosen.map((facts) => facts.length));
  }

  const bar = document.getElementById("chosen");
  let waiting = 0, names = null;
  window.parrot.isChosen = (run, name) => !names || names.has(JSON.stringify([run, name]));
  window.parrot.choose = () => {
    clearTimeout(waiting); // every run's points change one after the other
    waiting = setTimeout(() => {
      waiting = 0;
      const picked = data.runs.map((_, k) => model(`scatter-${k}`).selected.indices);
      const chosen = picked.flatMap((places, k) => places.map((at) => [data.runs[k].name, data.runs[k].dialogues[at].name]));
      names = chosen.length ? new Set(chosen.map((one) => JSON.stringify(one))) : null;
      note({ chosen: picked.flatMap((places, k) => (places.length ? `${k}:${places.join(".")}` : [])).join(";") });
      const shown = draw(window.parrot.isChosen);
      bar.hidden = !names;
      bar.firstChild.textContent = `Everything but the verdict and the table of differences shows ${shown} of ${everyone().length} dialogues, chosen in the overview.`;
    }, 30);
  };
  const pick = (places) => data.runs.forEach((_, k) => {
    const { selected } = model(`scatter-${k}`), wanted = places.get(String(k)) ?? [];
    if (String(wanted) !== String(selected.indices)) selected.indices = wanted;
  });
  bar.lastChild.addEventListener("click", () => pick(new Map()));

  drawRuns(data.runs.map((run) => run.dialogues.map((one) => one.facts)));
  const lengths = document.getElementById("bins");
  const drawBins = (name) => {
    bins = lengths.value = name;
    drawHistograms(data.runs.map((run) => run.dialogues.filter((one) => window.parrot.isChosen(run.name, one.name))
      .map((one) => one.facts)));
  };
  lengths.addEventListener("change", () => {
    drawBins(lengths.value);
    note({ bins: lengths.value === "even" ? null : lengths.value });
  });

  const axes = Object.fromEntries(["x", "y"].map((axis) => [axis, document.getElementById(`${axis}-axis`)]));
  const first = Object.fromEntries(Object.entries(axes).map(([axis, select]) => [axis, select.value]));
  function turnAxis(axis, metric) {
    const select = axes[axis];
    select.value = metric;
    for (const k of data.runs.keys()) model(`scatter-points-${k}`).glyph[axis] = { field: metric };
    model(`scatter-${axis}`).axis_label = select.selectedOptions[0].text;
  }
  for (const [axis, select] of Object.entries(axes)) {
    select.addEventListener("change", () => {
      turnAxis(axis, select.value);
      note({ [axis]: select.value === first[axis] ? null : select.value });
    });
  }

  const restore = () => whenDrawn(() => {
    const { chosen } = address(); // not as it was when the wait for the figures began
    for (const [axis, select] of Object.entries(axes)) {
      const wanted = chosen.get(axis) ?? first[axis];
      if ([...select.options].some((option) => option.value === wanted)) turnAxis(axis, wanted);
    }
    const wanted = chosen.get("bins") === "old" ? "old" : "even";
    drawBins(wanted);
    if (waiting) return; // a choice made meanwhile is not in the address yet
    pick(new Map((chosen.get("chosen") ?? "").split(";").filter(Boolean).map((one) => {
      const [run, places] = one.split(":");
      return [run, places.split(".").map(Number)];
    })));
  });
  followers.push(restore);
  refreshers.push(() => {
    drawRuns(data.runs.map((run) => run.dialogues.map((one) => one.facts)));
    restore();
  });
})();
