// The mark of a class: a shape besides the colour, for those who don't see colours.

import { classColour, legible } from "./colours.js";

// A point of a colour of its own.
export function dot(context, x, y, colour, radius) {
  context.beginPath();
  circle(context, x, y, radius);
  context.fillStyle = colour;
  context.fill();
  context.stroke();
}

const SHAPES = [circle, square, triangle, diamond];

export function mark(context, x, y, index, radius) {
  context.beginPath();
  SHAPES[index % SHAPES.length](context, x, y, radius);
  context.fillStyle = legible(classColour(index));
  context.fill();
  context.stroke();
}

function circle(context, x, y, radius) {
  context.arc(x, y, radius, 0, 2 * Math.PI);
}

function square(context, x, y, radius) {
  const half = 0.88 * radius;
  context.rect(x - half, y - half, 2 * half, 2 * half);
}

function triangle(context, x, y, radius) {
  context.moveTo(x, y - 1.25 * radius);
  context.lineTo(x + 1.1 * radius, y + 0.75 * radius);
  context.lineTo(x - 1.1 * radius, y + 0.75 * radius);
  context.closePath();
}

function diamond(context, x, y, radius) {
  const half = 1.25 * radius;
  context.moveTo(x, y - half);
  context.lineTo(x + half, y);
  context.lineTo(x, y + half);
  context.lineTo(x - half, y);
  context.closePath();
}
