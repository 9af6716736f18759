// The line from `minidl watch`: first all there is, then what changed.

export function listen(all, some) {
  const address = new URL("socket", location.href);
  address.protocol = "ws:";
  const socket = new WebSocket(address);
  const state = document.getElementById("state");
  socket.onopen = () => { state.textContent = "live"; };
  socket.onmessage = (event) => {
    const { kind, ...data } = JSON.parse(event.data);
    if (kind === "all") all(data);
    else some(data);
  };
  socket.onclose = () => {
    state.textContent = "The connection has ended: run minidl watch again, or load this page anew.";
  };
}
