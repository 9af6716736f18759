// What a run decides over the plane of its inputs: a colour for each class.

import { draw } from "./chart.js";
import { lineOf, named } from "./colours.js";
import { inert, short } from "./words.js";

export function showPlane(place, { cells, ends, names, axes }) {
  const z = cells.map((row) => [...row].map((letter) => parseInt(letter, 36)));
  const most = Math.max(names.length, 1 + Math.max(...z.flat()));
  const called = (index) => inert(short(names[index] || `class ${index}`, 24));
  const [left, right, bottom, top] = ends;
  draw(place, [{
    type: "heatmap", z, x0: left, dx: (right - left) / Math.max(1, z[0].length - 1),
    y0: bottom, dy: (top - bottom) / Math.max(1, z.length - 1),
    zmin: -0.5, zmax: most - 0.5,
    // Each colour from one edge of its class to the next.
    colorscale: Array.from({ length: most }, (_, index) => [
      [index / most, lineOf(index).color], [(index + 1) / most, lineOf(index).color],
    ]).flat(),
    text: z.map((row) => row.map(called)),
    hovertemplate: "%{text}<br>%{x:.3~g}, %{y:.3~g}<extra></extra>",
    colorbar: {
      thickness: 10, outlinewidth: 0, tickfont: { size: 11, color: named("quiet") },
      tickvals: Array.from({ length: most }, (_, index) => index),
      ticktext: Array.from({ length: most }, (_, index) => called(index)),
    },
  }], layoutOf(axes), { displayModeBar: false });
}

export function layoutOf(axes) {
  const [xaxis, yaxis] = ["x1", "x2"].map((name, i) => ({
    showgrid: false, zeroline: false, title: { text: inert(short(axes[i] || name, 24)) },
  }));
  return { xaxis, yaxis };
}
