// Colours of classes and of numbers, on light and on dark paper.

const dark = matchMedia("(prefers-color-scheme: dark)");
const STEPS = 256;
const NAMES = ["paper", "ink", "quiet", "frame", "grid", "accent"];

let classes = ["#0072B2", "#E69F00"];
const kept = new Map(); // what was computed for these classes and this paper

export function useColours(colours) {
  classes = colours;
  kept.clear();
}
dark.addEventListener("change", () => kept.clear());

// A colour of the style sheet, by its name there.
export function named(name) {
  return remembered("named", () => {
    const style = getComputedStyle(document.documentElement);
    return Object.fromEntries(NAMES.map((one) => [one, style.getPropertyValue(`--${one}`).trim()]));
  })[name];
}

// A colour that stands out from the paper: lighter in the dark.
export function legible(colour) {
  return dark.matches ? css(mix(channels(colour), [255, 255, 255], 0.35)) : colour;
}

export const classColour = (index) => classes[index % classes.length];

// Of a weight: the last class's colour where it is positive.
export function signColour(value) {
  const [negative, positive] = remembered("signs", () => classes.slice(0, 2).map(legible));
  return value < 0 ? negative : positive;
}

// Tables of 256 colours, as pixels: from one class over the paper to the other, faint or strong …
export const diverging = () => remembered("diverging", () => between(0.6));
export const strongest = () => remembered("strongest", () => between(0.9));

// … and of one class, by how far it is ahead of the next.
export function tints(index) {
  return remembered(index, () => {
    const own = channels(classColour(index));
    return table((share) => mix(paper(), own, 0.12 + 0.5 * share));
  });
}

// Of a number from 0 to 1, on the map of such numbers.
export function valueColour(share) {
  const pixels = strongest();
  const bytes = new Uint8Array(pixels.buffer);
  const at = 4 * Math.round((STEPS - 1) * Math.min(1, Math.max(0, share)));
  return css([...bytes.subarray(at, at + 3)]);
}

function between(strength) {
  const [low, high] = classes.slice(0, 2).map(channels);
  return table((share) => {
    const side = share < 0.5 ? low : high;
    return mix(paper(), side, Math.abs(2 * share - 1) ** 0.8 * strength);
  });
}

function paper() {
  return channels(named("paper"));
}

function table(colourAt) {
  const pixels = new Uint32Array(STEPS);
  const bytes = new Uint8ClampedArray(pixels.buffer);
  for (let i = 0; i < STEPS; i += 1) bytes.set([...colourAt(i / (STEPS - 1)), 255], 4 * i);
  return pixels;
}

function remembered(key, make) {
  if (!kept.has(key)) kept.set(key, make());
  return kept.get(key);
}

function channels(colour) {
  return [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
}

function mix(from, to, share) {
  return from.map((channel, i) => channel + share * (to[i] - channel));
}

function css(colour) {
  return `rgb(${colour.map(Math.round).join(" ")})`;
}
