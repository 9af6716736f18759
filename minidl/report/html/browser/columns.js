// The columns of the table: what stands in each row, and whether it is shown at first.

import { page, textOf, valueOf } from "./data.js";
import { aligned, number, seconds } from "./words.js";

const COUNTS = ["stopped", "diverged", "failed", "running", "interrupted"];

export function columnsOf(grouped) {
  return grouped ? groupColumns() : runColumns();
}

function keyColumn(key) {
  const { head, key: id, values } = page.keys[key];
  return {
    id, head, title: id, shown: true,
    number: values.every((value) => typeof value === "number"),
    value: (row) => valueOf(row, key),
    text: (row) => textOf(row, key),
  };
}

const plain = (id, head, value, text, more = {}) => ({
  id, head, title: head, number: true, shown: true, value, text: text || ((row) => number(value(row))), ...more,
});

function groupColumns() {
  const counts = COUNTS.filter((name) => page.groups.some((group) => group.counts[name]));
  const named = page.grouped.map(keyColumn);
  const label = plain("group", "group", (group) => group.label, (group) => group.label, { number: false });
  return [
    ...(named.length ? named : [label]),
    plain("n", "n", (group) => group.n),
    ...counts.map((name) => plain(name, name, (group) => group.counts[name] || 0)),
    ...page.metrics.map(({ name, words, up, first }, i) => ({
      id: name, head: words, title: `${name}: mean ± std`, number: true, shown: first, up,
      value: (group) => group.mean[i],
      text: (group) => marked(spread(group.mean[i], group.std[i]), page.marks[name], group),
    })),
  ];
}

function runColumns() {
  const text = (id, value) => plain(id, id, value, value, { number: false });
  return [
    text("name", (run) => run.name),
    text("status", (run) => run.status),
    ...page.keys.map((_, key) => keyColumn(key)),
    plain("seed", "seed", (run) => run.seed),
    ...(page.runs.some((run) => run.fold !== null) ? [plain("fold", "fold", (run) => run.fold)] : []),
    ...page.metrics.map(({ name, words, up, first }, i) => ({
      id: name, head: words, title: name, number: true, shown: first, up,
      value: (run) => run.final[i],
      text: (run) => aligned(run.final[i]),
    })),
    plain("trained", "trained", (run) => run.epochs, (run) => (
      run.status === "running" && run.of ? `${run.epochs} of ${run.of}` : String(run.epochs)),
      { title: "epochs trained" }),
    plain("seconds", "time", (run) => run.seconds, (run) => seconds(run.seconds), { title: "seconds in training steps" }),
  ];
}

// * is the best mean, ≈ one that can't be told from it; the others have its room.
function marked(text, marks, group) {
  return text && marks ? `${text} ${marks[group.place] || "\u2007"}` : text;
}

function spread(mean, std) {
  if (mean === null) return "";
  return std === null ? aligned(mean) : `${aligned(mean)} ± ${number(std, 2)}`;
}
