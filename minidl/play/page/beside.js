// Other seeds or optimizers, which train in step: the map of each and what it scores.

import { named } from "./colours.js";
import { Maps, contour } from "./map.js";

const PIXELS = 160; // of a map, along each side

export class Beside {
  constructor() {
    this.place = document.getElementById("beside");
    this.list = this.place.querySelector("ul");
    this.panels = [];
  }

  begin(setup) {
    this.setup = setup;
    this.panels = [];
    this.list.replaceChildren();
    const score = setup.task === "classification" ? "accuracy" : "R²";
    document.getElementById("beside-score").textContent = `test ${score}`;
  }

  // `others`: name, score of the test part, whether it has diverged; their maps are `besideI`.
  show(others, arrays) {
    this.place.hidden = others.length === 0;
    if (this.panels.length !== others.length) {
      this.panels = others.map(([name]) => panelOf(name));
      this.list.replaceChildren(...this.panels.map(({ item }) => item));
    }
    others.forEach(([name, score, diverged], i) => {
      const { context, canvas, words, maps } = this.panels[i];
      const said = diverged ? "diverged" : scoreOf(score, this.setup.task);
      words.textContent = said;
      canvas.setAttribute("aria-label", `${name}: ${said}`);
      this.drawMap(context, maps, arrays[`beside${i}`]);
    });
  }

  drawMap(context, maps, { shape: [classes, side], data }) {
    if (classes === 1) maps.shares(data, side);
    else maps.leaders(data, classes, side);
    maps.draw(context, 0, 0, 0, PIXELS, PIXELS);
    if (classes !== 1 || this.setup.task !== "classification") return;
    context.strokeStyle = named("ink");
    context.lineWidth = 1.6;
    context.beginPath();
    for (const line of contour(data, side)) {
      const [from, to] = line.map(([x, y]) => [
        ((x + 0.5) / side) * PIXELS, PIXELS - ((y + 0.5) / side) * PIXELS,
      ]);
      context.moveTo(...from);
      context.lineTo(...to);
    }
    context.stroke();
  }
}

function panelOf(name) {
  const [item, canvas, title, words] = ["li", "canvas", "span", "b"].map((tag) => document.createElement(tag));
  [canvas.width, canvas.height] = [PIXELS, PIXELS];
  canvas.setAttribute("role", "img");
  title.textContent = name;
  title.title = name;
  item.append(canvas, title, words);
  return { item, canvas, words, context: canvas.getContext("2d"), maps: new Maps() };
}

function scoreOf(score, task) {
  if (score === null) return "–";
  return task === "classification" ? `${(100 * score).toFixed(1)} %` : score.toFixed(3);
}
