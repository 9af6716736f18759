// The line to the server: requests are answered in their order, each by a header and arrays.

export class Socket {
  constructor(answered, closed) {
    const address = new URL("socket", location.href);
    address.protocol = "ws:";
    this.answered = answered;
    this.waiting = 0; // requests without an answer
    this.early = []; // requests from before it opened
    this.socket = new WebSocket(address);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => this.early.splice(0).forEach((text) => this.socket.send(text));
    this.socket.onmessage = (event) => this.received(event.data);
    this.socket.onclose = closed;
  }

  ask(request) {
    this.waiting += 1;
    const text = JSON.stringify(request);
    if (this.socket.readyState === WebSocket.CONNECTING) this.early.push(text);
    else if (this.socket.readyState === WebSocket.OPEN) this.socket.send(text);
  }

  received(buffer) {
    this.waiting = Math.max(0, this.waiting - 1);
    this.answered(...decode(buffer));
  }
}

// See message.py: the length of the header, the header, then the numbers of all arrays.
function decode(buffer) {
  const size = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, size)));
  const arrays = {};
  let at = 4 + size;
  for (const [name, shape] of header.arrays) {
    const count = shape.reduce((product, length) => product * length, 1);
    arrays[name] = { shape, data: new Float32Array(buffer, at, count) };
    at += 4 * count;
  }
  return [header, arrays];
}
