// One run: in what it differs from the others, what it was told, its config; or the runs of a group.

import { again, configOf, page, runsOf, textOf } from "./data.js";
import { showDynamics } from "./dynamics.js";
import { showFilm } from "./film.js";
import { showPlane } from "./plane.js";
import { aligned, element, plural, seconds } from "./words.js";

const MOST_OTHERS = 6; // values of other runs that are named

export class Details {
  constructor() {
    this.section = document.getElementById("details");
    this.title = document.getElementById("who");
    this.body = document.getElementById("what");
    this.row = null;
  }

  show(row) {
    this.row = row;
    this.draw();
    this.section.scrollIntoView({ block: "nearest" });
  }

  // The row as the data have it now.
  refill() {
    const now = this.row && again(this.row);
    if (now === this.row) return;
    this.row = now;
    this.draw();
  }

  draw() {
    this.section.hidden = !this.row;
    if (!this.row) return;
    this.title.textContent = this.row.isGroup ? this.row.label : this.row.name;
    this.body.replaceChildren();
    if (this.row.isGroup) this.drawGroup(this.row);
    else this.drawRun(this.row);
  }

  drawGroup(group) {
    const runs = runsOf(group);
    const list = element("ul", "", "members");
    list.append(...runs.map((run) => {
      const item = element("li");
      const button = element("button");
      button.append(element("bdi", run.name));
      button.addEventListener("click", () => this.show(run));
      item.append(button, element("span", `${run.status}, seed ${run.seed}`));
      return item;
    }));
    this.body.append(element("p", plural(runs.length, "run"), "quiet"), list);
  }

  drawRun(run) {
    this.body.append(element("p", this.summary(run), "quiet"));
    this.part("Log", this.log(run));
    this.part("Unlike the others", this.differences(run));
    this.part("All its metrics", this.metrics(run));
    this.part("config.yaml", run.config.length ? element("pre", configOf(run)) : null);
    if (run.plane) {
      const map = element("div", "", "plane");
      this.part("What it decides", map);
      showPlane(map, run.plane);
    }
    if (run.film) {
      const film = element("div", "", "film");
      this.part("What it answered, epoch after epoch", film);
      showFilm(film, run);
    }
    if (run.dynamics) {
      const maps = element("div", "", "heats");
      this.part("What went on in the layers", maps);
      showDynamics(maps, run.dynamics);
    }
  }

  part(title, content) {
    if (content) this.body.append(element("h3", title), content);
  }

  summary(run) {
    const group = page.groups[run.group];
    const words = [run.status, `seed ${run.seed}`, plural(run.epochs, "epoch")];
    if (run.seconds !== null) words.push(seconds(run.seconds));
    if (page.groups.length > 1) words.push(group.label);
    return words.join(" · ");
  }

  log(run) {
    if (!run.log.length) return null;
    const list = element("ul", "", "log");
    list.append(...run.log.map((line) => element("li", line)));
    return list;
  }

  differences(run) {
    if (!page.keys.length || page.runs.length < 2) return null;
    const table = element("table");
    table.append(rowOf("th", ["key", "here", "in other runs"]));
    page.keys.forEach(({ key }, at) => {
      table.append(rowOf("td", [key, textOf(run, at) || "–", this.others(run, at)]));
    });
    return wide(table);
  }

  // The values of the other runs, the most frequent first.
  others(run, key) {
    const counts = new Map();
    for (const other of page.runs) {
      const text = textOf(other, key) || "–";
      if (other.at[key] !== run.at[key]) counts.set(text, (counts.get(text) || 0) + 1);
    }
    const found = [...counts].sort(([, a], [, b]) => b - a);
    const words = found.slice(0, MOST_OTHERS).map(([text, count]) => `${text} (${count})`);
    return [...words, ...(found.length > MOST_OTHERS ? ["…"] : [])].join(", ");
  }

  metrics(run) {
    const known = page.metrics.map(({ words }, i) => [words, run.final[i]]).filter(([, value]) => value !== null);
    if (!known.length) return null;
    const list = element("dl");
    for (const [words, value] of known) list.append(element("dt", words), element("dd", aligned(value)));
    return list;
  }
}

function rowOf(tag, texts) {
  const line = element("tr");
  line.append(...texts.map((text) => {
    const cell = element(tag);
    cell.append(element("bdi", text));
    return cell;
  }));
  return line;
}

function wide(table) {
  const box = element("div", "", "wide");
  box.append(table);
  return box;
}
