// The network: a column of units for each layer, each with the map of its answers, and the weights
// between them as lines, as wide as they are large.

import { Canvas, placeOf } from "./canvas.js";
import { named, signColour } from "./colours.js";
import { Maps } from "./map.js";

const HEAD = 36; // pixels above the units, for names
const LARGEST = 60; // pixels of a unit
const FOOT = 6;
const REACH = 7; // pixels, within which a click means a line
const MANY = 150; // weights: their lines are straight, which is faster
const FAINTEST = 0.04; // of the largest weight: lines below that aren't drawn

export class Network {
  constructor(looked, chosen) {
    this.canvas = new Canvas("network", () => this.draw());
    this.looked = looked; // called with [name, data, side] of the unit under the mouse, or null
    this.chosen = chosen; // called with the name of a weight that was clicked
    this.title = document.getElementById("unit");
    this.maps = []; // of each column
    const { element } = this.canvas;
    element.addEventListener("mousemove", (event) => this.point(...placeOf(event, element)));
    element.addEventListener("click", (event) => this.choose(...placeOf(event, element)));
    element.addEventListener("mouseleave", () => this.point(-1, -1));
  }

  begin(setup) {
    this.columns = setup.columns; // [name, units]
    this.features = setup.features;
    this.under = null;
  }

  show(arrays) {
    this.arrays = arrays;
    this.columns.forEach((_, i) => {
      const { shape: [count, side], data } = arrays[`units${i}`];
      this.maps[i] ??= new Maps();
      this.maps[i].signed(data, count, side);
    });
    this.draw();
    if (this.under) this.looked(this.unitAt(...this.under));
  }

  // Where each unit of each column stands: [x, y] of its middle, and its size.
  places(width, height) {
    const shown = this.columns.map((_, i) => this.arrays[`units${i}`].shape[0]);
    const room = height - HEAD - FOOT;
    const across = width / this.columns.length;
    const size = Math.min(LARGEST, (0.84 * room) / Math.max(...shown), 0.62 * across);
    const middle = HEAD + room / 2;
    return shown.map((count, i) => {
      const gap = Math.min(LARGEST * 1.5, room / count);
      return Array.from({ length: count }, (_, unit) => [
        across * (i + 0.5), middle + gap * (unit - (count - 1) / 2), size,
      ]);
    });
  }

  draw() {
    if (!this.arrays) return;
    const [context, width, height] = this.canvas.clear();
    this.at = this.places(width, height);
    for (let i = 1; i < this.columns.length; i += 1) this.drawWeights(context, i);
    this.columns.forEach((column, i) => this.drawColumn(context, i));
  }

  drawWeights(context, i) {
    const weights = this.arrays[`weights${i}`];
    if (!weights) return;
    const [, before] = weights.shape;
    let most = 0;
    for (const value of weights.data) if (Math.abs(value) > most) most = Math.abs(value);
    if (!(most > 0 && most < Infinity)) return;
    const widest = Math.max(1.5, Math.min(5, 40 / Math.sqrt(weights.data.length)));
    weights.data.forEach((value, index) => {
      const share = Math.abs(value) / most;
      if (share < FAINTEST) return;
      context.strokeStyle = signColour(value);
      context.globalAlpha = 0.15 + 0.75 * share;
      context.lineWidth = Math.max(0.5, widest * share);
      context.beginPath();
      this.follow(context, i, index, before);
      context.stroke();
    });
    context.globalAlpha = 1;
  }

  // The line of a weight of column i: `before` units stand in the one before it.
  follow(path, i, index, before) {
    const [x, y, size] = this.at[i][Math.floor(index / before)];
    const [fromX, fromY, fromSize] = this.at[i - 1][index % before];
    const [start, end] = [fromX + fromSize / 2, x - size / 2];
    const bend = (end - start) / 2;
    path.moveTo(start, fromY);
    if (before * this.at[i].length > MANY) path.lineTo(end, y);
    else path.bezierCurveTo(start + bend, fromY, end - bend, y, end, y);
  }

  // Name the largest of the weights whose lines pass there.
  choose(x, y) {
    const scale = devicePixelRatio || 1; // of the canvas, in whose pixels a point is meant
    const { context } = this.canvas;
    context.lineWidth = REACH;
    let [largest, name] = [0, null];
    for (let i = 1; this.at && i < this.columns.length; i += 1) {
      const weights = this.arrays[`weights${i}`];
      if (!weights || x < this.at[i - 1][0][0] || x > this.at[i][0][0]) continue;
      const [, before] = weights.shape;
      weights.data.forEach((value, index) => {
        if (Math.abs(value) <= largest) return;
        const path = new Path2D();
        this.follow(path, i, index, before);
        if (!context.isPointInStroke(path, x * scale, y * scale)) return;
        largest = Math.abs(value);
        name = `${this.columns[i][0]}[${Math.floor(index / before)},${index % before}]`;
      });
    }
    if (name) this.chosen(name);
  }

  drawColumn(context, i) {
    const [name, units] = this.columns[i];
    this.at[i].forEach(([x, y, size], unit) => {
      const here = this.under?.[0] === i && this.under[1] === unit;
      this.maps[i].draw(context, unit, x - size / 2, y - size / 2, size, size);
      context.strokeStyle = named(here ? "accent" : "frame");
      context.lineWidth = here ? 2.5 : 1;
      context.strokeRect(x - size / 2, y - size / 2, size, size);
    });
    const [x] = this.at[i][0];
    const shown = this.at[i].length;
    context.textAlign = "center";
    context.font = "13px system-ui, DejaVu Sans, sans-serif";
    context.fillStyle = named("ink");
    context.fillText(name, x, 12);
    context.font = "11px system-ui, DejaVu Sans, sans-serif";
    context.fillStyle = named("quiet");
    context.fillText(units > shown ? `${shown} of ${units}` : String(units), x, 27);
  }

  // Look at the unit that is there, if one is.
  point(x, y) {
    if (!this.at) return;
    let found = null;
    this.at.forEach((column, i) => column.forEach(([middleX, middleY, size], unit) => {
      const reach = size / 2 + 1;
      if (Math.abs(x - middleX) <= reach && Math.abs(y - middleY) <= reach) found = [i, unit];
    }));
    if (String(found) === String(this.under)) return;
    this.under = found;
    this.title.textContent = found ? this.nameOf(...found) : "";
    this.looked(found ? this.unitAt(...found) : null);
    this.draw();
  }

  nameOf(i, unit) {
    return i === 0 ? this.features[unit] : `${this.columns[i][0]}[${unit}]`;
  }

  unitAt(i, unit) {
    const { shape: [, side], data } = this.arrays[`units${i}`];
    return [this.nameOf(i, unit), data.subarray(unit * side * side, (unit + 1) * side * side), side];
  }
}
