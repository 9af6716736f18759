// A metric over the epochs: a line for each of the table's first rows, of groups with its band.

import { draw } from "./chart.js";
import { faint, lineOf } from "./colours.js";
import { curveOf, labelOf, page } from "./data.js";
import { element, inert, short } from "./words.js";

export class Curves {
  constructor(coloured, hovered) {
    this.coloured = coloured;
    this.hovered = hovered;
    this.rows = [];
    this.place = document.getElementById("curves");
    this.metric = document.getElementById("metric");
    this.controls = ["metric", "lines", "logy", "logx", "bands"].map((id) => document.getElementById(id));
    for (const control of this.controls) control.addEventListener("change", () => this.draw());
  }

  begin() {
    const before = this.metric.value;
    this.metric.replaceChildren(...page.drawn.map(({ name, words }) => {
      const option = element("option", words);
      option.value = name;
      return option;
    }));
    const names = page.drawn.map((one) => one.name);
    const loss = names.find((name) => name.endsWith("_loss"));
    this.metric.value = names.includes(before) ? before : loss || names[0] || "";
  }

  show(rows) {
    this.rows = rows;
    this.draw();
  }

  draw() {
    const [metric, lines, logy, logx, bands] = this.controls;
    const drawn = page.drawn.findIndex((one) => one.name === metric.value);
    const rows = this.rows.filter((row) => curveOf(row, drawn)?.values.some((value) => value !== null))
      .slice(0, Number(lines.value));
    const traces = [];
    const swatches = new Map();
    rows.forEach((row, index) => {
      const { epochs, values, low, high } = curveOf(row, drawn);
      const line = lineOf(index);
      const text = inert(short(labelOf(row), 60));
      swatches.set(row.place, line.color);
      if (low && bands.checked && epochs.length > 1) {
        const least = logy.checked ? values.map((value, i) => (low[i] > 0 ? low[i] : value)) : low;
        traces.push({
          x: [...epochs, ...[...epochs].reverse()], y: [...high, ...[...least].reverse()],
          fill: "toself", fillcolor: faint(line.color, 0.16), line: { width: 0 }, mode: "lines",
          hoverinfo: "skip",
        });
      }
      traces.push({
        x: epochs, y: values, name: text, line: { ...line, width: 1.6, ...(row.status === "diverged" && { dash: "dot" }) },
        mode: epochs.length > 1 ? "lines" : "markers",
        hovertemplate: `%{y:.4~g} in epoch %{x}<br>${text}<extra></extra>`,
      });
    });
    const words = page.drawn[drawn]?.words || "";
    draw(this.place, traces, {
      xaxis: { title: { text: "epoch" }, type: logx.checked ? "log" : "linear" },
      yaxis: { title: { text: inert(words) }, type: logy.checked ? "log" : "linear", exponentformat: "e" },
      hovermode: "closest",
      hoverdistance: 40,
      uirevision: `${metric.value} ${logx.checked} ${logy.checked}`, // where somebody zoomed in
    });
    this.coloured(swatches);
  }
}
