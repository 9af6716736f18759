// What the network answers over the plane, or one unit of it, with the points on top.

import { Canvas, placeOf } from "./canvas.js";
import { named, useColours, valueColour } from "./colours.js";
import { Maps, contour } from "./map.js";
import { dot, mark } from "./marks.js";

const FEW = 250; // points that are drawn large

export class Boundary {
  constructor() {
    this.canvas = new Canvas("boundary", () => {
      this.layer = null;
      this.draw();
    });
    this.maps = new Maps();
    this.test = document.getElementById("test");
    this.test.addEventListener("change", () => {
      this.layer = null;
      this.draw();
    });
    this.title = document.getElementById("shown");
    this.readout = document.getElementById("point");
    this.canvas.element.addEventListener("mousemove", (event) => this.read(event));
    this.canvas.element.addEventListener("mouseleave", () => { this.readout.textContent = ""; });
    this.cross = null; // where the keyboard draws: shares of the plane, from its lower left
    this.unit = null; // [name, data, side] of a unit that is looked at instead
    this.layer = null; // the points, which stay as they are from frame to frame
  }

  begin(setup, arrays) {
    this.setup = setup;
    this.points = { train: arrays.train, test: arrays.test };
    this.layer = null;
    useColours(setup.colours);
    this.legend();
  }

  // Other training points (x1, x2, class), before anyone has trained on them.
  put(points) {
    this.points.train = { shape: [points.length, 3], data: Float32Array.from(points.flat()) };
    this.layer = null;
    this.draw();
  }

  show(arrays) {
    this.output = arrays.output;
    this.draw();
  }

  look(unit) {
    this.unit = unit;
    this.title.textContent = unit ? `Unit ${unit[0]}` : "Output";
    this.draw();
  }

  draw() {
    if (!this.output) return;
    const [context, width, height] = this.canvas.clear();
    const { shape: [classes, side], data } = this.output;
    if (this.unit) this.maps.signed(this.unit[1], 1, this.unit[2]);
    else if (classes === 1) this.maps.shares(data, side);
    else this.maps.leaders(data, classes, side);
    context.imageSmoothingQuality = "low";
    this.maps.draw(context, 0, 0, 0, width, height);
    if (!this.unit && classes === 1 && this.setup.task === "classification") {
      this.drawLine(context, contour(data, side), width, height, side);
    }
    this.layer ??= this.pointsLayer(width, height);
    context.drawImage(this.layer, 0, 0, width, height);
    if (this.cross) this.drawCross(context, width, height);
  }

  drawCross(context, width, height) {
    const [x, y] = [this.cross[0] * width, (1 - this.cross[1]) * height];
    for (const [colour, wide] of [["paper", 4], ["ink", 1.6]]) {
      context.strokeStyle = named(colour);
      context.lineWidth = wide;
      context.beginPath();
      context.moveTo(x - 9, y);
      context.lineTo(x + 9, y);
      context.moveTo(x, y - 9);
      context.lineTo(x, y + 9);
      context.stroke();
    }
  }

  drawLine(context, lines, width, height, side) {
    context.strokeStyle = named("ink");
    context.lineWidth = 1.6;
    context.beginPath();
    for (const line of lines) {
      const [from, to] = line.map(([x, y]) => [
        ((x + 0.5) / side) * width, height - ((y + 0.5) / side) * height,
      ]);
      context.moveTo(...from);
      context.lineTo(...to);
    }
    context.stroke();
  }

  pointsLayer(width, height) {
    const { low, high, task, reach } = this.setup;
    const layer = document.createElement("canvas");
    [layer.width, layer.height] = [this.canvas.element.width, this.canvas.element.height];
    const context = layer.getContext("2d");
    context.scale(layer.width / width, layer.height / height);
    context.strokeStyle = named("paper");
    context.lineWidth = 1.2;
    this.canvas.element.dataset.points = this.points.train.shape[0];
    const { shape: [count], data } = this.points[this.test.checked ? "test" : "train"];
    const radius = (count <= FEW ? 4.5 : 3.5) * Math.min(1.6, Math.max(1, width / 400));
    for (let i = 0; i < count; i += 1) {
      const [x1, x2, target] = data.subarray(3 * i, 3 * i + 3);
      const x = ((x1 - low[0]) / (high[0] - low[0])) * width;
      const y = height - ((x2 - low[1]) / (high[1] - low[1])) * height;
      if (task === "classification") mark(context, x, y, target, radius);
      else dot(context, x, y, valueColour((target - reach[0]) / (reach[1] - reach[0] || 1)), radius);
    }
    return layer;
  }

  legend() {
    const legend = document.getElementById("legend");
    legend.replaceChildren(...this.setup.classes.slice(0, 6).map((name, index) => {
      const item = document.createElement("span");
      const swatch = document.createElement("canvas");
      [swatch.width, swatch.height] = [24, 24];
      const context = swatch.getContext("2d");
      context.strokeStyle = "transparent";
      mark(context, 12, 12, index, 8);
      item.append(swatch, name);
      item.title = name;
      return item;
    }));
  }

  // The inputs under the mouse, and what is answered there.
  read(event) {
    if (!this.output) return;
    const { low, high, features } = this.setup;
    const { clientWidth: width, clientHeight: height } = this.canvas.element;
    const [x, y] = placeOf(event, this.canvas.element);
    const shares = [x / width, 1 - y / height];
    const { shape: [classes, side], data } = this.output;
    const [column, row] = shares.map((share) => Math.min(side - 1, Math.floor(share * side)));
    const inputs = shares.map((share, i) => low[i] + share * (high[i] - low[i]));
    const words = inputs.map((value, i) => `${features[i]} = ${value.toFixed(2)}`);
    if (classes === 1) words.push(`output ${data[row * side + column].toFixed(2)}`);
    this.readout.textContent = words.join(", ");
  }
}
