"use strict";
// Tabs, and tables that sort and copy: what every page does.
(() => {
  const tabs = [...document.querySelectorAll("[data-tab]")];
  function show(name) {
    for (const tab of tabs) {
      const chosen = tab.dataset.tab === name;
      tab.setAttribute("aria-selected", chosen);
      tab.tabIndex = chosen ? 0 : -1;
      document.getElementById(tab.dataset.tab).classList.toggle("away", !chosen);
    }
  }
  for (const [k, tab] of tabs.entries()) {
    tab.addEventListener("click", () => show(tab.dataset.tab));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = tabs[(k + step + tabs.length) % tabs.length];
      show(next.dataset.tab);
      next.focus();
    });
  }

  for (const table of document.querySelectorAll("table")) {
    const body = table.tBodies[0];
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      head.tabIndex = 0;
      let falling = false;
      const sort = () => {
        const value = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
        const order = (a, b) => {
          const x = value(a), y = value(b);
          return x !== "" && y !== "" && !isNaN(x) && !isNaN(y) ? x - y : x.localeCompare(y);
        };
        falling = !falling;
        body.append(...[...body.rows].sort((a, b) => (falling ? order(b, a) : order(a, b))));
      };
      head.addEventListener("click", sort);
      head.addEventListener("keydown", (event) => event.key === "Enter" && sort());
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

  window.parrot = { show };
  show(tabs[0].dataset.tab);
})();
