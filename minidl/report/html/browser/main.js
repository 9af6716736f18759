// The page: the table's rows go to the charts, what is chosen in the table to the details.

import { onTheme } from "./colours.js";
import { Curves } from "./curves.js";
import { change, fill, page } from "./data.js";
import { Details } from "./details.js";
import { listen } from "./feed.js";
import { Parallel } from "./parallel.js";
import { Table } from "./table.js";
import { element, plural } from "./words.js";

const SOON = 60; // milliseconds

const details = new Details();
const curves = new Curves((swatches) => table.colour(swatches));
const parallel = new Parallel((words) => {
  table.filter.value = `${table.filter.value} ${words}`.trim();
  table.update();
});
const table = new Table(ordered, (row) => details.show(row));
let asked = 0;
let known = false; // whether any data came yet

// The table answers at once; the charts follow when it has been painted, and once for quick typing.
function ordered(rows) {
  clearTimeout(asked);
  asked = setTimeout(() => {
    curves.show(rows);
    parallel.show(rows, table.columns);
  }, SOON);
}

function begin(data) {
  fill(data);
  document.body.classList.add("scripted");
  document.title = data.title;
  document.getElementById("title").textContent = data.title;
  tell();
  curves.begin();
  parallel.begin();
  const grouped = known ? table.grouped : page.runs.length > page.groups.length && page.groups.length > 1;
  table.show(grouped);
  details.refill();
  if (!known && page.runs.length === 1) details.show(page.runs[0]);
  known = true;
}

function tell() {
  const counts = new Map();
  for (const { status } of page.runs) counts.set(status, (counts.get(status) || 0) + 1);
  const parts = [...counts].map(([status, count]) => `${count.toLocaleString("en")} ${status}`);
  document.getElementById("summary").textContent = `${plural(page.runs.length, "run")}: ${parts.join(", ")}`;
  document.getElementById("notes").replaceChildren(...page.notes.map((note) => element("li", note)));
}

function redraw() {
  curves.draw();
  parallel.draw();
  details.draw();
}

onTheme(redraw);
addEventListener("beforeprint", () => {
  document.documentElement.classList.add("printed");
  table.add(Infinity);
  redraw();
});
addEventListener("afterprint", () => {
  document.documentElement.classList.remove("printed");
  redraw();
});
document.getElementById("clear").addEventListener("click", () => {
  table.filter.value = "";
  table.update();
});

const given = document.getElementById("data");
if (given) {
  begin(JSON.parse(given.textContent));
} else {
  listen(begin, (changes) => {
    change(changes);
    tell();
    table.again();
    details.refill();
  });
}
