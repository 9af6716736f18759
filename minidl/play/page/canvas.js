// A canvas as sharp as the screen, which draws itself anew when its size or the theme changes.

const dark = matchMedia("(prefers-color-scheme: dark)");

export class Canvas {
  constructor(id, draw) {
    this.element = document.getElementById(id);
    this.context = this.element.getContext("2d", { willReadFrequently: true }); // faster without a GPU
    this.draw = draw;
    new ResizeObserver(() => this.resize()).observe(this.element);
    dark.addEventListener("change", () => this.draw());
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.element;
    const scale = devicePixelRatio || 1;
    this.element.width = Math.round(width * scale);
    this.element.height = Math.round(height * scale);
    this.context.setTransform(scale, 0, 0, scale, 0, 0);
    this.draw();
  }

  // The context of an empty canvas, and its size in CSS pixels.
  clear() {
    const { clientWidth: width, clientHeight: height } = this.element;
    this.context.clearRect(0, 0, width, height);
    return [this.context, width, height];
  }
}

// Where a mouse is in an element, in CSS pixels.
export function placeOf(event, element) {
  const box = element.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}
