// Finding a time: what the wish leaves open, keys on the slots' cards, and the hold's countdown.
//
// data-slot          a card; its [data-book] takes focus, arrow keys move, h holds, e explains
// data-held          a hold with data-ends and data-now in seconds of the server's clock
// data-chip-search   filters the chips after it
// data-fold          the wish, folded on a phone once there are results

import { proposeDates } from "./dates.js";

const WARN_SECONDS = 60;
const phone = matchMedia("(max-width: 900px)");
const wish = document.getElementById("wish");
const results = document.getElementById("optimal-slots");
const said = document.querySelector("[data-results-said]");
const holdPlace = document.getElementById("hold");

// ------------------------------------------------------------ what is open

function keys(text) {
  return new Set((text ?? "").split(" ").filter(Boolean));
}

// Only what the chosen type leaves open is offered; what is hidden is not wished either.
function fit() {
  const chosen = wish.querySelector("[name=appointment_type_id]")?.selectedOptions[0];
  if (!chosen) return;
  const { modality, providers, sites } = chosen.dataset;
  const how = wish.querySelector("[data-modality-field]");
  how.hidden = modality !== "either";
  if (how.hidden) how.querySelector("[value='']").checked = true;
  const offered = keys(providers);
  for (const chip of wish.querySelectorAll("[data-providers] .chip")) {
    const input = chip.querySelector("input");
    const fits = !offered.size || offered.has(input.value);
    chip.classList.toggle("chip-off", !fits);
    if (!fits) input.checked = false;
  }
  const places = keys(sites);
  for (const option of wish.querySelectorAll("[name=site_id] option")) {
    option.hidden = Boolean(option.value) && places.size > 0 && !places.has(option.value);
    if (option.hidden && option.selected) option.parentElement.value = "";
  }
  filterChips();
}

function filterChips() {
  const search = wish.querySelector("[data-chip-search]");
  if (!search) return;
  search.hidden = false;
  const wanted = search.value.trim().toLowerCase();
  for (const chip of wish.querySelectorAll("[data-providers] .chip")) {
    const isChosen = chip.querySelector("input").checked;
    chip.hidden = !isChosen && !chip.textContent.toLowerCase().includes(wanted);
  }
}

wish.addEventListener("input", (event) => {
  if (!event.target.matches("[data-chip-search]")) return;
  event.stopPropagation();
  filterChips();
});

// Before htmx hears of it: what it sends is what is shown.
wish.addEventListener(
  "change",
  (event) => {
    if (event.target.matches("[data-chip-search]")) {
      event.stopPropagation();
      return;
    }
    fit();
    proposeDates(wish);
  },
  true,
);

// ----------------------------------------------------------------- results

// Times of another wish must not be pressed while those of the new one are on their way.
const isSearch = (event) => event.detail.target === results;

wish.addEventListener("change", (event) => {
  if (event.target.closest("#wish-fields")) results.inert = true;
});
document.body.addEventListener("htmx:beforeRequest", (event) => {
  if (!isSearch(event)) return;
  results.inert = true;
  results.classList.add("is-searching");
});
document.body.addEventListener("htmx:afterRequest", (event) => {
  if (!isSearch(event)) return;
  results.inert = false;
  results.classList.remove("is-searching");
});

// The control that was pressed is drawn anew; focus goes on to the new one.
let wanted = "";

function again(button) {
  if (button.dataset.day) return `[data-day="${button.dataset.day}"]`;
  if (button.name === "order") return `[name=order][value="${button.value}"]`;
  return `[aria-label="${button.getAttribute("aria-label")}"]`;
}

document.addEventListener("click", (event) => {
  const more = event.target.closest("[data-more]");
  const button = event.target.closest("[data-day], .results-order button, .day-map-head button");
  if (more) wanted = `[data-slots] > :nth-child(${Number(more.dataset.more) + 1}) [data-book]`;
  else if (button) wanted = again(button);
});

function restore() {
  if (!wanted) {
    results.querySelector("[data-focus]")?.focus();
    return;
  }
  const there = results.querySelector(wanted);
  (there && !there.disabled ? there : results.querySelector("[data-results]"))?.focus();
  wanted = "";
}

function markErrors() {
  for (const place of wish.querySelectorAll(".wish-error")) {
    const field = place.closest(".field, fieldset") ?? place.previousElementSibling;
    for (const input of field?.querySelectorAll("input, select") ?? []) {
      if (place.childElementCount) input.setAttribute("aria-describedby", place.id);
      else if (input.getAttribute("aria-describedby") === place.id) input.removeAttribute("aria-describedby");
      if (!input.matches("[type=checkbox], [type=radio]")) {
        input.setAttribute("aria-invalid", String(place.childElementCount > 0));
      }
    }
  }
}

document.body.addEventListener("htmx:afterSettle", (event) => {
  const { target } = event.detail;
  if (target === results) {
    fit();
    markErrors();
    restore();
    fold();
    said.textContent = results.querySelector("[data-results]")?.textContent.trim() ?? "";
  } else if (target === holdPlace) {
    holdPlace.querySelector("[data-focus]")?.focus();
    watchHold();
  } else if (target.matches?.("[data-slot]")) {
    target.querySelector("[data-focus]")?.focus();
  }
});

// Who was just chosen needs no more looking for: on to the type, or to the times.
document.body.addEventListener("htmx:oobAfterSwap", (event) => {
  const { target } = event.detail;
  if (target.id !== "patient-chooser") return;
  const first = wish.querySelector("[data-first]");
  first.disabled = !target.querySelector(".chosen");
  const marked = ["[data-focus]", "[aria-invalid=true]", "#patient-search"]
    .map((selector) => target.querySelector(selector))
    .find(Boolean);
  const type = wish.querySelector("[name=appointment_type_id]");
  setTimeout(() => (marked ?? (type.value ? (books()[0] ?? type) : type)).focus());
});

// A patient is missing: the wish opens where it can be mended.
document.body.addEventListener("htmx:oobAfterSwap", (event) => {
  const { target } = event.detail;
  if (target.id !== "wish-error-patient" || !target.childElementCount) return;
  document.querySelector("[data-fold]").open = true;
  document.getElementById("patient-search")?.focus();
});

function fold() {
  if (phone.matches && results.querySelector("[data-slots]")) document.querySelector("[data-fold]").open = false;
}

phone.addEventListener("change", () => {
  if (!phone.matches) document.querySelector("[data-fold]").open = true;
});

// -------------------------------------------------------------------- keys

// Of a card itself, not of the alternatives within it.
const BOOK = ":is(.slot-actions, .trip-actions) > [data-book]";
const books = () => [...document.querySelectorAll(`[data-slot] > ${BOOK}`)];

function act(card, key) {
  const all = books();
  const at = all.indexOf(card.querySelector(`:scope > ${BOOK}`));
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[key];
  if (to !== undefined) {
    all[Math.max(0, Math.min(to, all.length - 1))]?.focus();
    return true;
  }
  const pressed = { h: ":scope > .slot-actions > [data-hold]", e: ":scope > .slot-score > summary" }[key];
  const button = pressed && card.querySelector(pressed);
  button?.click();
  return Boolean(button);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.target.closest("input:not([type=checkbox], [type=radio]), textarea, select")) return;
  const card = event.target.closest("[data-slot]");
  if (event.key === "g" && !event.target.closest("#panel")) books()[0]?.focus();
  else if (!card || !act(card, event.key)) return;
  event.preventDefault();
});

// -------------------------------------------------------------------- hold

let timer = 0;

function words(seconds) {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

function watchHold() {
  clearInterval(timer);
  const held = holdPlace.querySelector("[data-held]");
  if (!held) return;
  const whole = 300;
  const end = performance.now() + 1000 * (held.dataset.ends - held.dataset.now);
  const told = held.querySelector("[data-said]");
  const tick = () => {
    const left = Math.max(0, Math.ceil((end - performance.now()) / 1000));
    held.querySelector("[data-left]").textContent = words(left);
    held.querySelector("[data-ring]").style.setProperty("--left", String(Math.min(1, left / whole)));
    held.classList.toggle("hold-soon", left <= WARN_SECONDS);
    if (left === WARN_SECONDS && !told.textContent) told.textContent = "The hold ends in one minute.";
    if (left === 0) ended(held);
  };
  tick();
  timer = setInterval(tick, 1000);
}

function ended(held) {
  clearInterval(timer);
  held.querySelector(".slot-actions").remove();
  held.querySelector("[name=held]").remove();
  held.querySelector("h2").textContent = "The hold has ended";
  held.querySelector("[data-said]").textContent = "The hold has ended. The times are searched again.";
  held.classList.add("hold-ended");
  document.body.dispatchEvent(new CustomEvent("slots-changed"));
}

document.body.addEventListener("hold-ended", () => {
  clearInterval(timer);
  holdPlace.replaceChildren();
  wanted = "[data-results]";
});

fit();
watchHold();
fold();
