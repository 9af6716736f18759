// The page: what comes from the server goes to those who draw it, at most once a frame.

import { Beside } from "./beside.js";
import { Boundary } from "./boundary.js";
import { Config } from "./config.js";
import { Controls } from "./controls.js";
import { Curves } from "./curves.js";
import { Network } from "./network.js";
import { Pen } from "./pen.js";
import { Socket } from "./socket.js";
import { Transport } from "./transport.js";

const message = document.getElementById("message");
const place = document.getElementById("place");
const MOST_WAITING = 8;
const SLOW = ["change", "use", "weight", "compare", "alone", "points", "table"];
const rows = []; // by epoch: the rate, then the metrics
let notes = []; // what is strange about the config

const socket = new Socket(answered, closed);
const boundary = new Boundary();
const network = new Network((unit) => boundary.look(unit), (name) => {
  transport.pause();
  ask({ do: "weight", name });
});
const go = (epoch) => {
  transport.pause();
  ask({ do: "go", epoch });
};
const loss = new Curves("loss", go);
const scores = new Curves("scores", go);
const config = new Config((text) => ask({ do: "use", text }));
const controls = new Controls((name, value) => {
  if (name !== "lr") transport.pause();
  if (name === "compare") ask(value ? { do: "compare", what: value } : { do: "alone" });
  else ask({ do: "change", changes: { [name]: value } });
});
const beside = new Beside();
const pen = new Pen(boundary, ask, say);
const transport = new Transport(ask, () => socket.waiting === 0);

function ask(request) {
  if (socket.waiting >= MOST_WAITING) return; // a key is held down
  document.body.classList.toggle("busy", SLOW.includes(request.do));
  socket.ask(request);
}

function answered(header, arrays) {
  document.body.classList.remove("busy");
  if (header.kind === "mistake") {
    transport.pause();
    say(header.lines);
  } else if (header.kind === "yaml") {
    config.show(header.text, header.file);
  } else if (header.kind === "weight") {
    document.getElementById("chain").textContent = header.text;
    document.getElementById("weight").showModal();
  } else {
    if (header.setup) begin(header.setup, arrays);
    say(notes);
    rows.length = header.first_row;
    rows.push(...header.rows);
    requestAnimationFrame(() => draw(header, arrays));
  }
}

function begin(setup, arrays) {
  document.title = `${setup.name} – minidl play`;
  controls.begin(setup);
  boundary.begin(setup, arrays);
  network.begin(setup);
  pen.begin(setup, arrays);
  beside.begin(setup);
  const metric = setup.task === "classification" ? "accuracy" : "r2";
  document.getElementById("score").textContent = metric === "r2" ? "R²" : "Accuracy";
  loss.begin("loss", setup.metrics, setup.parts);
  scores.begin(metric, setup.metrics, setup.parts);
  ({ notes } = setup);
}

function draw(header, arrays) {
  if (header.diverged !== null) {
    transport.pause();
    say([header.diverged]);
  }
  transport.next(); // which trains while this is drawn
  boundary.show(arrays);
  network.show(arrays);
  beside.show(header.beside ?? [], arrays);
  loss.show(rows);
  scores.show(rows);
  controls.set("lr", Number(header.lr.toPrecision(4)));
  tell(header);
}

function tell({ epoch, begun, steps }) {
  const small = document.createElement("small");
  small.textContent = begun ? ` + ${begun} of ${steps} steps` : "";
  place.replaceChildren(`Epoch ${epoch}`, small);
}

function say(lines) {
  message.hidden = lines.length === 0;
  message.textContent = lines.join("\n");
}

function closed() {
  transport.pause();
  document.querySelectorAll("button, select, input").forEach((one) => { one.disabled = true; });
  say([...(message.textContent ? [message.textContent] : []),
    "The connection has ended: run minidl play again, or load this page anew if it still runs."]);
}

document.getElementById("enough").addEventListener("click", () => {
  document.getElementById("weight").close();
});
ask({ do: "begin" });
