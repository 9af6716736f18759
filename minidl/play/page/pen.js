// Points that are drawn into the plane, by the mouse or the keyboard, and tables that are dropped.

import { placeOf } from "./canvas.js";

const SOON = 350; // milliseconds after the last point
const MOST = 1000; // points
const MOST_CLASSES = 12;
const MOST_TEXT = 200_000; // characters of a table
const STEP = 1 / 40; // of the plane, by an arrow
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

export class Pen {
  // `ask` sends a request, `say` shows lines.
  constructor(boundary, ask, say) {
    Object.assign(this, { boundary, ask, say, points: [], due: 0 });
    this.choice = document.getElementById("pen");
    this.element = boundary.canvas.element;
    this.file = document.getElementById("file");
    this.element.addEventListener("click", (event) => this.clicked(event));
    this.element.addEventListener("keydown", (event) => this.pressed(event));
    this.element.addEventListener("blur", () => this.point(null));
    this.choice.addEventListener("change", () => this.point(null));
    document.getElementById("clear").addEventListener("click", () => this.clear());
    document.getElementById("open").addEventListener("click", () => this.file.click());
    this.file.addEventListener("change", () => this.read(this.file.files[0]));
    for (const kind of ["dragover", "dragleave", "drop"]) {
      addEventListener(kind, (event) => this.dragged(event));
    }
  }

  begin(setup, arrays) {
    if (this.due) { // what was drawn meanwhile comes next
      this.boundary.put(this.points);
      return;
    }
    this.setup = setup;
    const { shape: [count], data } = arrays.train;
    this.points = Array.from({ length: count }, (_, i) => [...data.subarray(3 * i, 3 * i + 3)]);
    this.offer(setup.task === "classification" ? setup.classes : []);
  }

  // The classes that can be drawn, and one more.
  offer(names) {
    const before = this.choice.value;
    const more = names.length && names.length < MOST_CLASSES ? [`new: ${names.length}`] : [];
    const options = [["", "nothing"], ...[...names, ...more].map((name, index) => [index, name])];
    this.choice.replaceChildren(...options.map(([value, words]) => {
      const option = document.createElement("option");
      option.value = String(value);
      option.textContent = String(words);
      return option;
    }));
    this.choice.value = options.some(([value]) => String(value) === before) ? before : "";
    this.choice.disabled = names.length === 0;
  }

  get drawing() {
    return this.choice.value !== "";
  }

  clicked(event) {
    if (!this.drawing) return;
    const [x, y] = placeOf(event, this.element);
    this.add([x / this.element.clientWidth, 1 - y / this.element.clientHeight]);
  }

  // Arrows, Enter and digits, which are the canvas's own while something is drawn.
  pressed(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const digit = /^[0-9]$/.test(event.key) && [...this.choice.options].some((one) => one.value === event.key);
    if (digit) this.choice.value = event.key;
    if (!this.drawing) return;
    const cross = this.boundary.cross ?? [0.5, 0.5];
    if (event.key in ARROWS) {
      const moved = cross.map((share, i) => share + STEP * ARROWS[event.key][i]);
      this.point(moved.map((share) => Math.min(1, Math.max(0, share))));
    } else if (event.key === "Enter") {
      this.point(cross);
      this.add(cross);
    } else if (!digit) {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  point(cross) {
    this.boundary.cross = cross;
    this.boundary.draw();
  }

  // A point at these shares of the plane.
  add(shares) {
    if (this.points.length >= MOST) {
      this.say([`A page draws at most ${MOST.toLocaleString("en")} points: clear them first.`]);
      return;
    }
    const { low, high } = this.setup;
    const place = shares.map((share, i) => Number((low[i] + share * (high[i] - low[i])).toPrecision(5)));
    this.points.push([...place, Number(this.choice.value)]);
    this.boundary.put(this.points);
    this.soon();
  }

  clear() {
    clearTimeout(this.due);
    this.due = 0;
    this.points = [];
    if (!this.drawing && !this.choice.disabled) this.choice.value = "0";
    this.boundary.put(this.points);
    this.say(["Draw points of two classes at least: choose the class below the plane."]);
  }

  soon() {
    clearTimeout(this.due);
    this.due = setTimeout(() => {
      this.due = 0;
      const { points, setup: { low, high } } = this;
      if (new Set(points.map(([, , index]) => index)).size < 2) {
        this.say(["Draw some of another class, too."]);
      } else {
        this.ask({ do: "points", points, low, high });
      }
    }, SOON);
  }

  dragged(event) {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    document.body.classList.toggle("dropping", event.type === "dragover");
    if (event.type === "drop") this.read(event.dataTransfer.files[0]);
  }

  async read(file) {
    this.file.value = "";
    if (!file) return;
    const text = file.size <= 4 * MOST_TEXT ? await file.text() : null;
    if (text === null || text.length > MOST_TEXT) {
      this.say([`${file.name}: has more than the ${MOST_TEXT.toLocaleString("en")} characters that a page takes.`]);
    } else {
      this.ask({ do: "table", name: file.name, text });
    }
  }
}
