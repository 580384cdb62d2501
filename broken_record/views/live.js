"use strict";
// A page that is served asks once a second whether its runs have grown, and takes over what is new: the reader at once, tables
// and figures, which would flicker, now and then.
(() => {
  const EVERY = 1000, REDRAW = 8000; // ms
  const { data, readers, refreshers, prepare } = window.parrot;
  const made = document.getElementById("made");
  let drawn = Date.now(), waiting = null;

  function redraw(page) {
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
    waiting = null;
  }

  async function look() {
    try {
      const answer = await fetch(`/grown?${data.version}`);
      if (answer.status === 200) {
        waiting = new DOMParser().parseFromString(await answer.text(), "text/html");
        made.textContent = waiting.getElementById("made").textContent;
        Object.assign(data, JSON.parse(waiting.getElementById("data").textContent));
        for (const reader of readers) await reader.refresh();
      }
      if (waiting && Date.now() - drawn > REDRAW) redraw(waiting);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // what fetch throws when nobody answers
      made.textContent += " · no longer served";
      return;
    }
    setTimeout(look, EVERY);
  }
  setTimeout(look, EVERY);
})();
