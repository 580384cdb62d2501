"use strict";
// A page that is served asks once a second whether its runs have grown, and takes over what is new: the reader at once, tables
// and figures, which would flicker, now and then.
(() => {
  const EVERY = 1000, REDRAW = 5000; // ms
  const { data, readers, refreshers, prepare } = window.parrot;
  const made = document.getElementById("made");
  let drawn = Date.now(), isBehind = false;

  async function redraw() {
    const page = new DOMParser().parseFromString(await (await fetch("/drawn")).text(), "text/html");
    made.textContent = page.getElementById("made").textContent;
    for (const view of [...window.Bokeh.index]) view.remove();
    for (const shown of window.Bokeh.documents.splice(0)) shown.clear();
    for (const section of document.querySelectorAll("main > section:not(#reader)")) {
      const fresh = page.getElementById(section.id);
      const bars = section.querySelectorAll(":scope > .bar"); // what is chosen there stays
      fresh.querySelectorAll(":scope > .bar").forEach((bar, k) => bar.replaceWith(bars[k]));
      section.replaceChildren(...fresh.childNodes);
      section.querySelectorAll("table").forEach(prepare);
    }
    document.getElementById("again").replaceChildren(...page.getElementById("again").childNodes);
    const script = document.createElement("script");
    script.textContent = page.querySelector("#embed script").textContent;
    document.getElementById("embed").replaceChildren(script);
    for (const refresh of refreshers) refresh();
    drawn = Date.now();
    isBehind = false;
  }

  async function look() {
    try {
      const answer = await fetch(`/grown?${data.version}`);
      if (answer.status === 200) {
        Object.assign(data, await answer.json());
        for (const reader of readers) await reader.refresh();
        isBehind = true;
      }
      if (isBehind && Date.now() - drawn > REDRAW) await redraw();
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // what fetch throws when nobody answers
      made.textContent += " · no longer served";
      return;
    }
    setTimeout(look, EVERY);
  }
  setTimeout(look, EVERY);
})();
