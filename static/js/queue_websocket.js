// Turns the frames of a queue's socket into DOM events.  It never touches markup.
//
//   const watch = watchQueue("/ws/appointments/queue/7/", element);
//   watch.statuses   Map: queue_id → the newest data
//   watch.ask()      have the state sent again
//   watch.stop()
//
// Events on the element, all bubbling:
//   queue-status  {queue_id, version, data}   the state of a queue, at first and at each change
//   queue-called  a call, each once: also one made while the connection was lost (then late: true)
//   queue-place   a patient's own place: {queue_id, entry_id, ticket, status, position, …}
//   queue-live    {state: "live" | "retry" | "off", code}; off: refused, and not tried again
//   queue-stale   {stale}   whether nothing has been heard for so long that what is shown may be old
//   queue-poll    while not live: fetch what is shown by another way

const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 2000; // current again within 3 s of the server's return
const OPEN_MS = 4000;
const PING_MS = 5000;
const STALE_MS = 12000;
const POLL_MS = 5000;
const CALLS_REMEMBERED = 200;
const REFUSED = [4401, 4403, 4404];

export function watchQueue(path, target = document.body) {
  const statuses = new Map();
  const heard = new Set(); // keys of calls
  const greeted = new Set(); // queues of which a state was heard before
  let socket = null;
  let state = "retry";
  let stale = false;
  let heardAt = Date.now();
  let retryMs = FIRST_RETRY_MS;
  let retry = null;

  function tell(name, detail) {
    target.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
  }

  function show(next, code = null) {
    if (state === next && code === null) return;
    state = next;
    tell("queue-live", { state, code });
  }

  function say(type) {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type }));
  }

  function markStale(next) {
    if (stale === next) return;
    stale = next;
    tell("queue-stale", { stale });
  }

  function call(detail) {
    if (heard.has(detail.call_id)) return;
    heard.add(detail.call_id);
    if (heard.size > CALLS_REMEMBERED) heard.delete(heard.values().next().value);
    tell("queue-called", detail);
  }

  // What was called before the page was opened is not announced; what was called while it was away is.
  function catchUp(data) {
    const isFirst = !greeted.has(data.queue_id);
    greeted.add(data.queue_id);
    for (const each of data.recent_calls) {
      if (isFirst) heard.add(each.call_id);
      else call({ ...each, late: true });
    }
  }

  const receive = {
    queue_status({ version, data }) {
      statuses.set(data.queue_id, data);
      tell("queue-status", { queue_id: data.queue_id, version, data });
      catchUp(data);
    },
    queue_update({ version, data }) {
      const known = statuses.get(data.queue_id)?.version ?? 0;
      if (version <= known) return;
      statuses.set(data.queue_id, data);
      tell("queue-status", { queue_id: data.queue_id, version, data });
      if (known && version > known + 1) say("get_status");
    },
    patient_called: ({ data }) => call({ ...data, late: false }),
    position_change: ({ data }) => tell("queue-place", data),
    pong({ data }) {
      for (const [queueId, version] of Object.entries(data.versions ?? {})) {
        if (version > (statuses.get(Number(queueId))?.version ?? 0)) say("get_status");
      }
    },
    error() {},
  };

  function connect() {
    clearTimeout(retry);
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const opened = new WebSocket(`${scheme}://${location.host}${path}`);
    socket = opened;
    let pinged = false;
    const patience = setTimeout(() => opened.readyState === WebSocket.CONNECTING && lose(), OPEN_MS);
    const heartbeat = setInterval(() => {
      if (opened.readyState !== WebSocket.OPEN) return;
      if (pinged) {
        lose();
        return;
      }
      pinged = true;
      say("ping");
    }, PING_MS);

    // A dead connection answers no close either: go on without waiting for it.
    function lose(code = null) {
      if (socket !== opened) return;
      socket = null;
      clearTimeout(patience);
      clearInterval(heartbeat);
      opened.close();
      if (REFUSED.includes(code)) {
        show("off", code);
        return;
      }
      show("retry", code);
      retry = setTimeout(connect, retryMs * (0.5 + Math.random() / 2));
      retryMs = Math.min(retryMs * 2, MAX_RETRY_MS);
    }

    opened.addEventListener("message", ({ data }) => {
      if (socket !== opened) return;
      pinged = false;
      heardAt = Date.now();
      markStale(false);
      const frame = JSON.parse(data);
      if (frame.type === "queue_status") {
        retryMs = FIRST_RETRY_MS;
        show("live");
      }
      receive[frame.type]?.(frame);
    });
    opened.addEventListener("close", ({ code }) => lose(code));
  }

  function reconnectNow() {
    if (document.hidden || state === "off") return;
    if (socket) say("get_status");
    else connect();
  }

  function stop() {
    clearInterval(watch);
    clearInterval(poll);
    clearTimeout(retry);
    window.removeEventListener("online", reconnectNow);
    document.removeEventListener("visibilitychange", reconnectNow);
    state = "off";
    const last = socket;
    socket = null;
    last?.close();
  }

  const watch = setInterval(() => markStale(Date.now() - heardAt > STALE_MS), 1000);
  const poll = setInterval(() => {
    if (state !== "live" && !document.hidden) tell("queue-poll", { state });
  }, POLL_MS);
  window.addEventListener("online", reconnectNow);
  document.addEventListener("visibilitychange", reconnectNow);
  connect();
  return { statuses, ask: () => say("get_status"), stop };
}
