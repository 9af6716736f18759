// Numbers and names as people read them.

export function number(value, digits = 4) {
  if (value === null || value === undefined) return "";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) return String(value.toExponential(digits - 2)).replace(/\.?0*e\+?/, "e");
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(digits)));
}

// The same with all its digits, so that the numbers of a column stand below each other.
export function aligned(value) {
  if (value === null || value === undefined) return "";
  const size = Math.abs(value);
  if (value !== 0 && (size >= 1e5 || size < 1e-3)) return value.toExponential(2).replace("e+", "e");
  return value.toFixed(size >= 1000 ? 0 : size >= 10 ? 2 : 4);
}

export function seconds(value) {
  if (value === null) return "";
  if (value < 0.1) return `${number(1000 * value, 3)} ms`;
  return value < 100 ? `${number(value, 3)} s` : `${Math.round(value / 60)} min`;
}

// Plotly reads tags and entities in its texts: a name must not be any.
export const inert = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

export function short(text, most = 40) {
  const letters = [...text];
  return letters.length > most ? `${letters.slice(0, most - 1).join("")}…` : text;
}

export const plural = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

export function element(tag, text = "", className = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}
