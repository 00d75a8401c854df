// Keeps elements marked [data-live] fresh.
//
// A socket says *that* something changed, never what; "board-changed" on <body> then makes htmx
// fetch the fragment.  Without the socket a poll does the same.  [data-live-mark] shows which.

const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 5000;
const POLL_MS = 5000; // while changes are not heard of
const REFRESH_MS = 60000; // lateness grows without anything changing
const PING_MS = 5000; // the pong comes round by Redis
const SETTLE_MS = 120;
const REFUSED = [4401, 4403];
const FETCH_AT_ONCE = [4401, 4503]; // to the login page; what can no longer be heard of

const WORDS = { live: "Live", retry: "Reconnecting", off: "Not live" };
let state = "off";
let pending = null;

function show(next) {
  state = next;
  for (const mark of document.querySelectorAll("[data-live-mark]")) {
    mark.dataset.state = next;
    mark.querySelector("[data-live-word]").textContent = WORDS[next];
    mark.querySelector("use")?.setAttribute("href", icon(mark, next === "live" ? "activity" : "wifi-off"));
  }
}

function icon(mark, name) {
  return mark.querySelector("use").getAttribute("href").replace(/#.*/, `#${name}`);
}

// Several changes at once, or one's own next to its echo, are one fetch.
function refresh() {
  clearTimeout(pending);
  pending = setTimeout(() => document.body.dispatchEvent(new CustomEvent("board-changed")), SETTLE_MS);
}

function connect(retryMs = FIRST_RETRY_MS) {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const socket = new WebSocket(`${scheme}://${location.host}/ws/appointments/today/`);
  let answered = true;

  const heartbeat = setInterval(() => {
    if (socket.readyState !== WebSocket.OPEN) return;
    if (!answered) {
      socket.close();
      return;
    }
    answered = false;
    socket.send(JSON.stringify({ type: "ping" }));
  }, PING_MS);

  socket.addEventListener("message", ({ data }) => {
    const frame = JSON.parse(data);
    answered = true;
    if (frame.type !== "board_changed") return;
    retryMs = FIRST_RETRY_MS;
    if (state !== "live") show("live");
    refresh();
  });

  socket.addEventListener("close", ({ code }) => {
    clearInterval(heartbeat);
    if (FETCH_AT_ONCE.includes(code)) refresh();
    if (REFUSED.includes(code)) {
      show("off");
      return;
    }
    show("retry");
    const jitter = 0.5 + Math.random() / 2;
    setTimeout(() => connect(Math.min(retryMs * 2, MAX_RETRY_MS)), retryMs * jitter);
  });
}

// One's own change is fetched at once and again by its echo: what is the same is not drawn again,
// so that focus, hover and a key already on its way stay where they are.
const drawn = new WeakMap();

function skipUnchanged({ detail }) {
  if (!("live" in (detail.target?.dataset ?? {}))) return;
  if (drawn.get(detail.target) === detail.serverResponse) detail.shouldSwap = false;
  drawn.set(detail.target, detail.serverResponse);
}

// What [data-live] elements fetch is nobody's action, and is drawn only where it differs.
export function fetchQuietly() {
  document.body.addEventListener("htmx:beforeSwap", skipUnchanged);
  document.body.addEventListener("htmx:configRequest", ({ detail }) => {
    if ("live" in detail.elt.dataset) detail.headers["X-Background"] = "1";
  });
}

export function watchLive() {
  fetchQuietly();
  setInterval(() => {
    if (state !== "live" && !document.hidden) refresh();
  }, POLL_MS);
  setInterval(() => {
    if (state === "live" && !document.hidden) refresh();
  }, REFRESH_MS);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) refresh();
  });
  connect();
}
