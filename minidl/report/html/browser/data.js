// What the page knows of the runs; data.py says what stands where.

export const page = { keys: [], metrics: [], drawn: [], runs: [], groups: [], sections: [], notes: [] };

export function fill(data) {
  Object.assign(page, data);
  page.runs.forEach(ready);
  page.groups.forEach(ready);
}

// Some of the runs and groups anew: [place, what stands there] each.
export function change({ runs, groups, sections }) {
  page.sections.push(...sections);
  for (const [place, run] of runs) page.runs[place] = ready(run, place);
  for (const [place, group] of groups) page.groups[place] = ready(group, place);
}

function ready(row, place) {
  row.place = place;
  row.isGroup = "mean" in row;
  return row;
}

export const runsOf = (group) => page.runs.filter((run) => run.group === group.place);
export const configOf = (run) => run.config.map((part) => page.sections[part]).join("");

// A value of a key: the number or text itself, and how it is written.
export function valueOf(row, key) {
  const at = row.at[row.isGroup ? page.grouped.indexOf(key) : key];
  return at === undefined || at < 0 ? null : page.keys[key].values[at];
}

export function textOf(row, key) {
  const at = row.at[row.isGroup ? page.grouped.indexOf(key) : key];
  return at === undefined || at < 0 ? "" : page.keys[key].texts[at];
}

// The same row in newer data.
export function again(row) {
  const rows = row.isGroup ? page.groups : page.runs;
  const there = rows[row.place];
  return there && labelOf(there) === labelOf(row) ? there : rows.find((one) => labelOf(one) === labelOf(row));
}

export const labelOf = (row) => (row.isGroup ? row.label : row.name);

// Epochs and values of a metric; of a group also the ends of its band.
export function curveOf(row, metric) {
  const found = row.curves[metric];
  if (found === null || found === undefined) return null;
  const [epochs, ...curves] = row.isGroup ? found : [row.epoch, found];
  // One number stands for many that are equal.
  const [values, low, high] = curves.map((one) => (Array.isArray(one) ? one : epochs.map(() => one)));
  return { epochs, values, low, high };
}
