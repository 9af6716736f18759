// What all charts have in common: Plotly with the page's colours and without its own texts.

import { named } from "./colours.js";

const CONFIG = {
  displaylogo: false,
  responsive: true,
  modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
};

export function draw(place, traces, layout, config = {}) {
  const axis = {
    gridcolor: named("grid"), zerolinecolor: named("grid"), linecolor: named("frame"),
    tickcolor: named("frame"), automargin: true, title: { standoff: 8 },
  };
  const whole = {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, 'DejaVu Sans', sans-serif", size: 12, color: named("quiet") },
    margin: { l: 56, r: 12, t: 8, b: 40 },
    hoverlabel: {
      bgcolor: named("panel"), bordercolor: named("frame"), font: { color: named("ink") }, namelength: -1,
    },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: named("frame"), activecolor: named("accent") },
    showlegend: false,
    ...layout,
  };
  for (const name of Object.keys(whole).filter((one) => /^[xy]axis/.test(one))) {
    whole[name] = { ...axis, ...whole[name], title: { ...axis.title, ...whole[name].title } };
  }
  return Plotly.react(place, traces, whole, { ...CONFIG, ...config });
}
