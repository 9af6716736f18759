// What went on in the layers of a run: a heat map per quantity, layers by epochs.

import { draw } from "./chart.js";
import { named } from "./colours.js";
import { element, inert, number, short } from "./words.js";

// In this order; others come after them, under their own names.
const WORDS = {
  weight_norm: "norm of the weights",
  update_ratio: "update by weight",
  gradient_norm: "norm of the gradient",
  gradient_noise: "noise of the gradient",
  activation_mean: "mean activation",
  activation_std: "deviation of activations",
  dead: "dead units",
  saturated: "saturated units",
};
const SHARES = ["dead", "saturated"];
const BY_DECADES = ["weight_norm", "update_ratio", "gradient_norm", "gradient_noise"];
const CELLS = [[0, "#D9E8F3"], [0.33, "#8FC3E3"], [0.66, "#0072B2"], [1, "#003B5C"]];

export function showDynamics(place, dynamics) {
  const known = Object.keys(WORDS).filter((name) => name in dynamics.of);
  const others = Object.keys(dynamics.of).filter((name) => !(name in WORDS));
  place.replaceChildren();
  for (const quantity of [...known, ...others]) {
    const layers = dynamics.of[quantity];
    const names = Object.keys(layers);
    const panel = element("div", "", "heat");
    const map = element("div");
    panel.append(element("h3", WORDS[quantity] || quantity), map);
    place.append(panel);
    map.style.height = `${Math.min(300, 70 + 16 * names.length)}px`;
    draw(map, [trace(quantity, names, layers, dynamics.epoch)], {
      margin: { l: 20, r: 4, t: 4, b: 32 },
      xaxis: { title: { text: "epoch" }, showgrid: false, zeroline: false },
      yaxis: { autorange: "reversed", showgrid: false, zeroline: false, type: "category", fixedrange: true },
    }, { displayModeBar: false });
  }
}

function trace(quantity, names, layers, epochs) {
  const numbers = names.map((name) => layers[name]);
  const positive = numbers.flat().filter((value) => value > 0);
  const most = positive.reduce((high, value) => Math.max(high, value), 0);
  const least = positive.reduce((low, value) => Math.min(low, value), Infinity);
  const decades = BY_DECADES.includes(quantity) && most > 10 * least;
  const z = decades ? numbers.map((row) => row.map((value) => logarithm(value, least, most))) : numbers;
  const share = SHARES.includes(quantity);
  return {
    type: "heatmap", x: epochs, y: names.map((name) => inert(short(name, 18))), z,
    text: numbers.map((row) => row.map((value) => (share ? `${number(100 * value, 3)} %` : number(value)))),
    hovertemplate: "%{y}, epoch %{x}: %{text}<extra></extra>",
    colorscale: CELLS, ...(share && { zmin: 0, zmax: 1 }),
    colorbar: {
      thickness: 8, outlinewidth: 0, tickfont: { size: 10, color: named("quiet") },
      ...(decades && decadesOf(Math.max(least, most / 1e12), most)),
      ...(share && { tickformat: ".0%" }),
    },
  };
}

// A gradient of 0 is drawn as the least, as is one that is twelve decades smaller than the largest.
function logarithm(value, least, most) {
  return value === null ? null : Math.log10(Math.max(value, least, most / 1e12));
}

function decadesOf(least, most) {
  const [low, high] = [Math.floor(Math.log10(least)), Math.ceil(Math.log10(most))];
  const step = Math.max(1, Math.ceil((high - low) / 5));
  const between = most < 100 * least ? [1, 2, 5] : [1]; // few decades have more ticks each
  const ticks = [];
  for (let at = low; at <= high; at += step) ticks.push(...between.map((times) => times * 10 ** at));
  const known = ticks.filter((tick) => least <= tick && tick <= most);
  return { tickvals: known.map(Math.log10), ticktext: known.map((tick) => number(tick, 3)) };
}
