// A metric of each part by epoch. A click goes back to the epoch under the mouse.

import { Canvas, placeOf } from "./canvas.js";
import { legible, named } from "./colours.js";

const LEFT = 46;
const BOTTOM = 16;
const TOP = 6;

export class Curves {
  constructor(id, went) {
    this.canvas = new Canvas(id, () => this.draw());
    this.now = document.getElementById(`${id === "loss" ? "loss" : "score"}-now`);
    this.lines = [];
    this.rows = [];
    this.canvas.element.addEventListener("click", (event) => {
      const [x] = placeOf(event, this.canvas.element);
      const share = (x - LEFT) / (this.canvas.element.clientWidth - LEFT - 4);
      if (this.rows.length) went(Math.round(Math.min(1, Math.max(0, share)) * this.rows.length));
    });
  }

  // `metric` is loss, accuracy …; `parts` has a colour for each part.
  begin(metric, metrics, parts) {
    this.share = metric === "accuracy";
    this.lines = Object.entries(parts).map(([part, colour]) => ({
      part, colour, column: metrics.indexOf(`${part}_${metric}`),
    })).filter((line) => line.column >= 0);
  }

  show(rows) {
    this.rows = rows;
    this.draw();
  }

  draw() {
    const [context, width, height] = this.canvas.clear();
    const [right, bottom] = [width - 4, height - BOTTOM];
    if (bottom <= TOP) return;
    const [low, high] = this.range();
    const x = (index) => LEFT + ((index + 1) / Math.max(1, this.rows.length)) * (right - LEFT);
    const y = (value) => bottom - ((value - low) / (high - low)) * (bottom - TOP);
    this.drawAxes(context, low, high, right, bottom);
    const every = Math.max(1, Math.floor(this.rows.length / (2 * width)));
    for (const { column, colour, part } of this.lines) {
      context.strokeStyle = legible(colour);
      context.lineWidth = 1.8;
      context.setLineDash(part === "train" ? [] : [5, 3]);
      context.beginPath();
      this.rows.forEach((row, index) => {
        const last = index === this.rows.length - 1;
        if (row[column] === null || (index % every && !last)) return;
        context.lineTo(x(index), y(row[column]));
      });
      context.stroke();
      const [only] = this.rows;
      if (this.rows.length === 1 && only[column] !== null) {
        context.fillStyle = context.strokeStyle;
        context.fillRect(x(0) - 2, y(only[column]) - 2, 4, 4);
      }
    }
    context.setLineDash([]);
    this.tell();
  }

  drawAxes(context, low, high, right, bottom) {
    context.strokeStyle = named("grid");
    context.lineWidth = 1;
    context.fillStyle = named("quiet");
    context.font = "11px system-ui, DejaVu Sans, sans-serif";
    context.textAlign = "right";
    for (const [share, baseline] of [[0, 0], [0.5, 4], [1, 8]]) {
      const y = bottom - share * (bottom - TOP);
      context.beginPath();
      context.moveTo(LEFT, y);
      context.lineTo(right, y);
      context.stroke();
      context.fillText(this.written(low + share * (high - low)), LEFT - 5, y + baseline);
    }
    context.fillText(this.rows.length ? `epoch ${this.rows.length}` : "", right, bottom + 13);
    context.textAlign = "left";
    context.fillText(this.rows.length ? "0" : "no epoch yet", LEFT, bottom + 13);
  }

  range() {
    let [low, high] = [Infinity, -Infinity];
    for (const row of this.rows) {
      for (const { column } of this.lines) {
        const value = row[column];
        if (value === null) continue;
        if (value < low) low = value;
        if (value > high) high = value;
      }
    }
    if (this.share) return [Math.min(0.5, Number.isFinite(low) ? low : 0.5), 1];
    if (!Number.isFinite(low)) return [0, 1];
    return [Math.min(0, low), high > low ? high : low + 1];
  }

  // The last values in words: curves are told apart without colours, too.
  tell() {
    const last = this.rows[this.rows.length - 1];
    const words = last ? this.lines.map(({ part, column, colour }) => {
      const word = document.createElement("span");
      word.style.color = legible(colour);
      const value = last[column];
      word.textContent = `${part} ${value === null ? "–" : this.written(value, true)} `;
      return word;
    }) : [];
    this.now.replaceChildren(...words);
  }

  written(value, exact = false) {
    if (this.share) return `${(100 * value).toFixed(exact ? 1 : 0)} %`;
    return Math.abs(value) >= 1e4 ? value.toExponential(1) : String(Number(value.toPrecision(exact ? 4 : 2)));
  }
}
