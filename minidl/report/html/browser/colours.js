// Colours on light and on dark paper; those of lines are those of minidl's figures.

const LINES = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8A6D00", "#5F6368"];
const DARK_LINES = ["#56B4E9", "#FF8A4C", "#2CC79B", "#E3A0C8", "#F0B93A", "#9AD1F2", "#D6BD5A", "#B8BEC5"];
const DASHES = ["solid", "dash", "dot", "dashdot"];
const dark = matchMedia("(prefers-color-scheme: dark)");

export const onTheme = (changed) => dark.addEventListener("change", changed);

const isDark = () => dark.matches && !document.documentElement.classList.contains("printed");

// A colour of the style sheet, by its name there.
export const named = (name) => getComputedStyle(document.documentElement)
  .getPropertyValue(`--${name}`).trim();

export function lineOf(index) {
  const colours = isDark() ? DARK_LINES : LINES;
  return {
    color: colours[index % colours.length],
    dash: DASHES[Math.floor(index / colours.length) % DASHES.length],
  };
}

export function faint(colour, share) {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return `rgba(${red},${green},${blue},${share})`;
}

// From poor to good: told apart in grey, too, and seen on either paper.
const SCALE = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
const LIGHT_END = [190, 160, 10];

export function scaleColour(share) {
  const ends = isDark() ? [[120, 70, 150], ...SCALE.slice(1)] : [...SCALE.slice(0, 4), LIGHT_END];
  const at = Math.min(1, Math.max(0, share)) * (ends.length - 1);
  const low = Math.min(Math.floor(at), ends.length - 2);
  const mixed = ends[low].map((one, i) => Math.round(one + (at - low) * (ends[low + 1][i] - one)));
  return `#${mixed.map((one) => one.toString(16).padStart(2, "0")).join("")}`;
}
