// Play, pause, step, epoch, back: buttons and keys.

const KEYS = {
  " ": "play", "ArrowRight": "epoch", "ArrowLeft": "back", "s": "step", "r": "restart", "y": "yaml",
};

export class Transport {
  // `ask` sends a request; `idle` says whether all are answered.
  constructor(ask, idle) {
    this.playing = false;
    this.button = document.getElementById("play");
    this.pace = document.getElementById("pace");
    const click = (id, action) => document.getElementById(id).addEventListener("click", action);
    const once = (request) => () => {
      this.pause();
      ask(request);
    };
    click("play", () => (this.playing ? this.pause() : this.play()));
    click("step", once({ do: "step" }));
    click("epoch", once({ do: "epochs", count: 1 }));
    click("back", once({ do: "back" }));
    click("restart", once({ do: "restart" }));
    click("yaml", once({ do: "yaml" }));
    addEventListener("keydown", (event) => this.pressed(event));
    this.ask = ask;
    this.idle = idle;
  }

  play() {
    if (this.playing) return;
    this.playing = true;
    this.label("❚❚", "Pause");
    this.next();
  }

  pause() {
    this.playing = false;
    this.label("▶", "Play");
  }

  // Asks for the next frame, if it plays; one at a time, whatever else was asked for.
  next() {
    if (!this.playing || !this.idle()) return;
    const count = Number(this.pace.value);
    this.ask(count ? { do: "epochs", count } : { do: "step" });
  }

  label(sign, word) {
    const span = document.createElement("span");
    span.textContent = word;
    this.button.replaceChildren(sign, span);
  }

  pressed(event) {
    const busy = event.target.closest("input, select, textarea, dialog");
    if (busy || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === " " && event.target.closest("button")) return; // a button's own key
    const id = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!id) return;
    event.preventDefault();
    document.getElementById(id).click();
  }
}
