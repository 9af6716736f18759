// Maps of numbers over the plane (rows from below to above) as pictures.

import { diverging, strongest, tints } from "./colours.js";

const LAST = 255; // the last of a table's colours

// Some maps of side × side numbers, one below the other.
export class Maps {
  constructor() {
    this.canvas = document.createElement("canvas");
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
  }

  // Signed numbers: 0 in the middle of the colours, each map by its own largest.
  signed(data, count, side) {
    const colours = strongest();
    this.paint(count, side, (map) => {
      const own = data.subarray(map * side * side, (map + 1) * side * side);
      let most = 0;
      for (const value of own) if (Math.abs(value) > most) most = Math.abs(value);
      const scale = most > 0 && most < Infinity ? 0.5 / most : 0;
      return (cell) => colours[Math.round(LAST * (0.5 + (scale * own[cell] || 0)))];
    });
  }

  // Shares from 0 to 1.
  shares(data, side) {
    const colours = diverging();
    this.paint(1, side, () => (cell) => colours[Math.round(LAST * (data[cell] || 0))]);
  }

  // Shares of several classes: the colour of the first, as strong as it is ahead of the second.
  leaders(data, classes, side) {
    const colours = Array.from({ length: classes }, (_, index) => tints(index));
    const cells = side * side;
    this.paint(1, side, () => (cell) => {
      let [first, best, second] = [0, -Infinity, -Infinity];
      for (let index = 0; index < classes; index += 1) {
        const value = data[index * cells + cell];
        if (value > best) [first, best, second] = [index, value, best];
        else if (value > second) second = value;
      }
      return colours[first][Math.round(LAST * Math.min(1, best - second || 0))];
    });
  }

  // `colourIn(map)` gives the colour at a cell.
  paint(count, side, colourIn) {
    if (this.image?.width !== side || this.image.height !== count * side) {
      [this.canvas.width, this.canvas.height] = [side, count * side];
      this.image = this.context.createImageData(side, count * side);
      this.pixels = new Uint32Array(this.image.data.buffer);
    }
    for (let map = 0; map < count; map += 1) {
      const colour = colourIn(map);
      for (let row = 0; row < side; row += 1) {
        const start = (map * side + side - 1 - row) * side;
        for (let column = 0; column < side; column += 1) {
          this.pixels[start + column] = colour(row * side + column);
        }
      }
    }
    this.context.putImageData(this.image, 0, 0);
    this.side = side;
  }

  draw(context, map, x, y, width, height) {
    const { side } = this;
    context.drawImage(this.canvas, 0, map * side, side, side, x, y, width, height);
  }
}

// The line on which a map (side, side) has the value `at`: pairs of points, in cells.
export function contour(data, side, at = 0.5) {
  const lines = [];
  const value = ([x, y]) => data[y * side + x] - at;
  for (let y = 0; y + 1 < side; y += 1) {
    for (let x = 0; x + 1 < side; x += 1) {
      const corners = [[x, y], [x + 1, y], [x + 1, y + 1], [x, y + 1]];
      const values = corners.map(value);
      const above = values.filter((one) => one >= 0).length;
      if (above === 0 || above === 4) continue;
      const crossings = [];
      for (let i = 0; i < 4; i += 1) {
        const [a, b] = [values[i], values[(i + 1) % 4]];
        if ((a < 0) === (b < 0)) continue;
        const [from, to] = [corners[i], corners[(i + 1) % 4]];
        crossings.push(from.map((start, j) => start + (a / (a - b)) * (to[j] - start)));
      }
      for (let i = 0; i + 1 < crossings.length; i += 2) lines.push([crossings[i], crossings[i + 1]]);
    }
  }
  return lines;
}
