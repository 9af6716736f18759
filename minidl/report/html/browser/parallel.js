// Parallel coordinates: an axis for each key that was varied, the last one for the metric.

import { draw } from "./chart.js";
import { named, scaleColour } from "./colours.js";
import { labelOf, page } from "./data.js";
import { inert, number, short } from "./words.js";

const SHADES = 16; // of a line, by the metric
const MOST_AXES = 9;
const MOST_TICKS = 12;
const LETTER = 7.5; // pixels

export class Parallel {
  // `brushed` gets words for the filter when somebody draws a box around a part of an axis.
  constructor(brushed) {
    this.brushed = brushed;
    this.rows = [];
    this.place = document.getElementById("parallel");
    this.section = this.place.closest("section");
    this.score = document.getElementById("score");
    this.score.addEventListener("change", () => this.draw());
  }

  begin() {
    const before = this.score.value || page.score;
    this.score.replaceChildren(...page.metrics.map(({ name, words }) => new Option(words, name)));
    this.score.value = page.metrics.some((metric) => metric.name === before) ? before : page.score;
  }

  show(rows, columns) {
    this.rows = rows;
    this.columns = columns;
    this.draw();
  }

  draw() {
    const keys = page.keys.map((key) => this.columns.find((column) => column.id === key.key)).filter(Boolean);
    this.section.hidden = keys.length === 0;
    if (!keys.length) return;
    const metric = this.columns.find((column) => column.id === this.score.value);
    const all = this.rows[0]?.isGroup ? page.groups : page.runs;
    this.axes = [...keys.slice(0, MOST_AXES - 1), metric].map((column) => new Axis(column, all));
    const letters = Math.max(6, Math.floor(this.place.clientWidth / this.axes.length / LETTER));
    draw(this.place, this.traces(metric), {
      xaxis: { range: [-0.05, this.axes.length - 0.95], visible: false, fixedrange: true },
      yaxis: { range: [-0.04, 1.12], visible: false, fixedrange: true },
      shapes: this.axes.map((_, i) => ({
        type: "line", x0: i, x1: i, y0: 0, y1: 1, line: { color: named("frame"), width: 1 },
      })),
      annotations: this.axes.flatMap((axis, i) => axis.annotations(i, letters)),
      margin: { l: 34, r: 48, t: 8, b: 8 },
      hovermode: "closest",
      dragmode: "select",
      selectdirection: "any",
    }, { displayModeBar: false });
    if (!this.listens) {
      this.listens = true;
      this.place.on("plotly_selected", (event) => event?.range && this.brush(event.range));
    }
  }

  // Rows of one shade are one line with gaps: a thousand lines would be slow.
  traces(metric) {
    const at = this.axes[this.axes.length - 1];
    const shades = Array.from({ length: SHADES + 1 }, () => ({ x: [], y: [], text: [] }));
    for (const row of this.rows) {
      const share = at.place(row);
      const good = share === null ? null : metric.up ? share : 1 - share;
      const shade = shades[good === null ? SHADES : Math.min(SHADES - 1, Math.floor(good * SHADES))];
      const text = this.said(row);
      this.axes.forEach((axis, i) => {
        shade.x.push(i);
        shade.y.push(axis.place(row));
        shade.text.push(text);
      });
      shade.x.push(null);
      shade.y.push(null);
      shade.text.push("");
    }
    const opacity = this.rows.length > 200 ? 0.35 : this.rows.length > 40 ? 0.6 : 0.9;
    return shades.map(({ x, y, text }, i) => ({
      x, y, text, mode: "lines", hoverinfo: "text", opacity,
      line: {
        width: 1.3, color: i === SHADES ? named("frame") : scaleColour((i + 0.5) / SHADES),
        dash: i === SHADES ? "dot" : "solid",
      },
    })).filter((trace) => trace.x.length);
  }

  said(row) {
    const words = this.axes.map(({ column }) => `${column.head} ${column.text(row) || "–"}`);
    return [short(labelOf(row), 60), ...words.map((one) => short(one, 60))].map(inert).join("<br>");
  }

  brush({ x, y }) {
    const [left, right] = [Math.min(...x), Math.max(...x)];
    const words = this.axes.filter((_, i) => left <= i && i <= right)
      .map((axis) => axis.words(Math.min(...y), Math.max(...y)));
    this.brushed(words.filter(Boolean).join(" "));
  }
}

// Where values stand on an axis from 0 to 1: by size, by decades, or in their order.
class Axis {
  constructor(column, rows) {
    this.column = column;
    const values = rows.map((row) => column.value(row)).filter((value) => value !== null && value !== "");
    const numbers = values.filter((value) => typeof value === "number");
    this.byNumber = numbers.length > 0 && numbers.length === values.length;
    if (this.byNumber) {
      this.values = [...new Set(numbers)].sort((a, b) => a - b);
      const [low, high] = [this.values[0], this.values[this.values.length - 1]];
      this.decades = low > 0 && high / low >= 50;
      [this.low, this.high] = [low, high].map((value) => this.size(value));
    } else {
      this.values = [...new Set(rows.map((row) => column.text(row)))].filter((text) => text !== "");
    }
  }

  size(value) {
    return this.decades ? Math.log10(value) : value;
  }

  place(row) {
    if (!this.byNumber) return this.share(this.column.text(row));
    const value = this.column.value(row);
    return value === null ? null : this.share(value);
  }

  share(value) {
    if (this.byNumber) return this.high > this.low ? (this.size(value) - this.low) / (this.high - this.low) : 0.5;
    const at = this.values.indexOf(value);
    return at < 0 ? null : this.values.length > 1 ? at / (this.values.length - 1) : 0.5;
  }

  ticks() {
    if (this.values.length <= MOST_TICKS) return this.values;
    if (!this.byNumber) {
      const step = Math.ceil(this.values.length / MOST_TICKS);
      return this.values.filter((_, i) => i % step === 0);
    }
    return [0, 0.25, 0.5, 0.75, 1].map((share) => {
      const size = this.low + share * (this.high - this.low);
      return this.decades ? 10 ** size : size;
    });
  }

  // `letters`: how many there is room for.
  annotations(index, letters) {
    const text = { showarrow: false, font: { size: 11, color: named("quiet") } };
    const head = {
      ...text, x: index, y: 1.05, yanchor: "bottom", text: inert(short(this.column.head, letters)),
      font: { size: 12, color: named("ink") },
    };
    const taken = [];
    const [first, ...others] = this.ticks();
    const ticks = [first, ...others.reverse()].filter((value) => { // both ends before the others
      if (value === undefined) return false;
      const y = this.share(value);
      const free = taken.every((other) => Math.abs(other - y) > 0.04);
      if (free) taken.push(y);
      return free;
    });
    return [head, ...ticks.map((value) => ({
      ...text, x: index, y: this.share(value), xanchor: "left", xshift: 5, bgcolor: named("glass"),
      text: inert(short(typeof value === "number" ? number(value, 3) : value, letters)),
    }))];
  }

  // The part of an axis from `low` to `high`, as the filter says it.
  words(low, high) {
    const inside = this.values.filter((value) => low <= this.share(value) && this.share(value) <= high);
    if (inside.length === this.values.length || !inside.length) return "";
    if (this.byNumber) return `${this.quoted(this.column.id)}>=${inside[0]} ${this.quoted(this.column.id)}<=${inside[inside.length - 1]}`;
    return `${this.quoted(this.column.id)}=${this.quoted(inside.join("|"))}`;
  }

  quoted(text) {
    return /[\s"]/.test(text) ? `"${text.replace(/"/g, "")}"` : text;
  }
}
