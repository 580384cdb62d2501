"use strict";
// Tabs, the address, and tables that sort and copy: what every page does.
(() => {
  // The address holds every choice, so that a page can be sent as it is seen: #TAB or, in the reader, #RUN/DIALOGUE/TURN, and
  // then ?NAME=VALUE&... Who keeps a choice notes it, and brings the page to what an address says when it is followed.
  const followers = [];
  const refreshers = [() => sortAll(address())]; // called when tables and figures were made anew (live.js)
  const placeOf = {}; // tab -> the place it stands for, where that is not its name
  function address() {
    const [place, chosen] = location.hash.slice(1).split("?");
    return { place: place.split("/").map(decodeURIComponent), chosen: new URLSearchParams(chosen) };
  }
  function note(choices, place, isNew = false) {
    const { place: before, chosen } = address();
    for (const [name, value] of Object.entries(choices)) {
      if (value === null || value === "") chosen.delete(name);
      else chosen.set(name, value);
    }
    const hash = `#${(place ?? before).map(encodeURIComponent).join("/")}${chosen.size ? `?${chosen}` : ""}`;
    if (hash !== (location.hash || "#")) history[isNew ? "pushState" : "replaceState"](null, "", hash);
  }
  async function follow() {
    const at = address();
    for (const follower of followers) await follower(at);
  }
  addEventListener("hashchange", follow);
  addEventListener("DOMContentLoaded", follow); // when all scripts of the page have run

  const tabs = [...document.querySelectorAll("[data-tab]")];
  function show(name) {
    for (const tab of tabs) {
      const chosen = tab.dataset.tab === name;
      tab.setAttribute("aria-selected", chosen);
      tab.tabIndex = chosen ? 0 : -1;
      document.getElementById(tab.dataset.tab).classList.toggle("away", !chosen);
    }
  }
  function choose(name) {
    show(name);
    note({}, placeOf[name]?.() ?? [name], true);
  }
  followers.push(({ place: [name, ...more] }) => {
    if (more.length === 0) show(tabs.some((tab) => tab.dataset.tab === name) ? name : tabs[0].dataset.tab);
  });
  for (const [k, tab] of tabs.entries()) {
    tab.addEventListener("click", () => choose(tab.dataset.tab));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = tabs[(k + step + tabs.length) % tabs.length];
      choose(next.dataset.tab);
      next.focus();
    });
  }

  function sort(table, column, falling) {
    const value = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
    const order = (a, b) => {
      const x = value(a), y = value(b);
      return x !== "" && y !== "" && !isNaN(x) && !isNaN(y) ? x - y : x.localeCompare(y);
    };
    const body = table.tBodies[0];
    body.append(...[...body.rows].sort((a, b) => (falling ? order(b, a) : order(a, b))));
    [...table.tHead.rows[0].cells].forEach((head, k) => {
      if (k === column) head.ariaSort = falling ? "descending" : "ascending";
      else head.removeAttribute("aria-sort");
    });
  }
  function sortAll({ chosen }) {
    for (const table of document.querySelectorAll("table")) {
      const [column, way] = chosen.get(`sort-${table.id}`)?.split(".") ?? [];
      if (table.tHead.rows[0].cells[column]) sort(table, Number(column), way === "down");
    }
  }
  followers.push(sortAll);
  function prepare(table) {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      head.tabIndex = 0;
      const turn = () => {
        const falling = head.ariaSort !== "descending";
        sort(table, column, falling);
        note({ [`sort-${table.id}`]: `${column}.${falling ? "down" : "up"}` });
      };
      head.addEventListener("click", turn);
      head.addEventListener("keydown", (event) => event.key === "Enter" && turn());
    });
    const button = document.createElement("button");
    button.className = "csv";
    button.textContent = "copy as CSV";
    button.addEventListener("click", async () => {
      // a spreadsheet runs a text that begins with one of these as a formula; numbers are none
      const harmless = (text) => (/^[=+\-@\t\r]/.test(text) && (text === "" || isNaN(text)) ? `'${text}` : text);
      const quote = (cell) => `"${harmless(cell.textContent).replaceAll('"', '""')}"`;
      await navigator.clipboard.writeText([...table.rows].map((row) => [...row.cells].map(quote).join(",")).join("\n"));
      button.textContent = "copied";
    });
    table.closest(".wide").after(button);
  }
  document.querySelectorAll("table").forEach(prepare);

  function whenDrawn(then) {
    const wait = setInterval(() => {
      if (!window.Bokeh?.documents?.length) return;
      clearInterval(wait);
      then();
    }, 50);
  }
  const model = (name) => {
    for (const shown of window.Bokeh?.documents ?? []) {
      const found = shown.get_model_by_name(name);
      if (found) return found;
    }
  };

  // Figures are drawn in a colour that can be read on both papers; here it is that of the theme, and black is turned to white.
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const [BLACK, WHITE] = ["#000000", "#fefefe"];
  function dress() {
    const ink = getComputedStyle(document.documentElement).getPropertyValue("--faint").trim();
    const [from, to] = dark.matches ? [BLACK, WHITE] : [WHITE, BLACK];
    for (const shown of window.Bokeh.documents) for (const found of shown.all_models) {
      const { properties } = found;
      for (const name of ["axis_label_text_color", "major_label_text_color", "label_text_color", "title_text_color"]) {
        if (name in properties) found[name] = ink;
      }
      if (found.type === "Title") found.text_color = ink;
      for (const name of ["line_color", "fill_color"]) {
        if (found[name]?.value === from) found[name] = { value: to };
      }
    }
  }
  whenDrawn(dress);
  refreshers.push(() => whenDrawn(dress));
  dark.addEventListener("change", dress);

  window.parrot = { show, address, note, follow, followers, refreshers, placeOf, prepare, whenDrawn, model };
  show(tabs[0].dataset.tab);
})();
