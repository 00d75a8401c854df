// The queues' pages: clocks, places that glide, what was called, and how fresh all of it is.
//
// [data-live] elements fetch themselves on "queue-changed".  [data-queue-live] shows whether changes
// are heard of; while they are not, the page asks every few seconds, and says so.

import { tickClocks } from "./clocks.js";
import { fold } from "./fold.js";
import { fetchQuietly } from "./live.js";
import { isDragging, watchDrag } from "./queue_drag.js";
import { watchQueueKeys } from "./queue_keys.js";
import { answered, drawn, sent } from "./queue_pace.js";
import { chime, watchSound } from "./queue_sound.js";
import { watchQueue } from "./queue_websocket.js";
import { showToast } from "./toast.js";

const TICK_MS = 1000;
const REFRESH_MS = 60000; // waits grow without anything changing
const SETTLE_MS = 60;
const PACE_MS = 400;
const GLIDE_MS = 220;
const PATIENCE_MS = 3000;
const OWN_MS = 3000; // what follows one's own step is not news
const WORDS = { live: "Live", retry: "Reconnecting", off: "Not live" };
const DOWN = "Live updates are down. This page asks for news every few seconds instead.";
const LOST = "No connection to the server. You see the queue as of";

const boards = () => [...document.querySelectorAll("[data-live]")];
const search = document.querySelector("[data-queue-search]");
const calm = matchMedia("(prefers-reduced-motion: reduce)");

// ------------------------------------------------------------------ freshness

const states = new Map(); // by queue: live, retry or off
const pending = new Map();
const askedLast = new Map();
let isLost = false;
let isSettled = false;

// In a rush, many changes are one fetch.
function refresh(board) {
  if (pending.has(board)) return;
  const wait = (askedLast.get(board) ?? -PACE_MS) + PACE_MS - performance.now();
  const ask = () => {
    pending.delete(board);
    askedLast.set(board, performance.now());
    window.htmx.trigger(board, "queue-changed");
  };
  pending.set(board, setTimeout(ask, Math.max(SETTLE_MS, wait)));
}

const refreshAll = () => boards().forEach(refresh);

function worst() {
  const all = [...states.values()];
  if (all.length && all.every((state) => state === "live")) return "live";
  return all.includes("retry") ? "retry" : "off";
}

// A queue that its manager took off live updates is asked every so often instead.
function follow(board) {
  if (board.dataset.poll) {
    setInterval(() => document.hidden || refresh(board), Number(board.dataset.poll) * 1000);
  }
  for (const key of board.dataset.queues.split(" ").filter(Boolean)) {
    states.set(key, "retry");
    const socket = new EventTarget();
    socket.addEventListener("queue-live", ({ detail }) => {
      states.set(key, detail.state);
      showState();
      if (detail.state === "off") refresh(board); // it leads to the login page, if that is why
    });
    socket.addEventListener("queue-status", ({ detail }) => {
      const drawn = board.querySelector(`[data-queue="${CSS.escape(key)}"]`)?.dataset.version;
      if (drawn !== String(detail.version)) refresh(board);
    });
    socket.addEventListener("queue-poll", () => refresh(board));
    socket.addEventListener("queue-called", ({ detail }) => tellCall(detail));
    watchQueue(`/ws/appointments/queue/${key}/`, socket);
  }
}

function showState() {
  const state = isLost ? "off" : worst();
  for (const mark of document.querySelectorAll("[data-queue-live]")) {
    mark.dataset.state = state;
    mark.querySelector("[data-live-word]").textContent = WORDS[state];
    const use = mark.querySelector("use");
    const name = state === "live" ? "activity" : "wifi-off";
    use.setAttribute("href", use.getAttribute("href").replace(/#.*/, `#${name}`));
  }
  const banner = document.querySelector("[data-offline]");
  if (!banner) return;
  banner.hidden = state === "live" || !isSettled || !states.size;
  const asOf = document.querySelector("[data-as-of]")?.textContent ?? "";
  banner.querySelector("[data-offline-words]").textContent = isLost ? `${LOST} ${asOf}.` : DOWN;
}

function lost(event, yes) {
  if (!("live" in (event.detail.elt?.dataset ?? {})) || isLost === yes) return;
  isLost = yes;
  showState();
}

// -------------------------------------------------------------------- gliding

const places = new Map();

function remember(board) {
  places.clear();
  for (const card of board.querySelectorAll("[data-entry]")) {
    const box = card.getBoundingClientRect();
    if (box.bottom > 0 && box.top < innerHeight) places.set(card.dataset.entry, box);
  }
}

function glide(board) {
  if (calm.matches || !places.size) return;
  for (const card of board.querySelectorAll("[data-entry]")) {
    const box = card.getBoundingClientRect();
    if (box.bottom < 0 || box.top > innerHeight) continue;
    const was = places.get(card.dataset.entry);
    if (!was) {
      card.animate([{ opacity: 0 }, { opacity: 1 }], { duration: GLIDE_MS, easing: "ease-out" });
      continue;
    }
    const [x, y] = [was.left - box.left, was.top - box.top];
    if (Math.abs(x) < 1 && Math.abs(y) < 1) continue;
    card.animate([{ transform: `translate(${x}px, ${y}px)` }, { transform: "none" }], {
      duration: GLIDE_MS,
      easing: "cubic-bezier(0.2, 0.8, 0.2, 1)",
    });
  }
}

// ---------------------------------------------------------------------- calls

let ownStepAt = 0;
const called = new Map(); // by board: keys of who is called

function tell(text) {
  chime();
  const isOwn = Date.now() - ownStepAt < OWN_MS;
  if (!isOwn && !document.querySelector("#toasts .toast-undo")) showToast({ text });
}

function tellCall({ ticket, service_point: point, is_recall: again, late }) {
  if (late || !document.querySelector(".console")) return;
  tell(`${ticket} called${again ? " again" : ""}${point ? ` to ${point}` : ""}`);
}

function keysOfCalled(board) {
  const cards = board.querySelectorAll("[data-status='CALLED']");
  return new Map([...cards].map((card) => [card.dataset.entry, card.dataset.said]));
}

// While calls are not heard of, what was drawn shows them.
function compareCalls(board) {
  const before = called.get(board.id) ?? new Map();
  const now = keysOfCalled(board);
  called.set(board.id, now);
  const fresh = [...now.keys()].find((key) => !before.has(key));
  if (fresh && worst() !== "live") tell(now.get(fresh));
}

// --------------------------------------------------------------------- filter

function filter() {
  if (!search) return;
  const wanted = fold(search.value);
  for (const board of boards()) {
    const rows = [...board.querySelectorAll("[data-row]")];
    for (const row of rows) {
      const text = row.querySelector(".q-ticket").textContent + row.querySelector(".q-who").textContent;
      row.hidden = !fold(text).includes(wanted);
    }
    const none = board.querySelector("[data-none]");
    if (none) none.hidden = rows.some((row) => !row.hidden);
  }
}

// Long lines are drawn only in part; a search must look at all of them.
function drawAll(board) {
  const all = board.closest("form")?.querySelector("[data-all]");
  if (!all || all.value || !board.querySelector("[data-show-all]")) return;
  all.value = "1";
  refresh(board);
}

function watchSearch() {
  search?.addEventListener("input", () => {
    if (search.value) boards().forEach(drawAll);
    filter();
  });
  search?.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && search.value) {
      search.value = "";
      filter();
    } else if (event.key === "ArrowDown" || event.key === "Enter") {
      event.preventDefault();
      document.querySelector("[data-row]:not([hidden]) .entry-name")?.focus();
    }
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-show-all]");
    if (!link) return;
    event.preventDefault();
    drawAll(link.closest("[data-live]"));
  });
}

// ---------------------------------------------------------------------- swaps

const opened = new Set();
const askedAt = new WeakMap(); // by request

function watchSwaps() {
  document.body.addEventListener("htmx:beforeRequest", (event) => {
    const { elt } = event.detail;
    if ("live" in elt.dataset && isDragging()) event.preventDefault();
    askedAt.set(event.detail.xhr, performance.now());
    if ("steps" in elt.dataset) {
      ownStepAt = Date.now();
      sent(elt);
      elt.classList.add("is-busy"); // a second press would be refused as stale
    }
  });
  document.body.addEventListener("htmx:beforeOnLoad", ({ detail }) => {
    if ("steps" in detail.elt.dataset) answered();
  });
  document.body.addEventListener("htmx:afterRequest", (event) => {
    const { elt, successful } = event.detail;
    if ("steps" in elt.dataset) {
      elt.classList.remove("is-busy");
      if (!successful) refreshAll(); // somebody else was faster: show what is true
    }
    if (successful) lost(event, false);
    if ("live" in elt.dataset) drawn(elt, askedAt.get(event.detail.xhr));
  });
  for (const failure of ["htmx:sendError", "htmx:timeout"]) {
    document.body.addEventListener(failure, (event) => lost(event, true));
  }
  document.body.addEventListener("htmx:beforeSwap", ({ detail }) => {
    if (!("live" in (detail.target?.dataset ?? {})) || !detail.shouldSwap) return;
    remember(detail.target);
    for (const part of detail.target.querySelectorAll("[data-keep-open]")) {
      if (part.open) opened.add(part.dataset.keepOpen);
      else opened.delete(part.dataset.keepOpen);
    }
  });
  document.body.addEventListener("htmx:afterSwap", ({ detail }) => {
    if (!("live" in (detail.target?.dataset ?? {}))) return;
    for (const part of detail.target.querySelectorAll("[data-keep-open]")) {
      part.open = opened.has(part.dataset.keepOpen);
    }
    tickClocks(detail.target);
    filter();
    glide(detail.target);
    compareCalls(detail.target);
  });
}

fetchQuietly();
watchSwaps();
watchSearch();
watchSound();
watchDrag(refreshAll);
watchQueueKeys();
for (const board of boards()) {
  called.set(board.id, keysOfCalled(board));
  follow(board);
}
tickClocks(document);
setInterval(() => tickClocks(document), TICK_MS);
setInterval(() => document.hidden || refreshAll(), REFRESH_MS);
document.addEventListener("visibilitychange", () => document.hidden || refreshAll());
// On a slow line the first state takes a moment; that is no reason for alarm.
setTimeout(() => {
  isSettled = true;
  showState();
}, PATIENCE_MS);
