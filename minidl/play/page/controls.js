// What can be changed. A change starts the training anew; the rate's alone goes on.

const RATES = [1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1, 3, 10];
const PENALTIES = [0, 1e-5, 1e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1];

// Each: its name, its words, and how it is asked for. A null between them is a line.
const CONTROLS = [
  ["data", "Data", "choice"],
  ["train", "Points", "whole"],
  ["noise", "Noise", "number"],
  null,
  ["hidden", "Hidden layers", "text"],
  ["activation", "Activation", "choice"],
  ["loss", "Loss", "choice"],
  null,
  ["optimizer", "Optimizer", "choice"],
  ["lr", "Learning rate", RATES],
  ["batch_size", "Batch size", "whole"],
  null,
  ["weight_decay", "Weight decay (L2)", PENALTIES],
  ["dropout", "Dropout", [0, 0.1, 0.2, 0.3, 0.5]],
  ["seed", "Seed", "whole"],
  ["compare", "Side by side", [["", "–"], ["seeds", "5 other seeds"], ["optimizers", "other optimizers"]]],
];

export class Controls {
  constructor(changed) {
    this.inputs = new Map();
    const place = document.getElementById("controls");
    for (const control of CONTROLS) {
      if (control === null) {
        place.append(document.createElement("hr"));
        continue;
      }
      const [name, words, kind] = control;
      const input = made(kind);
      input.id = `control-${name}`;
      input.addEventListener("change", () => changed(name, valueOf(input, kind)));
      const label = document.createElement("label");
      label.append(words, input);
      place.append(label);
      this.inputs.set(name, [input, kind]);
    }
  }

  begin(setup) {
    for (const [name, [input, kind]] of this.inputs) {
      const value = setup.controls[name];
      input.parentElement.hidden = value === null; // there is no such thing in this config
      if (kind === "choice") input.replaceChildren(...(setup.choices[name] ?? []).map(option));
      this.set(name, value);
    }
  }

  // Show a value, which may be none of those on offer.
  set(name, value) {
    const [input, kind] = this.inputs.get(name);
    if (document.activeElement === input && kind === "text") return;
    const text = value === null ? "" : String(value);
    if (input instanceof HTMLSelectElement && ![...input.options].some((one) => one.value === text)) {
      input.append(option(text));
    }
    input.value = text;
  }
}

function made(kind) {
  const input = document.createElement(Array.isArray(kind) || kind === "choice" ? "select" : "input");
  if (Array.isArray(kind)) input.append(...kind.map(option));
  else if (kind === "text") input.type = "text";
  else if (kind !== "choice") {
    input.type = "number";
    input.min = 0;
    input.step = kind === "whole" ? 1 : 0.01;
  }
  return input;
}

function option(value) {
  const [meant, words] = Array.isArray(value) ? value : [value, value];
  const element = document.createElement("option");
  element.value = String(meant);
  element.textContent = String(words);
  return element;
}

function valueOf(input, kind) {
  if (kind === "text" || kind === "choice" || Array.isArray(kind[0])) return input.value;
  return input.value === "" ? null : Number(input.value);
}
