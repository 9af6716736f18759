// What a run answered over the plane of its inputs, with a slider over the epochs.

import { draw } from "./chart.js";
import { lineOf, named } from "./colours.js";
import { layoutOf, showPlane } from "./plane.js";
import { element, inert, number, short } from "./words.js";

const LAST = 35; // the highest letter's level
const VALUES = [[0, "#D9E8F3"], [0.33, "#8FC3E3"], [0.66, "#0072B2"], [1, "#003B5C"]];
const looked = new Map(); // by run: the frame that somebody chose

export function showFilm(place, { name, film }) {
  const last = film.epoch.length - 1;
  const slider = element("input");
  Object.assign(slider, { type: "range", min: 0, max: last, step: 1 });
  slider.value = Math.min(looked.get(name) ?? last, last);
  const words = element("output");
  const label = element("label", "epoch ");
  label.append(words);
  const bar = element("div", "", "bar");
  bar.append(slider, label);
  const map = element("div", "", "plane");
  place.append(map, bar);
  const show = () => {
    const at = Number(slider.value);
    words.textContent = film.epoch[at].toLocaleString("en");
    slider.setAttribute("aria-valuetext", `epoch ${film.epoch[at]}`);
    drawFrame(map, film, film.frames[at]);
  };
  slider.setAttribute("aria-label", "Epoch");
  slider.addEventListener("input", () => {
    if (Number(slider.value) === last) looked.delete(name); // and follows a run that trains
    else looked.set(name, Number(slider.value));
    show();
  });
  show();
}

function drawFrame(map, film, letters) {
  const side = Math.sqrt(letters.length);
  const cells = Array.from({ length: side }, (_, y) => letters.slice(side * y, side * (y + 1)));
  if (film.names.length > 2) showPlane(map, { ...film, cells });
  else drawLevels(map, film, cells);
}

// How sure it is of the second class, with the line where both are equally likely; or a value.
function drawLevels(map, { names, axes, ends, reach }, cells) {
  const [left, right, bottom, top] = ends;
  const [low, high] = reach;
  const z = cells.map((row) => [...row].map(
    (letter) => low + ((high - low) * parseInt(letter, 36)) / LAST,
  ));
  const places = {
    x0: left, dx: (right - left) / (z[0].length - 1), y0: bottom, dy: (top - bottom) / (z.length - 1), z,
  };
  const classes = names.length === 2;
  const called = names.map((name) => inert(short(name, 24)));
  const colours = [[0, lineOf(0).color], [0.5, named("paper")], [1, lineOf(1).color]];
  const traces = [{
    ...places, type: "heatmap", zsmooth: "best", zmin: low, zmax: high,
    colorscale: classes ? colours : VALUES,
    text: z.map((row) => row.map((value) => (classes ? `${called[1]}: ${number(value, 2)}` : number(value, 3)))),
    hovertemplate: "%{text}<br>%{x:.3~g}, %{y:.3~g}<extra></extra>",
    colorbar: {
      thickness: 10, outlinewidth: 0, tickfont: { size: 11, color: named("quiet") },
      ...(classes && { tickvals: [0, 0.5, 1], ticktext: [called[0], "even", called[1]] }),
    },
  }];
  if (classes) {
    traces.push({
      ...places, type: "contour", showscale: false, hoverinfo: "skip", line: { color: named("ink"), width: 1.6 },
      contours: { start: 0.5, end: 0.5, size: 1, coloring: "none" },
    });
  }
  draw(map, traces, layoutOf(axes), { displayModeBar: false });
}
