// A waiting patient's page keeps itself current, and calls for attention when the turn comes.
//
// The socket says that something changed; what is shown is always fetched from the server.  Without
// the socket the page asks every few seconds.

import { watchQueue } from "./queue_websocket.js";

const REFRESH_MS = 40000;
const SETTLE_MS = 200;
const SPREAD_MS = 1000; // a queue's patients must not all ask in the same moment
const BLINK_MS = 1000;
const STAGES_THAT_CALL = ["soon", "called"];

const place = document.getElementById("place");
const say = document.getElementById("say");
let audio = null;
let isLive = false;
let isCalled = false;
let pending = null;
let blinking = null;

const shown = () => place.querySelector("[data-stage]");

async function refresh() {
  let response;
  try {
    response = await fetch(place.dataset.src, { headers: { "X-Background": "1" } });
  } catch {
    mark(false);
    return;
  }
  if (response.status === 404) {
    location.reload();
    return;
  }
  if (response.ok) draw(await response.text());
}

function draw(html) {
  const fresh = document.createElement("div");
  fresh.innerHTML = html;
  const before = shown();
  const after = fresh.querySelector("[data-stage]");
  const isSame = before.outerHTML === after.outerHTML && choices(place) === choices(fresh);
  if (isSame) {
    place.querySelector(".as-of")?.replaceWith(fresh.querySelector(".as-of"));
  } else {
    const wasOpen = place.querySelector("details")?.open;
    place.replaceChildren(...fresh.childNodes);
    const details = place.querySelector("details");
    if (details) details.open = Boolean(wasOpen);
    offerSound();
  }
  document.title = shown().dataset.title;
  mark(isLive);
  if (before.dataset.stage !== after.dataset.stage) turn(after.dataset.stage);
  else if (isCalled) alarm(); // once more
  isCalled = false;
}

const choices = (root) => [...root.querySelectorAll(".act")].map((each) => each.textContent + (each.href ?? "")).join();

function turn(stage) {
  const state = shown();
  say.textContent = state.querySelector(".said").textContent;
  if (STAGES_THAT_CALL.includes(stage)) alarm();
}

function alarm() {
  navigator.vibrate?.([300, 150, 300]);
  beep();
  const title = shown().dataset.title;
  clearInterval(blinking);
  let on = false;
  blinking = setInterval(() => {
    on = !on;
    document.title = on ? `● ${title}` : title;
  }, BLINK_MS);
  document.addEventListener("pointerdown", stopBlinking, { once: true });
}

function stopBlinking() {
  clearInterval(blinking);
  document.title = shown().dataset.title;
}

function beep() {
  if (!audio) return;
  for (const [index, pitch] of [660, 880].entries()) {
    const start = audio.currentTime + index * 0.25;
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0.3, start);
    volume.gain.exponentialRampToValueAtTime(0.001, start + 0.5);
    tone.connect(volume).connect(audio.destination);
    tone.start(start);
    tone.stop(start + 0.5);
  }
}

// A browser lets a page sound only after the person has touched it.
function offerSound() {
  const button = place.querySelector("[data-sound]");
  if (!button || !window.AudioContext) return;
  button.hidden = false;
  button.setAttribute("aria-pressed", String(Boolean(audio)));
  if (audio) button.textContent = button.dataset.on;
  button.addEventListener("click", () => {
    audio ??= new AudioContext();
    audio.resume();
    beep();
    button.textContent = button.dataset.on;
    button.setAttribute("aria-pressed", "true");
  });
}

function mark(live) {
  isLive = live;
  const spot = place.querySelector("[data-mark]");
  if (spot) spot.textContent = live ? `${place.dataset.live} ·` : "";
}

function soon(spread = 0) {
  clearTimeout(pending);
  pending = setTimeout(refresh, SETTLE_MS + spread * Math.random());
}

place.addEventListener("queue-live", ({ detail: { state } }) => {
  mark(state === "live");
  if (state !== "retry") soon(state === "live" ? SPREAD_MS : 0);
});
place.addEventListener("queue-place", () => soon(SPREAD_MS));
place.addEventListener("queue-called", ({ detail }) => {
  if (detail.ticket !== shown().querySelector(".number").textContent.trim()) return;
  isCalled = true;
  soon();
});
place.addEventListener("queue-poll", refresh);

offerSound();
setInterval(refresh, REFRESH_MS); // the wait grows shorter without anything changing
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) refresh();
});
watchQueue(place.dataset.socket, place);
