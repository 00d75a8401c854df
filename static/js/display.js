// A waiting-room screen: draws its queues, announces each call, and tells when it is out of date.

import { Calls } from "./display_calls.js";
import { announceAloud, prepare } from "./display_voice.js";
import { watchQueue } from "./queue_websocket.js";

const CALL_MS = 6000;
const PAUSE_MS = 400;
const LATE_MS = 30000;
const STALE_MS = 12000; // as the socket's watch has it
const SIGN_OF_LIFE_MS = 60000;
const PATIENCE_MS = 8000;
const SHIFT_MS = 90000;
const SHIFTS = [
  [0, 0],
  [1, 0],
  [1, 1],
  [0, 1],
];
const LONG_ROOM = 10;
const NIGHT_HOUR = 3;
const NIGHTLY_MS = 6 * 3600 * 1000;

const root = document.documentElement;
const frame = document.getElementById("display");
const options = JSON.parse(frame.dataset.options);
const { words } = options;
const part = (name, within = document) => within.querySelector(`[data-${name}]`);
const startedAt = Date.now();

const queues = new Map();
let initials = {};
let settings = null;
let ahead = 0; // of the screen's clock, which is often wrong
let heardAt = Date.now(); // by other ways than the socket
let silentSince = null; // of the socket
let isAnnouncing = false;

const now = () => Date.now() + ahead;
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// ------------------------------------------------------------------- drawing

function fill(kind, texts) {
  const row = document.querySelector(`[data-template="${kind}"]`).content.firstElementChild.cloneNode(true);
  for (const [name, text] of Object.entries(texts)) {
    const place = row.querySelector(`[data-part="${name}"]`);
    place.textContent = text ?? "";
    if (name === "ticket") place.dataset.length = text.length;
    if (name === "room") place.toggleAttribute("data-long", (text ?? "").length > LONG_ROOM);
  }
  return row;
}

function rangeWords({ p10, p90 }) {
  if (p10 === null || p90 === null) return "";
  if (p10 === p90) return `${p90}`;
  return p10 ? `${p10}–${p90}` : `< ${p90}`;
}

function draw() {
  const serving = [...queues.values()].flatMap((data) => data.now_serving);
  serving.sort((one, other) => (other.called_at ?? "").localeCompare(one.called_at ?? ""));
  const rows = serving.map(({ ticket, service_point: room, entry_id: key }) =>
    fill("serving", { ticket, room, initials: initials[key] }),
  );
  part("serving").replaceChildren(...rows);
  part("serving-empty").hidden = serving.length > 0;
  for (const [key, data] of queues) drawFollowing(document.querySelector(`[data-queue="${key}"]`), data);
}

function drawFollowing(place, { entries, current_size: size }) {
  if (!place) return;
  const rows = entries
    .slice(0, 20)
    .map(({ ticket, estimated_wait_minutes: range }) => fill("following", { ticket, wait: rangeWords(range) }));
  part("following", place).replaceChildren(...rows);
  part("following-empty", place).hidden = size > 0;
  part("waiting", place).hidden = size === 0;
  part("waiting", place).textContent = words.waiting.replace("{n}", size);
}

// --------------------------------------------------------------------- calls

const overlay = part("call");

function show({ ticket, service_point: room, entry_id: key }) {
  part("call-ticket").textContent = ticket;
  part("call-ticket").dataset.length = ticket.length;
  part("call-room").textContent = room ?? "";
  part("call-to").hidden = !room;
  part("call-initials").textContent = initials[key] ?? "";
  part("call-initials").hidden = !initials[key];
  overlay.hidden = false;
}

const isInLine = (call) => queues.get(call.queue_id)?.entries.some((entry) => entry.entry_id === call.entry_id);

// Undone meanwhile, or skipped.  A state that was read while the call was made may show the patient
// both called and in the line, so only a newer one counts.
const waitsAgain = async (call) => isInLine(call) && (await ask()) && isInLine(call);

// Called while the screen was cut off, and with a provider or gone by now.
const isOver = (call) =>
  now() - Date.parse(call.called_at) > LATE_MS &&
  !queues.get(call.queue_id)?.now_serving.some(({ entry_id: key, status }) => key === call.entry_id && status === "CALLED");

async function announceAll() {
  if (isAnnouncing) return;
  isAnnouncing = true;
  try {
    for (let call = calls.next(now()); call; call = calls.next(now())) await announce(call);
  } finally {
    overlay.hidden = true;
    isAnnouncing = false;
  }
}

async function announce(call) {
  if (isOver(call) || (await waitsAgain(call))) return;
  if (options.shows_initials && !initials[call.entry_id]) await ask();
  frame.dataset.announced = `${frame.dataset.announced ?? ""} ${call.call_id}`.trim();
  show(call);
  await Promise.all([wait(CALL_MS), announceAloud(options.speech, call.ticket, call.service_point)]);
  overlay.hidden = true;
  await wait(PAUSE_MS);
}

function hearCall(call) {
  if (calls.hear(call)) announceAll();
}

// ---------------------------------------------------------------- what comes

function takeQueue(data) {
  if (queues.get(data.queue_id)?.version > data.version) return;
  queues.set(data.queue_id, data);
  ahead = Date.parse(data.timestamp) - Date.now();
  draw();
  for (const call of data.recent_calls) hearCall(call);
}

function takeScreen(screen) {
  if (settings !== null && settings !== screen.settings) {
    location.reload();
    return;
  }
  settings = screen.settings;
  initials = screen.initials;
  part("message").textContent = screen.message;
  part("message").hidden = !screen.message;
  for (const data of screen.queues) takeQueue(data);
}

// The screen's own address tells what the socket does not: settings, initials, and whether the
// screen is still connected.  Resolves to whether it answered.
async function ask() {
  const signal = AbortSignal.timeout?.(PATIENCE_MS);
  const answer = await fetch("status/", { cache: "no-store", signal }).catch(() => null);
  if (answer?.status === 404) location.reload();
  const screen = answer?.ok ? await answer.json().catch(() => null) : null; // cut off half-way
  if (!screen) return false;
  heardAt = Date.now();
  takeScreen(screen);
  tick();
  return true;
}

// --------------------------------------------------------------------- clock

const clock = new Intl.DateTimeFormat(options.has_12_hours ? "en-US" : "en-GB", {
  timeZone: options.zone,
  hour: options.has_12_hours ? "numeric" : "2-digit",
  minute: "2-digit",
  hour12: options.has_12_hours,
});
const hour = new Intl.DateTimeFormat("en-GB", { timeZone: options.zone, hour: "numeric", hour12: false });

function ageWords(ms) {
  return ms < 60000 ? `${Math.round(ms / 1000)} s` : `${Math.floor(ms / 60000)} ${words.minutes}`;
}

function tick() {
  root.dataset.alive = Date.now();
  part("clock").textContent = clock.format(now());
  const age = Date.now() - Math.max(heardAt, silentSince ?? Date.now());
  const isStale = age > STALE_MS;
  root.dataset.fresh = isStale ? "stale" : "live";
  part("live-word").textContent = isStale ? words.stale.replace("{age}", ageWords(age)) : words.live;
}

function shift() {
  const [x, y] = SHIFTS[Math.floor(Date.now() / SHIFT_MS) % SHIFTS.length];
  root.style.setProperty("--shift-x", `${x * 0.6}vmin`);
  root.style.setProperty("--shift-y", `${y * 0.6}vmin`);
}

// A page that stays open for months: drawn anew at night, when nobody looks and the server is there.
function renew() {
  const isNight = Number(hour.format(now())) === NIGHT_HOUR;
  const isQuiet = !isAnnouncing && [...queues.values()].every((data) => data.current_size === 0);
  const isFresh = root.dataset.fresh === "live";
  if (isNight && isQuiet && isFresh && Date.now() - startedAt > NIGHTLY_MS) location.reload();
}

// --------------------------------------------------------------------- start

const first = JSON.parse(frame.dataset.status);
const calls = new Calls(first.queues.flatMap((data) => data.recent_calls));
if (options.has_sound) prepare(part("sound"));
frame.addEventListener("queue-status", ({ detail }) => takeQueue(detail.data));
frame.addEventListener("queue-called", ({ detail }) => hearCall(detail));
frame.addEventListener("queue-live", ({ detail }) => {
  root.dataset.socket = detail.state;
  ask();
});
frame.addEventListener("queue-poll", ask);
frame.addEventListener("queue-stale", ({ detail }) => {
  silentSince = detail.stale ? Date.now() - STALE_MS : null;
  tick();
});
takeScreen(first);
tick();
shift();
announceAll();
watchQueue(`/ws/appointments/display/${location.pathname.split("/")[2]}/`, frame);
setInterval(ask, SIGN_OF_LIFE_MS);
setInterval(tick, 1000);
setInterval(shift, SHIFT_MS);
setInterval(renew, 60000);
