// The table of groups or runs: it sorts, filters and hides columns; of many rows it shows the first.

import { columnsOf } from "./columns.js";
import { again, page } from "./data.js";
import { filterOf } from "./filter.js";
import { element, plural } from "./words.js";

const AT_ONCE = 60; // rows that are added when somebody scrolls there

export class Table {
  // `ordered` gets the rows whenever others stand there, `chosen` the row that is clicked.
  constructor(ordered, chosen) {
    this.ordered = ordered;
    this.chosen = chosen;
    this.grouped = true;
    this.rows = [];
    this.columns = [];
    this.hidden = { true: new Map(), false: new Map() }; // by view: what somebody chose
    this.sort = null;
    this.picked = null;
    this.swatches = new Map();
    this.head = document.querySelector("#table thead");
    this.body = document.querySelector("#table tbody");
    this.filter = document.getElementById("filter");
    this.filter.addEventListener("input", () => this.update());
    this.head.addEventListener("click", (event) => this.sortBy(event.target.closest("button")));
    this.body.addEventListener("click", (event) => this.pick(event.target.closest("tr")));
    this.body.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.pick(event.target.closest("tr"));
    });
    this.more = document.getElementById("more");
    this.more.addEventListener("click", () => this.add());
    new IntersectionObserver(([end]) => end.isIntersecting && this.add(), { rootMargin: "400px" })
      .observe(this.more);
    for (const name of ["groups", "runs"]) {
      document.getElementById(name).addEventListener("click", () => this.show(name === "groups"));
    }
  }

  // Groups or runs, sorted by the score as long as nobody sorts otherwise.
  show(grouped) {
    this.grouped = grouped;
    this.swatches = new Map();
    for (const name of ["groups", "runs"]) {
      document.getElementById(name).setAttribute("aria-pressed", String((name === "groups") === grouped));
    }
    this.refill();
  }

  // The same with other data.
  refill() {
    this.columns = columnsOf(this.grouped);
    if (!this.sort || !this.columns.some((column) => column.id === this.sort.id)) {
      const score = page.metrics.find((metric) => metric.name === page.score);
      this.sort = { id: page.score, down: Boolean(score && score.up) };
    }
    this.choices();
    this.update();
  }

  // The same columns with newer rows: whoever has scrolled stays there.
  again() {
    this.columns = columnsOf(this.grouped);
    if (this.picked) this.picked = again(this.picked);
    this.update(this.body.childElementCount);
  }

  isShown(column) {
    const own = this.hidden[this.grouped].get(column.id);
    return own === undefined ? column.shown : own;
  }

  // The list of columns to hide and to show.
  choices() {
    const choices = this.columns.map((column) => {
      const box = element("input");
      box.type = "checkbox";
      box.checked = this.isShown(column);
      box.addEventListener("change", () => {
        this.hidden[this.grouped].set(column.id, box.checked);
        this.draw();
      });
      const label = element("label");
      label.append(box, element("bdi", column.title));
      return label;
    });
    document.getElementById("choices").replaceChildren(...choices);
  }

  sortBy(button) {
    if (!button) return;
    const { id } = button.dataset;
    const column = this.columns.find((one) => one.id === id);
    const down = this.sort.id === id ? !this.sort.down : Boolean(column.up);
    this.sort = { id, down };
    this.update();
  }

  pick(line) {
    if (!line) return;
    this.picked = this.rows[Number(line.dataset.place)];
    this.mark();
    this.chosen(this.picked);
  }

  // Filter and sort anew, then draw.
  update(most = AT_ONCE) {
    const all = this.grouped ? page.groups : page.runs;
    const problem = document.getElementById("problem");
    let stays = () => true;
    problem.textContent = "";
    try {
      stays = filterOf(this.filter.value, this.columns);
    } catch (error) {
      problem.textContent = error.message;
    }
    const column = this.columns.find((one) => one.id === this.sort.id);
    this.rows = sorted(all.filter(stays), column, this.sort.down);
    document.getElementById("count").textContent = this.rows.length === all.length
      ? plural(all.length, this.grouped ? "group" : "run")
      : `${this.rows.length.toLocaleString("en")} of ${plural(all.length, this.grouped ? "group" : "run")}`;
    this.draw(Math.max(most, AT_ONCE));
    this.ordered(this.rows);
  }

  draw(most = AT_ONCE) {
    this.visible = this.columns.filter((column) => this.isShown(column));
    const line = element("tr");
    line.append(element("th"), ...this.visible.map((column) => this.heading(column)));
    line.firstChild.setAttribute("aria-label", "line");
    this.head.replaceChildren(line);
    this.body.replaceChildren();
    this.add(most);
  }

  heading(column) {
    const cell = element("th", "", column.number ? "number" : "");
    cell.scope = "col";
    const button = element("button");
    button.append(element("bdi", column.head));
    button.dataset.id = column.id;
    button.title = `sort by ${column.title}`;
    if (column.id === this.sort.id) {
      cell.setAttribute("aria-sort", this.sort.down ? "descending" : "ascending");
      button.append(element("span", this.sort.down ? " ▾" : " ▴"));
    }
    cell.append(button);
    return cell;
  }

  // The next rows; all of them for a printer.
  add(most = AT_ONCE) {
    const from = this.body.childElementCount;
    const next = this.rows.slice(from, from + most);
    this.body.append(...next.map((row, i) => this.line(row, from + i)));
    const left = this.rows.length - this.body.childElementCount;
    this.more.hidden = left === 0;
    this.more.textContent = `${left.toLocaleString("en")} more`;
    this.mark();
  }

  line(row, place) {
    const line = element("tr");
    line.dataset.place = place;
    line.tabIndex = 0;
    const first = element("td", "", "swatch");
    line.append(first, ...this.visible.map((column) => {
      const cell = element("td", "", column.number ? "number" : "");
      const text = String(column.text(row) ?? "");
      cell.append(element("bdi", text));
      if (!column.number) cell.title = text;
      return cell;
    }));
    if (row.status && row.status !== "done") line.classList.add(row.status);
    return line;
  }

  // Which rows, by their places in the data, are lines of the chart in which colours.
  colour(swatches) {
    this.swatches = swatches;
    this.mark();
  }

  mark() {
    for (const line of this.body.children) {
      const row = this.rows[Number(line.dataset.place)];
      const colour = this.swatches.get(row.place);
      line.firstChild.style.setProperty("--swatch", colour || "transparent");
      line.setAttribute("aria-selected", String(row === this.picked));
    }
  }
}

// The missing last, whichever way it goes.
function sorted(rows, column, down) {
  if (!column) return rows;
  const sign = down ? -1 : 1;
  const keyed = rows.map((row) => [column.value(row), row]);
  keyed.sort(([a], [b]) => {
    if (isMissing(a) || isMissing(b)) return isMissing(a) - isMissing(b);
    if (typeof a === "number" && typeof b === "number") return sign * (a - b);
    return sign * String(a).localeCompare(String(b), "en", { numeric: true });
  });
  return keyed.map(([, row]) => row);
}

const isMissing = (value) => value === null || value === undefined || value === "";
